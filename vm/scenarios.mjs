// What is run in the guest: who the process is, what systemd gave it, and which files it is asked to pass.

import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { projectRoot } from "../scripts/project.mjs";

// Needs of the tests (see __test__/helpers/must.mjs) that the guest has, so that none of them can be skipped there.
const OF_ALL = [
  ...["userns", "overlay", "time", "x64", "payload", "bash", "env-signals", "setpriv", "unshare", "ipcmk"],
  ...["strace", "node-command", "bun-command"],
];
const LIMITED = ["limits", "limits-v2"];
// systemd gives a user's manager neither of the two.
const BY_SYSTEM = [...LIMITED, "io", "cpuset"];

const root = {
  uid: 0,
  needs: [...OF_ALL, "root"],
  env: { HOME: "/root", USER: "root", LOGNAME: "root", TMPDIR: "/srv/tmp" },
};
const user = (uid) => ({
  uid,
  needs: [...OF_ALL, "not-root"],
  env: {
    HOME: `/home/user${uid}`,
    USER: `user${uid}`,
    LOGNAME: `user${uid}`,
    TMPDIR: `/home/user${uid}/tmp`,
  },
});
const needing = (who, more) => ({ ...who, needs: [...who.needs, ...more] });
const withBus = ({ env, ...who }) => ({
  ...who,
  env: {
    ...env,
    XDG_RUNTIME_DIR: `/run/user/${who.uid}`,
    DBUS_SESSION_BUS_ADDRESS: `unix:path=/run/user/${who.uid}/bus`,
  },
});

export const RUNTIMES = ["node", "bun"];
const DELEGATED = { Delegate: "yes" };
const LIMITS = testFiles("__test__/limits");
const KERNEL_SENSITIVE = [
  ...["namespaces", "fs-bind", "fs-overlay", "fs-targets", "fs-tmpfs-proc", "init", "parent-death"],
  ...["root-directory", "root-host"],
].map((name) => `__test__/rootless/${name}.test.mjs`);
const IDS = "__test__/root/idmap.test.mjs";
const ROOTS = ["mounts", "namespaces"].map((name) => `__test__/root/${name}.test.mjs`);

// Switches that keep ordinary users from making user namespaces, Ubuntu's and Debian's: each is tried both ways.
const REFUSALS = [
  { name: "apparmor", sysctl: "kernel.apparmor_restrict_unprivileged_userns", refusing: 1, allowing: 0 },
  { name: "userns-clone", sysctl: "kernel.unprivileged_userns_clone", refusing: 0, allowing: 1 },
];
const refusal = (name, naming, how) => ({
  name,
  ...user(1000),
  needs: ["not-root"],
  env: { ...user(1000).env, CONTAINER_SPAWN_VM_REFUSING: naming },
  files: ["vm/guest-tests/refusal.test.mjs"],
  ...how,
});
const bothWays = ({ name, sysctl, refusing, allowing }) => [
  refusal(name, sysctl, { sysctl: { [sysctl]: refusing } }),
  refusal(`${name}-off`, "", { sysctl: { [sysctl]: allowing } }),
];

/** `files`: those that are run when the command line names none. */
export const SCENARIOS = [
  {
    name: "root-delegated",
    ...needing(root, [...BY_SYSTEM, "limit-parent"]),
    properties: DELEGATED,
    files: [...LIMITS, ...KERNEL_SENSITIVE, IDS, ...ROOTS],
  },
  { name: "root-systemd", ...needing(root, BY_SYSTEM), files: LIMITS },
  { name: "user-systemd", ...needing(withBus(user(1000)), LIMITED), files: LIMITS },
  {
    name: "user-delegated",
    ...needing(withBus(user(1000)), [...BY_SYSTEM, "limit-parent"]),
    properties: DELEGATED,
    files: [...LIMITS, ...KERNEL_SENSITIVE, IDS],
  },
  { name: "user-none", ...needing(user(1001), ["no-limits"]), files: LIMITS },
  ...REFUSALS.flatMap(bothWays),
  refusal("apparmor-profile", "AppArmor", { properties: { AppArmorProfile: "vm-no-capabilities" } }),
];

/**
 * The jobs of the scenarios, in the form in which the guest is given them. Unless the command line says otherwise, what
 * depends on the kernel alone is run under Node alone.
 */
export function jobsOf(scenarios, { files, runtimes }) {
  return scenarios.flatMap(({ name, files: own, needs, env, ...rest }) =>
    (files.length > 0 ? files : own).flatMap((file) =>
      (runtimes ?? (LIMITS.includes(file) ? RUNTIMES : ["node"])).map((runtime) => ({
        ...rest,
        scenario: name,
        runtime,
        file,
        limit: 300,
        env: { ...env, CONTAINER_SPAWN_VM_SCENARIO: name, CONTAINER_SPAWN_MUST_WORK: needs.join(",") },
      })),
    ),
  );
}

function testFiles(directory) {
  const path = join(projectRoot, directory);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => relative(projectRoot, join(path, name)))
    .sort();
}
