// Options of Bun.spawn that need root: other ids, and joining a control group.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { cgroupV1, has, needs } from "../helpers/must.mjs";
import { output, spawn, spawnError } from "../helpers/run.mjs";
import { ending, thrown } from "../helpers/variants.mjs";

leaveNothing();

describe("uid and gid", needs("root"), () => {
  it("are what the command has, and no other group", async () => {
    const ids = "id -u; id -g; id -G; grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status";
    const [uid, gid, groups, ...status] = (await output(ids, { uid: 1234, gid: 5678 })).split("\n");
    assert.deepEqual([uid, gid, groups], ["1234", "5678", "5678"]);
    assert.deepEqual(
      status.map((line) => line.replace(/\s+/g, " ").trim()),
      ["Uid: 1234 1234 1234 1234", "Gid: 5678 5678 5678 5678", "Groups:", "CapEff: 0000000000000000"],
    );
  });

  it("may be one of them", async () => {
    assert.equal(await output("id -u; id -g", { uid: 1234 }), `1234\n${process.getgid()}`);
    assert.equal(await output("id -u; id -g", { gid: 5678 }), `${process.getuid()}\n5678`);
  });

  it("do not keep the process from being ended", async () => {
    const child = spawn({ cmd: ["sleep", "60"], uid: 1234, gid: 1234, timeout: 50 });
    await child.exited;
    assert.deepEqual(ending(child), [null, "SIGTERM", "timeout"]);
  });
});

const container = has("userns") ? { namespace: { user: true, pid: true } } : { namespace: { pid: true } };
const kinds = { "a plain command": undefined, "a container": container };

describe("cgroup", needs("root", "cgroup-v1"), () => {
  const directory = `${cgroupV1("memory")}/container-spawn-test-${process.pid}`;
  const withCgroup = async (use) => {
    fs.mkdirSync(directory);
    try {
      await use(directory.slice(cgroupV1("memory").length));
    } finally {
      fs.rmdirSync(directory);
    }
  };

  for (const [kind, options] of Object.entries(kinds)) {
    it(`is joined by ${kind}, by its path and by a descriptor, and is neither made nor removed`, () =>
      withCgroup(async (name) => {
        const fd = fs.openSync(directory, "r");
        for (const cgroup of [directory, fd]) {
          const groups = await output("grep memory /proc/self/cgroup", { cgroup, container: options });
          assert.ok(groups.endsWith(`:${name}`), groups);
          assert.ok(fs.existsSync(directory));
        }
        fs.closeSync(fd);
      }));

    it(`that is missing, or none, is an error for ${kind}`, () => {
      const wrong = (cgroup) => ({ cmd: ["true"], cgroup, container: options });
      const error = spawnError(wrong("/no/such/cgroup"), { code: "ENOENT", option: "cgroup" });
      assert.match(error.path, /^\/no\/such\/cgroup/);
      spawnError(wrong("/usr"));
      for (const [value, code] of [
        [{}, "ERR_INVALID_ARG_TYPE"],
        [true, "ERR_INVALID_ARG_TYPE"],
        [-1, "ERR_OUT_OF_RANGE"],
        [1.5, "ERR_OUT_OF_RANGE"],
      ]) {
        const { code: seen, option } = thrown(() => spawn(wrong(value)));
        assert.deepEqual([seen, option], [code, "cgroup"], String(value));
      }
    });
  }

  it("that is frozen is an error, and nothing hangs", () => {
    const freezer = cgroupV1("freezer");
    if (freezer === null) return;
    const frozen = `${freezer}/container-spawn-test-${process.pid}`;
    fs.mkdirSync(frozen);
    try {
      fs.writeFileSync(`${frozen}/freezer.state`, "FROZEN");
      spawnError({ cmd: ["true"], cgroup: frozen }, { code: "EBUSY", option: "cgroup" });
    } finally {
      fs.writeFileSync(`${frozen}/freezer.state`, "THAWED");
      fs.rmdirSync(frozen);
    }
  });
});
