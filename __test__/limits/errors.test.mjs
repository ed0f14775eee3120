// A limit that cannot be put in force is an error that says what is missing, and the command never runs.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { cgroupV1, controllers, scenario, temporaryOnDisk, version } from "../helpers/cgroups.mjs";
import { kinds, leaveNoGroups } from "../helpers/limits.mjs";
import { has, needs } from "../helpers/must.mjs";
import { failure, run, spawn, spawnError, spawnSync } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";
import { thrown } from "../helpers/variants.mjs";

leaveNoGroups();

/** The error of a limit, on whose account nothing may have run. */
function refusal(limit, expected, namespace = {}) {
  const marker = `${tempDir()}/ran`;
  const error = spawnError({ cmd: ["touch", marker], container: { namespace, limit } }, expected);
  assert.ok(error.hint, `there is a hint: ${error.message}`);
  assert.ok(!fs.existsSync(marker), "the command never ran");
  return error;
}

describe("limits of somebody who may make none", needs("no-limits"), () => {
  const namespaces = has("userns") ? [{}, { user: true, pid: true }] : [{}];
  for (const limit of [
    { memory: "64M" },
    { cpu: 50 },
    { pids: 20 },
    { manager: "cgroupfs" },
    { memory: "max" },
  ]) {
    it(`are an error: ${JSON.stringify(limit)}`, () => {
      for (const namespace of namespaces) {
        const error = refusal(limit, { option: /^container\.limit/ }, namespace);
        assert.match(error.code, /^(EACCES|EPERM|EROFS|ERR_[A-Z_]+)$/);
      }
    });
  }

  it("are an error of spawnSync too", () => {
    const error = thrown(() => spawnSync(["true"], { container: { limit: { pids: 20 } } }));
    assert.match(error.option, /^container\.limit/);
  });

  it("leave a container without limits as it is: the control", async () => {
    for (const namespace of namespaces) {
      const { code } = await run(["true"], { container: { namespace, limit: {} } });
      assert.equal(code, 0);
    }
  });

  it("name the remedy on cgroup v2", { skip: version === 2 ? false : "is about cgroup v2" }, () => {
    const error = refusal({ memory: "64M" }, { code: "ERR_CGROUP_UNAVAILABLE", option: "container.limit" });
    assert.match(error.hint, /loginctl enable-linger/);
    assert.match(error.hint, /Delegate=/);
    const named = refusal({ memory: "64M", manager: "systemd" }, { code: "ERR_CGROUP_UNAVAILABLE" });
    assert.match(named.option, /^container\.limit/);
  });
});

describe("a controller that is not passed on", needs("limits-v2"), () => {
  const limits = () => ({
    cpuset: { cpuset: "0" },
    io: { io: [{ device: temporaryOnDisk()?.disk.file ?? "8:0", wbps: "1M" }] },
    hugetlb: { hugetlb: { "2MB": "2M" } },
  });
  for (const name of ["cpuset", "io", "hugetlb"]) {
    const skip = controllers.has(name) && `${name} can be had here`;
    it(`is named, with the way to get it: ${name}`, { skip }, () => {
      for (const namespace of Object.values(kinds)) {
        // Beside limits that could be put in force.
        const error = refusal(
          { pids: 20, memory: "64M", ...limits()[name] },
          { code: "ERR_CGROUP_UNAVAILABLE" },
          namespace,
        );
        assert.match(error.option, new RegExp(`^container\\.limit\\.${name}`));
        assert.match(error.message, new RegExp(name));
        if (scenario === "user-systemd" && name !== "hugetlb")
          assert.match(error.hint, /\/etc\/systemd\/system\/user@\.service\.d\/delegate\.conf/);
      }
    });
  }
});

describe("a limit that is impossible", needs("limits"), () => {
  for (const [limit, option] of [
    [{ pids: 20, unified: { "no.such.file": "1" } }, "container.limit.unified"],
    [{ pids: 20, parent: "/no/such/cgroup", manager: "cgroupfs" }, "container.limit.parent"],
    [{ pids: 20, hugetlb: { "64KB": "1M" } }, "container.limit.hugetlb"],
    [{ pids: 20, io: [{ device: "/dev/no-such-disk", wbps: "1M" }] }, "container.limit.io"],
  ]) {
    it(`is an error: ${JSON.stringify(limit)}`, () => {
      for (const namespace of Object.values(kinds)) {
        const error = refusal(limit, {}, namespace);
        assert.ok(error.option.startsWith(option), `${error.option}: ${error.message}`);
      }
    });
  }
});

// What the options themselves cannot be, needs no control groups.
describe("a limit that is a mistake", () => {
  for (const [limit, option, code = "ERR_OUT_OF_RANGE"] of [
    [{ cpu: 0 }, "cpu"],
    [{ cpu: -1 }, "cpu"],
    [{ cpu: Number.NaN }, "cpu"],
    [{ cpu: "50" }, "cpu", /^ERR_INVALID_ARG/],
    [{ cpuWeight: 0 }, "cpuWeight"],
    [{ cpuWeight: 10_001 }, "cpuWeight"],
    [{ cpuWeight: 1.5 }, "cpuWeight"],
    [{ cpuset: "" }, "cpuset", /./],
    [{ cpuset: "3-1" }, "cpuset", /./],
    [{ cpuset: "0,x" }, "cpuset", /./],
    [{ cpuset: 0 }, "cpuset", "ERR_INVALID_ARG_TYPE"],
    [{ memory: 100 }, "memory"],
    [{ memory: "64Q" }, "memory", /./],
    [{ memory: -1 }, "memory"],
    [{ memoryHigh: "x" }, "memoryHigh", /./],
    [{ swap: -1 }, "swap"],
    [{ pids: 0 }, "pids"],
    [{ pids: 1.5 }, "pids"],
    [{ pids: 4_194_305 }, "pids"],
    [{ pids: "20" }, "pids", /^ERR_INVALID_ARG/],
    [{ io: {} }, "io", "ERR_INVALID_ARG_TYPE"],
    [{ io: [{ wbps: "1M" }] }, "io[0].device", /./],
    [{ io: [{ device: "8:0" }] }, "io[0]", /./],
    [{ io: [{ device: "8:0", wbps: 0 }] }, "io[0].wbps"],
    [{ io: [{ device: "8:0", speed: 1 }] }, "io[0].speed", /./],
    [{ hugetlb: { "3 apples": "1M" } }, "hugetlb", /./],
    [{ unified: { "cgroup.procs": "1" } }, "unified", /./],
    [{ unified: { "../memory.max": "1" } }, "unified", /./],
    [{ unified: { "memory.max": 5 } }, "unified", /./],
    [{ manager: "docker" }, "manager", /./],
    [{ parent: "../above" }, "parent", /./],
    [{ parent: "a\0b" }, "parent", /./],
    [{ memmory: "64M" }, "memmory", /./],
    [{ memory: "64M", ram: "32M" }, "ram", /./],
    ["64M", "", "ERR_INVALID_ARG_TYPE"],
  ]) {
    it(`is a TypeError or RangeError: ${JSON.stringify(limit)}`, () => {
      const error = failure({ cmd: ["true"], container: { limit } });
      assert.ok(error instanceof TypeError || error instanceof RangeError, error.stack);
      const path = option === "" ? "container.limit" : `container.limit.${option}`;
      assert.ok(error.option.startsWith(path), `${error.option}, not ${path}: ${error.message}`);
      if (code instanceof RegExp) assert.match(error.code, code);
      else assert.equal(error.code, code, error.message);
    });
  }

  it("names what was meant", () => {
    const error = failure({ cmd: ["true"], container: { limit: { memmory: "64M" } } });
    assert.match(error.message, /memory/);
  });
});

describe("a limit whose file refuses it", needs("limits-v1", "unshare"), () => {
  it("is an error, and the command never runs", async () => {
    // Read-only hierarchies, in a mount namespace of the program's own.
    const mounts = ["memory", "cpu"]
      .map((controller) => `mount -o remount,bind,ro ${cgroupV1(controller)}`)
      .join(" && ");
    const wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c", `${mounts} && exec "$@"`, "sh"];
    const marker = `${tempDir()}/ran`;
    const source = `
      try { spawn({ cmd: ["touch", given], container: { limit: { memory: "64M" } } }); say("ran"); } catch (error) { say(told(error)); }`;
    const error = await script(source, { wrapper, given: marker });
    assert.match(error.code, /^(EROFS|ERR_CGROUP_UNAVAILABLE)$/, JSON.stringify(error));
    assert.match(error.option, /^container\.limit/);
    assert.ok(!fs.existsSync(marker));
  });
});

describe("the file system of control groups", needs("root", "unshare"), () => {
  it("that is not there is an error that says so", async () => {
    const hidden = 'umount -l /sys/fs/cgroup 2>/dev/null || mount -t tmpfs none /sys/fs/cgroup; exec "$@"';
    const wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c", hidden, "sh"];
    const source = `
      const result = [];
      for (const options of [{ container: { limit: { memory: "64M" } } }, { container: { namespace: { pid: true } } }]) {
        try { result.push(await spawn({ cmd: ["true"], ...options }).exited); } catch (error) { result.push(told(error)); }
      }
      say(result);`;
    const [error, code] = await script(source, { wrapper });
    assert.match(error.option ?? "", /^container\.limit/, JSON.stringify(error));
    assert.ok(error.hint);
    assert.equal(code, 0, "without a limit all is well: the control");
  });
});

describe("stats of a process without a container", () => {
  it("are none", async () => {
    const child = spawn({ cmd: ["true"] });
    assert.equal(child.container, null);
    assert.equal(await child.exited, 0);
    assert.equal(spawnSync(["true"]).stats ?? null, null);
  });
});
