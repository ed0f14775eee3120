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
import { payload } from "./payload.mjs";
import { runtimes } from "./runtimes.mjs";

const isRoot = process.geteuid() === 0;

/** Why running `cmd` fails, or false when it works. */
function tried(cmd, what) {
  const { status, error, stderr } = spawnSync(cmd[0], cmd.slice(1), { encoding: "utf8", timeout: 10_000 });
  if (status === 0) return false;
  return `${what}: ${error?.message ?? (stderr.trim().split("\n").pop() || `exit code ${status}`)}`;
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

/** The mount point of the v1 hierarchy that has `controller`, or null. */
export function cgroupV1(controller) {
  for (const line of fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const [left, right] = line.split(" - ");
    if (!right?.startsWith("cgroup ")) continue;
    if (right.split(" ").pop().split(",").includes(controller)) return left.split(" ")[4];
  }
  return null;
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

const probes = {
  root: () => (isRoot && hasCapSysAdmin() ? false : "needs root with CAP_SYS_ADMIN"),
  "not-root": () => (isRoot ? "is about an ordinary user, and this is root" : false),
  userns: () => tried(["unshare", "-Urpmf", "true"], "user namespaces are refused here"),
  overlay: () => overlayWorks(isRoot ? ["-m"] : ["-Urm"]) || overlayWorks(["-Urm"]),
  "cgroup-v1": cgroupV1Works,
  time: () => (fs.existsSync("/proc/self/ns/time") ? false : "this kernel has no time namespaces"),
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
