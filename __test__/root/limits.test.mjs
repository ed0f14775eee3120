// Limits of processor and memory on cgroup v1, by their effect.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { cgroupV1, needs } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { within } from "../helpers/processes.mjs";
import { output, run, spawn, spawnError } from "../helpers/run.mjs";
import { script, scriptResult } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const MiB = 1024 * 1024;

/** The directory of a process's cgroup in one v1 hierarchy. */
function cgroupOf(pid, controller) {
  for (const line of fs.readFileSync(`/proc/${pid}/cgroup`, "utf8").trim().split("\n")) {
    const [, controllers, path] = line.split(":");
    if (controllers.split(",").includes(controller)) return `${cgroupV1(controller)}${path}`;
  }
  return null;
}

const gone = async (...directories) =>
  assert.ok(
    await within(2000, () => directories.every((each) => !fs.existsSync(each))),
    `left: ${directories}`,
  );

describe("memory", needs("cgroup-v1", "payload"), () => {
  for (const [kind, namespace] of Object.entries({
    "with init": { user: true, pid: true },
    "as root, with init": { pid: true },
    "with no namespace": {},
  })) {
    it(`kills what takes more, and not what takes less, ${kind}`, async () => {
      const container = { namespace, limit: { memory: 64 * MiB } };
      const big = await run([payload("probe"), "eat", "256"], { container });
      assert.deepEqual(
        [big.child.signalCode, big.child.exitCode, big.code],
        ["SIGKILL", null, 137],
        big.stderr,
      );
      const small = await run([payload("probe"), "eat", "16"], { container });
      assert.deepEqual([small.stdout, small.code], ["ate\n", 0]);
    });
  }

  it("takes the spellings 64M and ram", async () => {
    for (const limit of [{ memory: "64M" }, { ram: 64 * MiB }, { ram: "65536K" }]) {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { limit } });
      const directory = cgroupOf(child.pid, "memory");
      assert.equal(fs.readFileSync(`${directory}/memory.limit_in_bytes`, "utf8").trim(), String(64 * MiB));
      child.stdin.end();
      await child.exited;
      await gone(directory);
    }
  });

  it("without a limit, the same command has all it takes: the control", async () => {
    const { stdout, code } = await run([payload("probe"), "eat", "256"], {
      container: { namespace: { user: true } },
    });
    assert.deepEqual([stdout, code], ["ate\n", 0]);
  });

  it("so small that nothing can start hurts the child, never the parent", async () => {
    const source = `
      const ends = [];
      for (const memory of given) {
        for (const namespace of [{}, { pid: true, mount: true }, { user: true, pid: true, mount: true, network: true }]) {
          try {
            const child = spawn({ cmd: ["sh", "-c", "head -c 67108864 /dev/zero | tail > /dev/null; echo survived"], container: { namespace, limit: { memory } } });
            const text = await child.stdout.text();
            ends.push([memory, await child.exited, text]);
          } catch (error) { ends.push([memory, error.code, ""]); }
        }
      }
      say(ends);`;
    const sizes = [4096, 8192, 65_536, 262_144, MiB];
    const { code, signal, said, stderr } = await scriptResult(source, { given: sizes });
    assert.deepEqual([code, signal], [0, null], `the parent lives\n${stderr}`);
    const ends = said.at(-1);
    assert.equal(ends.length, sizes.length * 3);
    for (const [memory, end, text] of ends) {
      if (memory < 262_144) assert.notEqual(end, 0, `${memory} bytes are not enough for a shell`);
      else if (end === 0) assert.equal(text, "survived\n");
    }
  });
});

describe("cpu", needs("cgroup-v1", "payload"), () => {
  const share = async (container) =>
    Number((await run([payload("probe"), "spin", "700"], { container })).stdout) / 700;

  it("50 gives about half of one processor, and 20 a fifth", { timeout: 60_000 }, async () => {
    const limited = (cpu) => share({ namespace: { pid: true }, limit: { cpu } });
    // Other work on the machine takes time away too, so what is compared is the best of a few.
    const best = { half: 0, fifth: 0, free: 0 };
    for (let round = 0; round < 4 && !(best.half > 0.35 && best.fifth > 0.12 && best.free > 0.65); round++) {
      best.half = Math.max(best.half, await limited(50));
      best.fifth = Math.max(best.fifth, await limited(20));
      best.free = Math.max(best.free, await share({ namespace: { pid: true } }));
    }
    const { half, fifth, free } = best;
    assert.ok(half > 0.2 && half < 0.65 && fifth > 0.08 && fifth < 0.33, JSON.stringify(best));
    assert.ok(free > fifth * 1.5, `the control: ${free} without a limit`);
  });

  it("takes fractions, and more than one processor", async () => {
    for (const cpu of [1, 12.5, 150, 400]) {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { limit: { cpu } } });
      const directory = cgroupOf(child.pid, "cpu");
      const read = (name) => Number(fs.readFileSync(`${directory}/${name}`, "utf8"));
      const percent = (read("cpu.cfs_quota_us") / read("cpu.cfs_period_us")) * 100;
      assert.ok(Math.abs(percent - cpu) < cpu / 50, `${percent} % for ${cpu}`);
      child.stdin.end();
      await child.exited;
      await gone(directory);
    }
  });
});

describe("the cgroup", needs("cgroup-v1"), () => {
  const start = (options) =>
    spawn({
      cmd: ["cat"],
      stdin: "pipe",
      container: { namespace: { pid: true }, limit: { memory: "64M", cpu: 100 } },
      ...options,
    });

  it("is one of its own for each of two containers, and each is gone after its end", async () => {
    const [first, second] = [start(), start()];
    const directories = [first, second].map((child) => [
      cgroupOf(child.container.pid, "memory"),
      cgroupOf(child.container.pid, "cpu"),
    ]);
    assert.notEqual(directories[0][0], directories[1][0]);
    for (const directory of directories.flat()) assert.notEqual(directory, cgroupOf(process.pid, "memory"));
    for (const child of [first, second]) assert.equal(typeof child.container.cgroup, "string");
    assert.notEqual(first.container.cgroup, second.container.cgroup);
    first.stdin.end();
    assert.equal(await first.exited, 0);
    await gone(...directories[0]);
    assert.ok(fs.existsSync(directories[1][0]), "the other's stays, and so does the other");
    assert.equal(second.exitCode, null);
    second.stdin.end();
    assert.equal(await second.exited, 0);
    await gone(...directories[1]);
  });

  it("is there neither without a limit nor for an empty one", async () => {
    for (const limit of [undefined, {}, { memory: undefined, cpu: undefined }]) {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { namespace: { pid: true }, limit } });
      assert.equal(child.container.cgroup, null);
      assert.equal(
        fs.readFileSync(`/proc/${child.container.pid}/cgroup`, "utf8"),
        fs.readFileSync("/proc/self/cgroup", "utf8"),
      );
      child.stdin.end();
      await child.exited;
    }
  });

  it("is the root of the container's cgroup namespace", async () => {
    const container = { namespace: { pid: true, cgroup: true }, limit: { memory: "64M" } };
    for (const line of (await output("cat /proc/self/cgroup", { container })).split("\n"))
      assert.match(line, /:\/$/);
  });

  it("holds every process of the container, and is gone after all of them were killed", async () => {
    const container = { namespace: { user: true, pid: true }, limit: { memory: "64M" } };
    const child = spawn({
      cmd: ["sh", "-c", "for i in 1 2 3 4 5; do setsid sleep 60 & done; wait"],
      container,
    });
    const directory = cgroupOf(child.container.pid, "memory");
    const members = () => fs.readFileSync(`${directory}/cgroup.procs`, "utf8").trim().split("\n").length;
    assert.ok(await within(2000, () => members() === 7), `${members()} processes: init, the shell, five`);
    child.kill("SIGKILL");
    await child.exited;
    await gone(directory);
  });

  it("is gone after a set-up that fails, and after a command that cannot be run", async () => {
    const before = fs.readdirSync(cgroupV1("memory")).sort();
    const limit = { memory: "64M", cpu: 50 };
    spawnError({ cmd: ["/no/such/command"], container: { limit } }, { code: "ENOENT" });
    spawnError(
      { cmd: ["true"], container: { limit, fs: [{ type: "bind", from: "/no/such/source", to: "/mnt" }] } },
      { code: "ENOENT" },
    );
    await within(2000, () => fs.readdirSync(cgroupV1("memory")).length === before.length);
    assert.deepEqual(fs.readdirSync(cgroupV1("memory")).sort(), before);
  });

  it("is gone after the parent has died", async () => {
    const source = `
      const child = spawn({ cmd: ["sleep", "60"], container: { namespace: { pid: true }, limit: { memory: "64M" } } });
      say(fs.readFileSync("/proc/" + child.container.pid + "/cgroup", "utf8"));
      process.kill(process.pid, "SIGKILL");`;
    const { said } = await scriptResult(source);
    const path = /memory:(.*)/.exec(said[0])[1];
    assert.match(path, /container-spawn/, "the name says whose it is");
    const directory = `${cgroupV1("memory")}${path}`;
    // Nobody is left who could remove it: a next container does, once the processes in it have died.
    const next = async () => {
      await run(["true"], { container: { limit: { memory: "64M" } } });
      return !fs.existsSync(directory);
    };
    try {
      assert.ok(await within(3000, next), `left: ${directory}`);
    } finally {
      if (fs.existsSync(directory)) fs.rmdirSync(directory);
    }
  });

  it("is joined by the cheap way: explain shows `tasks`, not `cgroup.procs`", async () => {
    const { explain } = await import("../helpers/run.mjs");
    const plan = String(explain({ cmd: ["true"], container: { limit: { memory: "64M" } } }));
    assert.match(plan, /tasks/);
    assert.doesNotMatch(plan, /cgroup\.procs/);
  });
});

describe("a limit that cannot be put in force", needs("not-root"), () => {
  for (const limit of [{ memory: "64M" }, { cpu: 50 }]) {
    it(`is an error: ${JSON.stringify(limit)}`, () => {
      const marker = `${tempDir()}/ran`;
      for (const namespace of [{}, { user: true, pid: true }]) {
        const error = spawnError({ cmd: ["touch", marker], container: { namespace, limit } });
        assert.match(error.code, /^(EACCES|EPERM|EROFS|ERR_[A-Z_]+)$/);
        assert.match(error.option, /^container\.limit/);
        assert.ok(error.hint, "there is a hint");
        assert.ok(!fs.existsSync(marker));
      }
    });
  }
});

describe("a limit whose file refuses it", needs("cgroup-v1", "unshare"), () => {
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
    assert.equal(error.code, "EROFS", JSON.stringify(error));
    assert.match(error.option, /^container\.limit/);
    assert.ok(!fs.existsSync(marker));
  });
});
