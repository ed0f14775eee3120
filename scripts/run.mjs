// Runs one command of a lane: output straight to the terminal, a time limit, and nothing left behind at the end.

import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

// Inherited by everything a lane starts, containers included, so that what outlives the lane can be told.
const MARK = "CONTAINER_SPAWN_TEST_LANE";
const running = new Set();

/** The outcome of a lane that this machine or user cannot run. */
export class Skip {
  constructor(reason) {
    this.reason = reason;
  }
}

/** Resolves to nothing when the command succeeded, else to a line that says why it did not. */
export async function run(command, args, { cwd, env, timeout = 600_000 } = {}) {
  const mark = `${process.pid}-${Date.now()}`;
  // A session of its own: a time-out then ends the lane's processes, and not the terminal's.
  const child = spawn(command, args, {
    cwd,
    env: { ...(env ?? process.env), [MARK]: mark },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  running.add(child);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child, "SIGKILL");
  }, timeout);
  const failure = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) =>
      resolve(code === 0 ? undefined : signal ? `killed by ${signal}` : `exit status ${code}`),
    );
  });
  clearTimeout(timer);
  running.delete(child);
  const left = await endProcesses(mark);
  if (timedOut) return `still running after ${timeout / 1000} s: killed`;
  return failure ?? (left.length > 0 ? `left processes behind: ${left.join(", ")}` : undefined);
}

/** Whether a command succeeds, with nothing of its output shown. */
export function succeeds(command, args) {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** What an interrupted run must do before it goes. */
export function stopAll() {
  for (const child of running) killGroup(child, "SIGKILL");
}

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // Gone already.
  }
}

/** Names the processes that outlived the command by more than two seconds, and kills them. */
async function endProcesses(mark) {
  let pids = marked(mark);
  for (let waited = 0; pids.length > 0 && waited < 2000; waited += 100) {
    await sleep(100);
    pids = marked(mark);
  }
  const names = pids.map((pid) => `${pid} (${commandLine(pid)})`);
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
  return names;
}

function marked(mark) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && readProc(name, "environ").includes(`${MARK}=${mark}\0`))
    .map(Number);
}

function commandLine(pid) {
  return readProc(pid, "cmdline").replaceAll("\0", " ").trim();
}

function readProc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    // Ended, or another user's.
    return "";
  }
}
