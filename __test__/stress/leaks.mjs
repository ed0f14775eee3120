/**
 * Starts containers by the thousand, and starts that fail in every way, and compares what there is before and after:
 * descriptors, threads, children, mounts, cgroups, temporary files.
 *
 * usage: node leaks.mjs [containers [failures of each kind]]     (10000 and 2000)
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { has } from "../helpers/must.mjs";
import { within } from "../helpers/processes.mjs";
import { spawn } from "../helpers/run.mjs";
import { snapshot } from "../helpers/snapshot.mjs";
import { removeTempDirs, tempTree } from "../helpers/temp.mjs";

const [containers, failures] = [process.argv[2] ?? 10_000, process.argv[3] ?? 2000].map(Number);
const place = tempTree({ "source/file": "x", "lower/file": "x", file: "no directory", "root/dev": null });
const namespace = has("userns") ? { user: true, pid: true, mount: true } : { pid: true, mount: true };
const quiet = { stdout: "ignore", stderr: "ignore" };

const kinds = [
  { namespace },
  { namespace: { ...namespace, pid: { init: false } } },
  {
    namespace: { ...namespace, uts: { hostname: "box" }, ipc: true, cgroup: true },
    fs: [
      { type: "tmpfs", to: "/mnt" },
      { type: "proc", to: "/proc" },
    ],
  },
  {
    namespace,
    fs: [
      { type: "bind", from: `${place}/source`, to: `${place}/made/target`, readonly: true },
      { type: "tmpfs", to: `${place}/made/too` },
    ],
  },
  { namespace, root: { from: "host", readonly: true } },
  ...(has("overlay")
    ? [{ namespace, fs: [{ type: "overlayfs", to: "/mnt", lower: [`${place}/lower`], ephemeral: true }] }]
    : []),
  ...(has("cgroup-v1") ? [{ namespace, limit: { memory: "64M", cpu: 100 } }] : []),
];

const failing = {
  "a missing command": { cmd: ["/no/such/command"], container: { namespace } },
  "a missing command, with pipes": {
    cmd: ["no-such-command"],
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    container: { namespace },
  },
  "a missing command, plain": { cmd: ["/no/such/command"], stdin: "pipe", stdout: "pipe" },
  "a missing cwd": { cmd: ["true"], cwd: "/no/such/cwd", container: { namespace } },
  "a descriptor that is not open": { cmd: ["true"], stdout: 987, container: { namespace } },
  "a missing source": {
    cmd: ["true"],
    container: {
      namespace,
      fs: [
        { type: "tmpfs", to: `${place}/made/x` },
        { type: "bind", from: "/no/such", to: "/mnt" },
      ],
    },
  },
  "a target that cannot be made": {
    cmd: ["true"],
    container: {
      namespace,
      fs: [
        { type: "tmpfs", to: `${place}/made/x` },
        { type: "tmpfs", to: `${place}/file/x` },
      ],
    },
  },
  "a missing root": { cmd: ["true"], container: { namespace, root: "/no/such/root" } },
  "a root without the command": { cmd: ["/bin/sh"], container: { namespace, root: `${place}/root` } },
  "a bad option": { cmd: ["true"], container: { namespace: { netwrok: true } } },
  ...(has("cgroup-v1")
    ? {
        "a missing command, with a limit": {
          cmd: ["/no/such/command"],
          container: { namespace, limit: { memory: "64M" } },
        },
      }
    : {}),
};

async function startOne(round) {
  const child = spawn({
    cmd: ["true"],
    ...quiet,
    stdin: round % 3 ? "ignore" : "pipe",
    container: kinds[round % kinds.length],
  });
  child.stdin?.end();
  assert.equal(await child.exited, 0);
}

function failOne(options) {
  try {
    spawn({ ...quiet, ...options });
  } catch (error) {
    assert.ok(error.code, error.stack);
    return;
  }
  assert.fail(`did not fail: ${JSON.stringify(options)}`);
}

/** Our own threads, by their names: the runtime starts and ends some of its own as it likes. */
function threads() {
  const names = fs.readdirSync("/proc/self/task").map((task) => {
    try {
      return fs.readFileSync(`/proc/self/task/${task}/comm`, "utf8").trim();
    } catch {
      return ""; // it has just ended
    }
  });
  return names.filter((name) => name.startsWith("container-")).sort();
}

const state = () => ({
  ...snapshot(),
  threads: threads(),
  made: fs.readdirSync(place).sort(),
});

async function settled(before) {
  let now;
  await within(5000, () => {
    now = state();
    return isDeepStrictEqual(now, before);
  });
  assert.deepEqual(now, before);
}

// Once round everything, for what is made at first use and kept.
for (let round = 0; round < kinds.length * 3; round++) await startOne(round);
for (const options of Object.values(failing)) failOne(options);
await new Promise((resolve) => setTimeout(resolve, 100));
const before = state();

const began = Date.now();
const IN_FLIGHT = 4;
let next = 0;
await Promise.all(
  Array.from({ length: IN_FLIGHT }, async () => {
    while (next < containers) await startOne(next++);
  }),
);
await settled(before);
console.log(`${containers} containers of ${kinds.length} kinds: nothing left (${Date.now() - began} ms)`);

for (const [kind, options] of Object.entries(failing)) {
  const from = Date.now();
  for (let round = 0; round < failures; round++) failOne(options);
  await settled(before);
  console.log(`${failures} starts that fail by ${kind}: nothing left (${Date.now() - from} ms)`);
}
removeTempDirs();
assert.ok(!fs.existsSync(path.join(place)));
