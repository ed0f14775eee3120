// Memory: its limits, and how a container that runs out of it ends.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { control, groupOf, text, version } from "../helpers/cgroups.mjs";
import {
  ending,
  finish,
  kinds,
  leaveNoGroups,
  MiB,
  PATIENCE,
  probe,
  script as shell,
  start,
} from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { within } from "../helpers/processes.mjs";
import { spawnError, spawnSync } from "../helpers/run.mjs";
import { scriptResult } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

const { run } = createRequire(import.meta.url)("../../index.js");
const OOM = [null, "SIGKILL", "oom"];
const small = { memory: 64 * MiB };

describe("memory", needs("limits", "payload"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`ends what takes more, and not what takes less, ${kind}`, async () => {
      const big = await finish(start(probe("eat", 256), small, { namespace }));
      assert.deepEqual([big.end, big.stdout], [OOM, ""]);
      assert.ok(big.stats.oom.kills >= 1, JSON.stringify(big.stats));
      const less = await finish(start(probe("eat", 16), small, { namespace }));
      assert.deepEqual([less.end, less.stdout, less.stats.oom.kills], [[0, null, "exited"], "ate\n", 0]);
    });

    // Bounded by their own time-out, these tests fail when the container goes on without what was killed.
    for (const [what, text] of Object.entries({
      "a grandchild that nobody waits for": '"$0" eat 256 & wait; sleep 600',
      "a grandchild that is waited for": '"$0" eat 256; echo "went on"; sleep 600',
      "a grandchild in a session of its own": 'setsid "$0" eat 256 & sleep 600',
      "one of many": 'for i in 1 2 3; do sleep 600 & done; "$0" eat 256; sleep 600',
    })) {
      it(`ends the container whole when the victim is ${what}, ${kind}`, async () => {
        const { end, stats } = await finish(start(shell(text), small, { namespace }));
        assert.deepEqual(end, OOM);
        assert.ok(stats.oom.kills >= 1, JSON.stringify(stats));
      });
    }

    it(`does not take another end for its own, ${kind}`, async () => {
      const itself = await finish(start(shell("kill -KILL $$"), small, { namespace }));
      assert.deepEqual([itself.end, itself.stats.oom.kills], [[null, "SIGKILL", "signaled"], 0]);
      const killed = start(["sleep", "600"], small, { namespace });
      killed.kill("SIGKILL");
      await killed.exited;
      assert.deepEqual(ending(killed), [null, "SIGKILL", "signaled"]);
      const late = await finish(start(["sleep", "600"], small, { namespace, timeout: 300 }));
      assert.deepEqual([late.end, late.stats.oom.kills], [[null, "SIGKILL", "timeout"], 0]);
      const failed = await finish(start(shell("exit 137"), small, { namespace }));
      assert.deepEqual(failed.end, [137, null, "exited"]);
    });
  }

  it("without a limit, the same command has all it takes: the control", async () => {
    const { end, stdout } = await finish(start(probe("eat", 256), { pids: "max" }));
    assert.deepEqual([end, stdout], [[0, null, "exited"], "ate\n"]);
  });

  it("tells of an out-of-memory kill that the command has survived", async () => {
    // Where the kernel ends the whole group, there is nobody left to survive.
    const { end, stats } = await finish(start(shell('"$0" eat 256; exit 0'), small));
    if (end[2] !== "oom") assert.deepEqual(end, [0, null, "exited"]);
    assert.ok(stats.oom.kills >= 1, JSON.stringify(stats));
  });

  it("is in force in spawnSync, which tells the reason and what was counted", () => {
    for (const namespace of Object.values(kinds)) {
      const container = { namespace, limit: small };
      const big = spawnSync(probe("eat", 256), { container });
      assert.deepEqual([big.exitCode, big.signalCode, big.exitReason], OOM);
      assert.equal(big.success, false);
      assert.ok(big.stats.oom.kills >= 1, JSON.stringify(big.stats));
      if (big.stats.memory.peak !== null) assert.ok(big.stats.memory.peak <= 65 * MiB);
      const less = spawnSync(probe("eat", 16), { container });
      assert.deepEqual([less.exitCode, less.exitReason, String(less.stdout)], [0, "exited", "ate\n"]);
      assert.equal(less.stats.oom.kills, 0);
    }
    const victim = spawnSync(shell('"$0" eat 256; sleep 600'), {
      timeout: 2 * PATIENCE,
      killSignal: "SIGKILL",
      container: { limit: small },
    });
    assert.equal(victim.exitReason, "oom");
    assert.equal(spawnSync(["true"], { container: { namespace: {} } }).stats, null, "nothing was counted");
  });

  it("is in force in run, whose error tells the reason", async () => {
    const container = { limit: small };
    const { exitReason, signalCode } = await run(probe("eat", 256), { container });
    assert.deepEqual([exitReason, signalCode], ["oom", "SIGKILL"]);
    await assert.rejects(run(probe("eat", 256), { container, check: true }), (error) => {
      assert.deepEqual([error.name, error.exitReason], ["RunError", "oom"]);
      assert.match(error.message, /memory/i);
      return true;
    });
    const { stdout } = await run(probe("eat", 16), { container, check: true });
    assert.equal(stdout, "ate\n");
  });

  it("takes all its spellings", async () => {
    for (const limit of [{ memory: "64M" }, { memory: "64MiB" }, { ram: 64 * MiB }, { ram: "65536K" }]) {
      const child = start(["cat"], limit, { stdin: "pipe" });
      assert.equal(control(child.container.pid, "memory"), 64 * MiB, JSON.stringify(limit));
      child.stdin.end();
      assert.equal(await child.exited, 0);
    }
    const child = start(["cat"], { memory: "max" }, { stdin: "pipe" });
    assert.equal(control(child.container.pid, "memory"), "max");
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });

  it("so small that nothing can start hurts the child, never the parent", { timeout: 120_000 }, async () => {
    const source = `
      const ends = [];
      for (const memory of given) {
        for (const namespace of [{}, { user: true, pid: true, mount: true, network: true }]) {
          try {
            const child = spawn({ cmd: ["sh", "-c", "head -c 67108864 /dev/zero | tail > /dev/null; echo survived"], container: { namespace, limit: { memory } } });
            const text = await child.stdout.text();
            ends.push([memory, await child.exited, text]);
          } catch (error) { ends.push([memory, error.code, ""]); }
        }
      }
      say(ends);`;
    const sizes = [4096, 8192, 65_536, 262_144, MiB];
    const { code, signal, said, stderr } = await scriptResult(source, { given: sizes, timeout: 110_000 });
    assert.deepEqual([code, signal], [0, null], `the parent lives\n${stderr}`);
    const ends = said.at(-1);
    assert.equal(ends.length, sizes.length * 2);
    for (const [memory, end, written] of ends) {
      if (memory < 262_144) assert.notEqual(end, 0, `${memory} bytes are not enough for a shell`);
      else if (end === 0) assert.equal(written, "survived\n");
    }
  });
});

/** Starts `cat` with a limit, and gives what a control file of its group says. */
async function said(limit, v1, v2) {
  const child = start(["cat"], limit, { stdin: "pipe" });
  const found = text(`${groupOf(child.container.pid, "memory")}/${version === 1 ? v1 : v2}`);
  child.stdin.end();
  assert.equal(await child.exited, 0);
  return found;
}

describe("swap", needs("limits"), () => {
  const swapOf = (limit) => said(limit, "memory.memsw.limit_in_bytes", "memory.swap.max");

  it("is none when memory is limited, where the kernel counts it", async () => {
    const swap = await swapOf(small);
    if (swap !== null) assert.equal(Number(swap), version === 1 ? 64 * MiB : 0);
  });

  it("has a limit of its own, or is an error where the kernel does not count it", async () => {
    const limit = { ...small, swap: "32M" };
    if ((await swapOf(small)) === null) {
      const { option } = spawnError({ cmd: ["true"], container: { limit } });
      assert.equal(option, "container.limit.swap");
      return;
    }
    assert.equal(Number(await swapOf(limit)), version === 1 ? 96 * MiB : 32 * MiB);
    const max = await swapOf({ ...small, swap: "max" });
    assert.equal(max, version === 1 ? "9223372036854771712" : "max");
  });
});

describe("memoryLow", needs("limits"), () => {
  it("is what the group's control file says", async () => {
    const low = await said({ memoryLow: 32 * MiB }, "memory.soft_limit_in_bytes", "memory.low");
    assert.equal(Number(low), 32 * MiB);
  });
});

describe("memoryHigh", needs("limits-v2", "payload"), () => {
  it("is what the group's control file says", async () => {
    assert.equal(Number(await said({ memoryHigh: 32 * MiB }, "", "memory.high")), 32 * MiB);
    assert.equal(await said({ memoryHigh: "max" }, "", "memory.high"), "max");
  });

  it("slows down what takes more, and ends nothing", async () => {
    const child = start(probe("graze", 24), { memoryHigh: 16 * MiB }, { stdin: "pipe" });
    child.stdin.write("x");
    const isReached = async () => (await child.container.stats()).memory.high > 0;
    assert.ok(await within(PATIENCE, isReached), JSON.stringify(await child.container.stats()));
    assert.equal(child.exitReason, null);
    assert.equal((await child.container.stats()).oom.kills, 0);
  });

  it("is reached by nobody who takes less: the control", async () => {
    const { stats, stdout } = await finish(
      start(probe("graze", 4), { memoryHigh: 64 * MiB }, { stdin: Buffer.from("x") }),
    );
    assert.deepEqual([stats.memory.high, stdout], [0, "ate\n"]);
  });
});

describe("memoryHigh on cgroup v1", needs("limits-v1"), () => {
  it("is an error: there is nothing like it", () => {
    const marker = `${tempDir()}/ran`;
    const error = spawnError(
      { cmd: ["touch", marker], container: { limit: { memoryHigh: "64M" } } },
      { code: "ERR_CGROUP_UNAVAILABLE", option: "container.limit.memoryHigh" },
    );
    assert.ok(error.hint);
    assert.ok(!fs.existsSync(marker));
  });

  it("is an error of update, too, as is a raw file", async () => {
    const { container } = start(["cat"], { memory: "64M" }, { stdin: "pipe" });
    for (const [limit, option] of [
      [{ memoryHigh: "32M" }, "limit.memoryHigh"],
      [{ unified: { "memory.high": "32M" } }, "limit.unified"],
    ])
      await assert.rejects(container.update(limit), { code: "ERR_CGROUP_UNAVAILABLE", option });
    await container.update({ memory: "48M" });
  });
});
