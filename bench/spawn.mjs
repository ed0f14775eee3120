// How long a spawn takes: the call, and until the exit is known, side by side with what else there is.
// `npm run bench` runs it under Node, then under Bun. See USAGE for its options.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { payload } from "../__test__/helpers/payload.mjs";
import { findProgram, runMain, UserError } from "../scripts/project.mjs";
import { occupy, parseSize } from "./heap.mjs";
import { emptySamples, measure, statistics, trial } from "./measure.mjs";
import { aims, table } from "./report.mjs";
import { allRows } from "./rows.mjs";

const USAGE = `Usage: bench/spawn.mjs [--rounds N] [--heap SIZE] [--quick] [--json FILE]
  --rounds  turns of ten spawns a row (default 20)
  --heap    live heap of the second half, in which all is measured again (default 1G; 0: no second half)
  --quick   4 rounds: to see that it works, not to quote
  --json    write the figures to FILE as well`;

// The two heaps take turns too: what else the machine does is then shared by both.
const TURNS = 4;
const INSIDE = "CONTAINER_SPAWN_BENCH_INSIDE";

async function main() {
  const { rounds, heap, json } = readArguments();
  const inside = enterPrivateMounts();
  if (inside !== null) return inside;
  const directory = mkdtempSync(join(tmpdir(), "container-spawn-bench-"));
  try {
    const rows = await allRows(payload("true"), directory, findProgram);
    for (const row of rows) {
      if (row.absent === undefined) row.absent = (await trial(row)) ?? undefined;
    }
    const result = { machine: machine(), rows: rows.map(({ name, absent }) => ({ name, absent })) };
    result.phases = await measurePhases(
      rows.filter(({ absent }) => absent === undefined),
      rounds,
      heap,
    );
    console.log(`${table(result)}\n\n${aims(result)}\n`);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(result, null, 2)}\n`);
    return 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readArguments() {
  const options = {
    rounds: { type: "string" },
    heap: { type: "string" },
    quick: { type: "boolean" },
    json: { type: "string" },
  };
  try {
    const { values } = parseArgs({ options });
    const rounds = Number(values.rounds ?? (values.quick ? TURNS : 20));
    if (!Number.isSafeInteger(rounds) || rounds < 1)
      throw new RangeError(`--rounds ${values.rounds}: expected 1 or more`);
    return { rounds, heap: parseSize(values.heap ?? "1G"), json: values.json };
  } catch (error) {
    throw new UserError(`${error.message}\n${USAGE}`);
  }
}

/**
 * Runs the bench again in a mount namespace of its own, and returns its exit status; null where that is not needed.
 * crun refuses a machine that has both cgroup versions mounted: there, and only there, the second is taken away.
 */
function enterPrivateMounts() {
  if (process.env[INSIDE] !== undefined || process.getuid() !== 0 || findProgram("unshare") === null)
    return null;
  const hide = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
  const args = [
    "--mount",
    "--propagation",
    "private",
    "--",
    "sh",
    "-c",
    hide,
    "sh",
    process.execPath,
    ...process.argv.slice(1),
  ];
  const { status } = spawnSync("unshare", args, { stdio: "inherit", env: { ...process.env, [INSIDE]: "1" } });
  return status ?? 1;
}

function machine() {
  const { Bun } = globalThis;
  return {
    runtime: Bun === undefined ? "Node.js" : "Bun",
    version: Bun === undefined ? process.version : Bun.version,
    kernel: release(),
    cpus: cpus().length,
    uid: process.getuid(),
    date: new Date().toISOString(),
  };
}

async function measurePhases(rows, rounds, heap) {
  const phases = [0, ...(heap > 0 ? [heap] : [])].map((bytes) => ({
    heap: bytes,
    samples: emptySamples(rows),
  }));
  await measure(rows, emptySamples(rows), 2);
  const turns = phases.length === 1 ? 1 : Math.min(TURNS, rounds);
  for (let i = 0; i < turns; i++) {
    for (const phase of phases) {
      phase.rss = await occupy(phase.heap);
      await measure(rows, phase.samples, Math.ceil(rounds / turns));
    }
  }
  return phases.map(({ heap, rss, samples }) => {
    const entries = [...samples].map(([name, sample]) => [name, statistics(sample)]);
    return { heap, rss, samples: entries[0]?.[1].samples ?? 0, rows: Object.fromEntries(entries) };
  });
}

await runMain(main);
