// The package as its users load it.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { explain, SpawnError, spawn } from "container-spawn";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { script } from "../helpers/script.mjs";

leaveNothing();

const required = createRequire(import.meta.url)("container-spawn");

describe("the package", () => {
  it("is the same by require and by import", () => {
    for (const [name, imported] of Object.entries({ spawn, explain, SpawnError })) {
      assert.equal(typeof imported, "function", name);
      assert.equal(imported, required[name], name);
    }
  });

  it("exports nothing that its types do not declare", () => {
    const types = fs.readFileSync(new URL("../../index.d.ts", import.meta.url), "utf8");
    for (const name of Object.keys(required))
      assert.match(types, new RegExp(`export (declare )?(function|class|const) ${name}\\b`));
  });

  it("works in Workers, several at once, beside the main thread", needs("userns"), async () => {
    const source = `
      import { isMainThread, Worker, parentPort } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      const work = async () => {
        const results = [];
        for (let index = 0; index < 20; index++) {
          const child = spawn({ cmd: ["sh", "-c", "echo " + index + "; exit " + index], container: index % 2 ? { namespace: { user: true, pid: true } } : undefined });
          results.push([await child.stdout.text(), await child.exited]);
        }
        return results.every(([text, code], index) => text === index + "\\n" && code === index);
      };
      if (isMainThread) {
        const workers = Array.from({ length: 3 }, () => new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) }));
        const answers = workers.map((worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject)));
        say([await work(), ...(await Promise.all(answers))]);
      } else parentPort.postMessage(await work());`;
    assert.deepEqual(await script(source), [true, true, true, true]);
  });

  it("survives Workers that are terminated while their commands run", needs("userns"), async () => {
    const source = `
      import { isMainThread, Worker, parentPort } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      if (isMainThread) {
        for (let round = 0; round < 15; round++) {
          const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
          await new Promise((resolve) => worker.once("message", resolve));
          await worker.terminate();
        }
        const child = spawn({ cmd: ["echo", "fine"], container: { namespace: { user: true, pid: true } } });
        const text = await child.stdout.text();
        await delay(400);
        const { childrenOf, state } = await helper("processes");
        say([text, childrenOf(process.pid).filter((pid) => state(pid) === "Z").length]);
      } else {
        for (let index = 0; index < 4; index++) {
          const child = spawn({ cmd: ["sh", "-c", "sleep 0.2; yes | head -c 100000"], stdin: "pipe", container: index % 2 ? { namespace: { user: true, pid: true } } : undefined });
          child.stdout.text();
        }
        parentPort.postMessage("started");
      }`;
    assert.deepEqual(await script(source), ["fine\n", 0]);
  });
});

describe("the addon", () => {
  it("that is not there is an error that says what to do", async () => {
    const source = `
      import { spawnSync } from "node:child_process";
      const { status, stderr } = spawnSync(process.execPath, ["-e", "require(process.env.PACKAGE).spawn({ cmd: ['true'] })"], {
        encoding: "utf8", env: { ...process.env, PACKAGE: given, CONTAINER_SPAWN_NATIVE_PATH: "/no/such/addon.node" },
      });
      say([status, stderr]);`;
    const [status, stderr] = await script(source, {
      given: createRequire(import.meta.url).resolve("container-spawn"),
    });
    assert.notEqual(status, 0);
    assert.match(stderr, /\/no\/such\/addon\.node/);
    assert.match(stderr, /CONTAINER_SPAWN_NATIVE_PATH/);
  });
});
