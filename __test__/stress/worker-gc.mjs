/**
 * Starts commands while a Worker allocates, and has its garbage collected, as fast as it can: the children share the
 * parent's memory until they exec, and must not disturb it.
 *
 * usage: node worker-gc.mjs [starts]     (20000)
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const starts = Number(process.argv[2] ?? 20_000);

/** Makes and drops objects, and checks that those it keeps have not changed. */
function allocate(counter) {
  let kept = [];
  for (let round = 0; Atomics.load(counter, 0) === 0; round++) {
    const made = Array.from({ length: 5000 }, (_, index) => ({
      index,
      text: `text ${index} ${round}`,
      list: [index, round],
    }));
    const buffer = Buffer.alloc(1 << 20, round & 255);
    kept.push([round, made, buffer]);
    if (kept.length > 20) {
      for (const [number, objects, bytes] of kept) {
        if (
          bytes[12_345] !== (number & 255) ||
          !objects.every((each, index) => each.text === `text ${index} ${number}` && each.list[1] === number)
        ) {
          return "something that was kept has changed";
        }
      }
      kept = [];
      Atomics.add(counter, 1, 1);
    }
  }
  return null;
}

async function startAll(counter) {
  const { spawn } = await import("../helpers/run.mjs");
  const { has } = await import("../helpers/must.mjs");
  const user = has("userns");
  const kinds = [
    undefined,
    { namespace: { user, pid: true, mount: true } },
    {
      namespace: { user, pid: true, mount: true, uts: { hostname: "box" }, ipc: true, cgroup: true },
      fs: [{ type: "tmpfs", to: "/mnt" }],
    },
  ];
  let next = 0;
  let good = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (next < starts) {
        const number = next++;
        const child = spawn({
          cmd: ["sh", "-c", `echo ${number}; exit ${number % 256}`],
          container: kinds[number % kinds.length],
        });
        const [text, code] = await Promise.all([child.stdout.text(), child.exited]);
        assert.deepEqual([text, code], [`${number}\n`, number % 256]);
        good++;
        if (number % 100 === 0) (globalThis.Bun?.gc ?? globalThis.gc)?.(false);
      }
    }),
  );
  Atomics.store(counter, 0, 1);
  return good;
}

if (isMainThread) {
  const counter = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: counter });
  const verdict = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
  const began = Date.now();
  const good = await startAll(counter);
  assert.equal(await verdict, null);
  assert.equal(good, starts);
  assert.ok(counter[1] > 0, "the control: the Worker allocated all the while");
  console.log(
    `${starts} starts beside ${counter[1] * 20} rounds of allocation: all as they should be (${Date.now() - began} ms)`,
  );
} else {
  parentPort.postMessage(allocate(workerData));
}
