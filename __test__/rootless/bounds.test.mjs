// What ends a process from outside: time, a signal, too much output, disposal; by which signals, and what is told of it.
import assert from "node:assert/strict";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay, mark, sleepers, within } from "../helpers/processes.mjs";
import { lines } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { ending, inBothVariants, stubborn, thrown } from "../helpers/variants.mjs";

leaveNothing();

const sleep = ["sleep", "60"];

/** Waits for the end, and gives how it was. */
async function end(child) {
  await child.exited;
  return ending(child);
}

inBothVariants("timeout", ({ spawn }) => {
  it("ends the process, and that is the reason", async () => {
    const child = spawn(sleep, { timeout: 50 });
    assert.equal(child.exitReason, null);
    assert.equal(await child.exited, 143);
    assert.deepEqual(ending(child), [null, "SIGTERM", "timeout"]);
    assert.equal(await child.stdout.text(), "");
  });

  it("is told also when the command makes something else of the signal", async () => {
    const child = spawn(["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.02; done"], { timeout: 100 });
    assert.deepEqual(await end(child), [7, null, "timeout"]);
  });

  it("that is not reached changes nothing", async () => {
    for (const timeout of [60_000, 2 ** 31, Number.MAX_SAFE_INTEGER, 0, null, Number.POSITIVE_INFINITY]) {
      assert.deepEqual(await end(spawn(["true"], { timeout })), [0, null, "exited"], String(timeout));
    }
  });

  it("sends killSignal, by name and by number", async () => {
    const results = [
      ["SIGINT", "SIGINT"],
      [9, "SIGKILL"],
      [34, 34],
    ];
    for (const [killSignal, signalCode] of results) {
      assert.deepEqual(await end(spawn(sleep, { timeout: 30, killSignal })), [null, signalCode, "timeout"]);
    }
  });

  it("does not wait for who else holds the output", async () => {
    const name = mark();
    const child = spawn(["sh", "-c", `sleep ${name} & echo begun; wait`], { timeout: 200 });
    assert.equal(await child.stdout.text(), "begun\n");
    assert.deepEqual(await end(child), [null, "SIGTERM", "timeout"]);
    for (const pid of sleepers(name)) process.kill(pid, "SIGKILL");
  });

  it("leaves what was written before it to be read afterwards", async () => {
    const child = spawn(["sh", "-c", "head -c 100000 /dev/zero; exec sleep 60"], { timeout: 200 });
    await child.exited;
    assert.equal((await child.stdout.bytes()).length, 100_000);
  });
});

inBothVariants("forceKillAfter", ({ spawn }) => {
  const force = { forceKillAfter: 100 };

  it("follows a timeout that is not heeded", async () => {
    const child = spawn(stubborn, { ...force, timeout: 200 });
    assert.deepEqual(await end(child), [null, "SIGKILL", "timeout"]);
    assert.equal(await child.stdout.text(), "ready\n");
  });

  it("follows an abort", async () => {
    const controller = new AbortController();
    const child = spawn(stubborn, { ...force, signal: controller.signal });
    await lines(child).until("ready");
    controller.abort();
    assert.deepEqual(await end(child), [null, "SIGKILL", "aborted"]);
  });

  it("follows a maxBuffer, also of who does not mind a closed pipe", async () => {
    const noisy = ["sh", "-c", "trap '' TERM PIPE; while :; do echo much 2>/dev/null; done"];
    const child = spawn(noisy, { ...force, maxBuffer: 1000 });
    assert.equal((await child.stdout.text()).length, 1000);
    assert.deepEqual(await end(child), [null, "SIGKILL", "maxBuffer"]);
  });

  it("follows disposal, which waits for it", async () => {
    const child = spawn(stubborn, force);
    await lines(child).until("ready");
    await child[Symbol.asyncDispose]();
    assert.deepEqual(ending(child), [null, "SIGKILL", "signaled"]);
  });

  it("does not follow kill(), which is the caller's own affair", async () => {
    const child = spawn(stubborn, force);
    await lines(child).until("ready");
    child.kill();
    await delay(300);
    assert.equal(child.exitReason, null);
    child.kill("SIGKILL");
    assert.deepEqual(await end(child), [null, "SIGKILL", "signaled"]);
  });

  it("is off with false", async () => {
    const child = spawn(stubborn, { timeout: 50, forceKillAfter: false });
    await lines(child).until("ready");
    await delay(300);
    assert.equal(child.exitReason, null);
    child.kill("SIGKILL");
    assert.deepEqual(await end(child), [null, "SIGKILL", "timeout"]);
  });
});

inBothVariants("signal", ({ spawn, spawnSync, run }) => {
  it("that is aborted ends the process", async () => {
    const controller = new AbortController();
    const child = spawn(sleep, { signal: controller.signal, killSignal: "SIGHUP" });
    controller.abort();
    assert.deepEqual(await end(child), [null, "SIGHUP", "aborted"]);
  });

  it("by its own time-out, too", async () => {
    assert.deepEqual(await end(spawn(sleep, { signal: AbortSignal.timeout(50) })), [
      null,
      "SIGTERM",
      "aborted",
    ]);
  });

  it("that was aborted before throws, and nothing is started", async () => {
    const name = mark();
    const reason = new Error("the reason");
    const signal = AbortSignal.abort(reason);
    for (const call of [spawn, spawnSync]) {
      const error = thrown(() => call(["sleep", name], { signal }));
      assert.deepEqual([error.name, error.code, error.cause], ["AbortError", "ABORT_ERR", reason]);
      assert.ok(error instanceof Error);
    }
    await assert.rejects(run(["sleep", name], { signal }), { name: "AbortError", code: "ABORT_ERR" });
    assert.deepEqual(sleepers(name), []);
  });

  it("does nothing after the end, and is let go then", async () => {
    const { signal, listeners } = counted();
    const child = spawn(["true"], { signal });
    assert.equal(listeners.size, 1);
    assert.deepEqual(await end(child), [0, null, "exited"]);
    assert.equal(listeners.size, 0);
    signal.controller.abort();
    assert.deepEqual(ending(child), [0, null, "exited"]);
  });

  it("may end many processes at once, and nobody warns of a leak", async () => {
    const warnings = [];
    const hear = (warning) => warnings.push(String(warning));
    process.on("warning", hear);
    const controller = new AbortController();
    const all = Array.from({ length: 20 }, () => spawn(sleep, { signal: controller.signal }));
    controller.abort();
    for (const child of all) assert.deepEqual(await end(child), [null, "SIGTERM", "aborted"]);
    process.off("warning", hear);
    assert.deepEqual(warnings, []);
  });
});

/** A signal that knows who listens to it. */
function counted() {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set();
  for (const [name, change] of [
    ["addEventListener", (listener) => listeners.add(listener)],
    ["removeEventListener", (listener) => listeners.delete(listener)],
  ]) {
    const original = signal[name].bind(signal);
    signal[name] = (type, listener, options) => {
      change(listener);
      return original(type, listener, options);
    };
  }
  return { signal: Object.assign(signal, { controller }), listeners };
}

inBothVariants("maxBuffer", ({ spawn }) => {
  it("gives that many bytes, ends the process, and tells", async () => {
    const child = spawn(["yes"], { maxBuffer: 100_001 });
    assert.equal((await child.stdout.bytes()).length, 100_001);
    assert.deepEqual(await end(child), [null, "SIGTERM", "maxBuffer"]);
  });

  it("counts stdout and stderr apart", async () => {
    const child = spawn(["sh", "-c", "printf 12345678; printf 12345678 >&2; exit 3"], {
      maxBuffer: 8,
      stderr: "pipe",
    });
    assert.deepEqual([await child.stdout.text(), await child.stderr.text()], ["12345678", "12345678"]);
    assert.deepEqual(await end(child), [3, null, "exited"]);
  });

  it("counts stderr too", async () => {
    const child = spawn(["sh", "-c", "yes >&2"], { maxBuffer: 10, stderr: "pipe" });
    assert.equal((await child.stderr.bytes()).length, 10);
    assert.deepEqual((await end(child)).slice(2), ["maxBuffer"]);
  });

  it("tells also of a process that had ended before anybody read", async () => {
    for (let round = 0; round < 20; round++) {
      const child = spawn(["printf", "%05000d", "0"], { maxBuffer: 4999 });
      const [, , reason] = await end(child);
      assert.equal((await child.stdout.bytes()).length, 4999);
      assert.equal(reason, "maxBuffer");
    }
  });

  it("holds for who reads chunk by chunk, or lines, or never", async () => {
    const read = spawn(["yes"], { maxBuffer: 1000 });
    let bytes = 0;
    for await (const chunk of read.stdout) bytes += chunk.length;
    assert.deepEqual([bytes, ...(await end(read))], [1000, null, "SIGTERM", "maxBuffer"]);
    const lined = spawn(["yes"], { maxBuffer: 1000 });
    let count = 0;
    for await (const line of lined.stdout.lines()) count += line.length;
    assert.deepEqual([count, ...(await end(lined))], [500, null, "SIGTERM", "maxBuffer"]);
    const never = spawn(["yes"], { maxBuffer: 1000 });
    assert.deepEqual(await end(never), [null, "SIGTERM", "maxBuffer"]);
  });

  it("is none below 1 and at Infinity, as under Bun", async () => {
    for (const maxBuffer of [0, -5, Number.POSITIVE_INFINITY, null, undefined, false]) {
      const child = spawn(["printf", "123456789"], { maxBuffer });
      assert.equal(await child.stdout.text(), "123456789");
      assert.deepEqual(await end(child), [0, null, "exited"]);
    }
  });
});

inBothVariants("disposal", ({ spawn }) => {
  it("sends killSignal, waits, and closes what is open", async () => {
    const child = spawn(
      ["sh", "-c", "trap 'sleep 0.1; exit 3' INT; echo ready; while :; do sleep 0.02; done"],
      {
        stdin: "pipe",
        stderr: "pipe",
        killSignal: "SIGINT",
      },
    );
    await lines(child).until("ready");
    await child[Symbol.asyncDispose]();
    assert.deepEqual(ending(child), [3, null, "exited"]);
    await child[Symbol.asyncDispose]();
  });
});

inBothVariants("lazy", ({ spawn }) => {
  const script = "head -c 1000000 /dev/zero; echo end >&2";

  it("makes the process wait until its output is read", async () => {
    const child = spawn(["sh", "-c", script], { lazy: true, stderr: "pipe" });
    await delay(150);
    assert.equal(child.exitCode, null);
    assert.equal((await child.stdout.bytes()).length, 1_000_000);
    assert.equal(await child.stderr.text(), "end\n");
    assert.equal(await child.exited, 0);
  });

  it("gives what was written also after the end", async () => {
    const child = spawn(["printf", "some text"], { lazy: true });
    await child.exited;
    assert.equal(await child.stdout.text(), "some text");
  });

  it("goes with maxBuffer", async () => {
    const child = spawn(["sh", "-c", script], { lazy: true, maxBuffer: 10, stderr: "ignore" });
    assert.equal((await child.stdout.bytes()).length, 10);
    assert.deepEqual(await end(child), [null, "SIGTERM", "maxBuffer"]);
  });
});

inBothVariants("the bounds of an unref'd process", ({ container }) => {
  it("keep no program alive, and those of one that is waited for do their work", async () => {
    const options = JSON.stringify({ timeout: 20_000, stdout: "ignore", stderr: "ignore", container });
    const unrefed = `
      const child = spawn(["sleep", given], ${options});
      child.unref();
      say(child.pid);`;
    const name = mark();
    const began = Date.now();
    await script(unrefed, { given: name });
    assert.ok(Date.now() - began < 10_000, "the program ends long before the time-out");
    for (const pid of sleepers(name)) process.kill(pid, "SIGKILL");
    assert.ok(await within(2000, () => sleepers(name).length === 0));

    const refed = `
      const child = spawn(["sleep", "60"], ${JSON.stringify({ timeout: 100, stdout: "ignore", container })});
      say([await child.exited, child.exitReason]);`;
    assert.deepEqual(await script(refed), [143, "timeout"]);
    const disposed = `
      const child = spawn(["sleep", "60"], ${JSON.stringify({ stdout: "ignore", container })});
      child.unref();
      await child[Symbol.asyncDispose]();
      say(child.signalCode);`;
    assert.equal(await script(disposed), "SIGTERM", "who disposes of it waits");
  });

  it("do not hold a program that has done what it was there for", async () => {
    const source = `say(await spawn(["true"], ${JSON.stringify({ timeout: 30_000, container })}).exited);`;
    const began = Date.now();
    assert.equal(await script(source), 0);
    assert.ok(Date.now() - began < 10_000);
  });
});
