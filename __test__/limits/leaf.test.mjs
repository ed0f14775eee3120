// On cgroup v2 a group with processes in it cannot have groups with limits below it: they make room, and come back.
import assert from "node:assert/strict";
import { spawn as plainSpawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { expectedManager, ownGroupV2, text, version } from "../helpers/cgroups.mjs";
import { leaveNoGroups, PATIENCE, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { within } from "../helpers/processes.mjs";
import { start as begin } from "../helpers/script.mjs";

leaveNoGroups();

const isDelegated = version === 2 && expectedManager === "cgroupfs";
const skip = isDelegated ? false : "is about a group of cgroup v2 that is delegated";

describe("the processes of a delegated group", { ...needs("limits"), ...(skip && { skip }) }, () => {
  const own = isDelegated ? ownGroupV2() : null;
  const leaf = isDelegated ? path.join(own, "container-spawn.leaf") : null;
  const members = (group) => (text(`${group}/cgroup.procs`) ?? "").split("\n").map(Number);
  const isBack = (...pids) => !fs.existsSync(leaf) && pids.every((pid) => members(own).includes(pid));
  const cat = () => start(["cat"], { pids: 20 }, { stdin: "pipe" });

  it("move to a leaf for the first container, and back after the last", {
    timeout: 4 * PATIENCE,
  }, async () => {
    const neighbour = plainSpawn("sleep", ["1000"], { stdio: "ignore" });
    try {
      assert.ok(await within(PATIENCE, () => isBack(process.pid, neighbour.pid)), "nobody has moved yet");
      for (let round = 0; round < 2; round++) {
        const [first, second] = [cat(), cat()];
        for (const pid of [process.pid, neighbour.pid])
          assert.ok(members(leaf).includes(pid), `${pid} has moved`);
        assert.match(text(`${own}/cgroup.subtree_control`), /pids/);
        first.stdin.end();
        await first.exited;
        assert.equal(await within(2500, () => isBack(process.pid)), false, "one container is still there");
        assert.equal(second.exitCode, null);
        second.stdin.end();
        await second.exited;
        assert.ok(await within(PATIENCE, () => isBack(process.pid, neighbour.pid)), "they are back");
        assert.equal(text(`${own}/cgroup.subtree_control`), "");
      }
    } finally {
      neighbour.kill("SIGKILL");
    }
  });

  it("stay there for the containers of another process", { timeout: 4 * PATIENCE }, async () => {
    const other = begin(
      `const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { limit: { pids: 20 } } });
       say("started");
       while (!fs.existsSync(given)) await delay(20);
       say(child.exitCode);
       child.stdin.end();
       await child.exited;`,
      { given: `/tmp/container-spawn-test-leaf-${process.pid}`, timeout: 3 * PATIENCE },
    );
    const go = `/tmp/container-spawn-test-leaf-${process.pid}`;
    try {
      assert.equal(await other.said(), "started");
      const mine = cat();
      mine.stdin.end();
      await mine.exited;
      assert.equal(
        await within(2500, () => isBack(process.pid)),
        false,
        "the other's container is still there",
      );
    } finally {
      fs.writeFileSync(go, "");
      assert.equal(await other.said(), null, "and runs");
      await other.ended;
      fs.rmSync(go);
    }
    // The other has ended before its second was over: the next to leave puts them back.
    const last = cat();
    last.stdin.end();
    await last.exited;
    assert.ok(await within(PATIENCE, () => isBack(process.pid)), "they are back");
  });
});
