// A big parent: a fork copies its page tables, which is what a spawn must not cost.

import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const CHUNK = 64 * 1024 * 1024;
const UNITS = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

let buffers = [];

export function parseSize(text) {
  const [, digits, unit] = /^(\d+)([KMG]?)$/.exec(text) ?? [];
  if (digits === undefined)
    throw new RangeError(`--heap ${text}: expected a number of bytes such as 512M, 1G or 0`);
  return Number(digits) * UNITS[unit];
}

/** Makes `bytes` of Buffers, every page touched, the only ones that live; resolves to the process's resident size. */
export async function occupy(bytes) {
  if (bytes === 0) return release();
  for (let left = bytes; left > 0; left -= CHUNK) buffers.push(Buffer.alloc(Math.min(left, CHUNK), 1));
  return process.memoryUsage.rss();
}

// The collector gives memory back when it likes, and in the background: without it gone, the small heap is a big one.
async function release() {
  const dropped = buffers.reduce((sum, { length }) => sum + length, 0);
  const target = process.memoryUsage.rss() - dropped / 2;
  buffers = [];
  for (let tries = 0; tries < 50; tries++) {
    collect();
    await sleep(20);
    const rss = process.memoryUsage.rss();
    if (dropped === 0 || rss <= target) return rss;
  }
  throw new Error("the runtime did not give the memory of dropped buffers back");
}

function collect() {
  if (globalThis.Bun) return globalThis.Bun.gc(true);
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
