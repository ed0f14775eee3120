// Groups when things go wrong: the parent dies in the middle, the kernel is busy, everything is asked for at the end.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { groupsMadeBy, scenario } from "../helpers/cgroups.mjs";
import { kinds, leaveNoGroups, PATIENCE, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { mark, sleepers, state, within } from "../helpers/processes.mjs";
import { run, SpawnError } from "../helpers/run.mjs";
import { start as begin } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

/** A program with one container from beginning to end, under strace, which interferes with its system calls. */
const source = `
  say(process.pid);
  const child = spawn({
    cmd: ["sh", "-c", "setsid sleep " + given.text + " & exit 0"],
    stdout: "ignore", stderr: "ignore",
    container: { namespace: {}, limit: { memory: "64M", pids: 20 } },
  });
  const { cgroups } = child.container.isolation;
  say(await child.exited);
  const { within } = await helper("processes");
  say(await within(given.patience, () => cgroups.every((each) => !fs.existsSync(each))));`;

function interfered(inject, { text = mark(), patience = PATIENCE } = {}) {
  const log = path.join(tempDir(), "log");
  const wrapper = [
    "strace",
    "-f",
    "-qq",
    "-o",
    log,
    "-e",
    "trace=mkdir,mkdirat,rmdir,unlinkat",
    "-e",
    inject,
  ];
  return begin(source, { given: { text, patience }, wrapper, timeout: 3 * PATIENCE });
}

/** Spawns until the groups of a process that is gone are gone too. */
async function assertSwept(pid) {
  const next = async () => {
    await run(["true"], { container: { limit: { memory: "64M", pids: 20 } } });
    return groupsMadeBy(pid).length === 0;
  };
  assert.ok(await within(PATIENCE, next), `left: ${groupsMadeBy(pid)}`);
}

describe("the parent is killed in the middle", needs("limits", "strace"), () => {
  // An emulated machine starts a program in seconds.
  const steps = scenario === null ? [1, 2, 3, 4, 5, 6, 7] : [1, 2, 4];
  for (const calls of ["mkdir,mkdirat", "rmdir,unlinkat"]) {
    it(`of ${calls}, and the next spawn removes what is left`, { timeout: 600_000 }, async () => {
      let killed = 0;
      for (const step of steps) {
        const text = mark();
        const program = interfered(`inject=${calls}:signal=SIGKILL:when=${step}`, { text });
        const pid = await program.said();
        // strace itself waits for what the container has left behind.
        const isGone = () => ["Z", "X", null].includes(state(pid));
        assert.ok(await within(PATIENCE, isGone), `step ${step}: it has ended`);
        await assertSwept(pid);
        assert.ok(
          await within(PATIENCE, () => sleepers(text).length === 0),
          `step ${step}: ${sleepers(text)}`,
        );
        const { said } = await program.ended;
        if (said.length < 3) killed++;
      }
      assert.ok(killed > 0, "it was killed: the control");
    });
  }
});

describe("a group that is busy", needs("limits", "strace"), () => {
  it("for a moment is removed all the same", { timeout: 120_000 }, async () => {
    const { said, code, stderr } = await interfered("inject=rmdir,unlinkat:error=EBUSY:when=1..3").ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(said.slice(1), [0, true]);
  });

  it("for ever keeps nobody from going on, and the next spawn removes it", { timeout: 120_000 }, async () => {
    const program = interfered("inject=rmdir,unlinkat:error=EBUSY", { patience: 100 });
    const { said, code, stderr } = await program.ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(said.slice(1), [0, false], "it was in the way: the control");
    await assertSwept(said[0]);
  });
});

describe(
  "a container that is out of memory before its pid 1 has begun",
  needs("limits", "strace", "payload"),
  () => {
    // Until it is executed, pid 1 has the memory of this process, and the kernel kills all that share a victim's memory.
    const outOfMemory = `
    const container = { namespace: given.namespace, limit: { memory: "64M" } };
    const child = spawn({ cmd: [given.probe, "eat", "256"], stderr: "ignore", container });
    say([await child.exited, child.exitReason]);`;
    const withInit = Object.entries(kinds).filter(([, namespace]) => namespace.pid);

    for (const [kind, namespace] of withInit) {
      it(`does not take the parent with it, ${kind}`, { timeout: 120_000 }, async () => {
        const log = path.join(tempDir(), "log");
        const slow = [
          "-e",
          "trace=execveat",
          "-e",
          `inject=execveat:delay_enter=${scenario === null ? 1 : 4}000000`,
        ];
        const { said, code, signal } = await begin(outOfMemory, {
          given: { namespace, probe: payload("probe") },
          wrapper: ["strace", "-f", "-qq", "-o", log, ...slow],
          timeout: 3 * PATIENCE,
        }).ended;
        assert.match(
          fs.readFileSync(log, "utf8"),
          /execveat\(.*(unfinished|DELAYED)/,
          "pid 1 was late: the control",
        );
        assert.deepEqual([code, signal], [0, null], "the parent lives");
        assert.deepEqual(said, [[137, "oom"]]);
      });
    }
  },
);

/** Ms in which all answers must have come: nothing may wait for what is not there any more. */
const SOON = scenario === null ? 5000 : PATIENCE;

describe("whatever is asked for at the end", needs("limits"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`is done, or says that it has ended, ${kind}`, { timeout: 120_000 }, async () => {
      for (let round = 0; round < 15; round++) {
        const child = start(["true"], { pids: 20 }, { namespace });
        const { container } = child;
        const asked = [];
        const ask = (promise) => asked.push(promise.catch((error) => error));
        for (let time = 0; time < 6; time++) {
          ask(container.update({ pids: 20 + time }));
          ask(container.pause());
          ask(container.resume());
          ask(container.stats());
          if (time > 3) ask(container.kill());
          await new Promise((resolve) => setTimeout(resolve, time / 3));
        }
        const began = performance.now();
        const answers = await Promise.all(asked);
        assert.ok(performance.now() - began < SOON, `answered after ${performance.now() - began} ms`);
        for (const answer of answers) {
          if (!(answer instanceof Error)) continue;
          assert.ok(answer instanceof SpawnError, answer.stack);
          assert.equal(answer.code, "ESRCH", answer.stack);
        }
        await child.exited;
        assert.ok(child.exitReason === "exited" || child.exitReason === "signaled", child.exitReason);
      }
    });
  }
});
