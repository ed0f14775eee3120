/**
 * Workers that are terminated while their commands run. What must come of it: this process goes on, its own commands and
 * those of other Workers too; the Worker's commands live on (containers until this process ends) and leave no zombie;
 * the Worker's pipes are closed.
 *
 * usage: node workers.mjs [Workers]     (500)
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { has } from "../helpers/must.mjs";
import { childrenOf, delay, state, within } from "../helpers/processes.mjs";
import { spawn } from "../helpers/run.mjs";
import { snapshot } from "../helpers/snapshot.mjs";

const rounds = Number(process.argv[2] ?? 500);
const container = has("userns") ? { namespace: { user: true, pid: true } } : undefined;
const sleep = ["sleep", "1000"];

/** Commands in every state: silent, writing, being written to, bounded, waited for. */
function work() {
  const children = [
    spawn(sleep, { stdout: "ignore" }),
    spawn(sleep, { stdout: "ignore", container }),
    spawn(["sh", "-c", "trap '' PIPE; yes 2>/dev/null; exec sleep 1000"], { container }),
    spawn(sleep, { stdin: "pipe", stdout: "ignore", timeout: 500_000, onExit() {} }),
    spawn(["sh", "-c", "exec sleep 1000"], { stdio: ["ignore", "pipe", "pipe", "pipe"], container }),
  ];
  children[2].stdout.getReader().read();
  children[3].stdin.write(new Uint8Array(1_000_000));
  children[4].stdout.text();
  for (let index = 0; index < 3; index++) spawn(["true"], { container: index % 2 ? container : undefined });
  parentPort.postMessage(children.map(({ pid }) => pid));
  setInterval(() => {}, 1000);
}

async function terminateOne() {
  const worker = new Worker(fileURLToPath(import.meta.url));
  const pids = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  await worker.terminate();
  return pids;
}

const isAlive = (pid) => !["Z", "X", null].includes(state(pid));

function end(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended by itself, which is what is looked for
  }
}

const threads = () => fs.readdirSync("/proc/self/task").length;

async function main() {
  const began = Date.now();
  // Once for what is made at first use and kept.
  for (const pid of await terminateOne()) end(pid);
  await within(5000, () => childrenOf(process.pid).length === 0);
  await delay(100);
  const [before, threadsBefore] = [snapshot(), threads()];

  const own = spawn(["sh", "-c", "read line; exit 9"], { stdin: "pipe", container });
  for (let round = 0; round < rounds; round++) {
    const pids = await terminateOne();
    assert.deepEqual(
      pids.filter((pid) => !isAlive(pid)),
      [],
      "all live on",
    );
    pids.forEach(end);
    const isReaped = await within(5000, () => pids.every((pid) => state(pid) === null));
    assert.ok(isReaped, `not reaped: ${pids.map(state)}`);
    if (round % 10 === 0) assert.equal(await spawn(["sh", "-c", "exit 3"], { container }).exited, 3);
  }
  own.stdin.end();
  assert.equal(await own.exited, 9, "a command of the main thread has seen nothing of it");

  let now;
  await within(5000, () => {
    now = snapshot();
    return isDeepStrictEqual(now, before) && threads() <= threadsBefore + 1;
  });
  assert.deepEqual(now, before);
  assert.ok(threads() <= threadsBefore + 1, `${threads()} threads, and ${threadsBefore} before`);
  console.log(
    `${rounds} Workers terminated with commands that run: nothing left, nobody harmed (${Date.now() - began} ms)`,
  );
}

if (isMainThread) await main();
else work();
