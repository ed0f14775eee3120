// The seventeen bugs and holes of the earlier attempt at this, one test each, by their numbers.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { ownMounts } from "../helpers/modes.mjs";
import { cgroupV1, has, needs } from "../helpers/must.mjs";
import { childrenOf, delay, mark, sleepers, state, within } from "../helpers/processes.mjs";
import { failure, output, sh, spawn, spawnError } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

const user = { user: true };
const link = (name) => fs.readlinkSync(`/proc/self/ns/${name}`);
const inside = (name, container) => output(`readlink /proc/self/ns/${name}`, { container });

describe("bug", needs("userns"), () => {
  it("1: errors of exec, chdir and dup were lost; a missing command gave a pid that exited with 127", () => {
    const container = { namespace: { user: true, pid: true, mount: true } };
    spawnError({ cmd: ["/no/such/command"], container }, { code: "ENOENT", path: "/no/such/command" });
    spawnError({ cmd: ["true"], cwd: "/no/such/cwd", container }, { code: "ENOENT", path: "/no/such/cwd" });
    spawnError({ cmd: ["true"], stdout: 987, container }, { code: "EBADF" });
    assert.deepEqual(childrenOf(process.pid), []);
  });

  it("2: false made the namespace, mount was ignored, root alone ran the command on the host's root", async () => {
    assert.equal(await inside("net", { namespace: { user: true, network: false } }), link("net"));
    assert.equal(await inside("user", { namespace: { user: false } }), link("user"));
    assert.notEqual(await inside("mnt", { namespace: { user: true, mount: true } }), link("mnt"));
    const root = tempTree({ only: "this" });
    const { userland } = await import("../helpers/userland.mjs");
    assert.equal(
      (await output("ls /", { container: { namespace: user, root, fs: userland } }))
        .split("\n")
        .includes("only"),
      true,
    );
    spawnError({ cmd: ["/bin/sh"], container: { namespace: user, root } }, { code: "ENOENT" });
  });

  it("3: set-up errors collapsed into one number, and their text was thrown away", () => {
    const error = spawnError({
      cmd: ["true"],
      container: {
        namespace: user,
        fs: [
          { type: "tmpfs", to: "/mnt" },
          { type: "bind", from: "/no/such", to: "/mnt/x" },
        ],
      },
    });
    assert.deepEqual([error.code, error.option, error.path], ["ENOENT", "container.fs[1]", "/no/such"]);
    assert.ok(error.syscall);
  });

  it("4: without private propagation, mounts reached the host", needs("unshare"), async () => {
    const wrapper = [...ownMounts, "sh", "-c", 'mount --make-rshared / && exec "$@"', "sh"];
    const source = `
      const info = () => fs.readFileSync("/proc/self/mountinfo", "utf8");
      const before = info();
      const same = [];
      for (const namespace of [{}, { user: true }]) {
        const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { namespace, fs: [{ type: "tmpfs", to: "/mnt" }, { type: "bind", from: "/usr", to: "/mnt/usr" }] } });
        same.push(info() === before);
        child.stdin.end();
        await child.exited;
      }
      say([/shared:/.test(before), ...same, info() === before]);`;
    assert.deepEqual(await script(source, { wrapper }), [true, true, true, true]);
  });

  it(
    "5: a read-only bind whose remount failed was silently writable; locked flags must be kept",
    needs("unshare"),
    async () => {
      const from = tempTree({ locked: null });
      // nosuid, nodev, noexec and noatime of a mount from outside are locked inside a user namespace.
      const locked = [
        ...ownMounts,
        "sh",
        "-c",
        'mount -t tmpfs -o nosuid,nodev,noexec,noatime l "$0" && exec "$@"',
        `${from}/locked`,
      ];
      const source = `
      const { sh } = await helper("run");
      const { stderr, stdout } = await sh("grep ' /mnt ' /proc/self/mountinfo; echo x > /mnt/file", { container: { namespace: { user: true }, fs: [{ type: "bind", from: given, to: "/mnt", readonly: true }] } });
      say([stdout, stderr]);`;
      const [stdout, stderr] = await script(source, { wrapper: locked, given: `${from}/locked` });
      assert.match(stderr, /Read-only file system/);
      const flags = stdout.split(" ")[5].split(",");
      for (const flag of ["ro", "nosuid", "nodev", "noexec", "noatime"])
        assert.ok(flags.includes(flag), String(flags));
    },
  );

  it("6: a bind that is not recursive is refused where mounts below are locked", async () => {
    for (const from of ["/", "/proc", "/dev"].filter((each) => fs.existsSync(each))) {
      const { code, stderr } = await sh("ls /mnt > /dev/null", {
        container: { namespace: user, fs: [{ type: "bind", from, to: "/mnt", readonly: true }] },
      });
      assert.equal(code, 0, `${from}: ${stderr}`);
    }
  });

  it("7: mount points were made on the host and never removed, and parents only for overlays", async () => {
    const host = tempDir();
    const fs_ = [
      { type: "tmpfs", to: `${host}/a/b/c` },
      { type: "bind", from: "/usr", to: `${host}/d/e/f`, readonly: true },
    ];
    await output(`test -d ${host}/a/b/c && test -d ${host}/d/e/f/bin`, {
      container: { namespace: user, fs: fs_ },
    });
    await within(1000, () => fs.readdirSync(host).length === 0);
    assert.deepEqual(contents(host), {});
  });

  it("8: the set-up was also done in the parent, in the host's namespace", async () => {
    const before = fs.readFileSync("/proc/self/mountinfo", "utf8");
    const hostname = fs.readFileSync("/proc/sys/kernel/hostname", "utf8");
    const child = spawn({
      cmd: ["cat"],
      stdin: "pipe",
      container: {
        namespace: { user: true, uts: { hostname: "other" } },
        fs: [{ type: "tmpfs", to: "/mnt" }],
      },
    });
    assert.equal(fs.readFileSync("/proc/self/mountinfo", "utf8"), before);
    assert.equal(fs.readFileSync("/proc/sys/kernel/hostname", "utf8"), hostname);
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });

  it(
    "9: two containers of one second shared a cgroup, and limits that failed were ignored",
    needs("cgroup-v1"),
    async () => {
      const start = () => spawn({ cmd: ["cat"], stdin: "pipe", container: { limit: { memory: "64M" } } });
      const children = Array.from({ length: 5 }, start);
      assert.equal(new Set(children.map((child) => child.container.cgroup)).size, 5);
      const own = (child) => /memory:(.*)/.exec(fs.readFileSync(`/proc/${child.pid}/cgroup`, "utf8"))[1];
      assert.equal(new Set(children.map(own)).size, 5);
      const directories = children.map((child) => `${cgroupV1("memory")}${own(child)}`);
      children[0].kill("SIGKILL");
      await children[0].exited;
      await delay(50);
      assert.ok(
        children.slice(1).every((child) => child.exitCode === null && child.signalCode === null),
        "the others live",
      );
      for (const child of children.slice(1)) child.stdin.end();
      await Promise.all(children.map((child) => child.exited));
      assert.ok(await within(2000, () => directories.every((each) => !fs.existsSync(each))));
      assert.ok(failure({ cmd: ["true"], container: { limit: { cpu: -5 } } }) instanceof RangeError);
    },
  );

  it("10: descriptors were closed twice, which closes somebody else's", async () => {
    const held = [];
    for (let round = 0; round < 100; round++) {
      held.push(fs.openSync("/dev/null", "r"));
      const child = spawn({
        cmd: ["true"],
        stdin: "pipe",
        stderr: "pipe",
        container: { namespace: { user: true, pid: true } },
      });
      held.push(fs.openSync("/dev/null", "r"));
      failure({
        cmd: ["/no/such/command"],
        stdin: "pipe",
        container: { namespace: { user: true, pid: true } },
      });
      held.push(fs.openSync("/dev/null", "r"));
      child.stdin.end();
      await child.exited;
      await Promise.all([child.stdout.text(), child.stderr.text()]);
    }
    for (const fd of held) {
      assert.equal(fs.readlinkSync(`/proc/self/fd/${fd}`), "/dev/null");
      fs.closeSync(fd);
    }
  });

  it(
    "11: paths were cut at 256 bytes, overlay options at 4096, and nothing was escaped",
    needs("overlay"),
    async () => {
      const deep = Array.from({ length: 8 }, (_, index) => `${index}:,\\${"d".repeat(120)}`).join("/");
      const names = Array.from({ length: 12 }, (_, index) => `${index}/${deep}`);
      const base = tempTree(
        Object.fromEntries(names.map((name, index) => [`${name}/file-${index}`, `${index}`])),
      );
      const lower = names.map((name) => `${base}/${name}`);
      assert.ok(lower.join(":").length > 4096 * 2);
      const container = { namespace: user, fs: [{ type: "overlayfs", to: "/mnt", lower }] };
      assert.equal(await output("ls /mnt | wc -l; cat /mnt/file-0 /mnt/file-11", { container }), "12\n011");
    },
  );

  it("12: memory was allocated in the forked child of a process with threads: it could wait for ever", async () => {
    const source = `
      import { isMainThread, Worker, parentPort } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      if (isMainThread) {
        const workers = [0, 1].map(() => new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) }));
        await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
        let good = 0;
        for (let round = 0; round < 150; round++) {
          const child = spawn({ cmd: ["true"], container: { namespace: { user: true, pid: true, mount: true }, fs: [{ type: "tmpfs", to: "/mnt" }] } });
          if ((await child.exited) === 0) good++;
        }
        say(good);
        process.exit(0);
      } else {
        parentPort.postMessage("allocating");
        for (;;) { globalThis.kept = Array.from({ length: 2000 }, (_, index) => ({ index, text: "x".repeat(index % 50) })); globalThis.buffer = Buffer.alloc(1 << 20); }
      }`;
    assert.equal(await script(source, { timeout: 60_000 }), 150);
  });

  it("13: the death signal came when a thread ended, and was lost when the ids changed", async () => {
    const text = mark();
    const source = `
      import { isMainThread, Worker } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      if (isMainThread) {
        const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
        await new Promise((resolve) => worker.once("exit", resolve));
        say("the thread has ended");
        process.stdin.once("data", () => process.kill(process.pid, "SIGKILL"));
      } else {
        const ids = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
        spawn({ cmd: ["sleep", given], stdout: "ignore", stderr: "ignore", container: { namespace: process.getuid() === 0 ? { mount: true } : { user: true, mount: true } }, ...ids });
        setTimeout(() => process.exit(0), 20);
      }`;
    const { start } = await import("../helpers/script.mjs");
    const program = start(source, { given: text, stdio: ["pipe", "pipe", "pipe"] });
    await program.said();
    await delay(150);
    assert.equal(sleepers(text).length, 1, "it lives on after its thread");
    program.process.stdin.write("end\n");
    await program.ended;
    assert.ok(
      await within(2000, () => sleepers(text).length === 0),
      "and dies with the process, whatever its ids",
    );
  });

  it("14: the command was pid 1: SIGTERM did nothing, and zombies stayed", async () => {
    const child = spawn({
      cmd: ["sh", "-c", "(sh -c 'sleep 0.02' &); exec sleep 60"],
      container: { namespace: { user: true, pid: true } },
    });
    await delay(150);
    assert.equal(childrenOf(child.container.pid).filter((pid) => state(pid) === "Z").length, 0);
    child.kill();
    assert.deepEqual([await child.exited, child.signalCode], [143, "SIGTERM"]);
  });

  it("15: a cwd that could not be entered was passed over", () => {
    const marker = `${tempDir()}/ran`;
    for (const namespace of [user, { user: true, pid: true, mount: true }]) {
      spawnError(
        { cmd: ["touch", marker], cwd: "/no/such/cwd", container: { namespace } },
        { code: "ENOENT", option: "cwd" },
      );
    }
    assert.ok(!fs.existsSync(marker));
  });

  it("16: an overlay of one lower and no upper, which the kernel refuses", needs("overlay"), async () => {
    const lower = [tempTree({ file: "alone" })];
    const container = { namespace: user, fs: [{ type: "overlayfs", to: "/mnt", lower }] };
    assert.equal(await output("cat /mnt/file", { container }), "alone");
  });

  it("17: what was not there at all: of that, what is here now", async () => {
    const namespace = {
      user: true,
      pid: true,
      mount: true,
      uts: { hostname: "box", domainname: "test" },
      ipc: true,
      cgroup: true,
      ...(has("time") ? { time: { boottime: 1000 } } : {}),
    };
    const names = ["uts", "ipc", "cgroup", ...(has("time") ? ["time"] : [])];
    for (const name of names) assert.notEqual(await inside(name, { namespace }), link(name), name);
    const seen = await output("cat /proc/sys/kernel/hostname; grep NoNewPrivs /proc/self/status", {
      container: { namespace },
    });
    assert.equal(seen, "box\nNoNewPrivs:\t1");
    // What is not here yet is refused by name: it is never left out in silence.
    for (const [option, value] of [
      ["seccomp", "default"],
      ["capabilities", "none"],
      ["landlock", {}],
    ]) {
      const error = failure({ cmd: ["true"], container: { security: { [option]: value } } });
      assert.match(error.message, new RegExp(`container\\.security\\.${option}`));
    }
    assert.match(
      failure({ cmd: ["true"], container: { namespace: { network: { mode: "bridge" } } } }).message,
      /container\.namespace\.network/,
    );
    assert.match(
      failure({ cmd: ["true"], container: { namespace: { pid: { join: 1 } } } }).message,
      /container\.namespace\.pid/,
    );
  });
});
