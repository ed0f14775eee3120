// The command lines with which other programs make the same container, and what they need around them.

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const NAMESPACES = ["user", "pid", "mount", "uts", "ipc", "cgroup"];

/** One row a tool and kind of container: `{ name, tool, command() }`. */
export function toolRows(noop, directory) {
  return [
    ...rowsOf("bwrap", (network) => bwrap(noop, directory, network)),
    ...rowsOf("unshare", (network) => unshare(noop, network)),
    ...rowsOf("crun", (network) => crun(noop, directory, network)),
  ];
}

function rowsOf(tool, prepare) {
  return [false, true].map((network) => ({
    name: network ? `${tool}, six + network` : `${tool}, six`,
    tool,
    command: prepare(network),
  }));
}

function bwrap(noop, directory, network) {
  const namespaces = NAMESPACES.filter((name) => name !== "mount").map((name) => `--unshare-${name}`);
  if (network) namespaces.push("--unshare-net");
  const files = ["--dev-bind", "/", "/", "--proc", "/proc", "--tmpfs", join(directory, "mnt")];
  const command = ["bwrap", ...namespaces, "--uid", "0", "--gid", "0", ...files, "--hostname", "bench", noop];
  return () => command;
}

// It can neither mount the tmpfs nor set the host name by itself: it does less than the others.
function unshare(noop, network) {
  const namespaces = [
    "--user",
    "--map-root-user",
    "--pid",
    "--fork",
    "--mount",
    "--uts",
    "--ipc",
    "--cgroup",
  ];
  if (network) namespaces.push("--net");
  const command = ["unshare", ...namespaces, "--mount-proc", noop];
  return () => command;
}

function crun(noop, directory, network) {
  const bundle = join(directory, network ? "bundle-network" : "bundle");
  const root = join(bundle, "rootfs");
  for (const name of ["proc", "mnt", "dev"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(noop, join(root, "noop"));
  writeFileSync(join(bundle, "config.json"), JSON.stringify(ociConfig(network)));
  const state = join(directory, "crun");
  let count = 0;
  return () => {
    const id = `container-spawn-bench-${process.pid}-${network}-${count++}`;
    return ["crun", "--cgroup-manager=disabled", "--root", state, "run", "--bundle", bundle, id];
  };
}

function ociConfig(network) {
  const namespaces = [...NAMESPACES, ...(network ? ["network"] : [])].map((type) => ({ type }));
  const outside = { uid: process.getuid(), gid: process.getgid() };
  return {
    ociVersion: "1.0.2",
    process: { user: { uid: 0, gid: 0 }, args: ["/noop"], env: ["PATH=/"], cwd: "/", noNewPrivileges: true },
    root: { path: "rootfs" },
    hostname: "bench",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/mnt", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"] },
    ],
    linux: {
      namespaces,
      uidMappings: [{ containerID: 0, hostID: outside.uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: outside.gid, size: 1 }],
    },
  };
}
