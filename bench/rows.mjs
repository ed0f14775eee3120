// What is compared. Every row starts the same static program that does nothing, with no stdio, and resolves to its
// exit code; `start` is the call whose duration is the time for which an event loop stands still.

import { spawn as spawnChild, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { toolRows } from "./tools.mjs";

const SILENT = { stdin: "ignore", stdout: "ignore", stderr: "ignore" };

export const CHILD_PROCESS = "child_process.spawn";
export const BUN_SPAWN = "Bun.spawn";
export const BARE = "ours, bare";
export const SIX = "ours, six";
export const SIX_NETWORK = "ours, six + network";
export const BWRAP = "bwrap, six";

/**
 * All rows: `{ name, start() }`, or `{ name, absent: reason }` for what this run cannot have. A tool's row can also
 * tell what the tool says when it fails.
 */
export async function allRows(noop, directory, findProgram) {
  mkdirSync(join(directory, "mnt"));
  const child = ([file, ...args]) => exitOfChild(spawnChild(file, args, { stdio: "ignore" }));
  return [
    { name: CHILD_PROCESS, start: () => child([noop]) },
    bunRow(noop),
    ...(await ourRows(noop, directory)),
    ...toolRows(noop, directory).map(({ name, tool, command }) => {
      if (findProgram(tool) === null) return { name, absent: `${tool} is not installed` };
      return { name, start: () => child(command()), complaint: () => lastLine(command()) };
    }),
  ];
}

function exitOfChild(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? signal));
  });
}

function lastLine([file, ...args]) {
  return spawnSync(file, args, { encoding: "utf8" }).stderr.trim().split("\n").pop();
}

function bunRow(noop) {
  const { Bun } = globalThis;
  if (Bun === undefined) return { name: BUN_SPAWN, absent: "this is Node" };
  return { name: BUN_SPAWN, start: () => Bun.spawn([noop], SILENT).exited };
}

async function ourRows(noop, directory) {
  const six = {
    namespace: { user: true, pid: true, mount: true, uts: { hostname: "bench" }, ipc: true, cgroup: true },
    fs: [{ type: "tmpfs", to: join(directory, "mnt") }],
  };
  const containers = {
    [BARE]: undefined,
    [SIX]: six,
    "ours, six, no init": { ...six, namespace: { ...six.namespace, pid: { init: false } } },
    [SIX_NETWORK]: { ...six, namespace: { ...six.namespace, network: true } },
  };
  let spawn;
  try {
    ({ spawn } = await import("../index.mjs"));
  } catch (error) {
    const absent = `not built (${error.message.split("\n")[0]})`;
    return Object.keys(containers).map((name) => ({ name, absent }));
  }
  return Object.entries(containers).map(([name, container]) => ({
    name,
    start: () => spawn([noop], { ...SILENT, container }).exited,
  }));
}
