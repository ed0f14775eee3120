// Limits of a container that runs are changed: all of them, or none.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { control, cpuLimit, groupOf, temporaryOnDisk, text, version } from "../helpers/cgroups.mjs";
import { ending, finish, kinds, leaveNoGroups, MiB, probe, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { delay } from "../helpers/processes.mjs";
import { lines, SpawnError, spawn } from "../helpers/run.mjs";

leaveNoGroups();

/** What `update` rejects with; it must, and not throw. */
async function refused(child, limit) {
  const promise = child.container.update(limit);
  assert.ok(promise instanceof Promise);
  return promise.then(
    () => assert.fail(`update(${JSON.stringify(limit)}) did not reject`),
    (error) => error,
  );
}

const values = ({ container: { pid } }) => ({
  memory: control(pid, "memory"),
  pids: control(pid, "pids"),
  cpu: cpuLimit(pid),
});

describe("update", needs("limits", "payload"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`raises memory: what would have been too much is not, ${kind}`, async () => {
      const child = start(probe("graze", 40), { memory: 64 * MiB }, { namespace, stdin: "pipe" });
      const said = lines(child);
      child.stdin.write("x");
      assert.equal(await said.next(), "ate");
      assert.equal(await child.container.update({ memory: "256M" }), undefined);
      assert.equal(control(child.container.pid, "memory"), 256 * MiB);
      child.stdin.write("xx");
      assert.deepEqual([await said.next(), await said.next()], ["ate", "ate"]);
      child.stdin.end();
      await child.exited;
      assert.deepEqual(ending(child), [0, null, "exited"]);
    });

    it(`lowers memory: what would not have been too much is, ${kind}`, async () => {
      const child = start(probe("graze", 80), { memory: "512M" }, { namespace, stdin: "pipe" });
      const said = lines(child);
      child.stdin.write("x");
      assert.equal(await said.next(), "ate");
      await child.container.update({ ram: "128M" });
      child.stdin.write("x");
      await child.exited;
      assert.deepEqual(ending(child), [null, "SIGKILL", "oom"]);
    });
  }

  it("without it the second one ends there too: the control", async () => {
    const child = start(probe("graze", 40), { memory: 64 * MiB }, { stdin: Buffer.from("xxx") });
    assert.deepEqual((await finish(child)).end, [null, "SIGKILL", "oom"]);
  });

  it("below what is used is an error or the end of the container, never nothing", async () => {
    const child = start(probe("graze", 80), { memory: "512M", pids: 20 }, { stdin: "pipe" });
    child.stdin.write("x");
    assert.equal(await lines(child).next(), "ate");
    const result = await child.container.update({ pids: 10, memory: "32M" }).catch((error) => error);
    if (result instanceof Error && child.exitReason === null && values(child).memory !== null) {
      assert.ok(result instanceof SpawnError && result.option === "limit.memory", result.stack);
      assert.deepEqual(
        [values(child).memory, values(child).pids],
        [512 * MiB, 20],
        "the old values are back",
      );
    } else {
      await child.exited;
      assert.equal(child.exitReason, "oom");
    }
  });

  it("changes the processor time of what runs", { timeout: 120_000 }, async () => {
    // The weight, so that other work on the machine does not count.
    const child = start(probe("spin", 40_000), { cpu: "max", cpuWeight: 10_000 });
    /** Percent of one processor, of a time that is measured too long rather than too short. */
    const share = async () => {
      const began = performance.now();
      const before = (await child.container.stats()).cpu.usage;
      await delay(1500);
      const used = (await child.container.stats()).cpu.usage - before;
      return used / (performance.now() - began) / 10;
    };
    let free = 0;
    for (let round = 0; round < 3 && free < 60; round++) free = Math.max(free, await share());
    await child.container.update({ cpu: 20 });
    assert.ok(Math.abs(cpuLimit(child.container.pid) - 20) < 1);
    let limited = 100;
    for (let round = 0; round < 3 && limited >= 30; round++) limited = Math.min(limited, await share());
    await child.container.update({ cpu: "max" });
    let again = 0;
    for (let round = 0; round < 3 && again < 60; round++) again = Math.max(again, await share());
    assert.ok(free > 60 && limited < 30 && again > 60, `${free} %, ${limited} %, ${again} %`);
    child.kill("SIGKILL");
    await child.exited;
  });

  it("lets a fork bomb grow as far as it says", async () => {
    const child = start(probe("bomb", 40), { pids: 20 }, { stdin: "pipe" });
    const [born] = (await lines(child).next()).split(" ").map(Number);
    assert.ok(born < 20);
    await child.container.update({ pids: 100 });
    const current = async () => (await child.container.stats()).pids.current;
    for (let round = 0; round < 200 && (await current()) < 40; round++) await delay(20);
    assert.ok((await current()) >= 40 && (await current()) < 50, String(await current()));
  });

  it("leaves what it does not name", async () => {
    const child = start(["cat"], { memory: "64M", pids: 20, cpu: 50 }, { stdin: "pipe" });
    await child.container.update({ pids: 30 });
    assert.deepEqual(values(child), { memory: 64 * MiB, pids: 30, cpu: 50 });
    await child.container.update({ memory: "max", pids: "max", cpu: "max" });
    assert.deepEqual(values(child), { memory: "max", pids: "max", cpu: "max" });
  });

  for (const [what, impossible] of Object.entries({
    "a processor that is not there": { cpuset: "4000" },
    "a device that is not there": { io: [{ device: "/dev/no-such-disk", wbps: "1M" }] },
    "a number that is none of a device": { io: [{ device: "4000:4000", wbps: "1M" }] },
    "a size of pages that is not there": { hugetlb: { "64KB": "1M" } },
  })) {
    it(`with ${what} leaves all as it was`, async () => {
      const child = start(["cat"], { memory: "64M", pids: 20, cpu: 50 }, { stdin: "pipe" });
      const before = values(child);
      const error = await refused(child, { memory: "128M", pids: 30, cpu: 70, ...impossible });
      assert.ok(error instanceof Error);
      const [key] = Object.keys(impossible);
      assert.match(error.option, new RegExp(`^limit\\.${key}`), error.message);
      assert.deepEqual(values(child), before);
      assert.equal(child.exitReason, null, "it goes on");
    });
  }

  it("of a controller that it has no group of works, or says so, and changes nothing else", async () => {
    for (const limit of [{ cpuset: "0" }, { memoryLow: "1M" }, { cpuWeight: 50 }]) {
      const child = start(["cat"], { pids: 20 }, { stdin: "pipe" });
      const result = await child.container.update({ ...limit, pids: 25 }).catch((error) => error);
      if (result === undefined) {
        assert.equal(control(child.container.pid, "pids"), 25);
        if (limit.cpuset) assert.equal(control(child.container.pid, "cpuset"), "0");
      } else {
        assert.equal(result.code, "ERR_CGROUP_UNAVAILABLE", result.stack);
        assert.equal(result.option, `limit.${Object.keys(limit)[0]}`);
        assert.ok(result.hint);
        assert.equal(control(child.container.pid, "pids"), 20);
      }
      child.stdin.end();
      await child.exited;
    }
  });

  it("takes no manager, no parent and no mistakes", async () => {
    const child = start(["cat"], { pids: 20 }, { stdin: "pipe" });
    for (const [limit, option] of [
      [{ manager: "cgroupfs" }, "limit.manager"],
      [{ parent: "x" }, "limit.parent"],
      [{ pids: 0 }, "limit.pids"],
      [{ pids: 5, memory: "much" }, "limit.memory"],
      [{ pids: 5, cpu: Number.NaN }, "limit.cpu"],
      [{ pids: 5, memmory: "1M" }, "limit.memmory"],
      [{ pids: 5, cpuset: "1-" }, "limit.cpuset"],
      ["64M", "limit"],
      [undefined, "limit"],
      [{}, "limit"],
    ]) {
      const error = await refused(child, limit);
      assert.ok(error instanceof TypeError || error instanceof RangeError, error.stack);
      assert.equal(error.option, option, error.message);
    }
    assert.equal(control(child.container.pid, "pids"), 20);
  });

  it("works for several at once, in the order of the calls", async () => {
    const child = start(["cat"], { pids: 20 }, { stdin: "pipe" });
    await Promise.all([30, 40, 50, 60].map((pids) => child.container.update({ pids })));
    assert.equal(control(child.container.pid, "pids"), 60);
  });

  it("of a container that has ended rejects", async () => {
    const child = start(["true"], { pids: 20 });
    await child.exited;
    assert.equal((await refused(child, { pids: 30 })).code, "ESRCH");
  });
});

describe("update of an io limit", needs("io"), () => {
  it("reaches what runs", async () => {
    const { disk } = temporaryOnDisk();
    const child = start(["cat"], { io: [{ device: disk.file, wbps: "1M" }] }, { stdin: "pipe" });
    await child.container.update({ io: [{ device: disk.file, wbps: "2M" }] });
    const file = version === 1 ? "blkio.throttle.write_bps_device" : "io.max";
    assert.match(text(`${groupOf(child.container.pid, "io")}/${file}`), /2097152/);
  });
});

describe("without a control group", needs("userns"), () => {
  it("stats, update, pause and resume say how to get one", async () => {
    const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { namespace: { user: true, pid: true } } });
    const { container } = child;
    for (const call of [
      () => container.stats(),
      () => container.update({ pids: 5 }),
      () => container.pause(),
      () => container.resume(),
    ]) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof SpawnError, error.stack);
        assert.equal(error.code, "ERR_NO_CGROUP");
        assert.match(error.hint, /limit: \{ pids: "max" \}/);
        return true;
      });
    }
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });
});
