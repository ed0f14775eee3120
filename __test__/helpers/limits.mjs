/** Containers with limits, started through the product, and what the tests of limits have in common. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, afterEach } from "node:test";
import { groupsMadeBy, groupsOf } from "./cgroups.mjs";
import { leaveNothing } from "./leftovers.mjs";
import { has, isRoot } from "./must.mjs";
import { payload } from "./payload.mjs";
import { childrenOf, within } from "./processes.mjs";
import { run, spawn } from "./run.mjs";

export const MiB = 1024 * 1024;

/** Ms that something may take which takes none of a real machine, and much of an emulated one. */
export const PATIENCE = 30_000;

/** The static program of the tests, as the first words of a command. */
export const probe = (...args) => [payload("probe"), ...args.map(String)];

/** A shell script with the static program as its `$0`. */
export const script = (text) => ["/bin/sh", "-c", text, payload("probe")];

/** The namespaces that a container with limits is tried with. */
export const kinds = {
  "with no namespace": {},
  ...(has("userns") && { "in a user and a pid namespace": { user: true, pid: true } }),
  ...(isRoot && { "as root, in a pid namespace": { pid: true } }),
};

const started = new Set();
const groupsSeen = new Set();

/** Starts a command in a container with limits. A test that goes wrong ends by a time-out, which its reason tells. */
export function start(cmd, limit, { namespace = { pid: true, user: has("userns") }, ...options } = {}) {
  const child = spawn({
    cmd,
    stderr: "inherit",
    timeout: 2 * PATIENCE,
    killSignal: "SIGKILL",
    ...options,
    container: { namespace, limit },
  });
  started.add(child);
  for (const group of groups(child)) groupsSeen.add(group);
  return child;
}

/** Every control group of a container, as the kernel and as the product says. */
export const groups = (child) => [
  ...new Set([...groupsOf(child.container.pid), ...child.container.isolation.cgroups]),
];

/** How a container ended, in one value to compare. */
export const ending = ({ exitCode, signalCode, exitReason }) => [exitCode, signalCode, exitReason];

/** What a container wrote, how it ended, and what was counted of it. */
export async function finish(child) {
  const [stdout] = await Promise.all([child.stdout.text(), child.exited]);
  return { stdout, end: ending(child), stats: await child.container.stats() };
}

export const gone = async (...directories) =>
  assert.ok(
    await within(PATIENCE, () => directories.every((each) => !fs.existsSync(each))),
    `left: ${directories.filter((each) => fs.existsSync(each))}`,
  );

async function end(child) {
  if (!child.killed) {
    await child.container.kill().catch(() => {});
    child.kill("SIGKILL");
  }
  await child.exited;
  await child.stdout?.cancel?.().catch(() => {});
  await child[Symbol.asyncDispose]();
}

/** What is made for all containers of this process, a scope of systemd's for example, goes a while after the last one. */
const unused = () =>
  within(PATIENCE, () => groupsMadeBy(process.pid).length === 0 && childrenOf(process.pid).length === 0);

/**
 * As `leaveNothing()`, for containers with limits: none of the groups that `start` has seen may be left, and what a test
 * that failed has left running is ended.
 */
export function leaveNoGroups() {
  afterEach(async () => {
    const children = [...started];
    started.clear();
    await Promise.all(children.map(end));
  });
  after(async () => {
    await gone(...groupsSeen);
    await unused();
  });
  leaveNothing(useOnce);
}

/** The first limit of a process may open a connection, or make a group for the process itself. */
async function useOnce() {
  if (!has("limits")) return;
  await run(["true"], { container: { limit: { pids: "max" } } });
  await unused();
}
