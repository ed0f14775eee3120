/**
 * kill() at every moment of short processes, most of them at their end, among foreign processes that come and go: no
 * signal may reach one of those, and no kill() may throw. Where process ids can be made few for a namespace of its own,
 * they are, so that one that has ended is soon another's.
 *
 * usage: node kills.mjs [rounds]     (20000)
 */
import assert from "node:assert/strict";
import { spawn as plainSpawn, spawnSync as plainSpawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { has } from "../helpers/must.mjs";
import { delay } from "../helpers/processes.mjs";
import { spawn } from "../helpers/run.mjs";

const rounds = Number(process.argv[2] ?? 20_000);
const INSIDE = "CONTAINER_SPAWN_KILLS_INSIDE";
const FEW = 420;

/** Before Linux 6.14 there was one number for the whole machine, which is not ours to change. */
function canHaveFew() {
  const [major, minor] = os.release().split(".").map(Number);
  return has("userns", "unshare") && (major > 6 || (major === 6 && minor >= 14));
}

function again() {
  const unshare = ["--user", "--map-root-user", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child"];
  const args = [...unshare, "--", process.execPath, fileURLToPath(import.meta.url), String(rounds)];
  return (
    plainSpawnSync("unshare", args, { stdio: "inherit", env: { ...process.env, [INSIDE]: "1" } }).status ?? 1
  );
}

let isOver = false;
const seen = { foreign: 0, pids: new Set(), total: 0 };

/** Somebody else's short processes: each must end as it would by itself. */
async function bystander() {
  while (!isOver) {
    const child = plainSpawn("sleep", ["0.005"], { stdio: "ignore" });
    const [code, signal] = await new Promise((resolve, reject) => {
      child.on("error", reject).on("exit", (...end) => resolve(end));
    });
    assert.deepEqual([code, signal], [0, null], "a signal has reached a foreign process");
    seen.foreign++;
  }
}

async function killer(container) {
  const signals = ["SIGTERM", "SIGKILL", "SIGUSR1", 0, undefined];
  while (seen.total < rounds) {
    const round = seen.total++;
    const child = spawn(["true"], { stdout: "ignore", container: round % 4 === 0 ? container : undefined });
    seen.pids.add(child.pid);
    if (round % 3 > 0) await delay(Math.random() * 3);
    child.kill(signals[round % signals.length]);
    const code = await child.exited;
    assert.ok([0, 137, 138, 143].includes(code), `ended with ${code}`);
    for (const signal of signals) assert.equal(child.kill(signal), undefined);
  }
}

async function main() {
  if (process.env[INSIDE]) fs.writeFileSync("/proc/sys/kernel/pid_max", String(FEW));
  const began = Date.now();
  const container = has("userns") ? { namespace: { user: true, pid: true } } : undefined;
  const bystanders = [bystander(), bystander()];
  await Promise.all([killer(container), killer(container), killer(container)]);
  isOver = true;
  await Promise.all(bystanders);
  const reused = seen.total - seen.pids.size;
  console.log(
    `${seen.total} kills at the end of processes, ${reused} of which had a number that was used before; ` +
      `none of ${seen.foreign} foreign processes was reached (${Date.now() - began} ms)`,
  );
  if (process.env[INSIDE])
    assert.ok(reused > seen.total / 10, `the control: only ${reused} numbers came again`);
}

if (!process.env[INSIDE] && canHaveFew()) process.exitCode = again();
else await main();
