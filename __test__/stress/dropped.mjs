/**
 * Handles that nobody keeps: their commands run on and are reaped, onExit is called, and memory stays as it is.
 *
 * usage: node dropped.mjs [handles]     (10000)
 */
import assert from "node:assert/strict";
import { has } from "../helpers/must.mjs";
import { childrenOf, delay, within } from "../helpers/processes.mjs";
import { spawn } from "../helpers/run.mjs";
import { snapshot } from "../helpers/snapshot.mjs";
import { collect } from "./collect.mjs";

const handles = Number(process.argv[2] ?? 10_000);
const MOST_BYTES_A_HANDLE = 1024;
// The runtime's own heaps grow for the first ten thousand or so, and then no more.
const SLACK = 16 * 1024 * 1024;
const IN_FLIGHT = 20;
const container = has("userns") ? { namespace: { user: true, pid: true } } : undefined;
let running = 0;
let ended = 0;

const kinds = [
  { stdout: "ignore" },
  { stdin: "pipe", stderr: "pipe" },
  { stdin: "text", timeout: 60_000, signal: new AbortController().signal },
  { stdio: ["ignore", "pipe", "pipe", "pipe"] },
  { lazy: true, maxBuffer: 5 },
];

function drop(number) {
  running++;
  spawn(["sh", "-c", "echo some output"], {
    ...kinds[number % kinds.length],
    container: number % 7 === 0 ? container : undefined,
    onExit() {
      running--;
      ended++;
    },
  });
}

async function dropMany(count) {
  for (let number = 0; number < count; number++) {
    drop(number);
    await within(10_000, () => running < IN_FLIGHT);
    if (number % 500 === 0) collect();
  }
  assert.ok(await within(10_000, () => running === 0), `${running} have not ended`);
}

/** Finalisers run some time after a collection. */
async function settled() {
  for (let round = 0; round < 10; round++) {
    collect();
    await delay(10);
  }
  return process.memoryUsage.rss();
}

const began = Date.now();
await dropMany(50);
await settled();
const before = snapshot();
const most = Math.floor(handles * 0.6);
await dropMany(most);
const early = await settled();
await dropMany(handles - most);
const late = await settled();
assert.equal(ended, handles + 50);
assert.deepEqual(childrenOf(process.pid), []);
assert.ok(
  await within(5000, async () => {
    await settled();
    return JSON.stringify(snapshot()) === JSON.stringify(before);
  }),
  `left: ${JSON.stringify(snapshot().descriptors)}, before: ${JSON.stringify(before.descriptors)}`,
);
const growth = late - early;
console.log(
  `${handles} handles dropped: all ended, nothing left; memory grew by ${Math.round(growth / 1024)} KiB over the last ` +
    `two fifths (${Date.now() - began} ms)`,
);
assert.ok(growth < (handles - most) * MOST_BYTES_A_HANDLE + SLACK, `memory grew by ${growth} bytes`);
