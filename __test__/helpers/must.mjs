/**
 * What a test needs of the machine, and whether this machine has it.
 *
 * `needs("root", "overlay")` is an options object for `describe` and `it`: it skips, and says why. A need named in
 * `CONTAINER_SPAWN_MUST_WORK` (comma-separated) throws instead, so that a machine that is known to have it cannot
 * turn a failure into a skip. None of the probes uses the product.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  allowedProcessors,
  cgroupV1,
  controllers,
  expectedManager,
  scenario,
  temporaryOnDisk,
  version,
} from "./cgroups.mjs";
import { payload } from "./payload.mjs";
import { runtimes } from "./runtimes.mjs";

const isRoot = process.geteuid() === 0;

/** Why running `cmd` fails, or false when it works. */
function tried(cmd, what) {
  const { status, error, stderr } = spawnSync(cmd[0], cmd.slice(1), { encoding: "utf8", timeout: 10_000 });
  if (status === 0) return false;
  return `${what}: ${error?.message ?? (stderr.trim().split("\n").pop() || `exit code ${status}`)}`;
}

/** Compares the release that runs with a version. */
export function kernelIsAtLeast(major, minor) {
  const [ours, oursMinor] = os.release().split(".").map(Number);
  return ours > major || (ours === major && oursMinor >= minor);
}

function hasCapSysAdmin() {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"));
  return ((BigInt(`0x${line[1]}`) >> 21n) & 1n) === 1n;
}

/** A try-out of overlay as `lowerdir=a:b`, in a directory that disappears with its own tmpfs. */
function overlayWorks(unshare) {
  const script =
    "mount -t tmpfs t /mnt && cd /mnt && mkdir a b u w m && " +
    "mount -t overlay -o lowerdir=a:b,upperdir=u,workdir=w,userxattr o m";
  return tried(["unshare", ...unshare, "sh", "-c", script], "overlay does not mount");
}

function cgroupV1Works() {
  if (!isRoot) return "limits on cgroup v1 need root";
  for (const controller of ["memory", "cpu"]) {
    const mount = cgroupV1(controller);
    if (!mount) return `there is no cgroup v1 hierarchy for ${controller}`;
    const trial = path.join(mount, `container-spawn-probe-${process.pid}`);
    try {
      fs.mkdirSync(trial);
      fs.rmdirSync(trial);
    } catch (error) {
      return `no cgroup can be made: ${error.message}`;
    }
  }
  return false;
}

/** Why there are no limits here; what the scenario says is so, whatever the machine looks like. */
function limitsWork() {
  if (scenario !== null)
    return expectedManager === null && `in the scenario ${scenario} nobody may make cgroups`;
  if (version === 1) return isRoot ? cgroupV1Works() : "limits on cgroup v1 need root";
  if (version === null) return "there is no cgroup hierarchy with a memory controller";
  const missing = ["memory", "cpu", "pids"].filter((name) => !controllers.has(name));
  return missing.length > 0 && `this user's containers have no cgroup controllers ${missing.join(" ")}`;
}

function limitsAreRefused() {
  if (!limitsWork()) return "is about those who may make no cgroups";
  return scenario === "user-none" || version === 1 ? false : `is not known to be so on cgroup v${version}`;
}

const controllerWorks = (name) =>
  limitsWork() ||
  (!controllers.has(name) && `there is no cgroup controller ${name} for this user's containers`);

function cpusetWorks() {
  const count = allowedProcessors().length;
  return controllerWorks("cpuset") || (count < 2 && "this process may use one processor only");
}

const ioWorks = () =>
  controllerWorks("io") || (temporaryOnDisk() === null && "no directory for temporary files is on a disk");

/** Where a test can make groups of its own, with controllers, below which containers can be. */
function ownGroupsWork() {
  if (version === 1) return limitsWork();
  return (
    limitsWork() || (expectedManager !== "cgroupfs" && "this process has no cgroup of its own to divide")
  );
}

const onVersion = (wanted, check) => () =>
  check() || (version !== wanted && `is about cgroup v${wanted}, and this is v${version}`);

const probes = {
  root: () => (isRoot && hasCapSysAdmin() ? false : "needs root with CAP_SYS_ADMIN"),
  "not-root": () => (isRoot ? "is about an ordinary user, and this is root" : false),
  userns: () => tried(["unshare", "-Urpmf", "true"], "user namespaces are refused here"),
  overlay: () => overlayWorks(isRoot ? ["-m"] : ["-Urm"]) || overlayWorks(["-Urm"]),
  "cgroup-v1": cgroupV1Works,
  limits: limitsWork,
  "no-limits": limitsAreRefused,
  "limits-v1": onVersion(1, limitsWork),
  "limits-v2": onVersion(2, limitsWork),
  "limit-parent": ownGroupsWork,
  io: ioWorks,
  cpuset: cpusetWorks,
  time: () => (kernelIsAtLeast(6, 3) ? false : "time namespaces are entered at exec since Linux 6.3"),
  fuse: () => (isRoot && fs.existsSync("/dev/fuse") ? false : "needs root and /dev/fuse"),
  payload: () => payload.unavailable(),
  bash: () => tried(["bash", "-c", "true"], "bash is missing"),
  "env-signals": () => tried(["env", "--block-signal=TERM", "true"], "env cannot block signals"),
  setpriv: () => tried(["setpriv", "--version"], "setpriv is missing"),
  unshare: () => tried(["unshare", "--version"], "unshare is missing"),
  ipcmk: () => tried(["ipcmk", "--version"], "ipcmk is missing"),
  strace: () => tried(["strace", "-qq", "true"], "strace does not work"),
  bun: () => (process.versions.bun ? false : "is about Bun"),
  "node-command": () => tried([runtimes.node, "--version"], "there is no node to run"),
  "bun-command": () => tried([runtimes.bun, "--version"], "there is no bun to run"),
  x64: () => (os.arch() === "x64" ? false : "is written for x86-64"),
};

export { cgroupV1 };

const must = (process.env.CONTAINER_SPAWN_MUST_WORK ?? "").split(",").filter(Boolean);
const answers = new Map();
const said = new Set();

function answer(need) {
  if (!answers.has(need)) answers.set(need, probes[need]());
  return answers.get(need);
}

/** Options for `describe` or `it`: skips with a reason when the machine lacks one of `names`. */
export function needs(...names) {
  for (const name of names) {
    const reason = answer(name);
    if (!reason) continue;
    if (must.includes(name)) throw new Error(`CONTAINER_SPAWN_MUST_WORK names "${name}", but: ${reason}`);
    if (!said.has(reason)) {
      said.add(reason);
      console.log(`# skipped: ${reason}`);
    }
    return { skip: reason };
  }
  return { skip: false };
}

/** Whether the machine has all of `names`. */
export const has = (...names) => !needs(...names).skip;
export { isRoot };
