// As the machine's root, every namespace but the user namespace is to be had without one.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { has, needs } from "../helpers/must.mjs";
import { output, spawnError } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const option = {
  pid: "pid",
  mount: "mnt",
  network: "net",
  uts: "uts",
  ipc: "ipc",
  cgroup: "cgroup",
  ...(has("time") ? { time: "time" } : {}),
};
const files = ["user", ...Object.values(option)];

async function made(container) {
  const inside = (
    await output(files.map((name) => `readlink /proc/self/ns/${name}`).join(" && "), { container })
  ).split("\n");
  return files.filter((name, index) => inside[index] !== fs.readlinkSync(`/proc/self/ns/${name}`)).sort();
}

describe("without a user namespace", needs("root"), () => {
  for (const [name, file] of Object.entries(option)) {
    it(`${name} is made alone`, async () => {
      assert.deepEqual(await made({ namespace: { [name]: true } }), [file]);
      assert.deepEqual(await made({ namespace: { user: false, [name]: true } }), [file]);
    });
  }

  it("all of them together", async () => {
    const namespace = Object.fromEntries(Object.keys(option).map((name) => [name, true]));
    assert.deepEqual(await made({ namespace }), Object.values(option).sort());
  });

  it("the container's /proc is its own, and its names too", async () => {
    const container = { namespace: { pid: true, mount: true, uts: { hostname: "inside" } } };
    const seen = await output("ls /proc | grep -c '^[0-9]*$'; cat /proc/sys/kernel/hostname; id -u", {
      container,
    });
    const [count, hostname, uid] = seen.split("\n");
    assert.ok(Number(count) <= 6, `${count} processes`);
    assert.deepEqual([hostname, uid], ["inside", "0"]);
  });

  it("the clock moves", needs("time"), async () => {
    const seen = await output("cat /proc/self/timens_offsets", {
      container: { namespace: { time: { boottime: 5000 } } },
    });
    assert.match(seen, /^boottime\s+5000\s+0$/m);
  });

  it("uid and gid change the command's ids, and nothing else runs as root", async () => {
    const container = { namespace: { pid: true, mount: true } };
    const seen = await output("id -u; id -g; grep -E '^Cap(Eff|Prm)' /proc/self/status", {
      container,
      uid: 65534,
      gid: 65534,
    });
    const [uid, gid, ...caps] = seen.split("\n");
    assert.deepEqual([uid, gid], ["65534", "65534"]);
    for (const line of caps) assert.match(line, /\t0{16}$/);
  });
});

describe("root without CAP_SYS_ADMIN", needs("root", "setpriv"), () => {
  const wrapper = ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"];

  for (const name of Object.keys(option)) {
    it(`cannot have ${name} without a user namespace: a clear error, and the command never runs`, async () => {
      const marker = `${tempDir()}/ran`;
      const source = `
        try {
          const child = spawn({ cmd: ["touch", given.marker], container: { namespace: { [given.name]: true } } });
          say({ exited: await child.exited });
        } catch (error) { say(told(error)); }`;
      const error = await script(source, { wrapper, given: { marker, name } });
      assert.equal(error.code, "EPERM", JSON.stringify(error));
      assert.match(error.message, /CAP_SYS_ADMIN/);
      assert.match(error.hint, /user/, "the hint names the way out: a user namespace");
      assert.ok(!fs.existsSync(marker));
    });
  }

  it("can have them with one", needs("userns"), async () => {
    const source = `
      const child = spawn({ cmd: ["id", "-u"], container: { namespace: { user: true, pid: true, mount: true, network: true } } });
      say([await child.stdout.text(), await child.exited]);`;
    assert.deepEqual(await script(source, { wrapper }), ["0\n", 0]);
  });
});

describe("ids", needs("root"), () => {
  it("that cannot be had are errors", async () => {
    const source = `
      try { spawn({ cmd: ["true"], uid: 1234, gid: 1234 }); say("ran"); } catch (error) { say(told(error)); }`;
    const error = await script(source, { wrapper: ["setpriv", "--bounding-set", "-setuid,-setgid"] });
    assert.equal(error.code, "EPERM", JSON.stringify(error));
    spawnError(
      { cmd: ["true"], uid: 7, container: { namespace: { user: true } } },
      { code: "EINVAL", option: "uid" },
    );
  });
});
