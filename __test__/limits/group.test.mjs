// The control group of a container: its own, and gone with it, however it ends.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { expectedManager, groupOf, groupsMadeBy, version } from "../helpers/cgroups.mjs";
import {
  finish,
  gone,
  groups,
  kinds,
  leaveNoGroups,
  PATIENCE,
  script as shell,
  start,
} from "../helpers/limits.mjs";
import { isRoot, needs } from "../helpers/must.mjs";
import { delay, mark, sleepers, within } from "../helpers/processes.mjs";
import { output, run, spawnError } from "../helpers/run.mjs";
import { start as begin, script, scriptResult } from "../helpers/script.mjs";
import { snapshot } from "../helpers/snapshot.mjs";

leaveNoGroups();

const limit = { memory: "64M", cpu: 100, pids: 50 };
const waiting = (options) => start(["cat"], limit, { stdin: "pipe", ...options });

describe("the group", needs("limits"), () => {
  it("is as the handle says", async () => {
    for (const namespace of Object.values(kinds)) {
      const child = waiting({ namespace });
      const { cgroup, isolation } = child.container;
      const kernels = ["memory", "cpu", "pids"].map((name) => groupOf(child.container.pid, name));
      for (const each of kernels)
        assert.ok(isolation.cgroups.includes(each), `${each} in ${isolation.cgroups}`);
      assert.ok(isolation.cgroups.includes(cgroup));
      assert.equal(isolation.cgroupVersion, version);
      if (expectedManager !== undefined) assert.equal(isolation.cgroupManager, expectedManager);
      else assert.match(isolation.cgroupManager, /^(cgroupfs|systemd)$/);
      child.stdin.end();
      await child.exited;
    }
  });

  it("is one of its own for each of two containers, and each is gone after its end", async () => {
    const [first, second] = [waiting(), waiting()];
    const directories = [first, second].map((child) => groups(child));
    const own = ["memory", "cpu", "pids"].map((name) => groupOf("self", name));
    for (const each of directories.flat()) assert.ok(!own.includes(each), each);
    for (const each of directories[0]) assert.ok(!directories[1].includes(each), each);
    assert.notEqual(first.container.cgroup, second.container.cgroup);
    first.stdin.end();
    assert.equal(await first.exited, 0);
    await gone(...directories[0]);
    assert.ok(
      directories[1].every((each) => fs.existsSync(each)),
      "the other's stays, and so does the other",
    );
    assert.equal(second.exitCode, null);
    second.stdin.end();
    assert.equal(await second.exited, 0);
    await gone(...directories[1]);
  });

  it("is one of its own for each of fifty at once", { timeout: 120_000 }, async () => {
    const children = Array.from({ length: 50 }, () => waiting());
    const kernels = children.map((child) => groupOf(child.container.pid, "memory"));
    assert.equal(new Set(kernels).size, 50);
    assert.equal(new Set(children.map(({ container }) => container.cgroup)).size, 50);
    const all = children.flatMap((child) => groups(child));
    for (const child of children) child.stdin.end();
    assert.deepEqual(await Promise.all(children.map((child) => child.exited)), Array(50).fill(0));
    await gone(...all);
  });

  it("holds every process of the container, and is gone after all of them were killed", async () => {
    const text = mark();
    const child = start(shell(`for i in 1 2 3 4 5; do setsid sleep ${text} & done; wait`), limit);
    const all = groups(child);
    const group = groupOf(child.container.pid, "memory");
    const members = () => fs.readFileSync(`${group}/cgroup.procs`, "utf8").trim().split("\n").length;
    const count = child.container.isolation.init ? 7 : 6;
    assert.ok(await within(PATIENCE, () => members() === count), `${members()} processes`);
    child.kill("SIGKILL");
    await child.exited;
    await gone(...all);
    assert.deepEqual(sleepers(text), []);
  });

  it("is the root of the container's cgroup namespace", async () => {
    // An ordinary user may make one in a user namespace only.
    const mayBeMade = ({ user }) => isRoot || user;
    for (const namespace of Object.values(kinds).filter(mayBeMade)) {
      const container = { namespace: { ...namespace, cgroup: true }, limit };
      const lines = (await output("cat /proc/self/cgroup", { container })).split("\n");
      assert.ok(lines.length > 0);
      // Hierarchies without a controller of ours show this process's group as the root, which is right as well.
      for (const line of lines) assert.match(line, /:\/$/);
    }
    const without = await output("cat /proc/self/cgroup", { container: { limit } });
    assert.match(without, /:\/.*container-spawn/, "the control");
  });

  it("is gone after a set-up that fails, and after a command that cannot be run", async () => {
    const before = snapshot().cgroups;
    for (const namespace of Object.values(kinds)) {
      spawnError({ cmd: ["/no/such/command"], container: { namespace, limit } }, { code: "ENOENT" });
      const fsEntries = [{ type: "bind", from: "/no/such/source", to: "/mnt" }];
      spawnError({ cmd: ["true"], container: { namespace, limit, fs: fsEntries } });
      spawnError({ cmd: ["true"], cwd: "/no/such/directory", container: { namespace, limit } });
    }
    assert.ok(
      await within(PATIENCE, () => snapshot().cgroups.length === before.length),
      `${snapshot().cgroups}`,
    );
    assert.deepEqual(snapshot().cgroups, before);
  });
});

describe("a group with groups of the container's own in it", needs("limits"), () => {
  // Into a group below its own; the kernel says where that is, v1 through the hierarchy of memory.
  const nested = (rest) => `
    base=${version === 1 ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup"}
    own=$base$(sed -n 's/^[0-9]*:${version === 1 ? "memory" : ""}://p' /proc/self/cgroup)
    mkdir -p "$own/inner/deeper" && echo $$ > "$own/inner/deeper/cgroup.procs" && echo nested
    ${rest}`;

  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`is gone with them when the command ends, ${kind}`, async () => {
      const text = mark();
      const child = start(shell(nested(`setsid sleep ${text} >/dev/null & exit 0`)), limit, { namespace });
      const all = groups(child);
      const { end, stdout } = await finish(child);
      assert.deepEqual([end, stdout], [[0, null, "exited"], "nested\n"]);
      await gone(...all);
      assert.deepEqual(sleepers(text), []);
    });

    it(`is gone with them when it is killed, also while it is paused, ${kind}`, async () => {
      for (const isPaused of [false, true]) {
        const text = mark();
        const child = start(shell(nested(`setsid sleep ${text} & wait`)), limit, { namespace });
        const all = groups(child);
        assert.ok(await within(PATIENCE, () => sleepers(text).length === 1));
        assert.match(groupOf(sleepers(text)[0], "memory"), /\/inner\/deeper$/, "it is in there");
        if (isPaused) await child.container.pause();
        await child.container.kill();
        assert.deepEqual(sleepers(text), []);
        await gone(...all);
      }
    });
  }
});

describe("a group whose parent process has died", needs("limits"), () => {
  // `given.prepare` may be "pause".
  const source = `
    const child = spawn({
      cmd: ["sh", "-c", "trap '' TERM HUP; setsid sleep " + given.text + " & (setsid sleep " + given.text + " &) ; sleep " + given.text],
      stderr: "ignore",
      container: { namespace: given.namespace, limit: { memory: "64M", pids: 50 } },
    });
    const { sleepers, within } = await helper("processes");
    const { groupsOf } = await helper("cgroups");
    assert.ok(await within(30000, () => sleepers(given.text).length === 3));
    const groups = [...new Set([...groupsOf(child.container.pid), ...child.container.isolation.cgroups])];
    if (given.prepare === "pause") await child.container.pause();
    say([process.pid, groups]);
    process.kill(process.pid, "SIGKILL");`;

  for (const [kind, namespace] of Object.entries(kinds)) {
    for (const prepare of ["nothing", "pause"]) {
      const what = prepare === "pause" ? "a paused container" : "a container";
      it(`is gone after the next spawn, with all that is left of ${what}, ${kind}`, {
        timeout: 120_000,
      }, async () => {
        const text = mark();
        const { said, signal, stderr } = await scriptResult(source, {
          given: { text, namespace, prepare },
          timeout: 100_000,
        });
        assert.equal(signal, "SIGKILL", stderr);
        const [[pid, left]] = said;
        assert.ok(
          left.length > 0 && left.some((each) => each.includes("container-spawn")),
          "the name says whose it is",
        );
        // Nobody is left who could remove it: a next container does.
        const next = async () => {
          await run(["true"], { container: { limit: { memory: "64M", pids: 50 } } });
          return left.every((each) => !fs.existsSync(each)) && groupsMadeBy(pid).length === 0;
        };
        assert.ok(await within(PATIENCE, next), `left: ${left.filter((each) => fs.existsSync(each))}`);
        assert.ok(await within(PATIENCE, () => sleepers(text).length === 0), `${sleepers(text)} still run`);
      });
    }
  }

  it("is left alone while that process lives", async () => {
    const text = mark();
    const living = `
      const child = spawn({ cmd: ["sleep", given], container: { namespace: {}, limit: { pids: 5 } } });
      say(child.container.isolation.cgroups);
      process.stdin.resume();
      await new Promise((resolve) => process.stdin.on("end", resolve));
      await child.container.kill();
      await child.exited;`;
    const program = begin(living, { given: text, stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
    const left = await program.said();
    for (let round = 0; round < 3; round++) await run(["true"], { container: { limit: { pids: 5 } } });
    assert.equal(sleepers(text).length, 1);
    for (const each of left) assert.ok(fs.existsSync(each), each);
    program.process.stdin.end();
    assert.equal((await program.ended).code, 0);
    await gone(...left);
  });
});

describe("fifty processes that die while their group is removed", needs("limits"), () => {
  it("do not keep it", { timeout: 120_000 }, async () => {
    for (const namespace of [{}, { pid: true, user: true }]) {
      const text = mark();
      const many = `i=0; while [ $i -lt 50 ]; do sleep ${text} & i=$((i+1)); done; echo ready; wait`;
      const child = start(shell(many), { pids: 100, memory: "max" }, { namespace });
      const all = groups(child);
      assert.ok(await within(PATIENCE, () => sleepers(text).length === 50));
      await child.container.kill();
      await gone(...all);
      assert.deepEqual(sleepers(text), []);
    }
  });
});

describe("the end of this process", needs("limits"), () => {
  for (const way of [
    "process.exit(0)",
    "throw new Error('expected')",
    "process.kill(process.pid, 'SIGTERM')",
  ]) {
    it(`by ${way} ends the containers`, async () => {
      const text = mark();
      const source = `
        const child = spawn({ cmd: ["sleep", given], container: { namespace: { pid: true, user: ${"user" in (kinds["in a user and a pid namespace"] ?? {})} }, limit: { pids: 5 } } });
        say(child.container.isolation.cgroups);
        await delay(50);
        ${way};
        await delay(60000);`;
      const { said } = await scriptResult(source, { given: text });
      assert.ok(await within(PATIENCE, () => sleepers(text).length === 0));
      const next = async () => {
        await run(["true"], { container: { limit: { pids: 5 } } });
        return said[0].every((each) => !fs.existsSync(each));
      };
      assert.ok(await within(PATIENCE, next), `left: ${said[0]}`);
    });
  }
});

describe("a limit in a Worker", needs("limits"), () => {
  it("is in force, and its group is gone when the container is", async () => {
    const source = `
      const { Worker } = await import("node:worker_threads");
      const code = \`
        const { parentPort, workerData } = require("node:worker_threads");
        const { spawn } = require(workerData);
        const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { limit: { pids: 5 } } });
        const cgroups = child.container.isolation.cgroups;
        child.container.stats().then(async ({ pids }) => {
          child.stdin.end();
          await child.exited;
          parentPort.postMessage({ cgroups, current: pids.current });
        });\`;
      const worker = new Worker(code, { eval: true, workerData: given });
      say(await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject)));
      await worker.terminate();`;
    const api = new URL("../../index.js", import.meta.url).pathname;
    const { cgroups, current } = await script(source, { given: api });
    assert.ok(current >= 1);
    await gone(...cgroups);
    await delay(0);
  });
});
