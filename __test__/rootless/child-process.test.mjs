// `spawn` of `container-spawn/child_process`: options, events and members, as Node has them.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { apis, container, events, ours, outcome, output, table, text } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { delay } from "../helpers/processes.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

const sh = (api, source, options) => api.spawn("/bin/sh", ["-c", source], options);
const ended = (code, signal = null) => [["spawn"], ["exit", code, signal], ["close", code, signal]];

table("events", [
  ["of success", (api) => events(api.spawn("true")), ended(0)],
  ["of failure", (api) => events(sh(api, "exit 7")), ended(7)],
  ["of a signal", (api) => events(sh(api, "kill -USR1 $$; sleep 5")), ended(null, "SIGUSR1")],
  ["without streams", (api) => events(api.spawn("true", { stdio: "ignore" })), ended(0)],
  [
    "with output",
    (api) => outcome(sh(api, "echo out; echo err >&2; exit 3")),
    { stdout: "out\n", stderr: "err\n", events: ended(3) },
  ],
  [
    "with output that nobody reads",
    (api) => events(sh(api, "head -c 3000 /dev/zero; head -c 3000 /dev/zero >&2")),
    ended(0),
  ],
  [
    "where close waits for the streams",
    async (api) => {
      const child = sh(api, "(sleep 0.2; echo late) & echo early");
      const closed = events(child);
      const order = [];
      for (const event of ["exit", "close"]) child.on(event, () => order.push(event));
      child.stdout.on("end", () => order.push("end"));
      const all = await text(child.stdout);
      await closed;
      return [all, order];
    },
    ["early\nlate\n", ["exit", "end", "close"]],
    { plain: true },
  ],
  [
    "of the streams, each ended and closed once",
    async (api) => {
      const child = api.spawn("cat");
      const seen = { stdin: [], stdout: [], stderr: [] };
      for (const [name, list] of Object.entries(seen)) {
        for (const event of ["finish", "end", "close", "error"]) {
          if (name === "stdin" || event !== "finish") child[name].on(event, () => list.push(event));
        }
      }
      child.stdout.resume();
      child.stdin.end("x");
      await events(child);
      await delay(20);
      return seen;
    },
    { stdin: ["finish", "close"], stdout: ["end", "close"], stderr: ["end", "close"] },
  ],
]);

table("options", [
  ["input reaches it", (api) => piped(api.spawn("cat"), "häl", "lo"), "hällo"],
  ["no arguments but options", (api) => output(api.spawn("pwd", { cwd: "/" })), "/"],
  ["arguments are made strings", (api) => output(api.spawn("echo", [1, null, true, "x"])), "1 null true x"],
  ["cwd as a URL", (api) => output(api.spawn("pwd", { cwd: new URL("file:///usr") })), "/usr"],
  ["cwd that is empty is none", (api) => output(sh(api, "pwd", { cwd: "" })), process.cwd()],
  ["shell", (api) => output(api.spawn("echo $((6 * 7)) |", ["cat", "-"], { shell: true })), "42"],
  ["shell of one's own", (api) => output(api.spawn("x", { shell: "/bin/echo" })), "-c x"],
  [
    "argv0",
    (api) => output(api.spawn("sh", ["-c", "tr '\\0' ' ' < /proc/$$/cmdline"], { argv0: "other" })),
    "other -c tr '\\0' ' ' < /proc/$$/cmdline ",
    { plain: true },
  ],
  [
    "env, of which undefined is left out",
    (api) => output(api.spawn("/usr/bin/env", { env: { A: "1", B: undefined, C: 2, D: null } })),
    "A=1\nC=2\nD=null",
  ],
  [
    "env with inherited variables",
    (api) => output(api.spawn("/usr/bin/env", { env: Object.create({ INHERITED: "yes" }) })),
    "INHERITED=yes",
  ],
  [
    "PATH of env is where the command is looked up",
    async (api) => {
      const directory = tempTree({ "own-command": "#!/bin/sh\necho found\n" });
      fs.chmodSync(`${directory}/own-command`, 0o755);
      return output(api.spawn("own-command", { env: { PATH: `/no/such:${directory}` } }));
    },
    "found",
  ],
  [
    "what Node does not know is ignored",
    (api) => output(api.spawn("echo", ["x"], { cmd: ["y"], preferLocal: true, stdout: "ignore", fs: [] })),
    "x",
  ],
  [
    "detached is a session of its own",
    async (api) => {
      const child = api.spawn("cat", { detached: true });
      const session = fs.readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ")[3];
      child.stdin.end();
      await events(child);
      return Number(session) === child.pid;
    },
    true,
    { plain: true },
  ],
  [
    "a file without a header is a shell's",
    async (api) => {
      const directory = tempTree({ script: 'echo "$0" "$@"\n' });
      fs.chmodSync(`${directory}/script`, 0o755);
      const path = await output(api.spawn(`${directory}/script`, ["a b", "c"]));
      const found = await output(api.spawn("script", ["d"], { env: { PATH: directory } }));
      return [path, found].map((line) => line.replaceAll(directory, "DIR"));
    },
    ["DIR/script a b c", "DIR/script d"],
  ],
]);

async function piped(child, ...chunks) {
  for (const chunk of chunks) child.stdin.write(chunk);
  child.stdin.end();
  return output(child);
}

const shape = (child) => child.stdio.map((stream) => stream && [Boolean(stream.read), Boolean(stream.write)]);
const isOpen = (number) => `test -e /proc/self/fd/${number}`;

table("stdio", [
  ["inherit and ignore have no stream", (api) => shapeOf(api, ["ignore", "inherit", 2]), [null, null, null]],
  ["null and undefined are the default", (api) => present(api, [null, undefined]), [true, true, true]],
  ["a short array is filled up", (api) => present(api, []), [true, true, true]],
  ["overlapped is a pipe", (api) => present(api, "overlapped"), [true, true, true]],
  [
    "a further null is nothing",
    (api) => present(api, ["pipe", "pipe", "pipe", null]),
    [true, true, true, false],
  ],
  [
    "a descriptor, and a stream that has one",
    async (api) => {
      const file = `${tempDir()}/file`;
      const fd = fs.openSync(file, "w");
      await events(sh(api, "echo out; echo err >&2", { stdio: ["ignore", fd, { fd }] }));
      fs.closeSync(fd);
      return fs.readFileSync(file, "utf8");
    },
    "out\nerr\n",
  ],
  [
    "no further descriptor is open",
    (api) => events(sh(api, `! ${isOpen(4)}`, { stdio: ["ignore", "inherit", "inherit", "ignore"] })),
    ended(0),
  ],
]);

async function shapeOf(api, stdio) {
  const child = api.spawn("true", { stdio });
  const found = shape(child);
  await events(child);
  assert.equal(child.stdin, child.stdio[0]);
  assert.equal(child.stdout, child.stdio[1]);
  assert.equal(child.stderr, child.stdio[2]);
  return found;
}

const present = async (api, stdio) => (await shapeOf(api, stdio)).map((found) => found !== null);

const state = (child) => [child.exitCode, child.signalCode, child.killed];

table("kill", [
  [
    "says whether it was sent, and killed that it was",
    async (api) => {
      const child = api.spawn("sleep", ["60"]);
      const closed = events(child);
      const before = state(child);
      const results = [child.kill(0), child.kill("sigterm")];
      const between = state(child);
      return [before, results, between, await closed, state(child), child.kill(), child.kill(0)];
    },
    [
      [null, null, false],
      [true, true],
      [null, null, true],
      ended(null, "SIGTERM"),
      [null, "SIGTERM", true],
      false,
      false,
    ],
  ],
  [
    "by number",
    async (api) => {
      const child = api.spawn("sleep", ["60"]);
      child.kill(2);
      return events(child);
    },
    ended(null, "SIGINT"),
  ],
  [
    "of what has ended by itself leaves killed false",
    async (api) => {
      const child = api.spawn("true");
      await events(child);
      return [child.kill(), child.killed];
    },
    [false, false],
  ],
  [
    "by disposal",
    async (api) => {
      const child = api.spawn("sleep", ["60"]);
      child[Symbol.dispose]();
      return events(child);
    },
    ended(null, "SIGTERM"),
  ],
  ["at the timeout", (api) => events(api.spawn("sleep", ["60"], { timeout: 50 })), ended(null, "SIGTERM")],
  [
    "at the timeout, with a signal of one's own",
    (api) => events(api.spawn("sleep", ["60"], { timeout: 50, killSignal: "SIGKILL" })),
    ended(null, "SIGKILL"),
  ],
  ["not when it is faster", (api) => events(api.spawn("true", { timeout: 60_000 })), ended(0)],
]);

const aborted = ["error", { name: "AbortError", message: "The operation was aborted", code: "ABORT_ERR" }];

table("signal", [
  [
    "aborted later",
    async (api) => {
      const controller = new AbortController();
      const child = api.spawn("sleep", ["60"], { signal: controller.signal, killSignal: "SIGINT" });
      const closed = events(child);
      let cause;
      child.on("error", (error) => {
        cause = error.cause;
      });
      await delay(30);
      controller.abort("why");
      return [await closed, cause, child.killed];
    },
    [[["spawn"], aborted, ["exit", null, "SIGINT"], ["close", null, "SIGINT"]], "why", true],
  ],
  [
    "aborted before",
    (api) => events(api.spawn("sleep", ["60"], { signal: AbortSignal.abort() })),
    [["spawn"], aborted, ["exit", null, "SIGTERM"], ["close", null, "SIGTERM"]],
  ],
  [
    "aborted after the end",
    async (api) => {
      const controller = new AbortController();
      const seen = await events(api.spawn("true", { signal: controller.signal }));
      controller.abort();
      await delay(10);
      return seen;
    },
    ended(0),
  ],
]);

const MEMBERS = ["pid", "exitCode", "signalCode", "killed", "connected", "spawnfile", "spawnargs"];

table("members", [
  [
    "before and after",
    async (api) => {
      const child = api.spawn("cat", ["-"], { argv0: "dog" });
      const read = () => MEMBERS.map((name) => (name === "pid" ? typeof child.pid : child[name]));
      const before = read();
      child.stdin.end();
      await events(child);
      return [before, read()];
    },
    [
      ["number", null, null, false, false, "cat", ["dog", "-"]],
      ["number", 0, null, false, false, "cat", ["dog", "-"]],
    ],
  ],
  [
    "of a shell's command",
    async (api) => {
      const child = api.spawn("exit", ["3"], { shell: true });
      const seen = await events(child);
      return [child.spawnfile, child.spawnargs, seen.at(-1)];
    },
    ["/bin/sh", ["/bin/sh", "-c", "exit 3"], ["close", 3, null]],
  ],
]);

describe("beyond Node", () => {
  it("a real-time signal is told, by its number", async () => {
    const child = sh(ours, "kill -34 $$; sleep 5");
    assert.deepEqual(await events(child), ended(null, 34));
  });

  it("a container tells what it is", needs("userns"), async () => {
    const plain = ours.spawn("true");
    assert.equal(plain.container, null);
    await events(plain);
    const child = ours.spawn("id", ["-u"], { container });
    assert.deepEqual(child.container.isolation.namespaces, ["user", "pid"]);
    assert.equal(child.container.pid, child.pid);
    assert.equal(await output(child), "0");
  });

  it("files and the root are the container's", needs("userns"), async () => {
    const options = { container: { ...container, fs: [{ type: "tmpfs", to: "/mnt" }] }, cwd: "/mnt" };
    assert.equal(await output(sh(ours, "touch x; ls; pwd", options)), "x\n/mnt");
  });
});

describe("uid and gid", needs("root"), () => {
  for (const [kind, api] of Object.entries(apis).filter(([name]) => !name.includes("container"))) {
    it(`of ${kind}, with the groups dropped`, async () => {
      const child = sh(api, "id -u; id -g; id -G", { uid: 1234, gid: 2345, cwd: "/" });
      assert.equal(await output(child), "1234\n2345\n2345");
    });
  }
});

describe("the event loop", () => {
  const program = (body) => `
    const cp = createRequire(import.meta.url)(given);
    ${body}`;
  const run = (body) => script(program(body), { given: modulePath, timeout: 20_000 });
  const modulePath = new URL("../../child_process.js", import.meta.url).pathname;

  it("is kept by a child, and not after unref", async () => {
    assert.equal(
      await run('cp.spawn("sleep", ["0.3"], { stdio: "ignore" }).on("exit", () => say("seen"));'),
      "seen",
    );
    const body = `
      const child = cp.spawn("sleep", ["20"], { stdio: "ignore" });
      child.unref();
      process.on("exit", () => { child.kill("SIGKILL"); say("gone"); });
      child.on("exit", () => say("seen"));`;
    assert.equal(await run(body), "gone");
    assert.equal(
      await run(
        'const child = cp.spawn("sleep", ["0.3"], { stdio: "ignore" }).on("exit", () => say("seen")); child.unref(); child.ref();',
      ),
      "seen",
    );
  });

  it("is kept by the output of an unref'd child, unless that is unref'd too", async () => {
    const start =
      'const child = cp.spawn("sh", ["-c", "sleep 0.3; echo x"], { stdio: ["ignore", "pipe", "ignore"] }); child.unref();';
    assert.equal(await run(`${start} child.stdout.on("data", () => say("seen"));`), "seen");
    assert.equal(
      await run(`${start} child.stdout.unref(); child.stdout.on("data", () => say("seen")); say("gone");`),
      "gone",
    );
  });

  it("gets what listeners throw as uncaught exceptions", async () => {
    const body = `
      const seen = [];
      process.on("uncaughtException", (error, origin) => seen.push([error.message, origin]));
      process.on("unhandledRejection", (error) => seen.push([error.message, "rejection"]));
      const fail = (what) => () => { throw new Error(what); };
      const reader = cp.spawn("echo", ["x"]).on("spawn", fail("spawn"));
      reader.stdout.on("data", fail("data"));
      cp.spawn("true", { stdio: "ignore" }).on("exit", fail("exit"));
      cp.spawn("true", { stdio: "ignore" }).on("close", fail("close"));
      cp.spawn("no-such-command-1").on("error", fail("error"));
      const writer = cp.spawn("sh", ["-c", "sleep 0.1; cat >/dev/null"]);
      writer.stdin.end(Buffer.alloc(1e6), fail("write"));
      setTimeout(() => say(seen.sort()), 1000);`;
    const expected = ["close", "data", "error", "exit", "spawn", "write"];
    assert.deepEqual(
      await run(body),
      expected.map((name) => [name, "uncaughtException"]),
    );
  });

  it("runs listeners in the asynchronous context of the call", async () => {
    const body = `
      import { AsyncLocalStorage } from "node:async_hooks";
      const storage = new AsyncLocalStorage();
      const seen = {};
      storage.run("context", () => {
        const child = cp.spawn("echo", ["x"]);
        for (const name of ["spawn", "exit", "close"]) child.on(name, () => { seen[name] = storage.getStore(); });
        child.stdout.on("data", () => { seen.data = storage.getStore(); });
      });
      setTimeout(() => say(seen), 500);`;
    const context = "context";
    assert.deepEqual(await run(body), { spawn: context, data: context, exit: context, close: context });
  });

  it("of a Worker works as well", async () => {
    const body = `
      import { isMainThread, parentPort, Worker } from "node:worker_threads";
      import { fileURLToPath } from "node:url";
      const { promisify } = await import("node:util");
      if (isMainThread) {
        const worker = new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
        worker.on("message", (message) => say(message));
      } else {
        const { stdout } = await promisify(cp.exec)("echo $VARIABLE", { env: { VARIABLE: "from a worker" } });
        parentPort.postMessage(stdout);
      }`;
    assert.equal(await run(body), "from a worker\n");
  });
});

describe("the module", () => {
  it("is the same by require and by import, under the package's name", async () => {
    const imported = await import("container-spawn/child_process");
    assert.equal(imported.default, ours);
    for (const [name, value] of Object.entries(ours)) assert.equal(imported[name], value, name);
  });

  it("gives children of its class", async () => {
    const child = ours.spawn("true");
    assert.ok(child instanceof ours.ChildProcess);
    await events(child);
  });
});
