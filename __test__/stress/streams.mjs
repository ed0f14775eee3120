/**
 * Much data out of a command and into one, read and written slowly: nothing is lost or doubled, and memory does not grow
 * with it. Beside it, how fast that is, and how fast the runtime's own way is.
 *
 * usage: node streams.mjs [MiB [pause in ms [rounds]]]     (1024, 5000 and 5000)
 */
import assert from "node:assert/strict";
import { spawn as plainSpawn } from "node:child_process";
import { createHash } from "node:crypto";
import { has } from "../helpers/must.mjs";
import { childrenOf, delay, state, within } from "../helpers/processes.mjs";
import { spawn } from "../helpers/run.mjs";

const MIB = 1024 * 1024;
const MOST_GROWTH = 64 * MIB;
const [size, pause, rounds] = [process.argv[2] ?? 1024, process.argv[3] ?? 5000, process.argv[4] ?? 5000].map(
  Number,
);
const bytes = size * MIB;

// Its length is prime: whatever chunk is lost, what follows is out of step.
const line = Array.from({ length: 65_520 }, (_, index) =>
  String.fromCharCode(97 + ((index * index) % 26)),
).join("");
const writer = ["sh", "-c", `yes "$1" | head -c ${bytes}`, "sh", line];

function expectedHash() {
  const pattern = Buffer.from(`${line}\n`);
  const hash = createHash("sha256");
  for (let left = bytes; left > 0; left -= pattern.length)
    hash.update(pattern.subarray(0, Math.min(left, pattern.length)));
  return hash.digest("hex");
}

const collect = () => (globalThis.Bun ? globalThis.Bun.gc(true) : globalThis.gc?.());
const memory = () => process.memoryUsage.rss();
const rate = (ms) => `${Math.round(bytes / MIB / (ms / 1000))} MiB/s`;

/** Watches how much memory this process has, until told to stop. */
function watchMemory() {
  collect();
  const before = memory();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, memory());
  }, 5);
  return () => {
    clearInterval(timer);
    return most - before;
  };
}

const descendants = (pid) => childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);

async function readSlowly(container, expected) {
  const grown = watchMemory();
  const child = spawn(writer, { container });
  const hash = createHash("sha256");
  let read = 0;
  let hasPaused = false;
  for await (const chunk of child.stdout) {
    read += chunk.length;
    hash.update(chunk);
    if (hasPaused || read < bytes / 2) continue;
    hasPaused = true;
    await delay(pause);
    const writers = descendants(child.pid).map(state);
    assert.ok(writers.length > 0 && writers.every((letter) => letter === "S"), `they wait: ${writers}`);
  }
  assert.deepEqual([read, await child.exited, hash.digest("hex")], [bytes, 0, expected]);
  const growth = grown();
  assert.ok(growth < MOST_GROWTH, `memory grew by ${growth / MIB} MiB`);
  return growth;
}

async function writeSlowly(container, expected) {
  const grown = watchMemory();
  const child = spawn(["sh", "-c", `sleep ${pause / 1000}; exec sha256sum`], { stdin: "pipe", container });
  // The pattern whole, so that the memory is this program's and not the product's.
  const pattern = Buffer.from(`${line}\n`.repeat(16));
  for (let left = bytes; left > 0; left -= pattern.length) {
    await child.stdin.write(pattern.subarray(0, Math.min(left, pattern.length)));
  }
  await child.stdin.end();
  assert.equal((await child.stdout.text()).split(" ")[0], expected);
  const growth = grown();
  assert.ok(growth < MOST_GROWTH, `memory grew by ${growth / MIB} MiB`);
  return growth;
}

/** A reader that leaves is a rejected write, and no more than that. */
async function writeToOneWhoLeaves(container) {
  const child = spawn(["head", "-c", "1000000"], { stdin: "pipe", stdout: "ignore", container });
  const chunk = Buffer.alloc(MIB, "x");
  let error;
  for (let written = 0; error === undefined && written < 100; written++) {
    try {
      await child.stdin.write(chunk);
    } catch (rejected) {
      error = rejected;
    }
  }
  assert.equal(error?.code, "EPIPE");
  assert.equal(await child.exited, 0);
}

/** Output and end in any order, with somebody else who holds the output open and writes to it. */
async function readInAnyOrder(container) {
  const script = "(sleep 0.01; printf ' late') & head -c 50000 /dev/zero; exit 4";
  let next = 0;
  const one = async () => {
    while (next < rounds) {
      const order = next++ % 3;
      const child = spawn(["sh", "-c", script], { container });
      if (order === 1) await child.exited;
      if (order === 2) await delay(5);
      const text = await child.stdout.text();
      assert.equal(await child.exited, 4);
      // A container ends with its command, and who writes late with it.
      assert.ok(text.length === 50_005 || (container && text.length === 50_000), `${text.length} bytes`);
    }
  };
  await Promise.all([one(), one(), one(), one()]);
}

async function timed(call) {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

const counted = async (stream) => {
  let read = 0;
  for await (const chunk of stream) read += chunk.length;
  assert.equal(read, bytes);
};

/** The fastest of three each, taken in turns. */
async function compareSpeed() {
  const ways = { ours: () => counted(spawn(writer).stdout) };
  if (globalThis.Bun) ways["Bun.spawn"] = () => counted(globalThis.Bun.spawn(writer).stdout);
  else {
    const options = { stdio: ["ignore", "pipe", "inherit"] };
    ways.child_process = () => counted(plainSpawn(writer[0], writer.slice(1), options).stdout);
  }
  const best = {};
  for (let round = 0; round < 3; round++) {
    for (const [name, way] of Object.entries(ways))
      best[name] = Math.min(best[name] ?? Infinity, await timed(way));
  }
  const [theirs] = Object.keys(best).filter((name) => name !== "ours");
  console.log(
    `stdout: ours ${rate(best.ours)}, ${theirs} ${rate(best[theirs])}: ${(best[theirs] / best.ours).toFixed(2)} of it`,
  );
}

const expected = expectedHash();
const kinds = { plain: undefined };
if (has("userns")) kinds["in a container"] = { namespace: { user: true, pid: true } };
for (const [kind, container] of Object.entries(kinds)) {
  const [out, into] = [await readSlowly(container, expected), await writeSlowly(container, expected)];
  const growth = [out, into].map((grown) => `${(grown / MIB).toFixed(1)} MiB`).join(" and ");
  console.log(`${size} MiB out and in, ${kind}: all there; memory grew by ${growth}`);
  await writeToOneWhoLeaves(container);
  const ms = await timed(() => readInAnyOrder(container));
  console.log(`${rounds} outputs read in any order, ${kind}: all whole (${Math.round(ms)} ms)`);
}
await compareSpeed();
assert.ok(await within(5000, () => childrenOf(process.pid).length === 0), "no child is left");
