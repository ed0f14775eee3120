// What is so on cgroup v1 only.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cpuLimit, groupOf, text } from "../helpers/cgroups.mjs";
import { leaveNoGroups, MiB, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { explain } from "../helpers/run.mjs";

leaveNoGroups();

describe("a group of cgroup v1", needs("limits-v1"), () => {
  it("is joined by the cheap way: explain shows `tasks`, not `cgroup.procs`", () => {
    const plan = String(explain({ cmd: ["true"], container: { limit: { memory: "64M" } } }));
    assert.match(plan, /tasks/);
    assert.doesNotMatch(plan, /cgroup\.procs/);
  });

  it("has the limits in its control files", async () => {
    const limit = { memory: "64M", cpu: 50, cpuWeight: 200, pids: 20 };
    const child = start(["cat"], limit, { stdin: "pipe" });
    const file = (controller, name) => text(`${groupOf(child.container.pid, controller)}/${name}`);
    assert.equal(file("memory", "memory.limit_in_bytes"), String(64 * MiB));
    assert.equal(file("pids", "pids.max"), "20");
    assert.equal(file("cpu", "cpu.shares"), "2048");
    assert.equal(cpuLimit(child.container.pid), 50);
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });
});
