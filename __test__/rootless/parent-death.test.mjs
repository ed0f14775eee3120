// Containers die with the process that made them, in whatever way it dies, and not with a thread of it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { mark, sleepers, within } from "../helpers/processes.mjs";
import { start } from "../helpers/script.mjs";

leaveNothing();

// Starts a container of every kind, each with one process that left its session where the kind can hold one, and
// a plain command.
const containers = `
const tree = (text) => ["/bin/sh", "-c", "setsid sleep " + text + " & exec sleep " + text];
const options = { stdout: "ignore", stderr: "ignore" };
spawn({ cmd: tree(given.init), container: { namespace: { user: true, pid: true, mount: true } }, ...options });
spawn({ cmd: tree(given.bare), container: { namespace: { user: true, pid: { init: false } } }, ...options });
spawn({ cmd: ["sleep", given.alone], container: { namespace: { user: true } }, ...options });
spawn({ cmd: ["sleep", given.plain], ...options });
`;

const deaths = {
  "is killed by SIGKILL": { end: "", signal: "SIGKILL" },
  "is killed by SIGTERM": { end: "", signal: "SIGTERM" },
  "calls process.exit": { end: "process.exit(0);" },
  throws: { end: 'throw new Error("on purpose");' },
  aborts: { end: "process.abort();" },
};

describe("when the parent", needs("userns"), () => {
  for (const [name, { end, signal }] of Object.entries(deaths)) {
    it(`${name}, its containers die`, async () => {
      const texts = { init: mark(), bare: mark(), alone: mark(), plain: mark() };
      const source = `${containers}\nsay("ready");\nprocess.stdin.once("data", () => { ${end} });`;
      const wrapper = ["sh", "-c", 'ulimit -c 0; exec "$@"', "sh"];
      const program = start(source, { given: texts, wrapper, stdio: ["pipe", "pipe", "pipe"] });
      assert.equal(await program.said(), "ready");
      const counts = () => Object.values(texts).map((text) => sleepers(text).length);
      assert.ok(await within(2000, () => String(counts()) === "2,2,1,1"), `the control: ${counts()} run`);

      if (signal) process.kill(program.pid, signal);
      else program.process.stdin.write("end\n");
      await program.ended;
      const gone = await within(2000, () => String(counts().slice(0, 3)) === "0,0,0");
      const left = counts();
      for (const pid of sleepers(texts.plain)) process.kill(pid, "SIGKILL");
      assert.ok(gone, `left: ${left} of init, bare, alone, plain`);
      assert.equal(left[3], 1, "the control: a plain command outlives its parent, and is seen");
    });
  }
});

describe("when a Worker that started a container", needs("userns"), () => {
  for (const [how, last] of Object.entries({
    ends: "process.exit(0)",
    "is terminated": "setInterval(() => {}, 1000)",
  })) {
    it(`${how}, the container lives on, until the process ends`, async () => {
      const texts = { init: mark(), bare: mark(), alone: mark() };
      const source = `
        import { isMainThread, Worker, workerData, parentPort } from "node:worker_threads";
        import { fileURLToPath } from "node:url";
        if (isMainThread) {
          const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
          worker.once("message", async () => {
            await worker.terminate();
            say("terminated");
            setTimeout(() => process.exit(0), 30_000);
          });
          process.stdin.once("data", () => process.exit(0));
        } else {
          const options = { stdout: "ignore", stderr: "ignore" };
          spawn({ cmd: ["sleep", given.init], container: { namespace: { user: true, pid: true, mount: true } }, ...options });
          spawn({ cmd: ["sleep", given.bare], container: { namespace: { user: true, pid: { init: false } } }, ...options });
          spawn({ cmd: ["sleep", given.alone], container: { namespace: { user: true } }, ...options });
          parentPort.postMessage("started");
          setTimeout(() => ${last}, 20);
        }`;
      const program = start(source, { given: texts, stdio: ["pipe", "pipe", "pipe"] });
      assert.equal(await program.said(), "terminated");
      const counts = () => Object.values(texts).map((text) => sleepers(text).length);
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.deepEqual(counts(), [1, 1, 1]);
      program.process.stdin.write("end\n");
      const { code, stderr } = await program.ended;
      assert.equal(code, 0, stderr);
      assert.ok(await within(2000, () => String(counts()) === "0,0,0"), `left: ${counts()}`);
    });
  }
});
