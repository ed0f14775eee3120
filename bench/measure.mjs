// Timing of spawns. All rows take turns, ten spawns each, in one process: absolute times drift twofold from run to
// run on an idle machine, ratios between rows of one run do not.

import { setImmediate as turn } from "node:timers/promises";

const BATCH = 10;

/** Starts a row once. Returns null when it worked, else the reason why the row is not measured. */
export async function trial(row) {
  try {
    const code = await row.start();
    return code === 0 ? null : row.complaint?.() || `exit code ${code}`;
  } catch (error) {
    return error.message.split("\n")[0];
  }
}

/** Runs the rows `rounds` times round and adds to each row's samples. */
export async function measure(rows, samples, rounds) {
  for (let round = 0; round < rounds; round++) {
    // Back and forth, so that no row always inherits the kernel's clean-up of the same neighbour.
    const order = round % 2 === 0 ? rows : rows.toReversed();
    for (const row of order) {
      const sample = samples.get(row.name);
      for (let i = 0; i < BATCH; i++) await once(row, sample);
    }
  }
}

async function once(row, sample) {
  const start = performance.now();
  const exited = row.start();
  const called = performance.now();
  const code = await exited;
  const ended = performance.now();
  if (code !== 0) throw new Error(`${row.name}: exit code ${code}`);
  sample.call.push((called - start) * 1000);
  sample.exit.push((ended - start) * 1000);
  // What the runtime still has to close is not to be charged to the next spawn.
  await turn();
}

export function emptySamples(rows) {
  return new Map(rows.map(({ name }) => [name, { call: [], exit: [] }]));
}

/** Microseconds. */
export function statistics({ call, exit }) {
  return { samples: call.length, call: quantiles(call), exit: quantiles(exit) };
}

function quantiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p95: at(0.95) };
}
