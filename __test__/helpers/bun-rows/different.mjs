/** What is other than Bun, on purpose. */
import { attempt, attempts, outcome, shell, text } from "./observe.mjs";

export const different = {
  "unknown keys are errors, and Bun ignores them": [
    async ({ spawn }) => attempt(spawn, { stdot: "pipe" }),
    { ours: "TypeError ERR_UNKNOWN_OPTION", bun: 0 },
  ],
  "env is this process's now, and Bun's as it was at its start": [
    async ({ spawn }) => {
      process.env.CONTAINER_SPAWN_COMPAT = "changed";
      const seen = await text(spawn, shell('echo "$CONTAINER_SPAWN_COMPAT"'));
      delete process.env.CONTAINER_SPAWN_COMPAT;
      return seen;
    },
    { ours: "changed\n", bun: "\n" },
  ],
  "stdin takes text, and Bun refuses it": [
    async ({ spawn }) => {
      const child = outcome(() => spawn({ cmd: ["cat"], stdin: "text" }));
      return typeof child === "string" ? child : child.stdout.text();
    },
    { ours: "text", bun: "TypeError ERR_INVALID_ARG_TYPE" },
  ],
  "maxBuffer that is no number is an error, and Bun ignores it": [
    async ({ spawn }) => attempts(spawn, "maxBuffer", [NaN, "1M"]),
    { ours: ["RangeError ERR_OUT_OF_RANGE", "TypeError ERR_INVALID_ARG_TYPE"], bun: [0, 0] },
  ],
  "maxBuffer gives that many bytes, and Bun up to a read more": [
    async ({ spawn }) => (await spawn({ cmd: ["yes"], maxBuffer: 10 }).stdout.bytes()).length > 10,
    { ours: false, bun: true },
  ],
  "signals may be real-time, and Bun takes none from 32 on": [
    async ({ spawn }) => attempts(spawn, "killSignal", [34, 64, NaN]),
    {
      ours: [0, 0, "TypeError ERR_INVALID_ARG_TYPE"],
      bun: ["TypeError ERR_INVALID_ARG_TYPE", "TypeError ERR_INVALID_ARG_TYPE", 0],
    },
  ],
  "false asks for nothing in every option, and Bun refuses it in some": [
    async ({ spawn }) => attempts(spawn, "timeout", [false]),
    { ours: [0], bun: ["TypeError ERR_INVALID_ARG_TYPE"] },
  ],
  "the error of a bad cwd names it, and Bun's names the command": [
    async ({ spawn }) => {
      try {
        spawn({ cmd: ["true"], cwd: "/no/such" });
      } catch (error) {
        return error.path;
      }
    },
    { ours: "/no/such", bun: "true" },
  ],
  "uid and gid of -1 are out of range, and Bun's EINVAL": [
    async ({ spawn }) => attempts(spawn, "uid", [-1]),
    { ours: ["RangeError ERR_OUT_OF_RANGE"], bun: ["Error EINVAL"] },
  ],
  "a time-out ends the waiting for output, and Bun's waits for whoever holds it": [
    async ({ spawn }) => {
      const child = spawn({ cmd: shell("sleep 1 & wait"), timeout: 50 });
      const began = Date.now();
      await child.stdout.text();
      return Date.now() - began < 900;
    },
    { ours: true, bun: false },
  ],
  "onExit is told of a stdin source that fails, and Bun's is not": [
    ({ spawn }) =>
      new Promise((resolve) => {
        const stdin = new ReadableStream({
          pull: (controller) => controller.error(new Error("the source's own")),
        });
        spawn({ cmd: ["cat"], stdin, stdout: "ignore", onExit: (...args) => resolve(args[3]?.message) });
      }),
    { ours: "the source's own", bun: undefined },
  ],
  "exited is one promise, and Bun's a new one after the end": [
    async ({ spawn }) => {
      const child = spawn({ cmd: ["true"] });
      await child.exited;
      const [first, second] = [child.exited, child.exited];
      return first === second;
    },
    { ours: true, bun: false },
  ],
  "spawnSync refuses what cannot happen meanwhile, and Bun ignores it": [
    async ({ spawnSync }) => {
      const call = (given) => outcome(() => spawnSync(["true"], given).exitCode);
      return [call({ onExit() {} }), call({ lazy: true }), call({ ipc() {} })];
    },
    { ours: Array(3).fill("TypeError ERR_INVALID_ARG_TYPE"), bun: [0, 0, 0] },
  ],
};
