/** Members of the handle. */
import { outcome, shell } from "./observe.mjs";

export const members = {
  "exited: never rejects, 128 more for a signal": [
    async ({ spawn }) => [
      await spawn({ cmd: shell("exit 7") }).exited,
      await spawn({ cmd: shell("kill -9 $$") }).exited,
      await spawn({ cmd: shell("kill -34 $$; sleep 1") }).exited,
    ],
    [7, 137, 162],
  ],
  "exitCode, signalCode, killed: before and after": [
    async ({ spawn }) => {
      const child = spawn({ cmd: shell("read line; kill -34 $$; sleep 1"), stdin: "pipe" });
      const see = () => [child.exitCode, child.signalCode, child.killed];
      const before = see();
      child.stdin.end();
      await child.exited;
      const normal = spawn({ cmd: ["true"] });
      await normal.exited;
      return [before, see(), normal.killed];
    },
    [[null, null, false], [null, 34, true], true],
  ],
  "killed, kill: not yet right after kill(); undefined; nothing after the end": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["sleep", "5"] });
      const seen = [child.kill(0), child.kill("SIGKILL"), child.killed, await child.exited];
      return [...seen, child.kill(), child.kill(9), child.signalCode];
    },
    [undefined, undefined, false, 137, undefined, undefined, "SIGKILL"],
  ],
  "kill: wrong": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["sleep", "5"] });
      const seen = [999, -1, "SIGFOO", {}].map((signal) => outcome(() => child.kill(signal)));
      child.kill("SIGKILL");
      await child.exited;
      return seen;
    },
    Array(4).fill("TypeError ERR_INVALID_ARG_TYPE"),
  ],
  "stdin: a FileSink": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["cat"], stdin: "pipe" });
      const counts = [await child.stdin.write("hä"), await child.stdin.write(new Uint8Array([33]))];
      child.stdin.flush();
      await child.stdin.end();
      return [...counts, await child.stdout.text(), typeof child.stdin.ref, typeof child.stdin.unref];
    },
    [3, 1, "hä!", "function", "function"],
  ],
  "stdout: text, json, bytes, blob, chunks": [
    async ({ spawn }) => {
      const make = () => spawn({ cmd: ["echo", "[1]"] }).stdout;
      const chunks = [];
      for await (const chunk of make()) chunks.push(...chunk);
      const blob = await make().blob();
      return [
        await make().text(),
        await make().json(),
        (await make().bytes()).length,
        blob.size,
        chunks.length,
      ];
    },
    ["[1]\n", [1], 4, 4, 4],
  ],
  "stdout: a ReadableStream, to be read once": [
    async ({ spawn }) => {
      const { stdout } = spawn({ cmd: ["echo"] });
      await stdout.text();
      const error = await stdout.text().catch((rejected) => rejected);
      return [stdout instanceof ReadableStream, error instanceof TypeError, error.code];
    },
    [true, true, "ERR_INVALID_STATE"],
  ],
  "readable, writable, stdio, pid, toStringTag": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["cat"], stdin: "pipe" });
      const seen = [
        child.readable === child.stdout,
        child.writable === child.stdin,
        child.stdio,
        typeof child.pid,
      ];
      child.stdin.end();
      await child.exited;
      return [...seen, Object.prototype.toString.call(child)];
    },
    [true, true, [null, null, null], "number", "[object Subprocess]"],
  ],
  "resourceUsage: undefined, then this shape": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["true"] });
      const before = child.resourceUsage();
      await child.exited;
      const usage = child.resourceUsage();
      const { contextSwitches, cpuTime, maxRSS, messages, ops, shmSize, signalCount, swapCount } = usage;
      const { voluntary, involuntary } = contextSwitches;
      const numbers = [voluntary, involuntary, messages.sent, messages.received, ops.in, ops.out];
      numbers.push(maxRSS, shmSize, signalCount, swapCount);
      const { user, system, total } = cpuTime;
      return [before, new Set(numbers.map((value) => typeof value)), total === user + system, typeof total];
    },
    [undefined, new Set(["number"]), true, "bigint"],
  ],
  "asyncDispose: sends killSignal and waits": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["sleep", "5"], killSignal: "SIGINT" });
      await child[Symbol.asyncDispose]();
      return child.signalCode;
    },
    "SIGINT",
  ],
  "ref, unref": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["true"] });
      const seen = [child.unref(), child.ref()];
      await child.exited;
      return seen;
    },
    [undefined, undefined],
  ],
};
