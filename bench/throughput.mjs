// How fast bytes go through a process's stdout and stdin, side by side with what else there is, and how long an event
// loop is kept busy by spawning containers.
//
// usage: throughput.mjs [--size 1G] [--rounds 3]

import { spawn as nodeSpawn } from "node:child_process";
import { parseArgs } from "node:util";
import { spawn } from "../index.mjs";
import { runMain } from "../scripts/project.mjs";
import { parseSize } from "./heap.mjs";

const { Bun } = globalThis;
const CHUNK = Buffer.alloc(64 * 1024, "x");
const CONTAINER = { namespace: { user: true, pid: true, mount: true } };

const source = (bytes) => ["head", "-c", String(bytes), "/dev/zero"];
const SINK = ["sh", "-c", "exec cat > /dev/null"];

const readers = {
  child_process: async (bytes) => {
    const [file, ...args] = source(bytes);
    let seen = 0;
    for await (const chunk of nodeSpawn(file, args, { stdio: ["ignore", "pipe", "inherit"] }).stdout)
      seen += chunk.length;
    return seen;
  },
  "Bun.spawn": Bun && ((bytes) => drain(Bun.spawn(source(bytes)).stdout)),
  ours: (bytes) => drain(spawn(source(bytes)).stdout),
  "ours, in a container": (bytes) => drain(spawn(source(bytes), { container: CONTAINER }).stdout),
};

async function drain(stream) {
  let seen = 0;
  for await (const chunk of stream) seen += chunk.length;
  return seen;
}

const writers = {
  child_process: async (bytes) => {
    const child = nodeSpawn(SINK[0], SINK.slice(1), { stdio: ["pipe", "ignore", "inherit"] });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    for (let sent = 0; sent < bytes; sent += CHUNK.length) {
      if (!child.stdin.write(CHUNK)) await new Promise((resolve) => child.stdin.once("drain", resolve));
    }
    child.stdin.end();
    await ended;
    return bytes;
  },
  "Bun.spawn": Bun && ((bytes) => fill(Bun.spawn(SINK, { stdin: "pipe" }), bytes)),
  ours: (bytes) => fill(spawn(SINK, { stdin: "pipe" }), bytes),
  "ours, in a container": (bytes) => fill(spawn(SINK, { stdin: "pipe", container: CONTAINER }), bytes),
};

async function fill(child, bytes) {
  for (let sent = 0; sent < bytes; sent += CHUNK.length) {
    await child.stdin.write(CHUNK);
    await child.stdin.flush();
  }
  await child.stdin.end();
  await child.exited;
  return bytes;
}

async function measure(title, ways, bytes, rounds) {
  const rows = Object.entries(ways).filter(([, way]) => way);
  const rates = new Map(rows.map(([name]) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, way] of rows) {
      const start = performance.now();
      const seen = await way(bytes);
      if (seen !== bytes) throw new Error(`${name}: ${seen} of ${bytes} bytes`);
      // The first round warms up.
      if (round >= 0) rates.get(name).push(bytes / 1024 ** 2 / ((performance.now() - start) / 1000));
    }
  }
  const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
  const base = median(rates.get(Bun ? "Bun.spawn" : "child_process"));
  console.log(`\n${title}, MiB/s, median of ${rounds}`);
  for (const [name, values] of rates) {
    console.log(
      `  ${name.padEnd(22)}${median(values).toFixed(0).padStart(6)}  ${(median(values) / base).toFixed(2)}x`,
    );
  }
}

/** The delays of a timer of 1 ms during 200 spawns one after the other. */
async function loopDelay() {
  const delays = [];
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    delays.push(now - last - 1);
    last = now;
  }, 1);
  for (let i = 0; i < 200; i++) await spawn(["true"], { stdout: "ignore", container: CONTAINER }).exited;
  clearInterval(timer);
  delays.sort((a, b) => a - b);
  const at = (share) => delays[Math.floor(delays.length * share)].toFixed(2);
  console.log(
    `\ndelay of a 1 ms timer during 200 container spawns: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (aim: under 5)`,
  );
}

async function main() {
  const { values } = parseArgs({ options: { size: { type: "string" }, rounds: { type: "string" } } });
  const bytes = parseSize(values.size ?? "1G");
  const rounds = Number(values.rounds ?? 3);
  console.log(Bun ? `Bun ${Bun.version}` : `Node.js ${process.version}`);
  await measure("stdout", readers, bytes, rounds);
  await measure("stdin", writers, bytes, rounds);
  await loopDelay();
  return 0;
}

await runMain(main);
