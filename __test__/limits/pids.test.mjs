// The number of processes: a fork bomb stays small.
import assert from "node:assert/strict";
import { spawnSync as plainSpawnSync } from "node:child_process";
import fs from "node:fs";
import { describe, it } from "node:test";
import { control, groupOf } from "../helpers/cgroups.mjs";
import { finish, gone, groups, kinds, leaveNoGroups, probe, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { delay } from "../helpers/processes.mjs";
import { lines, run, spawnError } from "../helpers/run.mjs";

leaveNoGroups();

const MOST = 32;

const members = (group) => fs.readFileSync(`${group}/cgroup.procs`, "utf8").trim().split("\n").length;

describe("pids", needs("limits", "payload"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`keeps a fork bomb small, and the host unharmed, ${kind}`, async () => {
      const child = start(probe("bomb", 1000), { pids: MOST }, { namespace, stdin: "pipe" });
      const group = groupOf(child.container.pid, "pids");
      const said = lines(child);
      const [born, refused] = (await said.next()).split(" ").map(Number);
      let most = 0;
      for (let sample = 0; sample < 50; sample++) {
        most = Math.max(most, members(group), control(child.container.pid, "pidsUsage"));
        await delay(5);
      }
      assert.ok(most <= MOST && most >= MOST - 2, `${most} at once`);
      assert.ok(born < MOST && refused > 0, `${born} born, ${refused} refused`);
      assert.equal(plainSpawnSync("true").status, 0, "the host's processes are not counted");
      assert.equal((await run(["echo", "host"])).stdout, "host\n");
      const { pids } = await child.container.stats();
      assert.ok(pids.current >= MOST - 2 && pids.current <= MOST, JSON.stringify(pids));
      assert.ok(pids.peak === null || pids.peak <= MOST, JSON.stringify(pids));
      assert.ok(pids.refused === null || pids.refused > 0, JSON.stringify(pids));
      const all = groups(child);
      await child.container.kill();
      await gone(...all);
    });
  }

  it("without a limit, the same program has all its children: the control", async () => {
    const child = start(probe("bomb", 100), { pids: "max" }, { stdin: "pipe" });
    assert.equal(control(child.container.pid, "pids"), "max");
    assert.equal(await lines(child).next(), "100 0");
    assert.ok((await child.container.stats()).pids.current > 100);
    child.stdin.end();
    await child.exited;
  });

  it("counts the first process too", async () => {
    const { stdout } = await finish(start(probe("bomb", 3), { pids: 1 }, { namespace: {} }));
    assert.match(stdout, /^0 [1-9]/);
    const more = await finish(start(probe("bomb", 3), { pids: 4 }, { namespace: {} }));
    assert.equal(more.stdout, "3 0\n", "the control");
  });

  it("too small for the container's own pid 1 is an error that says so", needs("userns"), () => {
    const container = { namespace: { user: true, pid: true }, limit: { pids: 1 } };
    const error = spawnError({ cmd: ["true"], container }, { code: "EAGAIN" });
    assert.match(`${error.message} ${error.hint}`, /pids/);
  });
});
