/** Processes as /proc shows them: the tests' own eyes, independent of the product. */
import fs from "node:fs";

function read(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return ""; // the process is gone, which is an answer too
  }
}

export const pids = () =>
  fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** The letter of its state ("S", "T", "Z" …), or null when there is no such process. */
export function state(pid) {
  const stat = read(`/proc/${pid}/stat`);
  return stat ? stat.slice(stat.lastIndexOf(")") + 2)[0] : null;
}

export function parentOf(pid) {
  const stat = read(`/proc/${pid}/stat`);
  return stat ? Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) : null;
}

/** The children of a process, zombies included. */
export const childrenOf = (parent) => pids().filter((pid) => parentOf(pid) === parent);

/** One field of /proc/PID/status, without its name. */
export function status(pid, field) {
  return new RegExp(`^${field}:\\s*(.*)$`, "m").exec(read(`/proc/${pid}/status`))?.[1] ?? null;
}

let marks = 0;
/** A duration for `sleep` that no other process on this machine has in its command line. */
export const mark = () => `86400.${process.pid}${++marks}${Math.floor(Math.random() * 1e6)}`;

/** Living processes other than this one whose command line has `text`. */
export function running(text) {
  return pids().filter((pid) => {
    if (pid === process.pid || !read(`/proc/${pid}/cmdline`).includes(text)) return false;
    return !["Z", "X", null].includes(state(pid));
  });
}

/** Processes whose command is `sleep` with this mark, which is what the tests count as survivors. */
export const sleepers = (text) =>
  running(text).filter((pid) => read(`/proc/${pid}/cmdline`).split("\0")[0].endsWith("sleep"));

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until `check()` is true; false when it was not within `ms`. */
export async function within(ms, check) {
  const end = Date.now() + ms;
  for (;;) {
    if (await check()) return true;
    if (Date.now() > end) return false;
    await delay(10);
  }
}
