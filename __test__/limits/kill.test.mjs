// container.kill(): every process of the container, wherever it has gone.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ending,
  finish,
  gone,
  groups,
  kinds,
  leaveNoGroups,
  PATIENCE,
  probe,
  start,
} from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { mark, sleepers, within } from "../helpers/processes.mjs";
import { lines, SpawnError, spawn } from "../helpers/run.mjs";

leaveNoGroups();

const counted = { pids: "max" };

/** A command with six descendants: children, in sessions of their own, double-forked, all deaf to gentle signals. */
const family = (text) => [
  "sh",
  "-c",
  `trap '' TERM INT HUP
   sleep ${text} &
   (sleep ${text} & sleep ${text} &) &
   setsid sh -c 'sleep ${text} & sleep ${text}' &
   (setsid sh -c 'setsid sleep ${text} &' &)
   wait; exec sleep 600`,
];
const SLEEPERS = 6;

const grown = async (text) =>
  assert.ok(
    await within(PATIENCE, () => sleepers(text).length === SLEEPERS),
    `${sleepers(text).length} run: the control`,
  );

describe("kill", needs("limits"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`ends everything, and resolves when nothing is left, ${kind}`, async () => {
      const text = mark();
      const child = start(family(text), counted, { namespace });
      const all = groups(child);
      await grown(text);
      assert.equal(await child.container.kill(), undefined);
      assert.deepEqual(sleepers(text), []);
      await gone(...all);
      await child.exited;
      assert.deepEqual(ending(child), [null, "SIGKILL", "signaled"]);
    });

    it(`is not needed: the end of the command is the end of what it has left running, ${kind}`, async () => {
      const text = mark();
      const cmd = [
        "sh",
        "-c",
        `(setsid sleep ${text} >/dev/null &); setsid sleep ${text} >/dev/null & echo left`,
      ];
      const child = start(cmd, counted, { namespace });
      const all = groups(child);
      const { end, stdout } = await finish(child);
      assert.deepEqual([end, stdout], [[0, null, "exited"], "left\n"]);
      assert.ok(await within(PATIENCE, () => sleepers(text).length === 0), `${sleepers(text)} are left`);
      await gone(...all);
    });
  }

  it("ends a fork bomb that forks on", needs("payload"), async () => {
    const child = start(probe("bomb", 1000), { pids: 40 }, { stdin: "pipe", namespace: {} });
    const all = groups(child);
    await lines(child).next();
    await child.container.kill();
    await gone(...all);
  });

  it("may be asked for by several at once, and when it has ended", async () => {
    const child = start(["sleep", "600"], counted, { namespace: {} });
    await Promise.all([child.container.kill(), child.container.kill()]);
    assert.equal(await child.exited, 137);
    assert.equal(await child.container.kill(), undefined);
    const short = start(["true"], counted);
    await short.exited;
    assert.equal(await short.container.kill(), undefined);
    assert.deepEqual(ending(short), [0, null, "exited"]);
  });

  it("leaves the neighbours alone", async () => {
    const [one, other] = [
      start(["cat"], counted, { stdin: "pipe" }),
      start(["cat"], counted, { stdin: "pipe" }),
    ];
    await one.container.kill();
    other.stdin.write("still here\n");
    other.stdin.end();
    assert.deepEqual((await finish(other)).stdout, "still here\n");
  });
});

describe("kill without a control group", () => {
  it("works by the pid namespace", needs("userns"), async () => {
    const text = mark();
    const child = spawn({ cmd: family(text), container: { namespace: { user: true, pid: true } } });
    await grown(text);
    assert.equal(await child.container.kill(), undefined);
    assert.deepEqual(sleepers(text), []);
    assert.equal(await child.exited, 137);
    assert.equal(await child.container.kill(), undefined, "and when it has ended");
  });

  it("and without a pid namespace it says what it lacks, and ends nothing", async () => {
    const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { namespace: {} } });
    await assert.rejects(child.container.kill(), (error) => {
      assert.ok(error instanceof SpawnError, error.stack);
      assert.equal(error.code, "ERR_NO_CGROUP");
      assert.match(error.hint, /limit: \{ pids: "max" \}/);
      return true;
    });
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });
});
