/**
 * Control groups as the kernel shows them: the tests' own eyes, independent of the product.
 *
 * The same tests run on cgroup v1 and on v2, there in five scenarios of a virtual machine, which
 * `CONTAINER_SPAWN_VM_SCENARIO` names: who runs them, and whether a group was delegated.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const scenario = process.env.CONTAINER_SPAWN_VM_SCENARIO || null;
const isRoot = process.geteuid() === 0;
/** Where the product moves its own process on v2, so that the group above can have children with controllers. */
const LEAF = "/container-spawn.leaf";

const mounts = fs
  .readFileSync("/proc/self/mountinfo", "utf8")
  .trim()
  .split("\n")
  .map((line) => {
    const [left, right] = line.split(" - ").map((part) => part.split(" "));
    return { at: left[4], type: right[0], options: right[2].split(",") };
  });

/** The text of a file without the newline at its end; null when it cannot be read. */
export function text(file) {
  try {
    return fs.readFileSync(file, "utf8").trimEnd();
  } catch {
    return null;
  }
}

const words = (file) => (text(file) ?? "").split(/\s+/).filter(Boolean);

/** The mount point of the v1 hierarchy that has `controller`, or null. */
export const cgroupV1 = (controller) =>
  mounts.find(({ type, options }) => type === "cgroup" && options.includes(controller))?.at ?? null;

/** The mount points of all v1 hierarchies that have controllers. */
export const hierarchiesV1 = mounts
  .filter(({ type, options }) => type === "cgroup" && !options.some((each) => each.startsWith("name=")))
  .map(({ at }) => at);

/** The mount point of the v2 hierarchy, or null. */
export const cgroupV2 = mounts.find(({ type }) => type === "cgroup2")?.at ?? null;

/** Which version has the memory controller, and with it what most limits need. */
export const version =
  cgroupV1("memory") !== null ? 1 : words(`${cgroupV2}/cgroup.controllers`).includes("memory") ? 2 : null;

/** The lines of /proc/PID/cgroup: `{ controllers, path }`, v2's without controllers. */
function memberships(pid) {
  return (text(`/proc/${pid}/cgroup`) ?? "")
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [, controllers, ...rest] = line.split(":");
      return { controllers: controllers.split(",").filter(Boolean), path: rest.join(":") };
    });
}

/** The directory of a process's group in the hierarchy that has `controller` (its v2 name); null when there is none. */
export function groupOf(pid, controller) {
  const nameV1 = controller === "io" ? "blkio" : controller;
  const found = memberships(pid);
  const v1 = found.find(({ controllers }) => controllers.includes(nameV1));
  if (v1 !== undefined) return path.join(cgroupV1(nameV1), v1.path);
  const v2 = found.find(({ controllers }) => controllers.length === 0);
  return v2 && cgroupV2 !== null ? path.join(cgroupV2, v2.path) : null;
}

/**
 * The directories of all groups of a process that are not this process's too. One that has ended is said to be in the
 * topmost ones, which are nobody's own.
 */
export function groupsOf(pid) {
  const own = memberships("self").map(({ controllers, path: name }) => `${controllers}:${name}`);
  return memberships(pid)
    .filter(({ controllers, path: name }) => name !== "/" && !own.includes(`${controllers}:${name}`))
    .map(({ controllers: [first], path: name }) => path.join(first ? cgroupV1(first) : cgroupV2, name));
}

/** The groups that the product has made for the process `pid`, by the number in their names. */
export function groupsMadeBy(pid) {
  const found = [];
  const isNamed = (name) => name.startsWith("container-spawn") && name.split(/[.-]/).includes(String(pid));
  const walk = (directory) => {
    let entries;
    try {
      entries = fs.readdirSync(directory, { withFileTypes: true });
    } catch {
      return; // removed while we looked
    }
    for (const entry of entries) {
      if (!entry.isDirectory()) continue;
      const inner = path.join(directory, entry.name);
      if (isNamed(entry.name)) found.push(inner);
      walk(inner);
    }
  };
  walk("/sys/fs/cgroup");
  return found;
}

/** This process's group in the v2 hierarchy; not the leaf of it, into which the product may have moved it. */
export function ownGroupV2() {
  const own = groupOf("self", "of version 2");
  return own?.endsWith(LEAF) ? own.slice(0, -LEAF.length) : own;
}

const usersManager = `${cgroupV2}/user.slice/user-${process.geteuid()}.slice/user@${process.geteuid()}.service`;
const isWritable = (file) => {
  try {
    fs.accessSync(file, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

/** Who makes the groups in this scenario; undefined when that is not for the tests to say. */
export const expectedManager = {
  "root-delegated": "cgroupfs",
  "root-systemd": "systemd",
  "user-systemd": "systemd",
  "user-delegated": "cgroupfs",
  "user-none": null,
  ...(version === 1 && { null: isRoot ? "cgroupfs" : null }),
}[scenario];

const isOwnGroupDelegated = () =>
  isWritable(ownGroupV2()) && (isRoot || !isWritable(path.dirname(ownGroupV2())));

/** The group below which the containers of this process are made, or null. Where systemd makes them, its topmost. */
function groupAbove() {
  if (scenario === "user-none") return null;
  if (isRoot) return expectedManager === "cgroupfs" ? ownGroupV2() : cgroupV2;
  if (expectedManager === "cgroupfs" || (expectedManager === undefined && isOwnGroupDelegated()))
    return ownGroupV2();
  return fs.existsSync(usersManager) ? usersManager : null;
}

/** systemd passes on these, and to users not all of them. */
const SYSTEMDS = ["cpu", "cpuset", "io", "memory", "pids"];

function availableControllers() {
  if (version === 1) {
    const names = ["cpu", "cpuset", "memory", "pids", "freezer", "hugetlb"];
    const found = names.filter((name) => cgroupV1(name) !== null);
    return isRoot ? [...found, ...(cgroupV1("blkio") ? ["io"] : [])] : [];
  }
  const above = version === 2 ? groupAbove() : null;
  const found = above === null ? [] : words(`${above}/cgroup.controllers`);
  return expectedManager === "systemd" ? found.filter((name) => SYSTEMDS.includes(name)) : found;
}

/** The controllers, by their v2 names, that containers of this process can have limits of. */
export const controllers = new Set(availableControllers());

/** Control files by what they say: the controller and the file in each version. */
const FILES = {
  memory: ["memory", "memory.limit_in_bytes", "memory.max"],
  memoryUsage: ["memory", "memory.usage_in_bytes", "memory.current"],
  memoryLow: ["memory", "memory.soft_limit_in_bytes", "memory.low"],
  pids: ["pids", "pids.max", "pids.max"],
  pidsUsage: ["pids", "pids.current", "pids.current"],
  cpuset: ["cpuset", "cpuset.cpus", "cpuset.cpus"],
};
/** What v1 calls no limit on bytes: the largest number of whole pages. */
const UNLIMITED = "9223372036854771712";

/** What a control file of a process's group says: a number, or "max", or other text; null when there is none. */
export function control(pid, what) {
  const [controller, v1, v2] = FILES[what];
  const found = text(`${groupOf(pid, controller)}/${version === 1 ? v1 : v2}`);
  if (found === UNLIMITED || found === "max") return "max";
  return /^\d+$/.test(found ?? "") && what !== "cpuset" ? Number(found) : found;
}

/** The limit of processor time of a process's group: percent of one core, or "max". */
export function cpuLimit(pid) {
  const group = groupOf(pid, "cpu");
  const [quota, period] =
    version === 1
      ? [text(`${group}/cpu.cfs_quota_us`), text(`${group}/cpu.cfs_period_us`)]
      : text(`${group}/cpu.max`).split(" ");
  return quota === "max" || quota === "-1" ? "max" : (Number(quota) / Number(period)) * 100;
}

/** Directories on real disks that the tests may write to, each with its disk: `major:minor` and the device file. */
export function diskOf(directory) {
  const device = fs.statSync(directory).dev;
  // gnu_dev_major and gnu_dev_minor of the C library.
  const [major, minor] = [(device >>> 8) & 0xfff, (device & 0xff) | ((device >>> 12) & 0xfff00)];
  if (major === 0) return null;
  const found = `/sys/dev/block/${major}:${minor}`;
  if (!fs.existsSync(found)) return null;
  const real = fs.realpathSync(found);
  const partition = fs.existsSync(`${real}/partition`) ? `/dev/${path.basename(real)}` : null;
  const whole = partition ? path.dirname(real) : real;
  return { number: text(`${whole}/dev`), file: `/dev/${path.basename(whole)}`, partition };
}

/** The first of the usual directories for temporary files that is on a disk: `{ directory, disk }`, or null. */
export function temporaryOnDisk() {
  for (const directory of [os.tmpdir(), "/var/tmp"]) {
    const disk = isWritable(directory) ? diskOf(directory) : null;
    if (disk !== null) return { directory, disk };
  }
  return null;
}

/** The processors that this process may run on. */
export function allowedProcessors() {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(text("/proc/self/status"))[1];
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
