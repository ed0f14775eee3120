// What a container shows of itself, and what it answers where there is no control group to ask. What can be done to one
// that has a group is tried among the limits.
import assert from "node:assert/strict";
import { it } from "node:test";
import { inspect } from "node:util";
import * as childProcess from "../../child_process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { has } from "../helpers/must.mjs";
import { SpawnError, spawn } from "../helpers/run.mjs";

leaveNothing();

const cmd = ["sleep", "60"];
const container = { namespace: { user: true } };
const start = () => spawn({ cmd, stdout: "ignore", container });
const startChild = () => childProcess.spawn(cmd[0], cmd.slice(1), { stdio: "ignore", container });

async function end(child) {
  const ended = child.exited ?? new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

async function refuses(container) {
  for (const method of ["stats", "update", "pause", "resume", "kill"]) {
    const error = await container[method]({ memory: "1G" }).then(
      () => assert.fail(`${method} was possible`),
      (error) => error,
    );
    assert.ok(error instanceof SpawnError, error.stack);
    assert.equal(error.code, "ERR_NO_CGROUP");
    assert.match(error.message, new RegExp(`^ERR_NO_CGROUP: ${method}\\(\\) needs a control group`));
    assert.match(error.hint, /limit: \{ pids: "max" \}/);
    assert.match(error.stack.split("\n    at ")[1], /container\.test\.mjs/, "the stack begins at the caller");
  }
}

if (has("userns")) {
  it("shows what it is, which nobody can change", async () => {
    const child = start();
    const { container } = child;
    assert.deepEqual(Object.keys(container), ["pid", "cgroup", "isolation"]);
    assert.deepEqual(JSON.parse(JSON.stringify(container)), { ...container });
    assert.match(inspect(child), /container: Container \{\s+pid: \d+,\s+cgroup: null,\s+isolation: \{/);
    assert.equal(Reflect.set(container, "cgroup", "/x"), false);
    assert.equal(container.cgroup, null);
    await end(child);
  });

  it("says that it has no control group, whether it runs or has ended", async () => {
    for (const child of [start(), startChild()]) {
      await refuses(child.container);
      await end(child);
      await refuses(child.container);
    }
  });

  it("is killed whole with a pid namespace, whoever is pid 1", async () => {
    for (const pid of [true, { init: false }]) {
      const child = spawn({ cmd, stdout: "ignore", container: { namespace: { user: true, pid } } });
      await child.container.kill();
      assert.deepEqual([child.exitCode, child.signalCode, child.exitReason], [null, "SIGKILL", "signaled"]);
    }
  });
}
