// What `container-spawn/child_process` refuses and what it reports, when and in which words: as Node does.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { apis, container, events, isNode, ours, table, thrown } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { childrenOf } from "../helpers/processes.mjs";
import { SpawnError } from "../helpers/run.mjs";
import { tempTree } from "../helpers/temp.mjs";

leaveNothing();

const ERRNO = { ENOENT: -2, EACCES: -13 };

const spawnError = (code, file, args = []) => ({
  name: "Error",
  message: `spawn ${file} ${code}`,
  code,
  errno: ERRNO[code],
  syscall: `spawn ${file}`,
  path: file,
  spawnargs: args,
});

const notStarted = (code, file, args) => [
  ["error", spawnError(code, file, args)],
  ["close", ERRNO[code], null],
];

const directory = tempTree({ plain: "text", "dir/x": "", broken: "#!/no/such/interpreter\n" });
fs.chmodSync(`${directory}/broken`, 0o755);

table("a command that cannot be run is an event", [
  [
    "when no directory of PATH has it",
    (api) => events(api.spawn("no-such-command-1", ["a", "b"])),
    notStarted("ENOENT", "no-such-command-1", ["a", "b"]),
  ],
  [
    "when the path is missing",
    (api) => events(api.spawn("/no/such/file")),
    notStarted("ENOENT", "/no/such/file"),
  ],
  [
    "when it is no program",
    (api) => events(api.spawn(`${directory}/plain`)),
    notStarted("EACCES", `${directory}/plain`),
  ],
  [
    "when it is a directory",
    (api) => events(api.spawn(`${directory}/dir`)),
    notStarted("EACCES", `${directory}/dir`),
  ],
  [
    "when its interpreter is missing",
    (api) => events(api.spawn(`${directory}/broken`)),
    notStarted("ENOENT", `${directory}/broken`),
  ],
  [
    "when the working directory is missing, which Node says of the command",
    (api) => events(api.spawn("true", { cwd: "/no/such/directory" })),
    notStarted("ENOENT", "true"),
  ],
  [
    "when the shell is missing",
    (api) => events(api.spawn("true", { shell: "/no/such/shell" })),
    notStarted("ENOENT", "/no/such/shell", ["-c", "true"]),
  ],
]);

table("a child that was never started", [
  [
    "has no pid, and streams that are at their end",
    async (api) => {
      const child = api.spawn("no-such-command-1", ["x"]);
      const before = [child.pid, child.exitCode, child.spawnfile, child.spawnargs];
      const seen = [];
      for (const name of ["stdin", "stdout", "stderr"]) {
        for (const event of ["error", "end", "close"])
          child[name].on(event, () => seen.push(`${name} ${event}`));
      }
      child.stdin.write("for nobody", (error) => seen.push(`write ${error.code}`));
      child.stdout.resume();
      await events(child);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return [before, seen.sort(), child.exitCode, child.kill(), child.killed];
    },
    [
      [undefined, null, "no-such-command-1", ["no-such-command-1", "x"]],
      ["stderr close", "stderr end", "stdin close", "stdout close", "stdout end", "write EPIPE"],
      -2,
      false,
      false,
    ],
  ],
  [
    "does not mind a timeout and a signal",
    async (api) => {
      const controller = new AbortController();
      const options = { signal: controller.signal, timeout: 100 };
      const seen = await events(api.spawn("no-such-command-1", options));
      controller.abort();
      return seen;
    },
    notStarted("ENOENT", "no-such-command-1"),
  ],
]);

const thrownBy = (code, errno) => ({
  name: "Error",
  message: `spawn ${code}`,
  code,
  errno,
  syscall: "spawn",
});

table("other errors of the system are thrown", [
  [
    "a working directory that is none",
    (api) => thrown(() => api.spawn("true", { cwd: `${directory}/plain` })),
    thrownBy("ENOTDIR", -20),
  ],
  [
    "a descriptor that is not open",
    (api) => thrown(() => api.spawn("true", { stdio: [987, "ignore", "ignore"] })),
    thrownBy("EBADF", -9),
  ],
  [
    "too long an argument",
    (api) => thrown(() => api.spawn("true", ["x".repeat(131_072)])),
    thrownBy("E2BIG", -7),
  ],
  [
    "no such uid",
    (api) => thrown(() => api.spawn("true", { uid: -1 })),
    thrownBy("EINVAL", -22),
    { plain: true },
  ],
]);

describe("changing to another user without the right to", needs("not-root"), () => {
  for (const [kind, api] of Object.entries(apis).filter(([name]) => !name.includes("container"))) {
    it(`is thrown by ${kind}`, () => {
      assert.deepEqual(
        thrown(() => api.spawn("true", { uid: 0 })),
        thrownBy("EPERM", -1),
      );
      assert.deepEqual(
        thrown(() => api.spawn("true", { gid: 0 })),
        thrownBy("EPERM", -1),
      );
    });
  }
});

// Later versions may choose other words.
const areItsWordsOurs = process.version.startsWith("v20.");

function withoutWords(error) {
  return areItsWordsOurs ? error : { ...error, message: undefined };
}

/** Calls that are refused, and the code; class and words are compared with Node's where that is at hand. */
const REFUSED = [
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn()],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn(1)],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn(["true"])],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("")],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("a\0b")],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", ["fine", "a\0b"])],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", 1)],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", "x")],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", [], 1)],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", [], null)],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", [], [])],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { cwd: 1 })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { cwd: "a\0b" })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { detached: "yes" })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { uid: "0" })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { uid: 1.5 })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { gid: 2 ** 32 })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { shell: 1 })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { shell: "a\0b" })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { argv0: 1 })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { argv0: "a\0b" })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { windowsHide: 1 })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { windowsVerbatimArguments: 1 })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { env: { A: "a\0b" } })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { env: { "A\0": "a" } })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.spawn("true", { timeout: -1 })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.spawn("true", { timeout: 1.5 })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.spawn("true", { timeout: "1" })],
  ["ERR_UNKNOWN_SIGNAL", (cp) => cp.spawn("true", { killSignal: "SIGFOO" })],
  ["ERR_UNKNOWN_SIGNAL", (cp) => cp.spawn("true", { killSignal: 0 })],
  ["ERR_UNKNOWN_SIGNAL", (cp) => cp.spawn("true", { killSignal: 99 })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { killSignal: {} })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { signal: null })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawn("true", { signal: "x" })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { stdio: "foo" })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { stdio: {} })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { stdio: ["pipe", {}] })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { stdio: [true] })],
  ["ERR_INVALID_SYNC_FORK_INPUT", (cp) => cp.spawn("true", { stdio: ["foo"] })],
  ["ERR_INVALID_SYNC_FORK_INPUT", (cp) => cp.spawn("true", { stdio: [Buffer.from("x")] })],
  ["ERR_IPC_ONE_PIPE", (cp) => cp.spawn("true", { stdio: ["ipc", "ipc"] })],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.spawn("true", { serialization: "xml" })],
  ["ERR_IPC_SYNC_FORK", (cp) => cp.spawnSync("true", { stdio: ["ipc"] })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.spawnSync("true", { input: 1 })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.spawnSync("true", { maxBuffer: -1 })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.spawnSync("true", { maxBuffer: "1" })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.spawnSync("true", { timeout: Number.NaN })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.exec()],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.exec(["true"])],
  ["ERR_INVALID_ARG_VALUE", (cp) => cp.exec("a\0b")],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.exec("true", {}, "x")],
  ["ERR_OUT_OF_RANGE", (cp) => cp.exec("true", { maxBuffer: -1 })],
  ["ERR_OUT_OF_RANGE", (cp) => cp.exec("true", { timeout: -1 })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.execFile("true", [], {}, "x")],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.execFile("true", [], "x")],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.execFile("true", { argv0: 1 })],
  ["ERR_UNKNOWN_SIGNAL", (cp) => cp.execFile("true", { killSignal: "x" })],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.execFile(1)],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.execSync(1)],
  ["ERR_INVALID_ARG_TYPE", (cp) => cp.execFileSync("true", [], 1)],
];

describe("what Node refuses", () => {
  for (const [code, call] of REFUSED) {
    it(`${code}: ${String(call).slice("(cp) => cp.".length)}`, () => {
      const children = childrenOf(process.pid);
      const error = thrown(() => call(ours));
      assert.equal(error.code, code);
      assert.deepEqual(childrenOf(process.pid), children, "nothing was started");
      if (isNode) {
        const nodes = thrown(() => call(apis["Node's own"]));
        assert.deepEqual(withoutWords(error), withoutWords(nodes));
      }
    });
  }

  it("kill refuses a signal that there is not", async () => {
    for (const api of Object.values(apis)) {
      const child = api.spawn("true");
      for (const signal of ["SIGFOO", 99, -1, null, "1"]) {
        assert.deepEqual(
          thrown(() => child.kill(signal)),
          { name: "TypeError", message: `Unknown signal: ${signal}`, code: "ERR_UNKNOWN_SIGNAL" },
        );
      }
      await events(child);
    }
  });
});

describe("an error", needs("userns"), () => {
  for (const [kind, options] of Object.entries({ plain: {}, "in a container": { container } })) {
    it(`has as its cause what more is known, ${kind}`, async () => {
      const child = ours.spawn("true", { cwd: "/no/such/directory", ...options });
      const [error] = await Promise.all([
        new Promise((resolve) => child.on("error", resolve)),
        events(child),
      ]);
      assert.ok(error.cause instanceof SpawnError);
      assert.deepEqual([error.cause.option, error.cause.path], ["cwd", "/no/such/directory"]);
    });
  }
});

describe("a container", needs("userns"), () => {
  it("with mistakes in its options is thrown, all of them named", () => {
    const wrong = { namespace: { usr: true, pid: "yes" } };
    for (const call of [
      () => ours.spawn("true", { container: wrong }),
      () => ours.exec("true", { container: wrong }),
      () => ours.execFile("true", { container: wrong }),
      () => ours.spawnSync("true", { container: wrong }),
      () => ours.execSync("true", { container: wrong }),
      () => ours.execFileSync("true", [], { container: wrong }),
    ]) {
      assert.throws(call, (error) => {
        assert.ok(error instanceof TypeError, error.stack);
        assert.match(error.message, /container\.namespace\.usr/);
        assert.match(error.message, /container\.namespace\.pid/);
        return true;
      });
    }
  });

  const failing = { ...container, fs: [{ type: "bind", from: "/no/such/source", to: "/mnt" }] };

  function isComplete(error) {
    assert.ok(error instanceof SpawnError, error.stack);
    assert.deepEqual(
      [error.code, error.errno, error.option, error.path, error.spawnargs],
      ["ENOENT", -2, "container.fs[0]", "/no/such/source", ["x"]],
    );
    assert.equal(typeof error.step, "number");
  }

  it("that cannot be made is an event, with all that is known of it", async () => {
    const child = ours.spawn("true", ["x"], { container: failing });
    assert.equal(child.pid, undefined);
    const [error, seen] = await Promise.all([
      new Promise((resolve) => child.on("error", resolve)),
      events(child),
    ]);
    isComplete(error);
    assert.deepEqual([seen.map(([name]) => name), child.exitCode], [["error", "close"], -2]);
  });

  it("that cannot be made is an event also where Node throws", async () => {
    const child = ours.spawn("true", {
      container: { namespace: { user: true, time: { boottime: -1e9 } } },
    });
    const [error] = await Promise.all([new Promise((resolve) => child.on("error", resolve)), events(child)]);
    assert.ok(error instanceof SpawnError);
    assert.match(error.option, /^container\.namespace\.time/);
  });

  it("that cannot be made is the error of the callback, and of the result", async () => {
    isComplete(await new Promise((resolve) => ours.execFile("true", ["x"], { container: failing }, resolve)));
    const result = ours.spawnSync("true", ["x"], { container: failing });
    isComplete(result.error);
    assert.deepEqual([result.pid, result.status, result.output], [0, null, null]);
    assert.throws(
      () => ours.execFileSync("true", ["x"], { container: failing }),
      (error) => {
        isComplete(error);
        return true;
      },
    );
  });
});
