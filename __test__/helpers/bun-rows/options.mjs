/** Options, and what becomes of wrong ones. */
import fs from "node:fs";
import { delay } from "../processes.mjs";
import { tempDir } from "../temp.mjs";
import { attempt, attempts, ended, noisy, ofDescriptor, outcome, shell, text } from "./observe.mjs";

export const options = {
  "cmd: both forms": [
    async ({ spawn }) => [await spawn(["echo", "a"], {}).stdout.text(), await text(spawn, ["echo", "b"])],
    ["a\n", "b\n"],
  ],
  "cmd: wrong": [
    async ({ spawn }) => [
      outcome(() => spawn("ls")),
      outcome(() => spawn({})),
      outcome(() => spawn([])),
      outcome(() => spawn({ cmd: [] })),
    ],
    Array(4).fill("TypeError ERR_INVALID_ARG_TYPE"),
  ],
  "cmd, env: a NUL byte": [
    async ({ spawn }) => [
      await attempt(spawn, { cmd: ["true", "a\0b"] }),
      await attempt(spawn, { env: { A: "a\0b" } }),
    ],
    Array(2).fill("TypeError ERR_INVALID_ARG_VALUE"),
  ],
  "cmd: not there, not executable, a directory": [
    async ({ spawn }) => [
      await attempt(spawn, { cmd: ["no-such-command"] }),
      await attempt(spawn, { cmd: ["/no/such"] }),
      await attempt(spawn, { cmd: ["/etc/passwd"] }),
      await attempt(spawn, { cmd: ["/etc"] }),
    ],
    ["Error ENOENT", "Error ENOENT", "Error EACCES", "Error EACCES"],
  ],
  cwd: [async ({ spawn }) => text(spawn, ["pwd"], { cwd: "/usr" }), "/usr\n"],
  "cwd: not there": [async ({ spawn }) => attempt(spawn, { cwd: "/no/such" }), "Error ENOENT"],
  "env: undefined is left out, what is no string becomes one": [
    async ({ spawn }) => {
      const env = { A: "a", B: 5, C: undefined, D: true };
      return text(spawn, shell("echo $A $B $D; env | grep -c ^C="), { env });
    },
    "a 5 true\n0\n",
  ],
  "env: PATH is where cmd[0] is looked up; without one, the usual places": [
    async ({ spawn }) => {
      const directory = tempDir();
      fs.writeFileSync(`${directory}/only-here`, "#!/bin/sh\necho found\n", { mode: 0o755 });
      return [
        await text(spawn, ["only-here"], { env: { PATH: directory } }),
        await text(spawn, ["echo", "x"], { env: {} }),
        await attempt(spawn, { cmd: ["only-here"], env: {} }),
      ];
    },
    ["found\n", "x\n", "Error ENOENT"],
  ],
  "env: wrong": [
    async ({ spawn }) => attempts(spawn, "env", ["A=b", 5]),
    Array(2).fill("TypeError ERR_INVALID_ARG_TYPE"),
  ],
  argv0: [async ({ spawn }) => text(spawn, shell("echo $0"), { argv0: "renamed" }), "renamed\n"],
  detached: [
    async ({ spawn, container }) => {
      const session = "cut -d' ' -f6 /proc/self/stat";
      const own = fs.readFileSync("/proc/self/stat", "utf8").split(" ")[5];
      const isOwn = async (given) => (await text(spawn, shell(session), given)).trim() === own;
      // Whatever is in a container has a session of its own.
      return [container ? true : await isOwn({}), await isOwn({ detached: true })];
    },
    [true, false],
  ],
  "stdio: goes before the separate three; defaults": [
    async ({ spawn }) => {
      const child = spawn({
        cmd: ["cat"],
        stdio: ["pipe", "pipe", "ignore"],
        stdin: "ignore",
        stdout: "ignore",
      });
      child.stdin.write("x");
      child.stdin.end();
      const defaults = spawn({ cmd: ["true"] });
      return [
        await child.stdout.text(),
        typeof defaults.stdin,
        typeof defaults.stdout,
        typeof defaults.stderr,
      ];
    },
    ["x", "undefined", "object", "undefined"],
  ],
  "stdio: wrong": [
    async ({ spawn }) => [
      await attempt(spawn, { stdio: "pipe" }),
      await attempt(spawn, { stdout: "text" }),
      await attempt(spawn, { stderr: {} }),
      await attempt(spawn, { stdin: {} }),
    ],
    Array(4).fill("TypeError ERR_INVALID_ARG_TYPE"),
  ],
  "stdin: ignore, null, undefined, nothing": [
    async ({ spawn }) => {
      const results = [];
      for (const stdin of ["ignore", null, undefined]) results.push(await text(spawn, ["cat"], { stdin }));
      return results;
    },
    ["", "", ""],
  ],
  "stdin: bytes, Blob, Response, Request, ReadableStream, async generator": [
    async ({ spawn }) => {
      const request = new Request("http://localhost/", { method: "POST", body: "x" });
      const views = [Buffer.from("x"), new Uint8Array([120]), new Blob(["x"]), new Response("x"), request];
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from("x"));
          controller.close();
        },
      });
      async function* generator() {
        yield "x";
      }
      const results = [];
      for (const stdin of [...views, stream, generator()])
        results.push(await text(spawn, ["cat"], { stdin }));
      return results.join("");
    },
    "xxxxxxx",
  ],
  "stdin: a descriptor": [
    ({ spawn }) => ofDescriptor("from a file", (fd) => text(spawn, ["cat"], { stdin: fd })),
    "from a file",
  ],
  "stdout, stderr: a descriptor; undefined where there is no pipe": [
    ({ spawn }) =>
      ofDescriptor("", async (fd) => {
        const child = spawn({ cmd: shell("echo out; echo err >&2"), stdout: fd, stderr: "ignore" });
        await child.exited;
        return [fs.readFileSync(`/proc/self/fd/${fd}`, "utf8"), child.stderr];
      }),
    ["out\n", undefined],
  ],
  "stdio[3+]: pipe, socket-fd, ignore, a descriptor": [
    ({ spawn }) =>
      ofDescriptor("", async (fd) => {
        const child = spawn({
          cmd: shell("echo three >&3; echo four >&4; echo six >&6"),
          stdio: ["ignore", "ignore", "ignore", "pipe", "socket-fd", "ignore", fd],
        });
        const [, , , three, four, five, six] = child.stdio;
        await child.exited;
        const bytes = Buffer.alloc(20);
        const read = [three, four].map((number) => bytes.toString("utf8", 0, fs.readSync(number, bytes)));
        for (const number of [three, four]) fs.closeSync(number);
        return [...read, five, six === fd, fs.readFileSync(`/proc/self/fd/${fd}`, "utf8")];
      }),
    ["three\n", "four\n", null, true, "six\n"],
  ],
  "onExit: after exited, with the handle, code and signal": [
    async ({ spawn }) => {
      const order = [];
      const child = await new Promise((resolve) => {
        const started = spawn({
          cmd: shell("exit 5"),
          stdout: "ignore",
          onExit(handle, code, signal) {
            order.push(["onExit", handle === started, code, signal]);
            resolve(started);
          },
        });
        started.exited.then(() => order.push(["exited"]));
      });
      await child.exited;
      return order;
    },
    [["exited"], ["onExit", true, 5, null]],
  ],
  "onExit, signal: wrong": [
    async ({ spawn }) => [
      ...(await attempts(spawn, "onExit", ["f", 5])),
      ...(await attempts(spawn, "signal", ["x", {}, 0])),
    ],
    Array(5).fill("TypeError ERR_INVALID_ARG_TYPE"),
  ],
  "signal: aborted before, later": [
    async ({ spawn }) => {
      const controller = new AbortController();
      const child = spawn({ cmd: ["sleep", "5"], signal: controller.signal });
      controller.abort();
      return [await attempt(spawn, { signal: AbortSignal.abort() }), ...(await ended(child))];
    },
    ["Error ABORT_ERR", 143, null, "SIGTERM"],
  ],
  "timeout: values": [
    async ({ spawn }) =>
      attempts(spawn, "timeout", [0, null, undefined, Infinity, 60_000, NaN, -1, 2 ** 53, 1.5, "x"]),
    [
      0,
      0,
      0,
      0,
      0,
      ...Array(3).fill("RangeError ERR_OUT_OF_RANGE"),
      ...Array(2).fill("TypeError ERR_INVALID_ARG_TYPE"),
    ],
  ],
  "timeout, killSignal": [
    async ({ spawn }) => [
      await ended(spawn({ cmd: ["sleep", "5"], timeout: 30 })),
      await ended(spawn({ cmd: ["sleep", "5"], timeout: 30, killSignal: "SIGKILL" })),
      await ended(spawn({ cmd: ["sleep", "5"], timeout: 30, killSignal: 2 })),
    ],
    [
      [143, null, "SIGTERM"],
      [137, null, "SIGKILL"],
      [130, null, "SIGINT"],
    ],
  ],
  "killSignal: wrong": [
    async ({ spawn }) => attempts(spawn, "killSignal", [0, "TERM", -1, 65, 1.5, {}]),
    ["TypeError ERR_UNKNOWN_SIGNAL", ...Array(5).fill("TypeError ERR_INVALID_ARG_TYPE")],
  ],
  "maxBuffer: too much, exactly enough, numbers that are no bound": [
    async ({ spawn }) => {
      const results = [await ended(spawn({ cmd: noisy, maxBuffer: 10 }))];
      for (const maxBuffer of [10, 0, -5, Infinity, null]) {
        const child = spawn({ cmd: shell("printf 0123456789; sleep 0.05"), maxBuffer });
        results.push([await child.stdout.text(), await child.exited]);
      }
      return results;
    },
    [[143, null, "SIGTERM"], ...Array(5).fill(["0123456789", 0])],
  ],
  lazy: [
    async ({ spawn }) => {
      const child = spawn({ cmd: shell("head -c 1000000 /dev/zero"), lazy: true });
      await delay(100);
      return [child.exitCode, (await child.stdout.bytes()).length, await child.exited];
    },
    [null, 1_000_000, 0],
  ],
  "windowsHide, windowsVerbatimArguments: nothing on Linux": [
    async ({ spawn }) => attempt(spawn, { windowsHide: true, windowsVerbatimArguments: false }),
    0,
  ],
  "uid: not permitted": [
    async ({ spawn, container }) =>
      process.geteuid() === 0 || container ? "Error EPERM" : attempt(spawn, { uid: 12_345 }),
    "Error EPERM",
  ],
};
