// What is counted of a container: while it runs, and at last.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { control, controllers, temporaryOnDisk, version } from "../helpers/cgroups.mjs";
import { finish, kinds, leaveNoGroups, MiB, PATIENCE, probe, script, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { within } from "../helpers/processes.mjs";
import { lines } from "../helpers/run.mjs";
import { PREFIX } from "../helpers/temp.mjs";

leaveNoGroups();

const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const isCountOrNull = (value) => value === null || isCount(value);

function assertStall(stall) {
  for (const average of ["avg10", "avg60", "avg300"]) assert.ok(stall[average] >= 0 && stall[average] <= 100);
  assert.ok(isCount(stall.total));
  assert.deepEqual(Object.keys(stall).sort(), ["avg10", "avg300", "avg60", "total"]);
}

/** Everything that the type says, and nothing else. */
function assertShape(stats) {
  const keys = ["cpu", "io", "memory", "oom", "pids", "pressure"];
  assert.deepEqual(Object.keys(stats).sort(), keys);
  const { cpu, memory, pids, io, oom, pressure } = stats;
  const check = (part, counts, perhaps) => {
    if (part === null) return;
    assert.deepEqual(Object.keys(part).sort(), [...counts, ...perhaps].sort());
    for (const name of counts) assert.ok(isCount(part[name]), `${name}: ${part[name]}`);
    for (const name of perhaps) assert.ok(isCountOrNull(part[name]), `${name}: ${part[name]}`);
  };
  check(cpu, ["usage", "user", "system"], ["periods", "throttledPeriods", "throttled"]);
  check(memory, ["current"], ["peak", "swap", "swapPeak", "high", "max"]);
  check(pids, ["current"], ["peak", "refused"]);
  check(oom, ["kills"], ["events"]);
  for (const each of io ?? []) {
    const { device, ...counts } = each;
    assert.match(device, /^\d+:\d+$/);
    check(counts, ["read", "written", "reads", "writes"], []);
  }
  for (const each of Object.values(pressure ?? {})) {
    if (each === null) continue;
    assertStall(each.some);
    if (each.full !== null) assertStall(each.full);
  }
}

describe("stats", needs("limits", "payload"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`are what the container uses, ${kind}`, async () => {
      const limit = { cpu: "max", cpuWeight: 10_000, memory: "max", pids: "max" };
      const child = start(script('"$0" graze 32; "$0" spin 600'), limit, { namespace, stdin: "pipe" });
      const first = await child.container.stats();
      assertShape(first);
      const processes = control(child.container.pid, "pidsUsage");
      assert.ok(first.pids.current >= 1 && first.pids.current <= 3, `${first.pids.current} of ${processes}`);
      child.stdin.write("x");
      assert.equal(await lines(child).next(), "ate");
      const second = await child.container.stats();
      assert.ok(second.memory.current >= 32 * MiB, `${second.memory.current} bytes`);
      assert.ok(second.memory.current < 64 * MiB, `${second.memory.current} bytes`);
      assert.ok(second.memory.peak === null || second.memory.peak >= 32 * MiB);
      child.stdin.end();
      await child.exited;
      const last = await child.container.stats();
      assertShape(last);
      assert.ok(last.cpu.usage >= first.cpu.usage + 200_000, `${last.cpu.usage} µs after ${first.cpu.usage}`);
      assert.ok(last.cpu.user + last.cpu.system <= last.cpu.usage * 1.5 + 100_000, JSON.stringify(last.cpu));
      assert.ok(last.memory.peak === null || last.memory.peak >= 32 * MiB);
      assert.deepEqual([last.oom.kills, last.memory.max ?? 0], [0, 0]);
      assert.deepEqual(await child.container.stats(), last, "the last ones stay");
    });
  }

  it("count as many processes as there are", async () => {
    const child = start(probe("bomb", 9), { pids: 50 }, { namespace: {}, stdin: "pipe" });
    assert.equal(await lines(child).next(), "9 0");
    const { pids } = await child.container.stats();
    assert.deepEqual([pids.current, pids.peak ?? 10, pids.refused ?? 0], [10, 10, 0]);
  });

  it("tell of throttling, and of none where there is no limit: the control", {
    timeout: 120_000,
  }, async () => {
    const spin = async (cpu) => (await finish(start(probe("spin", 800), { cpu }))).stats.cpu;
    const limited = await spin(20);
    assert.ok(limited.periods > 0 && limited.throttledPeriods > 0, JSON.stringify(limited));
    assert.ok(limited.throttled > 100_000, JSON.stringify(limited));
    const free = await spin("max");
    assert.deepEqual([free.throttled ?? 0, free.throttledPeriods ?? 0], [0, 0]);
  });

  it("tell of memory that ran out, at last", async () => {
    const { stats } = await finish(start(probe("eat", 256), { memory: 64 * MiB }));
    assertShape(stats);
    assert.ok(stats.oom.kills >= 1 && (stats.oom.events ?? 1) >= 1, JSON.stringify(stats.oom));
    assert.ok((stats.memory.max ?? 1) >= 1, JSON.stringify(stats.memory));
    assert.ok(stats.memory.peak === null || stats.memory.peak <= 65 * MiB, JSON.stringify(stats.memory));
    const fine = await finish(start(probe("eat", 16), { memory: 64 * MiB }));
    assert.deepEqual([fine.stats.oom.kills, fine.stats.oom.events ?? 0], [0, 0]);
  });

  it("are null for what is not counted, and there for what was asked for", async () => {
    const { stats } = await finish(start(["true"], { pids: "max" }));
    assertShape(stats);
    assert.notEqual(stats.pids, null);
    if (version === 1) assert.equal(stats.pressure, null);
  });

  it("can be asked for by many at once", async () => {
    const child = start(["cat"], { memory: "max" }, { stdin: "pipe" });
    const all = await Promise.all(Array.from({ length: 50 }, () => child.container.stats()));
    for (const stats of all) assertShape(stats);
    child.stdin.end();
    await child.exited;
  });

  it("are asked for in the moment of its end, and are always given", async () => {
    for (let round = 0; round < 20; round++) {
      const child = start(["true"], { pids: "max" }, { namespace: {} });
      const asked = [];
      while (!child.killed) {
        asked.push(child.container.stats());
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
      for (const stats of await Promise.all(asked)) assertShape(stats);
      assertShape(await child.container.stats());
    }
  });
});

describe("stats of disks", needs("io", "payload"), () => {
  it("count what goes there, and nothing where nothing does: the control", async () => {
    const { directory, disk } = temporaryOnDisk();
    const own = fs.mkdtempSync(path.join(directory, PREFIX));
    try {
      const limit = { io: [{ device: disk.number, wbps: "max" }] };
      const written = await finish(start(probe("direct-write", `${own}/data`, 2048), limit));
      const counted = written.stats.io.find(({ device }) => device === disk.number);
      assert.ok(counted.written >= 2 * MiB && counted.writes > 0, JSON.stringify(written.stats.io));
      const read = await finish(start(probe("direct-read", `${own}/data`), limit));
      const other = read.stats.io.find(({ device }) => device === disk.number);
      assert.ok(
        other.read >= 2 * MiB && other.reads > 0 && other.written < MiB,
        JSON.stringify(read.stats.io),
      );
    } finally {
      fs.rmSync(own, { recursive: true });
    }
  });
});

describe("stats of pressure", needs("limits-v2", "payload"), () => {
  it("tell of waiting for the processor", { timeout: 120_000 }, async () => {
    const child = start(script('"$0" spin 20000 & "$0" spin 20000; wait'), { cpu: 20, memory: "max" });
    const { pressure } = await child.container.stats();
    if (pressure === null) {
      assert.ok(!fs.existsSync("/proc/pressure"), "this kernel counts it");
      return;
    }
    const waited = async () => (await child.container.stats()).pressure.cpu.some.total;
    assert.ok(await within(PATIENCE, async () => (await waited()) > 100_000), `${await waited()} µs`);
    if (controllers.has("memory")) assertStall((await child.container.stats()).pressure.memory.some);
    child.kill("SIGKILL");
    await child.exited;
  });
});
