// Rates of a disk, with reads and writes that go past the cache.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { temporaryOnDisk } from "../helpers/cgroups.mjs";
import { finish, leaveNoGroups, MiB, probe, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { spawnError } from "../helpers/run.mjs";
import { PREFIX, tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

describe("io", needs("io", "payload"), () => {
  // Bun runs this function even when the tests in it are skipped.
  const { directory, disk } = temporaryOnDisk() ?? { disk: {} };
  let own;
  before(() => {
    own = fs.mkdtempSync(path.join(directory, PREFIX));
  });
  after(() => fs.rmSync(own, { recursive: true, force: true }));

  /** Milliseconds that the container needs for 3 MiB. */
  async function took(command, limit) {
    const file = path.join(own, "data");
    if (command === "direct-write") fs.rmSync(file, { force: true });
    const cmd = command === "direct-write" ? probe(command, file, 3 * 1024) : probe(command, file);
    const { stdout, end, stats } = await finish(start(cmd, limit));
    assert.deepEqual(end, [0, null, "exited"], stdout);
    assert.equal(fs.statSync(file).size, 3 * MiB);
    return { ms: Number(stdout), stats };
  }

  // 3 MiB at 1 MiB/s; the kernel lets the first of them go at once.
  const SLOW = 1500;

  for (const [command, rate, device] of [
    ["direct-write", "wbps", disk.file],
    ["direct-read", "rbps", disk.number],
  ]) {
    it(`${rate} slows down ${command}, and without it that is fast: the control`, {
      timeout: 120_000,
    }, async () => {
      const free = await took(command, { pids: "max" });
      const limited = await took(command, { io: [{ device, [rate]: "1M" }] });
      assert.ok(limited.ms >= SLOW, `${limited.ms} ms with a limit`);
      assert.ok(free.ms < limited.ms / 2, `${free.ms} ms without, ${limited.ms} ms with a limit`);
    });
  }

  it("wiops slows down writes, however few bytes they have", { timeout: 120_000 }, async () => {
    const limited = await took("direct-write", { io: [{ device: disk.file, wiops: 20 }] });
    assert.ok(limited.ms >= SLOW, `48 writes at 20 a second took ${limited.ms} ms`);
  });

  it("is counted, and max is no limit", async () => {
    const limit = { io: [{ device: disk.file, wbps: "max", riops: "max" }] };
    const { ms, stats } = await took("direct-write", limit);
    assert.ok(ms < SLOW, `${ms} ms`);
    const counted = stats.io.find(({ device }) => device === disk.number);
    assert.ok(counted.written >= 3 * MiB && counted.written < 64 * MiB, JSON.stringify(stats.io));
    assert.ok(counted.writes >= 3, JSON.stringify(stats.io));
    for (const value of Object.values(counted)) assert.ok(typeof value === "string" || value >= 0);
  });

  it("of what is no disk is an error that says so, and the command never runs", () => {
    const marker = `${tempDir()}/ran`;
    const wrong = (device, expected) => {
      const container = {
        limit: {
          io: [
            { device: disk.file, wbps: "max" },
            { device, wbps: "1M" },
          ],
        },
      };
      const error = spawnError({ cmd: ["touch", marker], container }, expected);
      assert.match(error.option, /^container\.limit\.io\[1\]/);
      assert.ok(error.hint, error.message);
      assert.ok(!fs.existsSync(marker));
      return error;
    };
    wrong("/dev/no-such-disk", { code: "ENOENT" });
    wrong("/dev/null", { code: "ENOTBLK" });
    wrong("/etc/passwd", { code: "ENOTBLK" });
    if (disk.partition !== null) assert.match(wrong(disk.partition).hint, new RegExp(disk.file));
    const missing = { limit: { io: [{ device: "4000:4000", wbps: "1M" }] } };
    const error = spawnError({ cmd: ["touch", marker], container: missing });
    assert.match(error.option, /^container\.limit\.io\[0\]/);
    assert.ok(!fs.existsSync(marker));
  });
});
