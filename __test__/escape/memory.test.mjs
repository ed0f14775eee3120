// The command never sees the memory that its set-up shared with the parent (the race between two execs).
import assert from "node:assert/strict";
import { spawn as plainSpawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { isRoot, needs } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { run, spawn } from "../helpers/run.mjs";

leaveNothing();

const parent = path.basename(fs.readlinkSync("/proc/self/exe"));
const seen = { denied: 0, nothingToLookAt: 2, read: 10 };

function mayTrace() {
  const scope = "/proc/sys/kernel/yama/ptrace_scope";
  return isRoot || !fs.existsSync(scope) || fs.readFileSync(scope, "utf8").trim() === "0";
}

describe("the parent's memory", needs("userns", "payload"), () => {
  const starts = Number(process.env.CONTAINER_SPAWN_STRESS ?? 200);
  // On a machine with nothing else to do, both execs are so quick that hardly anything comes between them.
  const busy = [];
  before(() => {
    for (let cpu = 0; cpu < os.availableParallelism(); cpu++) {
      busy.push(plainSpawn(payload("probe"), ["spin", "600000"], { stdio: "ignore" }));
    }
  });
  after(async () => {
    const ends = busy.map((program) => new Promise((resolve) => program.once("exit", resolve)));
    for (const program of busy) program.kill("SIGKILL");
    await Promise.all(ends);
  });

  it("is found by the racer where it can be read: the control", async () => {
    const self = await run([payload("racer"), "self", "racer"]);
    assert.equal(self.code, seen.read, "its own");
    if (!mayTrace()) return;
    const { code } = await run([payload("racer"), String(process.pid), parent]);
    assert.equal(code, seen.read, "the parent's, from outside of any container");
  });

  for (const namespace of [
    { user: true, pid: true, mount: true },
    { user: true, pid: true, mount: true, network: true, uts: true, ipc: true, cgroup: true },
  ]) {
    it(`cannot be read through pid 1 in any of ${starts} starts, with ${Object.keys(namespace).length} namespaces`, {
      timeout: 120_000,
    }, async () => {
      const verdicts = {};
      for (let start = 0; start < starts; start++) {
        const child = spawn({
          cmd: [payload("racer"), "1", parent],
          stdout: "ignore",
          container: { namespace },
        });
        const code = await child.exited;
        verdicts[code] = (verdicts[code] ?? 0) + 1;
      }
      assert.deepEqual(verdicts, { [seen.denied]: starts });
    });
  }

  it("cannot be read by another user's command without a user namespace", needs("root"), async () => {
    for (let start = 0; start < 20; start++) {
      const container = { namespace: { pid: true, mount: true } };
      const child = spawn({
        cmd: [payload("racer"), "1", parent],
        uid: 65534,
        gid: 65534,
        stdout: "ignore",
        container,
      });
      assert.equal(await child.exited, seen.denied);
    }
  });
});
