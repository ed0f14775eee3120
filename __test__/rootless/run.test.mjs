// `run`: a command in one call.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { mark, sleepers } from "../helpers/processes.mjs";
import { SpawnError } from "../helpers/run.mjs";
import { inBothVariants, thrown } from "../helpers/variants.mjs";

const { RunError, run: bare } = createRequire(import.meta.url)("../../index.js");

leaveNothing();

const shell = (text) => ["sh", "-c", text];

/** What the promise rejects with; it must. */
async function rejection(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

inBothVariants("run", ({ run, spawn: start }) => {
  it("gives what was written, as text, and how it ended", async () => {
    const result = await run(shell("printf 'h\\303\\244\\n'; echo err >&2; exit 3"));
    const { usage, ...rest } = result;
    assert.deepEqual(rest, {
      stdout: "hä\n",
      stderr: "err\n",
      exitCode: 3,
      signalCode: null,
      exitReason: "exited",
      stats: null,
    });
    assert.equal(typeof usage.cpuTime.total, "bigint");
    assert.equal((await run({ cmd: ["echo", "one object"] })).stdout, "one object\n");
  });

  it("gives Buffers with encoding buffer", async () => {
    const { stdout, stderr } = await run(shell("printf '\\377\\001'; exit 0"), { encoding: "buffer" });
    assert.ok(Buffer.isBuffer(stdout) && Buffer.isBuffer(stderr));
    assert.deepEqual([...stdout], [255, 1]);
    assert.equal(stderr.length, 0);
  });

  it("has nothing of what was no pipe", async () => {
    const { stdout, stderr } = await run(shell("echo x"), { stdout: "ignore", stderr: null });
    assert.deepEqual([stdout, stderr], [undefined, undefined]);
    const together = await run(shell("echo out; echo err >&2"), { stdio: ["ignore", "ignore"] });
    assert.deepEqual([together.stdout, together.stderr], [undefined, "err\n"]);
  });

  it("gives the command its input, which is never a word of stdin's", async () => {
    for (const input of ["text", "pipe", "inherit", Buffer.from("text"), new Blob(["text"])]) {
      const { stdout } = await run(["cat"], { input });
      assert.equal(stdout, typeof input === "string" ? input : "text");
    }
    const { stdout } = await run(["cat"], { input: start(["seq", "3"]).stdout });
    assert.equal(stdout, "1\n2\n3\n");
    assert.equal((await run(["cat"])).stdout, "");
    assert.equal((await run(["cat"], { stdin: "by its other name" })).stdout, "by its other name");
  });

  it("waits for what is written after the command's end", async () => {
    const { stdout } = await run(shell("echo early; (sleep 0.1; echo late) & exit 0"));
    assert.ok(["early\nlate\n", "early\n"].includes(stdout));
  });

  it("tells the reason when it was bounded", async () => {
    const timeout = await run(shell("echo begun; exec sleep 60"), { timeout: 100 });
    assert.deepEqual(
      [timeout.stdout, timeout.exitReason, timeout.signalCode],
      ["begun\n", "timeout", "SIGTERM"],
    );
    const most = await run(["yes"], { maxBuffer: 10 });
    assert.deepEqual([most.stdout, most.exitReason], ["y\ny\ny\ny\ny\n", "maxBuffer"]);
    const aborted = await run(["sleep", "60"], { signal: AbortSignal.timeout(50) });
    assert.deepEqual([aborted.exitReason, aborted.exitCode], ["aborted", null]);
  });

  it("does not hang on who else holds the output when the time is over", async () => {
    const name = mark();
    const began = Date.now();
    const { stdout } = await run(shell(`sleep ${name} & echo begun; wait`), { timeout: 100 });
    assert.ok(Date.now() - began < 30_000);
    assert.equal(stdout, "begun\n");
    for (const pid of sleepers(name)) process.kill(pid, "SIGKILL");
  });

  it("calls onExit as spawn does", async () => {
    const calls = [];
    await run(shell("exit 5"), { onExit: (child, ...rest) => calls.push([child.exitCode, ...rest]) });
    assert.deepEqual(calls, [[5, 5, null, undefined]]);
  });
});

inBothVariants("run with check", ({ run }) => {
  it("resolves when the command succeeds", async () => {
    assert.equal((await run(["echo", "fine"], { check: true })).stdout, "fine\n");
  });

  it("rejects with everything when it does not", async () => {
    const cmd = shell("echo out; echo 'the reason' >&2; exit 3");
    const error = await rejection(run(cmd, { check: true }));
    assert.ok(error instanceof RunError && error instanceof Error);
    const { name, code, stdout, stderr, exitCode, signalCode, exitReason } = error;
    assert.deepEqual(
      { name, code, cmd: error.cmd, stdout, stderr, exitCode, signalCode, exitReason },
      {
        name: "RunError",
        code: "ERR_RUN_FAILED",
        cmd,
        stdout: "out\n",
        stderr: "the reason\n",
        exitCode: 3,
        signalCode: null,
        exitReason: "exited",
      },
    );
    assert.equal(typeof error.usage.maxRSS, "number");
    assert.equal(
      error.message,
      `sh -c "echo out; echo 'the reason' >&2; exit 3": exit code 3\n  stderr  the reason`,
    );
  });

  it("says in the message what happened", async () => {
    const message = async (cmd, options) => (await rejection(run(cmd, { ...options, check: true }))).message;
    assert.equal(await message(["false"]), "false: exit code 1");
    assert.equal(await message(shell("kill -9 $$")), 'sh -c "kill -9 $$": signal SIGKILL');
    assert.match(
      await message(["sleep", "60"], { timeout: 20 }),
      /^sleep 60: ended by its timeout, signal SIGTERM$/,
    );
    assert.match(
      await message(["yes"], { maxBuffer: 2 }),
      /^yes: ended because it wrote more than maxBuffer/,
    );
    const noisy = await message(shell("seq 20 >&2; exit 1"), { stdout: "ignore", encoding: "buffer" });
    assert.match(noisy, /\n {2}stderr {2}16\n {10}17\n {10}18\n {10}19\n {10}20$/);
    assert.ok((await message(["false", "x".repeat(5000)])).length < 300);
  });

  it("is not content with an exit code of 0 after a time-out", async () => {
    const cmd = shell("trap 'exit 0' TERM; while :; do sleep 0.02; done");
    const error = await rejection(run(cmd, { timeout: 100, check: true }));
    assert.deepEqual([error.exitCode, error.exitReason], [0, "timeout"]);
  });

  it("has the reason of an abort as its cause", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const promise = run(["sleep", "60"], { signal: controller.signal, check: true });
    controller.abort(reason);
    const error = await rejection(promise);
    assert.deepEqual([error.exitReason, error.cause], ["aborted", reason]);
  });
});

inBothVariants("run that cannot", ({ run, spawn }) => {
  it("rejects with what spawn throws", async () => {
    const missing = await rejection(run(["no-such-command"]));
    assert.ok(missing instanceof SpawnError);
    assert.equal(missing.code, "ENOENT");
    assert.equal(missing.message, thrown(() => spawn(["no-such-command"])).message);
  });

  it("rejects with all mistakes at once", async () => {
    const error = await rejection(
      run({ cmd: [], encoding: "latin1", check: "yes", input: 5, timeout: -1, bogus: 1, onExit: 5 }),
    );
    assert.deepEqual(error.problems.map(({ option }) => option).sort(), [
      "bogus",
      "check",
      "cmd",
      "encoding",
      "input",
      "onExit",
      "timeout",
    ]);
    for (const [options, option] of [
      [{ stdin: "pipe" }, "stdin"],
      [{ stdio: ["pipe"] }, "stdio[0]"],
      [{ input: "x", stdin: "y" }, "input"],
    ]) {
      assert.equal((await rejection(run(["cat"], options))).option, option);
    }
    assert.equal((await rejection(bare("ls"))).option, "cmd");
    assert.equal((await rejection(bare(["ls"], "-l"))).option, "options");
  });
});
