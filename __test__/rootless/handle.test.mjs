// The Subprocess: what it has, when, and in which order. As Bun's, for what exists here.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kinds } from "../helpers/kinds.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay, state, within } from "../helpers/processes.mjs";
import { lines, sh, spawn } from "../helpers/run.mjs";
import { script, scriptResult, start } from "../helpers/script.mjs";

leaveNothing();

for (const [kind, container] of Object.entries(kinds)) {
  const shell = (script, options) =>
    spawn({ cmd: ["/bin/sh", "-c", script], stderr: "pipe", container, ...options });

  describe(`exit of ${kind}`, () => {
    it("is null until it happens, and then a code or a signal", async () => {
      const child = shell("read line; exit 7", { stdin: "pipe" });
      assert.ok(Number.isInteger(child.pid) && child.pid > 0);
      assert.notEqual(state(child.pid), null, "there is such a process");
      assert.deepEqual(
        [child.exitCode, child.signalCode, child.killed, child.exitReason],
        [null, null, false, null],
      );
      const { exited } = child;
      assert.ok(exited instanceof Promise);
      assert.equal(child.exited, exited, "one promise");
      child.stdin.end();
      assert.equal(await exited, 7);
      assert.deepEqual(
        [child.exitCode, child.signalCode, child.killed, child.exitReason],
        [7, null, true, "exited"],
      );
      assert.equal(await child.exited, 7);
    });

    it("by a signal is 128 more, and has no code", async () => {
      const child = shell("exec sleep 60");
      assert.equal(child.kill("SIGKILL"), undefined);
      assert.equal(child.killed, false, "killed tells that it has ended, not that it was told to");
      assert.equal(await child.exited, 137);
      assert.deepEqual(
        [child.exitCode, child.signalCode, child.killed, child.exitReason],
        [null, "SIGKILL", true, "signaled"],
      );
    });

    it("resolves though a grandchild still holds the pipe", async () => {
      const child = shell("echo early; (sleep 0.5; echo late) & exit 4");
      const began = Date.now();
      assert.equal(await child.exited, 4);
      assert.ok(Date.now() - began < 400, "at once");
      const text = await child.stdout.text();
      assert.ok(text === "early\nlate\n" || (container && text === "early\n"), text);
    });

    it("calls onExit once, after exited has settled", async () => {
      const order = [];
      await new Promise((resolve) => {
        const child = shell("exit 5", {
          onExit(...args) {
            order.push(["onExit", args[0] === child, ...args.slice(1, 3)]);
            resolve();
          },
        });
        child.exited.then((code) => order.push(["exited", code]));
      });
      await delay(20);
      assert.deepEqual(order, [
        ["exited", 5],
        ["onExit", true, 5, null],
      ]);
    });

    it("calls onExit with a signal", async () => {
      const seen = await new Promise((resolve) => {
        shell("kill -TERM $$; sleep 1", { onExit: (_, ...rest) => resolve(rest.slice(0, 2)) }).stdout.text();
      });
      assert.deepEqual(seen, [null, "SIGTERM"]);
    });

    it("has resources to tell of afterwards, in Bun's shape", async () => {
      const child = shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; read line", { stdin: "pipe" });
      assert.equal(child.resourceUsage(), undefined);
      child.stdin.end();
      await child.exited;
      const usage = child.resourceUsage();
      assert.deepEqual(Object.keys(usage).sort(), [
        "contextSwitches",
        "cpuTime",
        "maxRSS",
        "messages",
        "ops",
        "shmSize",
        "signalCount",
        "swapCount",
      ]);
      const { user, system, total } = usage.cpuTime;
      assert.deepEqual([typeof user, typeof system, total], ["bigint", "bigint", user + system]);
      assert.ok(total > 1000n && total < 60_000_000n, `${total} µs`);
      assert.ok(usage.maxRSS > 100_000, `${usage.maxRSS} bytes`);
      for (const part of [usage.contextSwitches, usage.messages, usage.ops])
        for (const value of Object.values(part)) assert.equal(typeof value, "number");
      assert.deepEqual(Object.keys(usage.contextSwitches).sort(), ["involuntary", "voluntary"]);
    });
  });

  describe(`kill of ${kind}`, () => {
    it("takes names and numbers, and refuses what is neither", async () => {
      const child = shell("exec sleep 60");
      assert.equal(child.kill(0), undefined);
      for (const wrong of ["SIGFOO", "sigterm", -1, 999, 1.5, Number.NaN, {}]) {
        assert.throws(
          () => child.kill(wrong),
          (error) => error instanceof TypeError && /^ERR_/.test(error.code),
          String(wrong),
        );
      }
      assert.equal(child.exitCode, null, "none of these did anything");
      child.kill(2);
      assert.equal(await child.exited, 130);
      assert.equal(child.signalCode, "SIGINT");
    });

    it("after the end does nothing", async () => {
      const child = shell("exit 1");
      await child.exited;
      for (const signal of [undefined, 0, 9, "SIGTERM"]) assert.equal(child.kill(signal), undefined);
      assert.deepEqual([child.exitCode, child.signalCode], [1, null]);
      assert.throws(() => child.kill("SIGFOO"), TypeError);
    });

    it("is what asyncDispose does, and it waits", async () => {
      const child = shell("trap 'sleep 0.1; exit 3' TERM; echo ready; while :; do sleep 0.02; done");
      await lines(child).until("ready");
      await child[Symbol.asyncDispose]();
      assert.equal(child.exitCode, 3);
      await child[Symbol.asyncDispose]();
    });
  });

  describe(`the parent of ${kind}`, () => {
    const options = `container: ${JSON.stringify(container)}`;

    it("ends by itself once everything is done", async () => {
      const source = `
        const child = spawn({ cmd: ["cat"], stdin: "pipe", ${options} });
        child.stdin.write("x"); child.stdin.end();
        say([await child.stdout.text(), await child.exited]);`;
      assert.deepEqual(await script(source, { timeout: 10_000 }), ["x", 0]);
    });

    it("is kept by a running command, and lives to see its end", async () => {
      const source = `spawn({ cmd: ["sleep", "0.3"], onExit: () => say("seen"), ${options} });`;
      assert.equal(await script(source, { timeout: 10_000 }), "seen");
    });

    it("is kept by a command that nobody listens to", async () => {
      const began = Date.now();
      await script(
        `spawn({ cmd: ["sleep", "0.4"], stdout: "ignore", ${options} }); say("end of the program");`,
        { timeout: 10_000 },
      );
      assert.ok(Date.now() - began >= 400);
    });

    it("is not kept after unref, and is again after ref", async () => {
      const unref = start(
        `const child = spawn({ cmd: ["sleep", "20"], stdout: "ignore", stderr: "ignore", ${options} }); child.unref(); say(child.pid);`,
      );
      const began = Date.now();
      const { code, said, stderr } = await unref.ended;
      assert.equal(code, 0, stderr);
      assert.ok(Date.now() - began < 5000, "it ends long before the command");
      try {
        process.kill(said[0], "SIGKILL");
      } catch {
        // a container has ended with its parent
      }
      assert.ok(await within(2000, () => ["Z", null].includes(state(said[0]))));
      const again = `const child = spawn({ cmd: ["sleep", "0.3"], stdout: "ignore", onExit: () => say("seen"), ${options} }); child.unref(); child.ref();`;
      assert.equal(await script(again, { timeout: 10_000 }), "seen");
    });

    it("gives its own output with inherit", async () => {
      const source = `await spawn({ cmd: ["sh", "-c", "cat; echo out; echo err >&2"], stdio: ["inherit", "inherit", "inherit"], ${options} }).exited;`;
      const program = start(source, { stdio: ["pipe", "pipe", "pipe"] });
      program.process.stdin.end("in\n");
      const { stdout, stderr, code } = await program.ended;
      assert.deepEqual([stdout, stderr, code], ["in\nout\n", "err\n", 0]);
      const byDefault = await scriptResult(
        `await spawn({ cmd: ["sh", "-c", "echo err >&2"], ${options} }).exited;`,
      );
      assert.equal(byDefault.stderr, "err\n", "stderr is inherited unless one says otherwise");
    });

    it("survives a handle that is dropped and collected", async () => {
      const source = `
        const codes = [];
        for (let index = 0; index < 50; index++) spawn({ cmd: ["sh", "-c", "exit " + index], onExit: (_, code) => codes.push(code), ${options} });
        for (let round = 0; round < 20; round++) { globalThis.gc?.(); globalThis.Bun?.gc(true); await delay(5); }
        while (codes.length < 50) await delay(5);
        say(codes.sort((a, b) => a - b));`;
      assert.deepEqual(
        await script(source, { timeout: 20_000 }),
        Array.from({ length: 50 }, (_, index) => index),
      );
    });
  });

  it(`200 of ${kind} at once end as they should`, async () => {
    const all = Array.from({ length: 200 }, (_, index) => sh(`echo ${index}; exit ${index}`, { container }));
    (await Promise.all(all)).forEach(({ stdout, code }, index) => {
      assert.deepEqual([stdout, code], [`${index}\n`, index]);
    });
  });
}
