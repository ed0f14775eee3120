/** What this process and this machine have, of all that a container could leave behind. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { childrenOf, state } from "./processes.mjs";
import { PREFIX } from "./temp.mjs";

/** How many descriptors lead to each kind of thing: numbers of pipes and sockets differ between equal states. */
function descriptors() {
  const kinds = {};
  for (const fd of fs.readdirSync("/proc/self/fd")) {
    let target;
    try {
      target = fs.readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      continue; // the one that listed the directory
    }
    const kind = target.replace(/^(pipe|socket):\[\d+\]$/, "$1");
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return kinds;
}

function directories(at, found = []) {
  for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inner = path.join(at, entry.name);
    found.push(inner);
    try {
      directories(inner, found);
    } catch {
      // removed while we looked: not ours to judge
    }
  }
  return found;
}

/** Cgroups that bear our name, and this process's number where the name has one. */
function cgroups() {
  if (!fs.existsSync("/sys/fs/cgroup")) return [];
  return directories("/sys/fs/cgroup").filter((name) => {
    const base = path.basename(name);
    return base.startsWith("container-spawn") && base.split(/[.-]/).includes(String(process.pid));
  });
}

/** In a directory that others use as well, only what bears this process's number is known to be ours. */
function temporaries() {
  const isShared = ["/tmp", "/var/tmp", "/dev/shm"].includes(os.tmpdir());
  return fs
    .readdirSync(os.tmpdir())
    .filter((name) => !name.startsWith(PREFIX) && name.includes("container-spawn"))
    .filter((name) => !isShared || name.includes(String(process.pid)))
    .sort();
}

export function snapshot() {
  return {
    mounts: fs.readFileSync("/proc/self/mountinfo", "utf8"),
    children: childrenOf(process.pid).map((pid) => `${pid} ${state(pid)}`),
    descriptors: descriptors(),
    cgroups: cgroups(),
    temporaries: temporaries(),
  };
}
