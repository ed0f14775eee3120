// `spawnSync`, `execSync` and `execFileSync` of `container-spawn/child_process`.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { container, ours, table, told } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { scriptResult } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

/** A result as plain values: the pid by whether there is one, Buffers as text. */
function plain(result) {
  const { pid, error, ...rest } = result;
  const values = { ...rest, pid: pid > 0 };
  for (const name of ["stdout", "stderr"]) values[name] = textOf(values[name]);
  values.output &&= values.output.map(textOf);
  return error === undefined ? values : { ...values, error: told(error) };
}

const textOf = (value) => (Buffer.isBuffer(value) ? `Buffer ${value}` : value);

const sh = (api, source, options) => plain(api.spawnSync("/bin/sh", ["-c", source], options));

const result = (fields, stdout = "Buffer ", stderr = "Buffer ") => ({
  status: 0,
  signal: null,
  output: [null, stdout, stderr],
  stdout,
  stderr,
  pid: true,
  ...fields,
});

const failure = (code, errno, file, args) => ({
  name: "Error",
  message: `spawnSync ${file} ${code}`,
  code,
  errno,
  syscall: `spawnSync ${file}`,
  path: file,
  spawnargs: args,
});

const notStarted = (error) => ({
  error,
  status: null,
  signal: null,
  output: null,
  pid: false,
  stdout: null,
  stderr: null,
});

table("spawnSync", [
  ["of success", (api) => plain(api.spawnSync("true")), result()],
  ["of output", (api) => sh(api, "echo out; echo err >&2"), result({}, "Buffer out\n", "Buffer err\n")],
  ["of a failure", (api) => sh(api, "exit 7"), result({ status: 7 })],
  ["of a signal", (api) => sh(api, "kill -USR1 $$; sleep 5"), result({ status: null, signal: "SIGUSR1" })],
  ["as text", (api) => sh(api, "echo out", { encoding: "utf8" }), result({}, "out\n", "")],
  ["with input as text", (api) => sh(api, "cat", { input: "häl", encoding: "utf8" }), result({}, "häl", "")],
  ["with input as bytes", (api) => sh(api, "cat", { input: new Uint8Array([104]) }), result({}, "Buffer h")],
  ["with empty input", (api) => sh(api, "cat", { input: "" }), result()],
  [
    "with input that nobody reads",
    (api) => sh(api, "exit 0", { input: Buffer.alloc(1_000_000) }),
    result(),
    { better: true },
  ],
  [
    "with 5 MB of input and of output",
    (api) => {
      const options = { input: Buffer.alloc(5_000_000, "x"), maxBuffer: 1e8 };
      return api.spawnSync("cat", options).stdout.length;
    },
    5_000_000,
  ],
  [
    "with streams elsewhere",
    (api) => sh(api, "echo out; echo err >&2", { stdio: ["ignore", "pipe", "ignore"] }),
    result({}, "Buffer out\n", null),
  ],
  [
    "with a further pipe",
    (api) => sh(api, "echo three >&3", { stdio: ["pipe", "pipe", "pipe", "pipe"] }),
    { ...result(), output: [null, "Buffer ", "Buffer ", "Buffer three\n"] },
  ],
  [
    "into a file",
    (api) => {
      const file = `${tempDir()}/file`;
      const fd = fs.openSync(file, "w");
      const { output } = api.spawnSync("echo", ["x"], { stdio: ["ignore", fd, "inherit"] });
      fs.closeSync(fd);
      return [output, fs.readFileSync(file, "utf8")];
    },
    [[null, null, null], "x\n"],
  ],
  [
    "of what does not exist",
    (api) => plain(api.spawnSync("no-such-command-1", ["a"])),
    notStarted(failure("ENOENT", -2, "no-such-command-1", ["a"])),
  ],
  [
    "of what asynchronously would be thrown",
    (api) => plain(api.spawnSync("true", { stdio: [987, "pipe", "pipe"] })),
    notStarted(failure("EBADF", -9, "true", [])),
  ],
  [
    "with a timeout",
    (api) => plain(api.spawnSync("sleep", ["60"], { timeout: 100 })),
    result({ status: null, signal: "SIGTERM", error: failure("ETIMEDOUT", -110, "sleep", ["60"]) }),
  ],
  [
    "with a timeout, and what was written before",
    (api) => {
      const { stdout, error, signal } = sh(api, "echo early; exec sleep 60", {
        timeout: 200,
        killSignal: "SIGKILL",
      });
      return [stdout, error.code, signal];
    },
    ["Buffer early\n", "ETIMEDOUT", "SIGKILL"],
  ],
  [
    "with a timeout that is not reached",
    (api) => sh(api, "exit 1", { timeout: 60_000 }),
    result({ status: 1 }),
  ],
  [
    "of more than maxBuffer",
    (api) => {
      const { error, signal, status, stdout } = api.spawnSync("yes", { maxBuffer: 1000 });
      return [told(error), signal, status, stdout.length >= 1000];
    },
    [failure("ENOBUFS", -105, "yes", []), "SIGTERM", null, true],
  ],
  [
    "of more than maxBuffer by what the command left behind",
    (api) => {
      const script = "(sleep 0.1; head -c 100000 /dev/zero) & exit 0";
      const { error, status } = api.spawnSync("sh", ["-c", script], { maxBuffer: 1000 });
      return [error.code, status];
    },
    ["ENOBUFS", 0],
    { plain: true },
  ],
  [
    "of more than 1 MiB",
    (api) => api.spawnSync("head", ["-c", "3000000", "/dev/zero"]).error.code,
    "ENOBUFS",
  ],
  ["in a shell", (api) => plain(api.spawnSync("exit", ["3"], { shell: true })), result({ status: 3 })],
]);

/** What a call gives or throws. */
function outcome(call) {
  try {
    return textOf(call());
  } catch (error) {
    const { name, message, status, signal, stdout, stderr, code } = error;
    return { name, message, status, signal, stdout: textOf(stdout), stderr: textOf(stderr), code };
  }
}

const quiet = { stdio: ["pipe", "pipe", "pipe"] };

table("execSync and execFileSync", [
  ["give what was written", (api) => outcome(() => api.execSync("echo $((1 + 1))")), "Buffer 2\n"],
  ["as text", (api) => api.execFileSync("echo", ["x"], { encoding: "utf8" }), "x\n"],
  ["with options alone", (api) => api.execFileSync("pwd", { cwd: "/", encoding: "utf8" }), "/\n"],
  ["with input", (api) => api.execSync("cat", { input: "in", encoding: "latin1" }), "in"],
  ["nothing where there is no pipe", (api) => outcome(() => api.execSync("true", { stdio: "ignore" })), null],
  [
    "throw what failed",
    (api) => outcome(() => api.execSync("echo out; echo err >&2; exit 3", quiet)),
    {
      name: "Error",
      message: "Command failed: echo out; echo err >&2; exit 3\nerr\n",
      status: 3,
      signal: null,
      stdout: "Buffer out\n",
      stderr: "Buffer err\n",
      code: undefined,
    },
  ],
  [
    "name the arguments",
    (api) => outcome(() => api.execFileSync("sh", ["-c", "exit 4"], quiet)).message,
    "Command failed: sh -c exit 4",
  ],
  [
    "throw what was not started",
    (api) => {
      const { message, status, code } = outcome(() => api.execFileSync("no-such-command-1"));
      return [message, status, code];
    },
    ["spawnSync no-such-command-1 ENOENT", null, "ENOENT"],
  ],
  [
    "throw at the timeout",
    (api) => {
      const { message, status, signal, code } = outcome(() =>
        api.execSync("exec sleep 60", { timeout: 100 }),
      );
      return [message, status, signal, code];
    },
    ["spawnSync /bin/sh ETIMEDOUT", null, "SIGTERM", "ETIMEDOUT"],
  ],
]);

describe("execSync", () => {
  it("hands stderr on unless stdio says otherwise", async () => {
    const module = new URL("../../child_process.js", import.meta.url).pathname;
    const source = `
      const cp = createRequire(import.meta.url)(given);
      cp.execSync("echo one >&2");
      cp.execFileSync("sh", ["-c", "echo two >&2"]);
      cp.execSync("echo three >&2", { stdio: "pipe" });
      process.stderr.write("", () => say("done"));`;
    const { stderr, said } = await scriptResult(source, { given: module });
    assert.deepEqual([stderr, said], ["one\ntwo\n", ["done"]]);
  });
});

describe("in a container", needs("userns"), () => {
  it("spawnSync and execSync", () => {
    const { stdout } = ours.spawnSync("id", ["-u"], { container, encoding: "utf8" });
    assert.equal(stdout, "0\n");
    assert.equal(ours.execSync("id -u", { container, encoding: "utf8" }), "0\n");
    assert.equal(ours.execFileSync("id", ["-u"], { container, encoding: "utf8" }), "0\n");
  });
});
