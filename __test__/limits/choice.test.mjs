// Who makes the group, where, and with which further files.
import assert from "node:assert/strict";
import { spawnSync as plainSpawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import {
  cgroupV2,
  control,
  expectedManager,
  groupOf,
  hierarchiesV1,
  ownGroupV2,
  scenario,
  text,
  version,
} from "../helpers/cgroups.mjs";
import { finish, gone, kinds, leaveNoGroups, MiB, PATIENCE, probe, start } from "../helpers/limits.mjs";
import { isRoot, needs } from "../helpers/must.mjs";
import { within } from "../helpers/processes.mjs";
import { explain, output, spawn, spawnError } from "../helpers/run.mjs";

leaveNoGroups();

const cat = (limit, options) => start(["cat"], limit, { stdin: "pipe", ...options });
async function end(child) {
  child.stdin.end();
  assert.equal(await child.exited, 0);
}

describe("limit.manager", needs("limits"), () => {
  it("is the first that works, and isolation says which", async () => {
    const child = cat({ pids: 20 });
    const { cgroupManager, cgroupVersion } = child.container.isolation;
    assert.equal(cgroupVersion, version);
    if (expectedManager !== undefined) assert.equal(cgroupManager, expectedManager);
    await end(child);
  });

  for (const manager of ["cgroupfs", "systemd"]) {
    it(`is ${manager} when it is asked for, or there is an error`, async () => {
      let child;
      try {
        child = cat({ manager, pids: 20 });
      } catch (error) {
        assert.notEqual(manager, expectedManager, error.message);
        assert.match(error.code, /^(ERR_CGROUP_UNAVAILABLE|EACCES|EPERM|EROFS)$/, error.message);
        assert.match(error.option, /^container\.limit/);
        assert.ok(error.hint, error.message);
        return;
      }
      assert.equal(child.container.isolation.cgroupManager, manager);
      assert.equal(control(child.container.pid, "pids"), 20);
      await end(child);
    });
  }

  it("alone asks for a group", async () => {
    const child = cat({ manager: expectedManager ?? "cgroupfs" });
    assert.ok(child.container.isolation.cgroups.length > 0);
    assert.notEqual(child.container.cgroup, null);
    await child.container.stats();
    await end(child);
  });
});

describe("limit.manager systemd on cgroup v1", needs("limits-v1"), () => {
  it("is an error that says why", () => {
    const error = spawnError(
      { cmd: ["true"], container: { limit: { manager: "systemd", pids: 5 } } },
      { code: "ERR_CGROUP_UNAVAILABLE", option: "container.limit.manager" },
    );
    assert.ok(error.hint);
  });
});

describe("a scope of systemd's", { skip: expectedManager === "systemd" ? false : "is about systemd" }, () => {
  const systemctl = (...args) =>
    plainSpawnSync("systemctl", [...(isRoot ? [] : ["--user"]), ...args], { encoding: "utf8" });

  const listed = (...args) => systemctl("list-units", "--all", "--plain", ...args).stdout;

  it("is known to it, and gone from it a while after the last container", async () => {
    const child = cat({ memory: "64M" });
    const unit = groupOf(child.container.pid, "memory")
      .split("/")
      .find((part) => /^container-spawn.*\.scope$/.test(part));
    const shown = systemctl("show", unit, "-p", "ActiveState");
    assert.match(shown.stdout, /ActiveState=active/, shown.stderr);
    await end(child);
    await gone(...child.container.isolation.cgroups);
    assert.ok(await within(PATIENCE, () => !listed(unit).includes(unit)), listed(unit));
  });

  it("is no failure to it when a container fails", async () => {
    const failed = await finish(start(probe("eat", 256), { memory: "64M" }));
    assert.equal(failed.end[2], "oom");
    assert.doesNotMatch(listed("--failed"), /container-spawn/);
  });

  it("keeps the limits that it was given by update when systemd is reloaded", async () => {
    const child = cat({ memory: "64M", pids: 20 });
    await child.container.update({ memory: "128M" });
    systemctl("daemon-reload");
    assert.equal(control(child.container.pid, "memory"), 128 * MiB);
    assert.equal(control(child.container.pid, "pids"), 20);
    await end(child);
  });

  it("is in the slice that limit.parent names", async () => {
    const slice = `containerspawntest${process.pid}.slice`;
    try {
      const child = cat({ pids: 20, parent: slice });
      assert.match(
        groupOf(child.container.pid, "pids"),
        new RegExp(`/${slice}/[^/]+\\.scope/container-spawn[^/]+$`),
      );
      await end(child);
    } finally {
      systemctl("stop", slice);
    }
  });
});

/** Uses a group that can have groups with controllers in it: `{ name, directories }`, its path in each hierarchy. */
async function withParent(use) {
  const name = `container-spawn-test-${process.pid}`;
  // On v2 the product has to have made room for controllers below our own group.
  await end(cat({ memory: "max", pids: "max", cpu: "max" }));
  const directories =
    version === 1 ? hierarchiesV1.map((mount) => path.join(mount, name)) : [path.join(ownGroupV2(), name)];
  for (const directory of directories) {
    fs.mkdirSync(directory);
    // A new v1 group has no processors and no memory nodes.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      const above = version === 1 ? text(`${directory}/../${file}`) : null;
      if (above !== null) fs.writeFileSync(`${directory}/${file}`, above);
    }
    if (version === 2) fs.writeFileSync(`${directory}/cgroup.subtree_control`, "+memory +pids +cpu");
  }
  try {
    const absolute = directories[0].slice((version === 1 ? hierarchiesV1[0] : cgroupV2).length);
    await use({ name, absolute, directories });
  } finally {
    for (const directory of directories) fs.rmdirSync(directory);
  }
}

describe("limit.parent", needs("limit-parent"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`has the container's group in it, ${kind}`, () =>
      withParent(async ({ absolute, directories }) => {
        const child = cat({ memory: "64M", pids: 20, parent: absolute }, { namespace });
        for (const controller of ["memory", "pids"]) {
          const group = groupOf(child.container.pid, controller);
          assert.ok(directories.includes(path.dirname(group)), group);
        }
        assert.equal(control(child.container.pid, "memory"), 64 * MiB);
        assert.equal(child.container.isolation.cgroupManager, "cgroupfs");
        await end(child);
        await gone(...child.container.isolation.cgroups);
        for (const directory of directories) assert.ok(fs.existsSync(directory), "it is not ours to remove");
      }));
  }

  it("limits what its groups have together", () =>
    withParent(async ({ absolute, directories }) => {
      const file = version === 1 ? "memory.limit_in_bytes" : "memory.max";
      const above = directories.find((directory) => fs.existsSync(`${directory}/${file}`));
      fs.writeFileSync(`${above}/${file}`, String(64 * MiB));
      const { end: ended } = await finish(start(probe("eat", 256), { memory: "512M", parent: absolute }));
      assert.deepEqual(ended.slice(0, 2), [null, "SIGKILL"]);
    }));

  it("may be as it is mounted", () =>
    withParent(async ({ directories }) => {
      const child = cat({ pids: 20, parent: directories[0] });
      const group = groupOf(child.container.pid, "pids");
      assert.ok(directories.includes(path.dirname(group)), group);
      await end(child);
    }));

  it("may begin at this process's own group", { skip: version === 2 ? false : "is about cgroup v2" }, () =>
    withParent(async ({ name, directories }) => {
      const child = cat({ pids: 20, parent: name });
      assert.equal(path.dirname(groupOf(child.container.pid, "pids")), directories[0]);
      await end(child);
    }),
  );

  it("alone asks for a group", () =>
    withParent(async ({ absolute, directories }) => {
      const child = cat({ parent: absolute });
      const { cgroups } = child.container.isolation;
      assert.ok(cgroups.length > 0);
      for (const each of cgroups) assert.ok(directories.includes(path.dirname(each)), each);
      await end(child);
    }));

  it("that does not exist is an error, and it is not made", () => {
    for (const parent of ["/no/such/group", "no/such/group"]) {
      const error = spawnError(
        { cmd: ["true"], container: { limit: { pids: 20, parent, manager: "cgroupfs" } } },
        { code: "ENOENT", option: "container.limit.parent" },
      );
      assert.ok(error.hint);
    }
    const above = version === 1 ? hierarchiesV1 : [cgroupV2, ownGroupV2()];
    for (const each of above) assert.ok(!fs.existsSync(`${each}/no`));
  });
});

describe("the option cgroup on cgroup v2", needs("limits-v2", "limit-parent"), () => {
  const withGroup = async (use) => {
    await end(cat({ pids: "max" }));
    const directory = path.join(ownGroupV2(), `container-spawn-test-joined-${process.pid}`);
    fs.mkdirSync(directory);
    try {
      await use(directory);
    } finally {
      fs.rmdirSync(directory);
    }
  };
  for (const [kind, container] of Object.entries({
    "a plain command": undefined,
    "a container": { namespace: { user: true, pid: true } },
  })) {
    it(`is joined by ${kind}, by its path and by a descriptor, and is neither made nor removed`, () =>
      withGroup(async (directory) => {
        const fd = fs.openSync(directory, "r");
        for (const cgroup of [directory, fd]) {
          const joined = await output("cat /proc/self/cgroup", { cgroup, container });
          assert.ok(joined.endsWith(directory.slice(cgroupV2.length)), joined);
          assert.ok(fs.existsSync(directory));
        }
        fs.closeSync(fd);
      }));

    it(`that is missing, or none, is an error for ${kind}`, () => {
      const wrong = (cgroup) => ({ cmd: ["true"], cgroup, container });
      const error = spawnError(wrong("/no/such/cgroup"), { code: "ENOENT", option: "cgroup" });
      assert.match(error.path, /^\/no\/such\/cgroup/);
      spawnError(wrong("/usr"));
    });
  }

  it("that is frozen is an error, and nothing hangs", () =>
    withGroup(async (directory) => {
      fs.writeFileSync(`${directory}/cgroup.freeze`, "1");
      const options = { cmd: ["true"], cgroup: directory, container: { setupTimeout: 2000 } };
      const error = spawnError(options);
      assert.match(error.code, /^(EBUSY|ETIMEDOUT)$/, error.message);
      fs.writeFileSync(`${directory}/cgroup.freeze`, "0");
    }));
});

describe("limit.unified", needs("limits-v2"), () => {
  it("writes to the files of the group", async () => {
    const limit = { unified: { "memory.high": String(48 * MiB), "pids.max": "17" } };
    const child = cat(limit);
    const group = groupOf(child.container.pid, "memory");
    assert.equal(text(`${group}/memory.high`), String(48 * MiB));
    assert.equal(control(child.container.pid, "pids"), 17);
    await end(child);
  });

  it("takes effect", async () => {
    const limit = { unified: { "memory.max": String(64 * MiB), "memory.swap.max": "0" } };
    assert.deepEqual((await finish(start(probe("eat", 256), limit))).end, [null, "SIGKILL", "oom"]);
    const { end: ended } = await finish(start(probe("eat", 16), limit));
    assert.deepEqual(ended, [0, null, "exited"]);
  });

  it("decides over what comes by default", async () => {
    const child = cat({ memory: "64M", unified: { "memory.oom.group": "0" } });
    assert.equal(text(`${groupOf(child.container.pid, "memory")}/memory.oom.group`), "0");
    await end(child);
    const usual = cat({ memory: "64M" });
    // It comes a moment after the command has begun.
    const file = `${groupOf(usual.container.pid, "memory")}/memory.oom.group`;
    assert.ok(await within(PATIENCE, () => text(file) === "1"), "the control");
    await end(usual);
  });

  it("can be changed", async () => {
    const child = cat({ unified: { "memory.high": String(48 * MiB) } });
    await child.container.update({ unified: { "memory.high": "max" } });
    assert.equal(text(`${groupOf(child.container.pid, "memory")}/memory.high`), "max");
    await end(child);
  });

  it("with what the kernel refuses is an error", () => {
    for (const unified of [{ "memory.high": "much" }, { "memory.nothing": "1" }]) {
      const [file] = Object.keys(unified);
      const error = spawnError({ cmd: ["true"], container: { limit: { unified } } });
      assert.match(error.option, /^container\.limit\.unified/, error.message);
      assert.match(error.message, new RegExp(file));
    }
  });
});

describe("limit.unified on cgroup v1", needs("limits-v1"), () => {
  it("is an error: these are files of version 2", () => {
    const container = { limit: { unified: { "memory.high": "64M" } } };
    const error = spawnError({ cmd: ["true"], container }, { code: "ERR_CGROUP_UNAVAILABLE" });
    assert.match(error.option, /^container\.limit\.unified/);
    assert.ok(error.hint);
  });
});

describe("limit.hugetlb", needs("limits"), () => {
  it("is in the control file, or an error that names the controller", async () => {
    for (const size of ["2MB", "2M", "2MiB"]) {
      let child;
      try {
        child = cat({ hugetlb: { [size]: "4M" } });
      } catch (error) {
        assert.equal(error.code, "ERR_CGROUP_UNAVAILABLE", error.stack);
        assert.match(error.option, /^container\.limit\.hugetlb/);
        assert.match(error.message, /hugetlb/);
        assert.ok(error.hint);
        continue;
      }
      const group = groupOf(child.container.pid, "hugetlb");
      const file = fs.existsSync(`${group}/hugetlb.2MB.max`)
        ? "hugetlb.2MB.max"
        : "hugetlb.2MB.limit_in_bytes";
      assert.equal(Number(text(`${group}/${file}`)), 4 * MiB, scenario ?? "");
      await end(child);
    }
  });
});

describe("several limits at once", needs("limits"), () => {
  it("are all in force", async () => {
    const child = cat({ cpu: 150, cpuWeight: 50, memory: "96M", memoryLow: "8M", pids: 33 });
    const { pid } = child.container;
    assert.deepEqual(
      [control(pid, "memory"), control(pid, "memoryLow"), control(pid, "pids")],
      [96 * MiB, 8 * MiB, 33],
    );
    await end(child);
  });

  it("are shown by explain, each with its option, and nothing is made", async () => {
    const limit = { cpu: 50, memory: "64M", pids: 20 };
    const plan = explain({ cmd: ["true"], container: { limit } });
    const options = plan.steps.map(({ option }) => option);
    for (const key of Object.keys(limit)) {
      if (expectedManager === "systemd") assert.match(String(plan), /systemd|scope/i);
      else assert.ok(options.includes(`container.limit.${key}`), String(plan));
    }
  });

  it("go with everything else that a container has", needs("userns"), async () => {
    const namespace = {
      user: true,
      pid: true,
      mount: true,
      network: true,
      uts: { hostname: "box" },
      cgroup: true,
    };
    const container = { namespace, fs: [{ type: "tmpfs", to: "/mnt" }], limit: { memory: "64M", pids: 20 } };
    assert.equal(await output("hostname; id -u; ls /mnt", { container }), "box\n0");
    const child = spawn({ cmd: ["sh", "-c", "echo to the terminal"], terminal: {}, container });
    assert.equal(await child.exited, 0);
    child.terminal.close();
  });
});
