/** `spawnSync`. */
import { noisy, ofDescriptor, outcome } from "./observe.mjs";

/** What is there of a result, but for what differs from run to run. */
function shown({ pid, resourceUsage, exitReason, stats, ...result }) {
  const entries = Object.entries(result).map(([key, value]) => [
    key,
    Buffer.isBuffer(value) ? String(value) : value,
  ]);
  return [typeof pid, typeof resourceUsage, ...entries.sort(([a], [b]) => (a < b ? -1 : 1))];
}

export const sync = {
  "spawnSync: both forms, its result and defaults": [
    async ({ spawnSync }) => [
      shown(spawnSync(["sh", "-c", "echo out; echo err >&2; exit 3"])),
      shown(spawnSync({ cmd: ["sh", "-c", "kill -9 $$"] })),
      shown(spawnSync(["true"], { stdout: "ignore", stderr: null })),
    ],
    [
      ["number", "object", ["exitCode", 3], ["stderr", "err\n"], ["stdout", "out\n"], ["success", false]],
      [
        "number",
        "object",
        ["exitCode", null],
        ["signalCode", "SIGKILL"],
        ["stderr", ""],
        ["stdout", ""],
        ["success", false],
      ],
      ["number", "object", ["exitCode", 0], ["stderr", undefined], ["stdout", undefined], ["success", true]],
    ],
  ],
  "spawnSync: timeout and maxBuffer": [
    async ({ spawnSync }) => {
      const results = [
        spawnSync(["sleep", "5"], { timeout: 30 }),
        spawnSync(["true"], { timeout: 60_000, maxBuffer: 5 }),
        spawnSync(noisy, { maxBuffer: 5 }),
      ];
      return results.map(({ exitCode, signalCode, exitedDueToTimeout, exitedDueToMaxBuffer }) => {
        return [exitCode, signalCode, exitedDueToTimeout, exitedDueToMaxBuffer];
      });
    },
    [
      [null, "SIGTERM", true, undefined],
      [0, undefined, false, false],
      [null, "SIGTERM", undefined, true],
    ],
  ],
  "spawnSync: what it refuses": [
    async ({ spawnSync }) => [
      outcome(() => spawnSync(["true"], { terminal: {} })),
      outcome(() => spawnSync(["true"], { signal: AbortSignal.abort() })),
      outcome(() => spawnSync(["no-such-command"])),
      outcome(() => spawnSync("ls")),
    ],
    ["TypeError ERR_INVALID_ARG_TYPE", "Error ABORT_ERR", "Error ENOENT", "TypeError ERR_INVALID_ARG_TYPE"],
  ],
  "spawnSync: stdin from bytes and a descriptor": [
    ({ spawnSync }) =>
      ofDescriptor("from a file", (fd) => {
        return [Buffer.from("bytes"), fd].map((stdin) => String(spawnSync(["cat"], { stdin }).stdout));
      }),
    ["bytes", "from a file"],
  ],
};
