// Each of the eight namespaces is made when it is asked for, and only then.
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { has, isRoot, needs } from "../helpers/must.mjs";
import { status } from "../helpers/processes.mjs";
import { output, run, sh, spawn, spawnError } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const option = {
  user: "user",
  pid: "pid",
  mount: "mnt",
  network: "net",
  uts: "uts",
  ipc: "ipc",
  cgroup: "cgroup",
  ...(has("time") ? { time: "time" } : {}),
};
const files = Object.values(option);
const host = Object.fromEntries(files.map((name) => [name, fs.readlinkSync(`/proc/self/ns/${name}`)]));

/** The names of the namespaces in which a command with these options is not the host's. */
async function made(container) {
  const script = files.map((name) => `readlink /proc/self/ns/${name}`).join(" && ");
  const inside = (await output(script, { container })).split("\n");
  return files.filter((name, index) => inside[index] !== host[name]).sort();
}

const everything = Object.fromEntries(Object.keys(option).map((name) => [name, true]));

describe("only what was asked for is made", needs("userns"), () => {
  for (const [name, file] of Object.entries(option)) {
    it(`user and ${name}`, async () => {
      const expected = [...new Set(["user", file])].sort();
      assert.deepEqual(await made({ namespace: { user: true, [name]: true } }), expected);
    });
    it(`everything but ${name}`, async () => {
      if (name === "user" && !isRoot) return;
      const expected = files.filter((each) => each !== file).sort();
      assert.deepEqual(await made({ namespace: { ...everything, [name]: false } }), expected);
    });
  }

  it("all together", async () => {
    assert.deepEqual(await made({ namespace: everything }), [...files].sort());
  });

  it("nothing for false, undefined, missing, or no namespace at all", async () => {
    const none = Object.fromEntries(Object.keys(option).map((name) => [name, false]));
    const undefineds = Object.fromEntries(Object.keys(option).map((name) => [name, undefined]));
    for (const container of [{ namespace: none }, { namespace: undefineds }, { namespace: {} }, {}]) {
      assert.deepEqual(await made(container), []);
    }
  });

  it("fs implies a mount namespace, and an empty fs does not", async () => {
    assert.deepEqual(await made({ namespace: { user: true }, fs: [{ type: "tmpfs", to: "/mnt" }] }), [
      "mnt",
      "user",
    ]);
    assert.deepEqual(await made({ namespace: { user: true }, fs: [] }), ["user"]);
  });

  it("root implies a mount namespace", async () => {
    const container = { namespace: { user: true }, root: { from: "host", readonly: true } };
    assert.deepEqual(await made(container), ["mnt", "user"]);
  });
});

describe("user namespace", needs("userns"), () => {
  const container = { namespace: { user: true } };

  it("maps one id: root inside is the caller outside", async () => {
    const maps = await output(
      "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -u; id -g",
      { container },
    );
    const [uids, gids, setgroups, uid, gid] = maps
      .split("\n")
      .map((line) => line.trim().split(/\s+/).join(" "));
    assert.equal(uids, `0 ${process.getuid()} 1`);
    assert.equal(gids, `0 ${process.getgid()} 1`);
    assert.equal(setgroups, "deny");
    assert.deepEqual([uid, gid], ["0", "0"]);
  });

  it("gives the command's files the caller's ids outside", async () => {
    const directory = tempDir();
    await output(`touch ${directory}/file`, { container });
    const { uid, gid } = fs.statSync(`${directory}/file`);
    assert.deepEqual([uid, gid], [process.getuid(), process.getgid()]);
  });
});

describe("pid namespace", needs("userns"), () => {
  it("with a mount namespace, /proc is the container's own", async () => {
    const container = { namespace: { user: true, pid: true, mount: true } };
    const seen = await output("ls /proc | grep -c '^[0-9]*$'; grep NSpid /proc/self/status", { container });
    const [count, nspid] = seen.split("\n");
    assert.ok(Number(count) <= 6, `${count} processes are visible`);
    assert.equal(nspid.trim().split(/\s+/).length, 2, `of an inner /proc one pid is visible: ${nspid}`);
  });

  it("without one, nothing is mounted over the host's /proc", async () => {
    const container = { namespace: { user: true, pid: true } };
    assert.equal(
      await output("cat /proc/self/mountinfo", { container }),
      fs.readFileSync("/proc/self/mountinfo", "utf8").trim(),
    );
  });

  it("container.pid is its pid 1, seen from outside", async () => {
    const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { namespace: { user: true, pid: true } } });
    const seen = status(child.container.pid, "NSpid").trim().split(/\s+/);
    assert.deepEqual([seen[0], seen.at(-1)], [String(child.container.pid), "1"]);
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });
});

describe("uts namespace", needs("userns"), () => {
  const names = "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname";
  const hostnames = () => [
    fs.readFileSync("/proc/sys/kernel/hostname", "utf8"),
    fs.readFileSync("/proc/sys/kernel/domainname", "utf8"),
  ];

  it("has the names that were asked for, and the host keeps its own", async () => {
    const before = hostnames();
    const uts = { hostname: "inside-1", domainname: "example.test" };
    assert.equal(
      await output(names, { container: { namespace: { user: true, uts } } }),
      "inside-1\nexample.test",
    );
    assert.deepEqual(hostnames(), before);
  });

  it("sets one of the two, and takes names of 64 bytes", async () => {
    const [, domainname] = hostnames();
    const hostname = "h".repeat(64);
    const seen = await output(names, { container: { namespace: { user: true, uts: { hostname } } } });
    assert.equal(`${seen}\n`, `${hostname}\n${domainname}`);
  });

  it("with true, begins with the host's names and keeps changes to itself", async () => {
    const before = hostnames();
    const script = `${names}; echo changed > /proc/sys/kernel/hostname; cat /proc/sys/kernel/hostname`;
    const { stdout } = await sh(script, { container: { namespace: { user: true, uts: true } } });
    assert.ok(stdout.startsWith(before.join("")), stdout);
    assert.deepEqual(hostnames(), before);
  });
});

describe("ipc namespace", needs("userns", "ipcmk"), () => {
  const segments = () => fs.readFileSync("/proc/sysvipc/shm", "utf8");

  it("keeps System V objects inside", async () => {
    const before = segments();
    const script = "ipcmk -M 4096 > /dev/null && cat /proc/sysvipc/shm";
    const inside = await output(script, { container: { namespace: { user: true, ipc: true } } });
    assert.equal(inside.split("\n").length, 2, `the control: inside there is exactly one segment\n${inside}`);
    assert.equal(segments(), before);
  });
});

describe("cgroup namespace", needs("userns"), () => {
  it("shows its own cgroup as the root of every hierarchy", async () => {
    const inside = await output("cat /proc/self/cgroup", {
      container: { namespace: { user: true, cgroup: true } },
    });
    for (const line of inside.split("\n")) assert.match(line, /:\/$/);
    assert.equal(
      inside.split("\n").length,
      fs.readFileSync("/proc/self/cgroup", "utf8").trim().split("\n").length,
    );
  });
});

describe("time namespace", needs("userns", "time"), () => {
  const uptime = (text) => Number(text.split(" ")[0]);

  it("moves both clocks", async () => {
    const time = { monotonic: 1000.5, boottime: 86_400 };
    const script = "cat /proc/self/timens_offsets /proc/uptime";
    const seen = await output(script, { container: { namespace: { user: true, time } } });
    const [monotonic, boottime, up] = seen.split("\n");
    assert.deepEqual(monotonic.split(/\s+/), ["monotonic", "1000", "500000000"]);
    assert.deepEqual(boottime.split(/\s+/), ["boottime", "86400", "0"]);
    const ahead = uptime(up) - uptime(fs.readFileSync("/proc/uptime", "utf8"));
    assert.ok(Math.abs(ahead - 86_400) < 5, `${ahead} s ahead`);
  });

  it("takes a negative offset, as far as the clock allows", async () => {
    const now = uptime(fs.readFileSync("/proc/uptime", "utf8"));
    const boottime = -Math.floor(now / 2) - 0.25;
    const container = { namespace: { user: true, time: { boottime } } };
    const ahead = uptime(await output("cat /proc/uptime", { container })) - now;
    assert.ok(Math.abs(ahead - boottime) < 5, `${ahead} s ahead, wanted ${boottime}`);
  });

  it("with true, leaves the clocks as they are", async () => {
    const container = { namespace: { user: true, time: true } };
    const offsets = await output("cat /proc/self/timens_offsets", { container });
    assert.deepEqual(
      offsets.split("\n").map((line) => line.split(/\s+/).slice(1)),
      [
        ["0", "0"],
        ["0", "0"],
      ],
    );
  });
});

describe("network namespace", needs("userns"), () => {
  const program = (text) => [process.execPath, "-e", text];
  const connect = (port) =>
    program(`require("net").connect(${port}, "127.0.0.1", function () { console.log("connected"); this.destroy(); })
      .on("error", (error) => console.log(error.code));`);

  it("has loopback alone, and it is up", async () => {
    const container = { namespace: { user: true, network: true } };
    const devices = await output("cat /proc/net/dev", { container });
    assert.deepEqual(
      devices
        .split("\n")
        .slice(2)
        .map((line) => line.split(":")[0].trim()),
      ["lo"],
    );
    const talk = program(`const net = require("net");
      const server = net.createServer((socket) => socket.end("heard")).listen(0, "127.0.0.1", () =>
        net.connect(server.address().port, "127.0.0.1").on("data", (data) => { console.log(String(data)); process.exit(0); }));`);
    const { stdout, stderr } = await run(talk, { container });
    assert.equal(stdout, "heard\n", stderr);
  });

  it("does not reach the host's loopback; without it, the command does", async () => {
    const server = net.createServer((socket) => socket.destroy());
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    const shut = await run(connect(port), { container: { namespace: { user: true, network: true } } });
    const open = await run(connect(port), { container: { namespace: { user: true, network: false } } });
    await new Promise((resolve) => server.close(resolve));
    assert.equal(shut.stdout, "ECONNREFUSED\n", shut.stderr);
    assert.equal(open.stdout, "connected\n", open.stderr);
  });
});

describe("without a user namespace, an ordinary user", needs("not-root"), () => {
  for (const name of Object.keys(option).filter((each) => each !== "user")) {
    it(`cannot have ${name}: the error says so, and the command never runs`, () => {
      const marker = `${tempDir()}/ran`;
      const container = { namespace: { [name]: true } };
      const error = spawnError({ cmd: ["touch", marker], container }, { code: "EPERM", errno: -1 });
      assert.match(error.message, /user/i, "it says what would help: a user namespace");
      assert.ok(error.hint, "there is a hint");
      assert.ok(!fs.existsSync(marker));
    });
  }
});
