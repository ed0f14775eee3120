// `spawnSync`: Bun's result, its bounds, and that nothing else runs meanwhile.
import assert from "node:assert/strict";
import fs from "node:fs";
import { Readable } from "node:stream";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { mark, sleepers, within } from "../helpers/processes.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";
import { ending, inBothVariants, stubborn, thrown } from "../helpers/variants.mjs";

leaveNothing();

const shell = (text) => ["sh", "-c", text];

inBothVariants("the result of spawnSync", ({ spawnSync, isPlain }) => {
  it("has what was written, and how it ended", () => {
    const result = spawnSync(shell("printf out; printf err >&2; exit 3"));
    assert.ok(Buffer.isBuffer(result.stdout) && Buffer.isBuffer(result.stderr));
    assert.deepEqual([String(result.stdout), String(result.stderr)], ["out", "err"]);
    assert.deepEqual([result.exitCode, result.success, result.exitReason], [3, false, "exited"]);
    assert.ok(Number.isInteger(result.pid) && result.pid > 0);
    assert.equal(typeof result.resourceUsage.cpuTime.total, "bigint");
    assert.equal(spawnSync({ cmd: ["true"] }).success, true);
  });

  it("has the fields of Bun's, and those only where they say something", () => {
    const always = ["exitCode", "exitReason", "pid", "resourceUsage", "stderr", "stdout", "success"];
    if (!isPlain) always.splice(4, 0, "stats");
    assert.deepEqual(Object.keys(spawnSync(["true"])).sort(), always);
    assert.deepEqual(
      Object.keys(spawnSync(shell("kill -9 $$"), { timeout: 60_000, maxBuffer: 10 })).sort(),
      [...always, "exitedDueToMaxBuffer", "exitedDueToTimeout", "signalCode"].sort(),
    );
  });

  it("tells of a signal", () => {
    for (const [signal, signalCode] of [
      ["KILL", "SIGKILL"],
      [34, 34],
    ]) {
      const { exitCode, success, ...rest } = spawnSync(["sh", "-c", `kill -${signal} $$; sleep 1`]);
      assert.deepEqual(
        [exitCode, success, rest.signalCode, rest.exitReason],
        [null, false, signalCode, "signaled"],
      );
    }
  });

  it("has no output where that was no pipe", () => {
    const file = fs.openSync(`${tempDir()}/file`, "w");
    for (const stdout of ["ignore", null, file]) {
      const result = spawnSync(["echo", "x"], { stdout, stderr: "inherit" });
      assert.deepEqual([result.stdout, result.stderr], [undefined, undefined]);
    }
    fs.closeSync(file);
  });

  it("is complete, however much that is, of both streams at once", () => {
    const text = "for each in 1 2 3 4 5; do head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; done";
    const { stdout, stderr } = spawnSync(shell(text));
    assert.deepEqual([stdout.length, stderr.length], [5_000_000, 5_000_000]);
  });
});

inBothVariants("stdin of spawnSync", ({ spawnSync }) => {
  it("is a string or bytes", () => {
    const large = Buffer.alloc(3_000_000, "0123456789");
    for (const stdin of ["häl\nlo", "", Buffer.from("bytes"), new Uint8Array([1, 2, 0]).buffer, large]) {
      const { stdout } = spawnSync(["cat"], { stdin });
      assert.ok(stdout.equals(Buffer.from(stdin)), `${stdout.length} bytes`);
    }
  });

  it("is not read to its end by everybody, and that is no error", () => {
    const { stdout, exitCode } = spawnSync(["head", "-c", "3"], { stdin: Buffer.alloc(3_000_000, "x") });
    assert.deepEqual([String(stdout), exitCode], ["xxx", 0]);
  });

  it("is empty by default, and with pipe", () => {
    for (const stdin of [undefined, null, "ignore", "pipe"]) {
      assert.equal(String(spawnSync(["wc", "-c"], { stdin }).stdout).trim(), "0");
    }
  });

  it("is a descriptor", () => {
    const file = `${tempDir()}/file`;
    fs.writeFileSync(file, "from a file");
    const fd = fs.openSync(file, "r");
    assert.equal(String(spawnSync(["cat"], { stdin: fd }).stdout), "from a file");
    fs.closeSync(fd);
  });

  it("is nothing that has to be waited for", () => {
    const stream = thrown(() => spawnSync(["cat"], { stdin: new Response("x").body }));
    assert.match(stream.message, /'stdin' ReadableStream cannot be used in sync mode/);
    async function* generator() {}
    for (const stdin of [new Response("x").body, Readable.from(["x"]), generator()]) {
      const error = thrown(() => spawnSync(["cat"], { stdin }));
      assert.ok(error instanceof TypeError);
      assert.deepEqual([error.code, error.option], ["ERR_INVALID_ARG_TYPE", "stdin"]);
    }
  });

  it("is a Blob or a body that is in memory, under Bun; under Node an error that says so", () => {
    const request = () => new Request("http://localhost/", { method: "POST", body: "whole" });
    for (const make of [() => new Blob(["whole"]), () => new Response("whole"), request]) {
      const call = () => spawnSync(["cat"], { stdin: make() });
      if (process.versions.bun) assert.equal(String(call().stdout), "whole");
      else
        assert.match(thrown(call).message, /^stdin can be read only by waiting for it, .* string or bytes$/);
    }
  });
});

inBothVariants("the bounds of spawnSync", ({ spawnSync }) => {
  it("end it when its time is over", () => {
    const result = spawnSync(["sleep", "60"], { timeout: 50 });
    assert.deepEqual(ending(result), [null, "SIGTERM", "timeout"]);
    assert.deepEqual([result.exitedDueToTimeout, result.success], [true, false]);
    assert.deepEqual(ending(spawnSync(["sleep", "60"], { timeout: 50, killSignal: "SIGKILL" })), [
      null,
      "SIGKILL",
      "timeout",
    ]);
    assert.equal(spawnSync(["true"], { timeout: 60_000 }).exitedDueToTimeout, false);
  });

  it("end it when it does not heed that", () => {
    const result = spawnSync(stubborn, { timeout: 200, forceKillAfter: 100 });
    assert.deepEqual(ending(result), [null, "SIGKILL", "timeout"]);
    assert.equal(String(result.stdout), "ready\n");
  });

  it("end it when it writes too much", () => {
    for (const maxBuffer of [1, 1000, 100_000]) {
      const result = spawnSync(shell("exec yes"), { maxBuffer });
      assert.equal(result.stdout.length, maxBuffer);
      assert.deepEqual([result.exitReason, result.exitedDueToMaxBuffer], ["maxBuffer", true]);
    }
    const exact = spawnSync(["printf", "0123456789"], { maxBuffer: 10 });
    assert.deepEqual(
      [exact.stdout.length, exact.exitReason, exact.exitedDueToMaxBuffer],
      [10, "exited", false],
    );
  });

  it("do not wait for who else holds the output", () => {
    const name = mark();
    const began = Date.now();
    const result = spawnSync(shell(`sleep ${name} & echo begun; wait`), { timeout: 200 });
    assert.ok(Date.now() - began < 30_000);
    assert.deepEqual([String(result.stdout), result.exitReason], ["begun\n", "timeout"]);
    for (const pid of sleepers(name)) process.kill(pid, "SIGKILL");
  });
});

inBothVariants("spawnSync", ({ spawnSync, container }) => {
  it("lets no JavaScript run meanwhile", async () => {
    const seen = [];
    setTimeout(() => seen.push("timer"), 1);
    setImmediate(() => seen.push("immediate"));
    process.nextTick(() => seen.push("tick"));
    queueMicrotask(() => seen.push("microtask"));
    spawnSync(["sleep", "0.1"]);
    assert.deepEqual(seen, []);
    // The loop's clock stood still, too: what is due first is not to be counted on.
    assert.ok(await within(1000, () => seen.length === 4), `${seen}`);
  });

  it("throws what spawn throws", () => {
    assert.deepEqual(
      (({ name, code, path }) => [name, code, path])(thrown(() => spawnSync(["no-such-command"]))),
      ["SpawnError", "ENOENT", "no-such-command"],
    );
    assert.equal(thrown(() => spawnSync([])).code, "ERR_INVALID_ARG_TYPE");
    assert.equal(thrown(() => spawnSync(["true"], { bogus: 1 })).code, "ERR_UNKNOWN_OPTION");
    assert.equal(thrown(() => spawnSync("ls")).option, "cmd");
  });

  it("refuses what cannot happen while it waits", () => {
    const options = {
      onExit() {},
      ipc() {},
      onDisconnect() {},
      serialization: "json",
      terminal: {},
      lazy: true,
    };
    for (const [option, value] of Object.entries(options)) {
      const error = thrown(() => spawnSync(["true"], { [option]: value }));
      assert.ok(error instanceof TypeError);
      assert.deepEqual([error.code, error.option], ["ERR_INVALID_ARG_TYPE", option]);
    }
    assert.equal(spawnSync(["true"], { onExit: undefined, lazy: false, terminal: null }).exitCode, 0);
  });

  it("goes many times beside processes that run", async () => {
    const source = `
      const { spawnSync } = createRequire(given.product)(given.product);
      const running = Array.from({ length: 10 }, (_, index) => spawn(["sh", "-c", "sleep 0.05; exit " + index], { container: given.container }));
      let wrong = 0;
      for (let index = 0; index < given.count; index++) {
        const { stdout, exitCode } = spawnSync(["sh", "-c", "echo " + index + "; exit " + (index % 256)], { container: given.container });
        if (String(stdout) !== index + "\\n" || exitCode !== index % 256) wrong++;
      }
      say([wrong, await Promise.all(running.map((child) => child.exited))]);`;
    const product = new URL("../../index.js", import.meta.url).pathname;
    const count = container ? 100 : 300;
    const [wrong, codes] = await script(source, { given: { product, count, container } });
    assert.deepEqual([wrong, codes], [0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  });

  it("works in a Worker", needs("userns"), async () => {
    const source = `
      import { isMainThread, Worker, parentPort } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      const { spawnSync } = createRequire(given.product)(given.product);
      const call = () => String(spawnSync(["sh", "-c", "sleep 0.1; echo done"], { container: given.container }).stdout);
      if (isMainThread) {
        const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
        const theirs = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
        say([call(), await theirs]);
      } else parentPort.postMessage(call());`;
    const product = new URL("../../index.js", import.meta.url).pathname;
    assert.deepEqual(await script(source, { given: { product, container } }), ["done\n", "done\n"]);
  });
});
