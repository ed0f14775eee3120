// What the guest is, once it has come up.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { release } from "node:os";

const LINGERING = 1000;
// The bus keeps the call until systemd is on it.
const PING = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.DBus.Peer Ping".split(" ");

export function machine() {
  const memory = /^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))[1];
  return {
    kernel: release(),
    controllers: readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim(),
    memory: `${Math.round(memory / 1024)} MiB`,
    ...settled(),
    node: said("/vm/bin/node", "--version"),
    bun: said("/vm/bin/bun", "--version"),
    uptime: `${readFileSync("/proc/uptime", "utf8").split(" ")[0]} s`,
  };
}

/**
 * Waits until systemd has started all that it starts, of the machine's and of the user's own, whose bus is started by
 * the first who asks: the tests' times are not those of a machine that is coming up.
 */
function settled() {
  const asUser = ["--quiet", "--pipe", "--wait", "--collect", `--property=User=${LINGERING}`];
  const runtime = `--setenv=XDG_RUNTIME_DIR=/run/user/${LINGERING}`;
  const bus = `--setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/${LINGERING}/bus`;
  const inSession = ["systemd-run", ...asUser, runtime, bus, "--"];
  return {
    system: said("systemctl", "is-system-running", "--wait"),
    user: said(...inSession, "systemctl", "--user", "is-system-running", "--wait"),
    "user's bus": said(...inSession, "busctl", "--user", "call", ...PING),
  };
}

/** What a command says, be it that it does not work. */
function said(command, ...args) {
  const { stdout, stderr, status, signal, error } = spawnSync(command, args, { encoding: "utf8" });
  if (stdout?.trim()) return stdout.trim();
  return status === 0 ? "answers" : `failed: ${error?.message ?? signal ?? `status ${status}, ${stderr}`}`;
}
