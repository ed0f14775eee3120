// What a limit adds to a spawn: the same container with and without one, in turns.
// `node bench/limits.mjs [--rounds N] [--v2]`; --v2 hides the hierarchies of version 1, in a mount namespace of its own, so
// that a hybrid machine shows what version 2 costs.

import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { payload } from "../__test__/helpers/payload.mjs";
import { spawn } from "../index.mjs";
import { runMain } from "../scripts/project.mjs";
import { emptySamples, measure, statistics, trial } from "./measure.mjs";

const SILENT = { stdin: "ignore", stdout: "ignore", stderr: "ignore" };
const INSIDE = "CONTAINER_SPAWN_BENCH_INSIDE";
const HIDE =
  'for at in $(grep -o " [^ ]* rw[^-]* - cgroup " /proc/self/mountinfo | cut -d" " -f2); do umount "$at"; done; exec "$@"';

const limits = {
  "no limit": undefined,
  pids: { pids: 64 },
  "cpu, memory, pids": { cpu: 100, memory: "64M", pids: 64 },
  hugetlb: { hugetlb: { "2MB": "max" } },
  "pids, by systemd": { pids: 64, manager: "systemd" },
};

async function main() {
  const { values } = parseArgs({ options: { rounds: { type: "string" }, v2: { type: "boolean" } } });
  if (values.v2 && process.env[INSIDE] === undefined) return inside();
  const noop = payload("true");
  const base = { namespace: { user: true, pid: true } };
  const rows = Object.entries(limits).map(([name, limit]) => ({
    name,
    start: () => spawn([noop], { ...SILENT, container: { ...base, limit } }).exited,
  }));
  const working = [];
  for (const row of rows) {
    const reason = await trial(row);
    if (reason === null) working.push(row);
    else console.log(`${row.name}: not measured: ${reason}`);
  }
  await measure(working, emptySamples(working), 2);
  const samples = emptySamples(working);
  await measure(working, samples, Number(values.rounds ?? 20));
  print([...samples].map(([name, sample]) => [name, statistics(sample)]));
  return 0;
}

function inside() {
  const args = ["--mount", "--propagation", "private", "sh", "-c", HIDE, "sh", process.execPath];
  const env = { ...process.env, [INSIDE]: "1" };
  return spawnSync("unshare", [...args, ...process.argv.slice(1)], { stdio: "inherit", env }).status ?? 1;
}

function print(rows) {
  const [[, without]] = rows;
  console.log("µs, medians                call   exit   to exit, of that without   added");
  for (const [name, { call, exit }] of rows) {
    const ratio = (exit.p50 / without.exit.p50).toFixed(2);
    const added = (exit.p50 - without.exit.p50).toFixed(0);
    const cells = [
      call.p50.toFixed(0).padStart(8),
      exit.p50.toFixed(0).padStart(6),
      ratio.padStart(10),
      added.padStart(22),
    ];
    console.log(`${name.padEnd(20)} ${cells.join(" ")}`);
  }
}

await runMain(main);
