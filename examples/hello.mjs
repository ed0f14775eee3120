// The same look around, once inside a container and once outside of it. Needs no privileges.

import { SpawnError, spawn } from "container-spawn";

const LOOK = `
  echo "host name=$(uname -n)"
  echo "user id=$(id -u)"
  echo "process id=$$"
  names=
  for process in /proc/[0-9]*; do
    read -r name 2>/dev/null < "$process/comm" && names="$names, $name"
  done
  echo "processes=\${names#, }"
  echo "network=$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | paste -s -d ' ')"
  echo "/tmp=$(ls -A /tmp | paste -s -d ' ')"
`;

const container = {
  namespace: {
    user: true,
    pid: true,
    mount: true,
    network: true,
    uts: { hostname: "hello" },
    ipc: true,
    cgroup: true,
  },
  fs: [{ type: "tmpfs", to: "/tmp", size: "16M" }],
};

async function look(script, options) {
  const child = spawn(["sh", "-c", script], options);
  const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
  if (code !== 0) throw new Error(`sh ended with ${child.signalCode ?? code}`);
  return new Map(
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/=(.*)/s)),
  );
}

/** A list that would not fit beside another, as its length. */
function short(what, list, unit) {
  const items = list.split(what === "processes" ? ", " : " ").filter(Boolean);
  return list.length > 30 ? `${items.length} ${unit}` : list || "empty";
}

const UNITS = { processes: "processes", network: "devices", "/tmp": "files" };

try {
  const inside = await look(`echo hello > /tmp/greeting\n${LOOK}`, { container });
  const outside = await look(LOOK);
  console.log(`${"".padEnd(12)}${"in the container".padEnd(32)}on the host`);
  for (const [what, value] of inside) {
    const cells = [value, outside.get(what)].map((list) => short(what, list, UNITS[what]));
    console.log(`${what.padEnd(12)}${cells[0].padEnd(32)}${cells[1]}`);
  }
} catch (error) {
  if (!(error instanceof SpawnError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
