// Few descriptors, many contexts, and ends that race with beginnings.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { spawn } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";

leaveNothing();

const product = new URL("../../index.js", import.meta.url).pathname;

describe("a limit on descriptors", needs("userns"), () => {
  const source = `
    // What is opened once and kept is not what is counted here.
    await spawn({ cmd: ["true"], container: given }).exited;
    const open = () => fs.readdirSync("/proc/self/fd").length;
    const before = open();
    const hold = [];
    try { for (;;) hold.push(fs.openSync("/dev/null")); } catch {}
    const outcomes = {};
    for (let free = 0; free <= 40; free++) {
      let outcome;
      try {
        const child = spawn({ cmd: ["sh", "-c", "exit 7"], stderr: "pipe", container: given });
        outcome = await child.exited;
        await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
      } catch (error) {
        outcome = error.code;
      }
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      fs.closeSync(hold.pop());
    }
    for (const fd of hold) fs.closeSync(fd);
    say([Object.keys(outcomes).sort(), open() - before]);`;
  for (const container of [null, { namespace: { user: true, pid: true, mount: true } }]) {
    it(`is met by a clear error or not at all, whatever is left of it: ${JSON.stringify(container)}`, async () => {
      const wrapper = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"];
      const given = container ?? undefined;
      assert.deepEqual(await script(source, { given, wrapper, timeout: 60_000 }), [["7", "EMFILE"], 0]);
    });
  }
});

describe("the module", () => {
  it("is loaded again after it was thrown out of the cache, and both work", async () => {
    const source = `
      const require = createRequire(given);
      const first = require(given);
      const early = first.spawn(["sh", "-c", "read line; exit 3"], { stdin: "pipe", stdout: "ignore" });
      for (const name of Object.keys(require.cache)) {
        if (name.startsWith(given.replace("index.js", "lib/")) || name === given) delete require.cache[name];
      }
      const second = require(given);
      const late = await second.spawn(["sh", "-c", "exit 4"], { stdout: "ignore" }).exited;
      await early.stdin.end("go\\n");
      say([first.spawn === second.spawn, late, await early.exited]);`;
    assert.deepEqual(await script(source, { given: product }), [false, 4, 3]);
  });

  it("is loaded by a hundred Workers, one after the other", async () => {
    const source = `
      const { parentPort, workerData } = require("node:worker_threads");
      const { spawn } = require(workerData);
      spawn(["sh", "-c", "exit 5"], { stdout: "ignore" }).exited.then((code) => parentPort.postMessage(code));`;
    const codes = new Set();
    for (let i = 0; i < 100; i++) {
      const worker = new Worker(source, { eval: true, workerData: product });
      codes.add(
        await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject)),
      );
      await worker.terminate();
    }
    assert.deepEqual([...codes], [5]);
  });
});

describe("a timeout and an abort that race with a set-up that fails", needs("userns"), () => {
  it("settle once, and nothing is left unhandled", async () => {
    const unhandled = [];
    const note = (reason) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    const outcomes = {};
    for (let i = 0; i < 400; i++) {
      const abort = new AbortController();
      const fails = i % 2 === 0;
      const fs = fails ? [{ type: "bind", from: "/no/such/source", to: "/mnt" }] : [];
      const options = { timeout: i % 3, signal: abort.signal, killSignal: "SIGKILL", stdout: "ignore" };
      setTimeout(() => abort.abort(), i % 4);
      let outcome;
      try {
        const child = spawn({
          cmd: ["sleep", "60"],
          ...options,
          container: { namespace: { user: true, pid: true }, fs },
        });
        let ends = 0;
        child.exited.then(() => ends++);
        const code = await child.exited;
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(ends, 1);
        outcome = `${code} ${child.exitReason}`;
      } catch (error) {
        outcome = error.code;
      }
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    process.off("unhandledRejection", note);
    assert.deepEqual(unhandled, []);
    assert.equal(outcomes.ENOENT, 200, JSON.stringify(outcomes));
    for (const outcome of Object.keys(outcomes)) assert.match(outcome, /^(ENOENT|137 (timeout|aborted))$/);
  });
});
