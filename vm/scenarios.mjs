// What is tried in the guest: who the process is, and what systemd gave it.

import { KERNEL_SENSITIVE, OF_ROOT, REFUSAL } from "./plan.mjs";

// Needs of the tests (see __test__/helpers/must.mjs) that the guest has, so that none of them can be skipped there.
// Those that only some kernels have are in plan.mjs.
const OF_ALL = [
  ...["userns", "overlay", "x64", "payload", "bash", "env-signals", "setpriv", "unshare", "ipcmk"],
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
  files: REFUSAL,
  ...how,
});
const bothWays = ({ name, sysctl, refusing, allowing }) => [
  refusal(name, sysctl, { sysctl: { [sysctl]: refusing } }),
  refusal(`${name}-off`, "", { sysctl: { [sysctl]: allowing } }),
];

const DELEGATED = { Delegate: "yes" };

/**
 * `limitsOn`: the kernels on which all tests of limits are run, not only the most telling ones; `filesOn`: those on which
 * `files` are. See plan.mjs.
 */
export const SCENARIOS = [
  {
    name: "root-delegated",
    ...needing(root, [...BY_SYSTEM, "limit-parent"]),
    properties: DELEGATED,
    limitsOn: ["6.12"],
    long: true,
    files: [...KERNEL_SENSITIVE, ...OF_ROOT],
    filesOn: ["6.12"],
  },
  { name: "root-systemd", ...needing(root, BY_SYSTEM), limitsOn: ["6.1"] },
  { name: "user-systemd", ...needing(withBus(user(1000)), LIMITED), limitsOn: ["6.1"], long: true },
  {
    name: "user-delegated",
    ...needing(withBus(user(1000)), [...BY_SYSTEM, "limit-parent"]),
    properties: DELEGATED,
    limitsOn: ["6.12"],
    files: KERNEL_SENSITIVE,
    filesOn: ["6.1"],
  },
  { name: "user-none", ...needing(user(1001), ["no-limits"]), limitsOn: [] },
  ...REFUSALS.flatMap(bothWays),
  refusal("apparmor-profile", "AppArmor", { properties: { AppArmorProfile: "vm-no-capabilities" } }),
];
