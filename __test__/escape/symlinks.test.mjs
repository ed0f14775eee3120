// A hostile tree as the root: no target leads out of it, whatever links it has and however they move.
import assert from "node:assert/strict";
import { spawn as plainSpawn } from "node:child_process";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode } from "../helpers/modes.mjs";
import { needs } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { run, SpawnError, spawn } from "../helpers/run.mjs";
import { contents, tempTree } from "../helpers/temp.mjs";

leaveNothing();

/** A root with our static program, and beside it a directory of the host that nothing may touch. */
function hostile() {
  const base = tempTree({ "root/probe": "", "root/proc": null, "victim/file": "untouched" });
  fs.copyFileSync(payload("probe"), `${base}/root/probe`);
  fs.chmodSync(`${base}/root/probe`, 0o755);
  return { root: `${base}/root`, victim: `${base}/victim` };
}

/** Made and removed again counts as touched: the times of a directory tell. */
const touched = (victim) => fs.statSync(victim, { bigint: true }).mtimeNs;

/** Starts a container whose entries have these targets; gives false where spawn refuses, as it may. */
async function attempt(container, root, targets, from) {
  const fs_ = targets.map((to, index) => (index % 2 ? { type: "bind", from, to } : { type: "tmpfs", to }));
  try {
    const options = {
      container: container({ root, fs: [...fs_, { type: "proc", to: "/proc" }], namespace: { pid: true } }),
    };
    const { stdout, code, stderr } = await run(["/probe", "cat", "/proc/self/mountinfo"], options);
    assert.equal(code, 0, stderr);
    return stdout;
  } catch (error) {
    assert.ok(error instanceof SpawnError, error.stack);
    return false;
  }
}

const links = {
  "an absolute link in the first component": ({ root, victim }) => {
    fs.symlinkSync(victim, `${root}/data`);
    return ["/data/new", "/data/new2"];
  },
  "an absolute link as the whole target": ({ root, victim }) => {
    fs.symlinkSync(victim, `${root}/data`);
    return ["/data", "/data"];
  },
  "a link in the last component": ({ root, victim }) => {
    fs.mkdirSync(`${root}/a/b`, { recursive: true });
    fs.symlinkSync(victim, `${root}/a/b/c`);
    return ["/a/b/c", "/a/b/c/new"];
  },
  "a relative link with many ..": ({ root, victim }) => {
    fs.symlinkSync(`${"../".repeat(40)}${victim}`, `${root}/data`);
    return ["/data/new", "/data"];
  },
  "a link to the parent of the root": ({ root }) => {
    fs.symlinkSync("../victim", `${root}/data`);
    return ["/data/new", "/data"];
  },
  "a dangling link": ({ root, victim }) => {
    fs.symlinkSync(`${victim}/absent`, `${root}/data`);
    return ["/data/new", "/data"];
  },
  "a link through /proc": ({ root }) => {
    fs.symlinkSync("/proc/1/root", `${root}/data`);
    return ["/data/tmp/container-spawn-escaped", "/data"];
  },
  "a chain of 41 links": ({ root, victim }) => {
    fs.symlinkSync(victim, `${root}/link-0`);
    for (let index = 1; index <= 41; index++) fs.symlinkSync(`link-${index - 1}`, `${root}/link-${index}`);
    return ["/link-41/new", "/link-41"];
  },
};

inEachMode("a target below", (container) => {
  for (const [name, prepare] of Object.entries(links)) {
    it(`${name} stays inside of the root`, needs("payload"), async () => {
      const place = hostile();
      const targets = prepare(place);
      const source = tempTree({ file: "source" });
      const then = touched(place.victim);
      const before = contents(place.root);
      for (const to of targets) await attempt(container, place.root, [to], source);
      await attempt(container, place.root, targets, source);
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(touched(place.victim), then, "nothing was made in the victim, not even for a moment");
      assert.deepEqual(contents(place.victim), { file: "untouched" });
      assert.deepEqual(contents(place.root), before, "and nothing stays in the root");
      assert.ok(!fs.existsSync("/tmp/container-spawn-escaped"));
    });
  }

  it("a link that stays inside of the root works, absolute or not", needs("payload"), async () => {
    const { root } = hostile();
    fs.mkdirSync(`${root}/real/data`, { recursive: true });
    fs.symlinkSync("/real/data", `${root}/absolute`);
    fs.symlinkSync("real", `${root}/relative`);
    const info = await attempt(container, root, ["/absolute", "/relative/data/new"], root);
    assert.ok(info, "it is not refused");
    assert.match(info, / \/real\/data .* tmpfs /);
    assert.match(info, / \/real\/data\/new /);
  });
});

describe("a root that changes while containers start", needs("userns", "payload"), () => {
  const rounds = Number(process.env.CONTAINER_SPAWN_STRESS ?? 200);

  it(`leads nobody out in ${rounds} starts`, { timeout: 120_000 }, async () => {
    const { root, victim } = hostile();
    const source = tempTree({ file: "source" });
    fs.mkdirSync(`${root}/data`);
    fs.symlinkSync(victim, `${root}/evil`);
    const then = touched(victim);
    const flipper = plainSpawn(payload("probe"), ["flip", `${root}/data`, `${root}/evil`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => flipper.stdout.once("data", resolve));
    const namespace = { user: true, pid: true };
    const fs_ = [
      { type: "tmpfs", to: "/data/new" },
      { type: "bind", from: source, to: "/data/other" },
    ];
    let started = 0;
    let sawLink = 0;
    for (let round = 0; round < rounds; round++) {
      if (fs.lstatSync(`${root}/data`).isSymbolicLink()) sawLink++;
      try {
        const child = spawn({
          cmd: ["/probe", "pwd"],
          stdout: "ignore",
          container: { namespace, root, fs: fs_ },
        });
        await child.exited;
        started++;
      } catch (error) {
        assert.ok(error instanceof SpawnError, error.stack);
      }
    }
    const exited = new Promise((resolve) => flipper.once("exit", resolve));
    const running = flipper.exitCode === null;
    flipper.kill("SIGKILL");
    await exited;
    assert.ok(running, "the control: the names were exchanged all the time");
    assert.ok(
      sawLink > rounds / 10 && sawLink < rounds,
      `the control: the link was there in ${sawLink} of ${rounds} looks`,
    );
    assert.ok(started > 0, "some containers start");
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(touched(victim), then, "nothing was made in the victim");
    assert.deepEqual(contents(victim), { file: "untouched" });
  });
});
