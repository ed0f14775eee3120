// `exec` and `execFile` of `container-spawn/child_process`, with callbacks and as promises.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { container, events, ours, table, told } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { delay } from "../helpers/processes.mjs";

leaveNothing();

/** What the callback gets, once the child is closed too. */
async function called(call, ...args) {
  let child;
  const values = await new Promise((resolve) => {
    child = call(...args, (error, stdout, stderr) => resolve([error && told(error), stdout, stderr]));
  });
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) await events(child);
  return values;
}

const failed = (cmd, fields, stderr = "") => ({
  name: "Error",
  message: `Command failed: ${cmd}\n${stderr}`,
  killed: false,
  signal: null,
  cmd,
  ...fields,
});

const tooMuch = (stream, cmd) => ({
  name: "RangeError",
  message: `${stream} maxBuffer length exceeded`,
  code: "ERR_CHILD_PROCESS_STDIO_MAXBUFFER",
  cmd,
});

const missing = (file, args, cmd) => ({
  name: "Error",
  message: `spawn ${file} ENOENT`,
  code: "ENOENT",
  errno: -2,
  syscall: `spawn ${file}`,
  path: file,
  spawnargs: args,
  cmd,
});

table("exec", [
  ["gives what was written", (api) => called(api.exec, "echo out; echo err >&2"), [null, "out\n", "err\n"]],
  ["with options", (api) => called(api.exec, "pwd", { cwd: "/usr" }), [null, "/usr\n", ""]],
  ["with null for options", (api) => called(api.exec, "echo x", null), [null, "x\n", ""], { plain: true }],
  ["in another shell", (api) => called(api.exec, "text", { shell: "/bin/echo" }), [null, "-c text\n", ""]],
  [
    "of a failure",
    (api) => called(api.exec, "echo out; echo err >&2; exit 3"),
    [failed("echo out; echo err >&2; exit 3", { code: 3 }, "err\n"), "out\n", "err\n"],
  ],
  [
    "of a signal",
    (api) => called(api.exec, "kill -KILL $$; sleep 5"),
    [failed("kill -KILL $$; sleep 5", { code: null, signal: "SIGKILL" }), "", ""],
    { plain: true },
  ],
  [
    "with a timeout",
    (api) => called(api.exec, "echo early; exec sleep 60", { timeout: 200 }),
    [failed("echo early; exec sleep 60", { code: null, killed: true, signal: "SIGTERM" }), "early\n", ""],
  ],
  [
    "with a timeout and a signal of one's own",
    (api) => called(api.exec, "exec sleep 60", { timeout: 100, killSignal: "SIGKILL" }),
    [failed("exec sleep 60", { code: null, killed: true, signal: "SIGKILL" }), "", ""],
  ],
  [
    "whose shell is missing",
    (api) => called(api.exec, "true", { shell: "/no/such/shell" }),
    [missing("/no/such/shell", ["-c", "true"], "true"), "", ""],
  ],
  [
    "of more than 1 MiB",
    async (api) => {
      const [error, stdout, stderr] = await called(api.exec, "exec yes");
      return [error, stdout.length, stderr];
    },
    [tooMuch("stdout", "exec yes"), 1024 * 1024, ""],
  ],
  [
    "of more than maxBuffer, in bytes and not in characters",
    (api) => called(api.exec, "echo äöü >&2; exec sleep 60", { maxBuffer: 3 }),
    [tooMuch("stderr", "echo äöü >&2; exec sleep 60"), "", "äöü"],
  ],
  ["of exactly maxBuffer", (api) => called(api.exec, "printf 12345", { maxBuffer: 5 }), [null, "12345", ""]],
  [
    "without a limit",
    async (api) => {
      const options = { maxBuffer: Number.POSITIVE_INFINITY };
      const [error, stdout] = await called(api.exec, "head -c 3000000 /dev/zero", options);
      return [error, stdout.length];
    },
    [null, 3_000_000],
  ],
  [
    "as Buffers",
    async (api) => {
      const [, stdout, stderr] = await called(api.exec, "printf '\\377'", { encoding: "buffer" });
      return [[...stdout], Buffer.isBuffer(stderr)];
    },
    [[255], true],
  ],
  ["in another encoding", (api) => called(api.exec, "printf ab", { encoding: "hex" }), [null, "6162", ""]],
]);

table("execFile", [
  ["with arguments", (api) => called(api.execFile, "printf", ["%s-", "a b", "c"]), [null, "a b-c-", ""]],
  ["without", (api) => called(api.execFile, "true"), [null, "", ""]],
  ["with options alone", (api) => called(api.execFile, "pwd", { cwd: "/" }), [null, "/\n", ""]],
  ["with both", (api) => called(api.execFile, "ls", ["-d", "."], { cwd: "/" }), [null, ".\n", ""]],
  [
    "of a failure names the arguments",
    (api) => called(api.execFile, "sh", ["-c", "exit 4"]),
    [failed("sh -c exit 4", { code: 4 }), "", ""],
  ],
  [
    "of what does not exist",
    (api) => called(api.execFile, "no-such-command-1", ["x"]),
    [missing("no-such-command-1", ["x"], "no-such-command-1 x"), "", ""],
  ],
  [
    "that is aborted",
    async (api) => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 50);
      const [error] = await called(api.execFile, "sleep", ["60"], { signal: controller.signal });
      return error;
    },
    { name: "AbortError", message: "The operation was aborted", code: "ABORT_ERR", cmd: "sleep 60" },
  ],
  [
    "without a callback gives the child",
    async (api) => {
      const child = api.execFile("sh", ["-c", "echo x; exit 2"]);
      let stdout = "";
      child.stdout.on("data", (chunk) => {
        stdout += chunk;
      });
      return [await events(child), stdout];
    },
    [[["spawn"], ["exit", 2, null], ["close", 2, null]], "x\n"],
  ],
]);

table(
  "as a promise",
  [
    ["exec", (api) => promisify(api.exec)("echo out; echo err >&2"), { stdout: "out\n", stderr: "err\n" }],
    ["execFile", (api) => promisify(api.execFile)("echo", ["x"]), { stdout: "x\n", stderr: "" }],
    [
      "it has the child",
      async (api) => {
        const promise = promisify(api.execFile)("cat");
        promise.child.stdin.end("for the child");
        return (await promise).stdout;
      },
      "for the child",
    ],
    [
      "its error has what was written",
      async (api) => {
        const error = await promisify(api.exec)("echo out; echo err >&2; exit 3").catch((error) => error);
        return [error.code, error.stdout, error.stderr, error instanceof Error];
      },
      [3, "out\n", "err\n", true],
    ],
    [
      "what is refused is thrown",
      (api) => {
        try {
          return promisify(api.execFile)(1).then(() => "nothing was thrown");
        } catch (error) {
          return error.code;
        }
      },
      "ERR_INVALID_ARG_TYPE",
    ],
  ].map((row) => [...row, { plain: true }]),
);

describe("in a container, as a promise", needs("userns"), () => {
  it("exec and execFile", async () => {
    const ids = await promisify(ours.exec)("id -u; echo $$", { container });
    assert.match(ids.stdout, /^0\n\d+\n$/);
    const { stdout } = await promisify(ours.execFile)("readlink", ["/proc/self/ns/user"], { container });
    const { stdout: outside } = await promisify(ours.execFile)("readlink", ["/proc/self/ns/user"]);
    assert.notEqual(stdout, outside);
  });
});

describe("a callback", () => {
  it("is called once, though an error is followed by close", async () => {
    let calls = 0;
    const child = ours.execFile("no-such-command-1", () => calls++);
    await events(child);
    await delay(10);
    assert.equal(calls, 1);
  });
});
