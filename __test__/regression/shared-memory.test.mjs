// What a child that shares the parent's memory, descriptors' copies or credentials could do to the parent.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { script } from "../helpers/script.mjs";

leaveNothing();

describe("descriptors of others", needs("userns"), () => {
  it("are not closed by thousands of quick starts between somebody else's", {
    timeout: 120_000,
  }, async () => {
    // A pidfd that is closed before it leaves the epoll set reports again, and what then closes its number
    // closes a stranger's file.
    const source = `
      import { isMainThread, Worker, parentPort } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      import { spawn as plain } from "node:child_process";
      const content = "the content that must be read ".repeat(50);
      if (isMainThread) {
        const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
        let wrong = null;
        worker.on("message", (message) => { wrong = message; }).on("error", (error) => { wrong = String(error); });
        let count = 0;
        let foreign = 0;
        const one = async (container) => {
          for (let round = 0; round < given.rounds; round++) {
            const child = spawn({ cmd: ["true"], stdout: "ignore", stderr: "ignore", container });
            if ((await child.exited) === 0) count++;
          }
        };
        const theirs = async () => {
          for (let round = 0; round < given.rounds / 8; round++) {
            const code = await new Promise((resolve, reject) => plain("sh", ["-c", "exit 7"]).on("exit", resolve).on("error", reject));
            if (code === 7) foreign++;
          }
        };
        await Promise.all([one(undefined), one(undefined), one({ namespace: { user: true, pid: true } }), one({ namespace: { user: true } }), theirs()]);
        await worker.terminate();
        say({ count, foreign, wrong });
      } else {
        const file = process.argv[1] + "." + process.pid;
        fs.writeFileSync(file, content);
        const step = () => {
          for (let round = 0; round < 20; round++) {
            const fd = fs.openSync(file, "r");
            const read = fs.readFileSync(fd, "utf8");
            fs.closeSync(fd);
            if (read !== content) return parentPort.postMessage("read something else");
          }
          setImmediate(step);
        };
        step();
      }`;
    const rounds = Number(process.env.CONTAINER_SPAWN_STRESS ?? 240);
    const { count, foreign, wrong } = await script(source, { given: { rounds }, timeout: 110_000 });
    assert.deepEqual(
      { count, foreign, wrong },
      { count: rounds * 4, foreign: Math.ceil(rounds / 8), wrong: null },
    );
  });
});

describe("the parent stays dumpable", needs("userns"), () => {
  it(
    "as an ordinary user: /proc/self stays its own, and it can start again and again",
    needs("not-root"),
    async () => {
      const source = `
      // It is put back by another thread, a moment after the child has left our memory.
      const owner = async () => {
        for (let tries = 0; tries < 100; tries++) {
          if (fs.statSync("/proc/self/environ").uid === process.getuid()) break;
          await delay(5);
        }
        return fs.statSync("/proc/self/environ").uid;
      };
      const owners = [await owner()];
      for (let round = 0; round < 3; round++) {
        for (const namespace of [{ user: true }, { user: true, pid: true, mount: true }, { user: true, pid: { init: false } }]) {
          const first = spawn({ cmd: ["true"], container: { namespace } });
          await Promise.all([first.exited, spawn({ cmd: ["true"], container: { namespace } }).exited]);
          owners.push(await owner());
          try { spawn({ cmd: ["/no/such/command"], container: { namespace } }); } catch {}
          owners.push(await owner());
        }
      }
      say([process.getuid(), [...new Set(owners)]]);`;
      const [uid, owners] = await script(source);
      assert.deepEqual(owners, [uid]);
    },
  );

  it("as root, after a child has changed to another user", needs("root", "setpriv"), async () => {
    // Without CAP_SYS_PTRACE, even root reads the environment of a process only while that is dumpable.
    const source = `
      import { spawnSync } from "node:child_process";
      const readable = () => {
        for (let tries = 0; tries < 20; tries++) if (spawnSync("cat", ["/proc/" + process.pid + "/environ"]).status === 0) return true;
        return false;
      };
      const seen = [readable()];
      const other = { uid: 65534, gid: 65534 };
      await spawn({ cmd: ["true"], ...other }).exited;
      seen.push(readable());
      await spawn({ cmd: ["true"], ...other, container: { namespace: { pid: true, mount: true } } }).exited;
      seen.push(readable());
      const map = [{ inside: 0, outside: 100000, length: 10 }];
      await spawn({ cmd: ["true"], container: { namespace: { user: { uid_map: map, gid_map: map }, pid: true, mount: true } } }).exited;
      seen.push(readable());
      try { spawn({ cmd: ["/no/such/command"], ...other, container: { namespace: { pid: true } } }); } catch {}
      seen.push(readable());
      say(seen);`;
    const wrapper = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"];
    assert.deepEqual(await script(source, { wrapper }), [true, true, true, true, true]);
  });

  it("and a process that is not dumpable is not made so", needs("root", "setpriv"), async () => {
    const source = `
      import { spawnSync } from "node:child_process";
      const readable = () => spawnSync("cat", ["/proc/" + process.pid + "/environ"]).status === 0;
      process.setegid(65534); process.seteuid(65534);
      const seen = [readable()];
      await spawn({ cmd: ["true"], container: { namespace: {} } }).exited;
      seen.push(readable());
      say(seen);`;
    const wrapper = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace"];
    assert.deepEqual(await script(source, { wrapper }), [false, false]);
  });
});

describe("what a child sets for itself", needs("userns"), () => {
  it("does not arrive in the parent: mask, umask, cwd, session, limits, score", async () => {
    const source = `
      const own = () => ({
        status: fs.readFileSync("/proc/self/status", "utf8").match(/^(Umask|SigBlk|SigIgn|SigCgt|NoNewPrivs|Uid|Gid|Groups|CapEff|Seccomp):.*$/gm),
        cwd: process.cwd(), session: fs.readFileSync("/proc/self/stat", "utf8").split(" ").slice(4, 6),
        limits: fs.readFileSync("/proc/self/limits", "utf8"), score: fs.readFileSync("/proc/self/oom_score_adj", "utf8"),
        name: fs.readFileSync("/proc/self/comm", "utf8"), root: fs.readlinkSync("/proc/self/root"), mounts: fs.readFileSync("/proc/self/mountinfo", "utf8"),
      });
      await spawn({ cmd: ["true"] }).exited;
      const before = own();
      const all = { user: true, pid: true, mount: true, network: true, uts: { hostname: "box" }, ipc: true, cgroup: true };
      await spawn({ cmd: ["true"], detached: true, cwd: "/", container: { namespace: all, fs: [{ type: "tmpfs", to: "/mnt" }], root: { from: "host", readonly: true } } }).exited;
      try { spawn({ cmd: ["/no/such/command"], detached: true, cwd: "/", container: { namespace: all } }); } catch {}
      assert.deepEqual(own(), before);
      say("as before");`;
    assert.equal(await script(source), "as before");
  });
});
