// What must compile, and what must not. Compiled, never run.

import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import {
  type Container,
  type ContainerOptions,
  type ExitReason,
  explain,
  type FileSink,
  type FsEntry,
  type LimitOptions,
  type OptionsError,
  type Output,
  type Pressure,
  type ResourceUsage,
  type Signal,
  SpawnError,
  type SpawnOptions,
  type Stats,
  type Subprocess,
  spawn,
  spawnSync,
  Terminal,
  type TerminalSubprocess,
} from "container-spawn";
import { is } from "./expect.js";

// The types of the streams follow the options.
const plain = spawn(["true"]);
is<undefined>()(plain.stdin);
is<Output>()(plain.stdout);
is<undefined>()(plain.stderr);
is<Output>()(plain.readable);

const piped = spawn({ cmd: ["cat"], stdin: "pipe", stdout: "ignore", stderr: "pipe" });
is<FileSink>()(piped.stdin);
is<undefined>()(piped.stdout);
is<Output>()(piped.stderr);
is<FileSink>()(piped.writable);

const numbered = spawn(["cat"], { stdin: 3, stdout: 4, stderr: 5 });
is<number>()(numbered.stdin);
is<number>()(numbered.stdout);
is<number>()(numbered.stderr);

const defaulted = spawn(["cat"], { stdin: undefined, stdout: undefined, stderr: undefined });
is<undefined>()(defaulted.stdin);
is<Output>()(defaulted.stdout);
is<undefined>()(defaulted.stderr);

const nothing = spawn(["cat"], { stdin: null, stdout: null, stderr: null });
is<undefined>()(nothing.stdout);

const together = spawn({ cmd: ["cat"], stdio: ["pipe", "ignore", "pipe", "pipe", 7, null] });
is<FileSink>()(together.stdin);
is<undefined>()(together.stdout);
is<Output>()(together.stderr);
is<[null, null, null, ...(number | null)[]]>()(together.stdio);

const some = spawn({ cmd: ["cat"], stdio: ["ignore"] });
is<Output>()(some.stdout);

const either = spawn(["cat"], { stdout: Math.random() > 0.5 ? "pipe" : "inherit" });
is<Output | undefined>()(either.stdout);

declare const text: string;
is<undefined>()(spawn(["cat"], { stdin: "some text" }).stdin);
is<FileSink | undefined>()(spawn(["cat"], { stdin: text }).stdin);
spawn(["cat"], { stdin: new Uint8Array(1) });
spawn(["cat"], { stdin: new ArrayBuffer(1) });
spawn(["cat"], { stdin: new Blob(["x"]) });
spawn(["cat"], { stdin: new Response("x") });
spawn(["cat"], { stdin: new Request("http://localhost/", { method: "POST", body: "x" }) });
spawn(["cat"], { stdin: new ReadableStream() });
spawn(["cat"], { stdin: plain.stdout });
spawn(["cat"], { stdin: Readable.from(["x"]) });
spawn(["cat"], { stdin: createReadStream("/dev/null") });
spawn(["cat"], { stdin: chunks() });
is<undefined>()(spawn(["cat"], { stdin: { file: "/dev/null" } }).stdin);
is<undefined>()(spawn(["cat"], { stdout: { file: new URL("file:///tmp/x"), append: true } }).stdout);
is<undefined>()(spawn(["cat"], { stderr: { file: "/tmp/x" } }).stderr);
declare const bunFile: Blob & { name?: string; exists(): Promise<boolean> };
is<undefined>()(spawn(["cat"], { stdin: bunFile, stdout: bunFile }).stdout);
async function* chunks() {
  yield "x";
  yield new Uint8Array(1);
}

// A handle whose options are not known, and options that are.
const handle: Subprocess = piped;
is<number | Output | undefined>()(handle.stdout);
const ignorant: Subprocess<"ignore", "pipe", "inherit"> = plain;
const options: SpawnOptions = { cwd: "/", stdout: "pipe" };
spawn(["true"], options);
const command = ["true"];
spawn(command);
spawn(command as readonly string[]);
spawn([new Uint8Array(1), "x"]);

// The handle.
async function use(): Promise<void> {
  is<string>()(await plain.stdout.text());
  const bytes = await plain.stdout.bytes();
  is<Blob>()(await plain.stdout.blob());
  new Blob([bytes]);
  new Response(plain.stdout);
  for await (const chunk of plain.stdout) is<number>()(chunk.byteLength);
  for await (const line of plain.stdout.lines()) is<string>()(line);
  is<number>()(await plain.exited);
  is<number | null>()(plain.exitCode);
  is<Signal | number | null>()(plain.signalCode);
  is<ExitReason | null>()(plain.exitReason);
  is<boolean>()(plain.killed);
  is<void>()(plain.kill());
  plain.kill("SIGKILL");
  plain.kill(34);
  is<ResourceUsage | undefined>()(plain.resourceUsage());
  is<Container | null>()(plain.container);
  is<string | null | undefined>()(plain.container?.cgroup);
  is<"cgroupfs" | "systemd" | null | undefined>()(plain.container?.isolation.cgroupManager);
  is<number | Promise<number>>()(piped.stdin.write("x"));
  await piped.stdin.write(new Uint8Array(1));
  await piped.stdin.end(new Error("x"));
  await using disposable = spawn(["true"]);
  disposable.unref();
  // @ts-expect-error: no such signal
  plain.kill("SIGFOO");
  // @ts-expect-error: it cannot be changed
  plain.exitCode = 1;
  // @ts-expect-error: there is no stderr unless it is asked for
  await plain.stderr.text();
  // @ts-expect-error: nor a stdin
  plain.stdin.write("x");
  // @ts-expect-error: an object is no chunk
  piped.stdin.write({});
}

// What can be done to a container.
async function useContainer(container: Container): Promise<void> {
  const stats: Stats = await container.stats();
  is<Stats>()(await container.stats());
  is<number | undefined>()(stats.cpu?.usage);
  is<number | null | undefined>()(stats.cpu?.throttled);
  is<number | null | undefined>()(stats.memory?.peak);
  is<number | null | undefined>()(stats.pids?.refused);
  is<string[] | undefined>()(stats.io?.map(({ device }) => device));
  is<Pressure | null | undefined>()(stats.pressure?.memory);
  is<number | undefined>()(stats.pressure?.cpu?.full?.avg10);
  is<number | undefined>()(stats.oom?.kills);
  is<void>()(await container.update({ memory: "1G", cpu: 50 }));
  is<void>()(await container.pause());
  is<void>()(await container.resume());
  is<void>()(await container.kill());
  // @ts-expect-error: what should be changed?
  await container.update();
  // @ts-expect-error: no such limit
  await container.update({ memroy: "1G" });
  // @ts-expect-error: it stays where it was made
  await container.update({ manager: "systemd" });
  // @ts-expect-error: what may be missing must be asked for
  stats.cpu.usage;
  // @ts-expect-error: it cannot be changed
  container.cgroup = null;
}

spawn({
  cmd: ["true"],
  stdin: "pipe",
  onExit(subprocess, exitCode, signalCode, error) {
    is<Subprocess<"pipe", "pipe", "inherit">>()(subprocess);
    is<number | null>()(exitCode);
    is<Signal | number | null>()(signalCode);
    is<Error | undefined>()(error);
  },
});
spawn({ cmd: ["true"], async onExit() {} });

// Messages.
const talker = spawn({
  cmd: ["node", "child.js"],
  serialization: "advanced",
  stdin: "pipe",
  ipc(message, subprocess) {
    is<unknown>()(message);
    is<Subprocess<"pipe", "pipe", "inherit">>()(subprocess);
  },
  onDisconnect(error) {
    is<Error | undefined>()(error);
  },
});
spawn(["node"], { ipc: (message: { id: number }) => console.log(message.id) });
is<boolean>()(talker.send({ id: 1 }));
is<boolean>()(talker.connected);
is<void>()(talker.disconnect());
// @ts-expect-error: no such format
spawn(["node"], { ipc() {}, serialization: "xml" });
// @ts-expect-error: no JavaScript runs meanwhile
spawnSync(["node"], { ipc() {} });

// Terminals.
const screen = spawn(["top"], {
  terminal: {
    cols: 80,
    rows: 24,
    name: "xterm",
    data(terminal, data) {
      is<Terminal>()(terminal);
      is<Buffer>()(data);
    },
    exit(_, code, signal) {
      is<0 | 1>()(code);
      is<null>()(signal);
    },
    drain() {},
  },
  onExit(subprocess) {
    is<TerminalSubprocess>()(subprocess);
  },
});
is<null>()(screen.stdin);
is<null>()(screen.stdout);
is<Terminal>()(screen.terminal);
is<Terminal | undefined>()(plain.terminal);
async function useTerminal(): Promise<void> {
  await using terminal = new Terminal({ cols: 1 });
  new Terminal();
  is<number>()(terminal.write("x"));
  terminal.write(new Uint8Array(1));
  terminal.resize(80, 24);
  terminal.setRawMode(true);
  terminal.localFlags &= ~8;
  const child = spawn({ cmd: ["sh"], terminal, stdio: [null, null, null, "pipe"], cwd: "/" });
  is<TerminalSubprocess>()(child);
  // @ts-expect-error: no such option
  spawn(["sh"], { terminal, containr: 1 });
  // @ts-expect-error: it can be seen, not set
  terminal.closed = true;
}
// @ts-expect-error: a number
new Terminal({ cols: "80" });
// @ts-expect-error: no such option
new Terminal({ colums: 80 });
// @ts-expect-error: nobody would read it
spawnSync(["sh"], { terminal: {} });

// Options of the process.
spawn({ cmd: ["true"], cwd: "/", argv0: "x", detached: true, uid: 1, gid: 1, env: process.env });
spawn({ cmd: ["true"], env: { A: "1", B: 2, C: undefined } });
spawn(["true"], { timeout: 5, killSignal: "SIGINT", forceKillAfter: false, maxBuffer: 1000, lazy: true });
spawn(["true"], { signal: new AbortController().signal, killSignal: 9, forceKillAfter: 100 });
spawn(["true"], { timeout: false, signal: null, maxBuffer: undefined, forceKillAfter: null });
spawn(["true"], { cgroup: "/sys/fs/cgroup/x" });
spawn(["true"], { cgroup: 5 });
spawn({ cmd: ["true"], stdio: ["pipe", "pipe", "pipe", "pipe", "socket-fd", 5, { file: "/tmp/x" }] });
// @ts-expect-error: only false turns it off
spawn(["true"], { forceKillAfter: true });
// @ts-expect-error: no such signal
spawn(["true"], { killSignal: "TERM" });
// @ts-expect-error: cmd is required
spawn({ cwd: "/" });
// @ts-expect-error: a shell's line is no command
spawn("ls -l");
// @ts-expect-error: no such option
spawn({ cmd: ["true"], containr: {} });
// @ts-expect-error: no such option, in the other form
spawn(["true"], { containr: {} });
// @ts-expect-error: stdio is an array
spawn(["true"], { stdio: "pipe" });
// @ts-expect-error: stdout is no text
spawn(["true"], { stdout: "some text" });
// @ts-expect-error: nor an object
spawn(["true"], { stdin: {} });
// @ts-expect-error: a further descriptor is not inherited by that word
spawn(["true"], { stdio: ["pipe", "pipe", "pipe", "inherit"] });
// @ts-expect-error: a symbol is no value of an environment variable
spawn(["true"], { env: { A: Symbol() } });

// The container.
const container: ContainerOptions = {
  namespace: {
    user: {
      uid_map: [{ inside: 0, outside: 1000, length: 1 }],
      gid_map: [{ inside_id: 0, outside_id: 0, length: 1 }],
    },
    pid: { init: false },
    mount: true,
    network: { mode: "loopback" },
    uts: { hostname: "box", domainname: "home" },
    ipc: true,
    cgroup: true,
    time: { monotonic: 1.5, boottime: -3 },
  },
  fs: [
    { type: "bind", from: "/usr", to: "/usr", readonly: true, recursive: true, optional: false },
    { type: "bind", from: 5, to: "/fd", suid: true, dev: true, exec: false },
    { type: "tmpfs", to: "/tmp", size: "64M", mode: 0o1777 },
    { type: "overlayfs", to: "/data", lower: ["/a", "/b"], upper: "/u", work: "/w" },
    { type: "overlayfs", to: "/data", lower: ["/a"], ephemeral: true },
    { type: "proc", to: "/proc" },
  ],
  root: { from: "host", readonly: true, overlay: "/kept" },
  limit: { cpu: 50, memory: "1GiB" },
  security: { noNewPrivileges: false },
  setupTimeout: 500,
};
spawn(["true"], { container });
spawn(["true"], { container: false });
spawn(["true"], { container: { root: "/srv", namespace: { user: false }, fs: false, limit: null } });

// The older spellings.
spawn({
  cmd: ["ls"],
  container: {
    namespace: { user: true, mount: true },
    fs: [
      {
        type: "overlayfs",
        to: "/data",
        options: { overlayfs: { lower_dirs: ["/l"], upper_dir: "/u", work_dir: "/w" } },
      },
      { type: "tmpfs", to: "/tmp", options: { tmpfs: { size: 1024 } } },
      { type: "bind", from: "/a", to: "/b", options: { bind: { readonly: true } } },
    ],
    limit: { cpu: 50, ram: 100 * 1024 * 1024 },
  },
});

// @ts-expect-error: no such namespace
spawn(["true"], { container: { namespace: { users: true } } });
// @ts-expect-error: no such type
spawn(["true"], { container: { fs: [{ type: "ext4", to: "/x" }] } });
// @ts-expect-error: not in this version
spawn(["true"], { container: { fs: [{ type: "devpts", to: "/x" }] } });
// @ts-expect-error: `to` is missing
spawn(["true"], { container: { fs: [{ type: "tmpfs" }] } });
// @ts-expect-error: a tmpfs has no source
spawn(["true"], { container: { fs: [{ type: "tmpfs", from: "/x", to: "/x" }] } });
// Limits.
const limit: LimitOptions = {
  cpu: 50,
  cpuWeight: 200,
  cpuset: "0-3,6",
  memory: "1G",
  memoryHigh: "900M",
  memoryLow: 0,
  swap: "max",
  pids: 100,
  io: [
    { device: "8:0", rbps: "1M", wbps: "max" },
    { device: "/dev/sdb", riops: 5, wiops: "max" },
  ],
  hugetlb: { "2MB": "64M", "1GB": false },
  unified: { "memory.swap.high": "64M" },
  manager: "systemd",
  parent: "jobs.slice",
};
spawn(["true"], { container: { limit } });
spawn(["true"], { container: { limit: { cpu: "max", memory: false, pids: null, io: [] } } });
// @ts-expect-error: no such unit
spawn(["true"], { container: { limit: { memory: "64X" } } });
// @ts-expect-error: a weight has no "max"
spawn(["true"], { container: { limit: { cpuWeight: "max" } } });
// @ts-expect-error: of which device?
spawn(["true"], { container: { limit: { io: [{ rbps: 1 }] } } });
// @ts-expect-error: text, as it is written
spawn(["true"], { container: { limit: { unified: { "memory.high": 5 } } } });
// @ts-expect-error: no such manager
spawn(["true"], { container: { limit: { manager: "docker" } } });
// @ts-expect-error: `outside` is missing
spawn(["true"], { container: { namespace: { user: { uid_map: [{ inside: 0, length: 1 }], gid_map: [] } } } });
// @ts-expect-error: not in this version
spawn(["true"], { container: { namespace: { network: { mode: "bridge" } } } });
// @ts-expect-error: a number of milliseconds
spawn(["true"], { container: { setupTimeout: "10s" } });
// @ts-expect-error: an empty entry says nothing
const entry: FsEntry = {};

// The plan.
const plan = explain({ cmd: ["true"], container, stdin: "pipe" });
explain(["true"], { container });
is<string>()(plan.toString());
for (const step of plan.steps) {
  is<"parent" | "child" | "payload" | "init">()(step.lane);
  is<string | null>()(step.option);
}
// @ts-expect-error: the plan has been made
plan.steps.push();

// The errors.
try {
  spawn(["no such command"]);
} catch (error) {
  if (error instanceof SpawnError) {
    is<string>()(error.code);
    is<number | undefined>()(error.errno);
    is<string | undefined>()(error.hint);
  }
  if (error instanceof TypeError) (error as TypeError & OptionsError).problems.map(({ option }) => option);
}
// @ts-expect-error: it is ours to make
new SpawnError();

export { entry, ignorant, use, useContainer, useTerminal };
