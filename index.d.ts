/// <reference lib="esnext.disposable" />

/**
 * Start processes as `Bun.spawn` does, each, where asked for, inside its own Linux namespaces, file systems and
 * resource limits.
 *
 * Four rules hold for every option:
 *
 * 1. *All or nothing.* What was asked for is in force before the command's first instruction, or `spawn` throws and the
 *    command never ran.
 * 2. *Strict.* An unknown key, a wrong type, NaN or a NUL byte is a `TypeError` or `RangeError` (see
 *    {@link OptionsError}) that names the option's path. All mistakes are reported together. Each option is read once.
 * 3. `false`, `null`, `undefined` and a missing key mean the same: not asked for. (Where a switch is on by default,
 *    `false` turns it off.)
 * 4. One spelling is canonical; some older spellings are accepted, and marked so here.
 *
 * @packageDocumentation
 */

// ------------------------------------------------------------------------------------------------ Entry points

/**
 * Starts a process. Returns when the command has been executed: whatever can go wrong before that is thrown.
 *
 * @throws {@link SpawnError} when the process cannot be started: the command or `cwd` does not exist (`ENOENT`) or may
 * not be used (`EACCES`), a step of the container fails (`EPERM` …), the set-up takes longer than `setupTimeout`.
 * Then nothing is left behind.
 * @throws `TypeError` or `RangeError` (an {@link OptionsError}) for mistakes in the options, before anything happens.
 *
 * @example A plain process
 * ```js
 * const child = spawn(["git", "log", "-1"], { cwd: "/srv/site" });
 * console.log(await child.stdout.text(), await child.exited);
 * ```
 *
 * @example A container: own ids, processes and network, an own `/tmp`, and limits
 * ```js
 * const child = spawn({
 *   cmd: ["sh", "-c", "id -u; hostname; ls /tmp"],
 *   container: {
 *     namespace: { user: true, pid: true, network: true, uts: { hostname: "box" } },
 *     fs: [{ type: "tmpfs", to: "/tmp", size: "64M" }],
 *   },
 * });
 * console.log(await child.stdout.text()); // 0, box, and no files
 * ```
 */
export function spawn(options: TerminalSpawnOptions & { readonly cmd: Command }): TerminalSubprocess;
export function spawn(cmd: Command, options: TerminalSpawnOptions): TerminalSubprocess;
export function spawn<
  const In extends Stdin = "ignore",
  const Out extends Stdout = "pipe",
  const Err extends Stdout = "inherit",
>(options: SpawnOptions<In, Out, Err> & { readonly cmd: Command }): Subprocess<In, Out, Err>;
export function spawn<
  const In extends Stdin = "ignore",
  const Out extends Stdout = "pipe",
  const Err extends Stdout = "inherit",
>(cmd: Command, options?: SpawnOptions<In, Out, Err>): Subprocess<In, Out, Err>;

/**
 * Starts a process and waits until it and its output have ended. Nothing else of this thread runs meanwhile. The options
 * are those of `spawn` that need nothing to run: no `onExit`, no `lazy`, and in `stdin` nothing that comes piece by piece.
 *
 * @throws as `spawn` does.
 *
 * @example
 * ```js
 * const { stdout, exitCode } = spawnSync(["git", "rev-parse", "HEAD"]);
 * ```
 */
export function spawnSync<
  const In extends SyncStdin = "ignore",
  const Out extends Stdout = "pipe",
  const Err extends Stdout = "pipe",
>(options: SpawnSyncOptions<In, Out, Err> & { readonly cmd: Command }): SyncSubprocess<Out, Err>;
export function spawnSync<
  const In extends SyncStdin = "ignore",
  const Out extends Stdout = "pipe",
  const Err extends Stdout = "pipe",
>(cmd: Command, options?: SpawnSyncOptions<In, Out, Err>): SyncSubprocess<Out, Err>;

/**
 * A process from its start to the end of all that it writes, in one call: gives what it wrote to stdout and stderr, as
 * text, and how it ended.
 *
 * @returns a promise that rejects with what `spawn` would throw; with a {@link RunError} if `check` says so; and with the
 * error of the stream or body that its input was read from.
 *
 * @example
 * ```js
 * const { stdout } = await run(["git", "log", "-1"], { check: true });
 * const sorted = await run(["sort"], { input: "b\na\n", timeout: 1000 });
 * ```
 */
export function run<
  const Out extends Stdout = "pipe",
  const Err extends Stdout = "pipe",
  const Encoding extends "utf8" | "buffer" = "utf8",
>(
  options: RunOptions<Out, Err, Encoding> & { readonly cmd: Command },
): Promise<RunResult<Out, Err, Encoding>>;
export function run<
  const Out extends Stdout = "pipe",
  const Err extends Stdout = "pipe",
  const Encoding extends "utf8" | "buffer" = "utf8",
>(cmd: Command, options?: RunOptions<Out, Err, Encoding>): Promise<RunResult<Out, Err, Encoding>>;

/**
 * What `spawn` would do with the same arguments, step by step, without doing it. Needs no privileges. The steps have
 * the numbers that a {@link SpawnError} names.
 *
 * @throws as `spawn` does for mistakes in the options.
 *
 * @example
 * ```js
 * console.log(String(explain(["true"], { container: { namespace: { user: true, mount: true } } })));
 * ```
 */
export function explain(options: SpawnOptions<Stdin, Stdout, Stdout> & { readonly cmd: Command }): Plan;
export function explain(cmd: Command, options?: SpawnOptions<Stdin, Stdout, Stdout>): Plan;

/** What {@link explain} gives. As a string, a table with a line for each step. */
export interface Plan {
  readonly steps: readonly Step[];
  toString(): string;
}

/** One step of a {@link Plan}. */
export interface Step {
  /** Its number; {@link SpawnError.step} is this number. */
  readonly index: number;
  /** Who does it: the calling process, the new process before the command, the command's process, or pid 1. */
  readonly lane: "parent" | "child" | "payload" | "init";
  /** The part of the set-up that it belongs to. */
  readonly stage: string;
  /** What is done. */
  readonly text: string;
  /** The path of the option that asks for it, such as `container.fs[2].to`. */
  readonly option: string | null;
}

// ------------------------------------------------------------------------------------- Options of every process

/**
 * The program and its arguments. The program is looked up in the `PATH` of `env`, unless it has a slash in it; inside
 * the container's root when there is one. Bytes are for names that are not UTF-8.
 */
export type Command = readonly (string | Uint8Array)[];

/**
 * Options as those of `Bun.spawn`, with the same defaults.
 *
 * @typeParam In - what was given for `stdin`, from which {@link Handle.stdin} gets its type; inferred
 * @typeParam Out - the same of `stdout`
 * @typeParam Err - the same of `stderr`
 */
export interface SpawnOptions<
  In extends Stdin = Stdin,
  Out extends Stdout = Stdout,
  Err extends Stdout = Stdout,
> {
  /**
   * The working directory; inside the container's root when there is one.
   * @defaultValue that of this process
   */
  cwd?: string | undefined;
  /**
   * The environment. What is `undefined` is left out, other values become strings.
   * @defaultValue `process.env`, as it is at the time of the call
   */
  env?: Readonly<Record<string, string | number | boolean | null | undefined>> | undefined;
  /** What the command sees as its own name. What is executed is `cmd[0]` all the same. */
  argv0?: string | undefined;
  /**
   * The three streams together, and further descriptors from 3 up. Goes before `stdin`, `stdout` and `stderr`; an entry
   * that is `undefined` has the default of its place.
   */
  stdio?: readonly [stdin?: In, stdout?: Out, stderr?: Err, ...extra: Extra[]] | undefined;
  /**
   * What the command reads.
   * @defaultValue `"ignore"`
   */
  stdin?: In;
  /**
   * Where the command writes.
   * @defaultValue `"pipe"`
   */
  stdout?: Out;
  /**
   * Where the command writes errors.
   * @defaultValue `"inherit"`
   */
  stderr?: Err;
  /**
   * Called once when the process has ended, after {@link Handle.exited} has settled. What it throws is an uncaught
   * exception.
   *
   * @param exitCode - null when a signal ended it
   * @param signalCode - the signal's name, its number if it is a real-time signal, null when it exited
   * @param error - what went wrong besides: the stream or body that `stdin` was to be read from failed, so that the
   * command saw the end of its input too early
   */
  onExit?(
    subprocess: Subprocess<In, Out, Err>,
    exitCode: number | null,
    signalCode: Signal | number | null,
    error?: Error,
  ): void | Promise<void>;
  /**
   * Make it the leader of a session of its own (setsid(2)).
   * @defaultValue false
   */
  detached?: boolean | undefined;
  /** The user id it runs as (setuid(2)); its supplementary groups are dropped. Inside the container's user namespace. */
  uid?: number | undefined;
  /** The group id it runs as (setgid(2)). */
  gid?: number | undefined;
  /**
   * Milliseconds after which it is sent `killSignal`. 0 and Infinity: never.
   * @defaultValue none
   */
  timeout?: number | Off;
  /** Sends `killSignal` when aborted. Was it aborted before, `spawn` throws an `AbortError` with code `ABORT_ERR`. */
  signal?: AbortSignal | Off;
  /**
   * The bytes that stdout, and that stderr, may have. What exceeds them is not given, and the process is sent
   * `killSignal`. Numbers below 1 and Infinity: no bound.
   * @defaultValue none
   */
  maxBuffer?: number | Off;
  /**
   * The signal with which `timeout`, `signal`, `maxBuffer` and `await using` end it.
   * @defaultValue `"SIGTERM"`
   */
  killSignal?: Signal | number | Off;
  /**
   * Milliseconds after `killSignal` until SIGKILL follows, for a process that does not heed it. `false`: never.
   * @defaultValue 5000
   */
  forceKillAfter?: number | false | null | undefined;
  /**
   * Read nothing of its output before you do: what the pipe does not hold, it waits with.
   * @defaultValue false
   */
  lazy?: boolean | undefined;
  /**
   * Called with each message from the command, which must be a program of Node or Bun: from its `process.send()`.
   * {@link Handle.send} answers. Asking for this opens the channel. What it throws is an uncaught exception.
   */
  ipc?(message: unknown, subprocess: Subprocess<In, Out, Err>): void | Promise<void>;
  /**
   * Called once when the channel has closed, on whichever side, after the last message.
   *
   * @param error - what came was no message, with code `ERR_IPC_FORMAT`; undefined when it just closed
   */
  onDisconnect?(error?: Error): void | Promise<void>;
  /**
   * How messages are written. `"json"`: between whatever programs. `"advanced"`: what `structuredClone` takes; between
   * Node and Node, or Bun and Bun only, and only with a command that you trust.
   * @defaultValue `"json"` (Bun's is `"advanced"`)
   */
  serialization?: "json" | "advanced" | Off;
  /**
   * A terminal that the command has in the place of its three standard streams: one that exists, or the options of one
   * that is made for it. It is then the controlling terminal of a session of the command's own.
   */
  terminal?: TerminalOptions | Terminal | Off;
  /**
   * An existing control group that it joins: a directory's path or a file descriptor of it. It is neither made nor
   * removed; for limits of its own see {@link LimitOptions}.
   */
  cgroup?: string | number | Off;
  /** Accepted for programs that run on Windows too; of no effect on Linux, as under Bun. */
  windowsHide?: boolean | undefined;
  /** As `windowsHide`. */
  windowsVerbatimArguments?: boolean | undefined;
  /** The isolation around it. Without, it is an ordinary process. */
  container?: ContainerOptions | Off;
}

/** Options of a process that has a terminal: its standard streams are that. */
export interface TerminalSpawnOptions
  extends Omit<SpawnOptions<null, null, null>, "stdio" | "ipc" | "onExit" | "terminal"> {
  terminal: TerminalOptions | Terminal;
  /** As in {@link SpawnOptions}; the first three are the terminal. */
  stdio?: readonly [stdin?: null, stdout?: null, stderr?: null, ...extra: Extra[]] | undefined;
  /** As in {@link SpawnOptions}. */
  onExit?(
    subprocess: TerminalSubprocess,
    exitCode: number | null,
    signalCode: Signal | number | null,
    error?: Error,
  ): void | Promise<void>;
  /** As in {@link SpawnOptions}. */
  ipc?(message: unknown, subprocess: TerminalSubprocess): void | Promise<void>;
}

/** Options of {@link spawnSync}. `stderr` is a pipe by default. */
export interface SpawnSyncOptions<
  In extends SyncStdin = SyncStdin,
  Out extends Stdout = Stdout,
  Err extends Stdout = Stdout,
> extends Omit<
    SpawnOptions<In, Out, Err>,
    "onExit" | "lazy" | "ipc" | "onDisconnect" | "serialization" | "terminal"
  > {}

/** Options of {@link run}: those of `spawn`, where `stderr` is a pipe by default, and these. */
export interface RunOptions<
  Out extends Stdout = Stdout,
  Err extends Stdout = Stdout,
  Encoding extends "utf8" | "buffer" = "utf8" | "buffer",
> extends Omit<SpawnOptions<Exclude<Stdin, "pipe">, Out, Err>, "terminal"> {
  /** What the command reads; text also where `stdin` would take it for a word of its own. */
  input?: Input | Off;
  /**
   * Whether the result has strings or Buffers.
   * @defaultValue `"utf8"`
   */
  encoding?: Encoding | undefined;
  /**
   * Reject, with a {@link RunError}, unless the command ends of itself and with exit code 0.
   * @defaultValue false
   */
  check?: boolean | undefined;
}

/** Not asked for. */
export type Off = false | null | undefined;

/**
 * What stdin can be.
 *
 * - `"pipe"`: {@link Handle.stdin} is a {@link FileSink}
 * - `"ignore"`, `null`: nothing to read
 * - `"inherit"`: that of this process
 * - a number: a file descriptor of this process
 * - `{ file: path }`, or under Bun a `Bun.file(path)`: that file
 * - an {@link Input}: the command reads this
 */
export type Stdin =
  | "pipe"
  | "ignore"
  | "inherit"
  | null
  | undefined
  | number
  | InputFile
  | BunFileLike
  | Input;

/** What stdin can be in {@link spawnSync}: Blobs and bodies only under Bun, and only when they are in memory. */
export type SyncStdin =
  | "pipe"
  | "ignore"
  | "inherit"
  | null
  | undefined
  | number
  | InputFile
  | BunFileLike
  | (string & {})
  | ArrayBufferView
  | ArrayBuffer
  | BlobLike
  | BodyLike;

/**
 * What a command can be given to read: text, bytes, a Blob, Response, Request, ReadableStream or Readable, or whatever
 * can be iterated over asynchronously and gives text and bytes. That the command ends before it has read all is no
 * error; a stream is then cancelled or destroyed. Bytes must not be changed before it has read them.
 */
export type Input =
  | (string & {})
  | ArrayBufferView
  | ArrayBuffer
  | StreamLike
  | BlobLike
  | BodyLike
  | AsyncIterable<string | ArrayBufferView | ArrayBuffer>;

/**
 * What stdout and stderr can be.
 *
 * - `"pipe"`: a stream of {@link Subprocess}. Until you begin to read it, what the command writes is kept in memory,
 *   without a limit (but see `maxBuffer` and `lazy`); from then on the command waits when you do not read on.
 * - `"ignore"`, `null`: thrown away
 * - `"inherit"`: that of this process
 * - a number: a file descriptor of this process
 * - `{ file: path }`, or under Bun a `Bun.file(path)`: that file, which is made or emptied before the command starts
 */
export type Stdout = "pipe" | "ignore" | "inherit" | null | undefined | number | OutputFile | BunFileLike;

/**
 * What a descriptor from 3 up can be. `"pipe"` is a socket in both directions; its other end is a descriptor in
 * {@link Handle.stdio}, which is yours to close once you have read it there. With `"socket-fd"` it is yours from the
 * beginning. A file is opened for reading and writing.
 */
export type Extra = "pipe" | "socket-fd" | "ignore" | null | undefined | number | OutputFile | BunFileLike;

/** A file to read from. A relative path begins at this process's directory. */
export interface InputFile {
  readonly file: string | URL;
}

/** A file to write to. A relative path begins at this process's directory. */
export interface OutputFile {
  readonly file: string | URL;
  /**
   * Keep what is in it and write at its end.
   * @defaultValue false
   */
  readonly append?: boolean | undefined;
}

/** What `Bun.file()` gives. */
export interface BunFileLike {
  readonly name?: string | undefined;
  exists(): Promise<boolean>;
  stream(): StreamLike;
}

/** A ReadableStream, of whatever implementation. */
export interface StreamLike {
  readonly locked: boolean;
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** A Blob, of whatever implementation. */
export interface BlobLike {
  stream(): StreamLike;
}

/** A Response or Request, of whatever implementation. */
export interface BodyLike {
  readonly bodyUsed: boolean;
  readonly body: StreamLike | null;
}

// ----------------------------------------------------------------------------------------------------- Container

/** The isolation of a process. Every part is off unless it is asked for, but {@link SecurityOptions.noNewPrivileges}. */
export interface ContainerOptions {
  /** Namespaces of its own (namespaces(7)). */
  namespace?: NamespaceOptions | Off;
  /**
   * File systems, mounted in the order written. Implies a mount namespace. Every `to` is a path inside the container,
   * so inside `root` when there is one. (Accepted too, as older versions of this design had it: a `to` at or below
   * `root`'s own path.)
   */
  fs?: readonly FsEntry[] | Off;
  /**
   * A new root directory, entered with pivot_root(2); nothing of the old one can be reached. Implies a mount namespace.
   * A string is a directory of the host.
   */
  root?: string | RootOptions | Off;
  /** Limits on everything that runs in it, by a control group (cgroups(7)). */
  limit?: LimitOptions | Off;
  security?: SecurityOptions | Off;
  /**
   * Milliseconds after which a set-up that hangs, say on the mount of a dead server, is killed; `spawn` then throws and
   * names the step.
   * @defaultValue 10000
   */
  setupTimeout?: number | undefined;
}

/** Namespaces: what the process sees of its own, instead of the host's. */
export interface NamespaceOptions {
  /**
   * Own user and group ids, and capabilities that reach no further than the container (user_namespaces(7)). `true`: one
   * id, 0 inside, which is the calling user outside. When that is root, it is the host's root with its rights over
   * root's files such as /proc/sys: isolation, not confinement.
   */
  user?: boolean | UserNamespaceOptions | null | undefined;
  /** Own process ids (pid_namespaces(7)). `true` is `{ init: true }`. */
  pid?: boolean | PidNamespaceOptions | null | undefined;
  /** Own mounts (mount_namespaces(7)); none of them can be seen outside. */
  mount?: boolean | null | undefined;
  /** Own network devices, addresses and ports (network_namespaces(7)): a loopback device, up, and nothing else. */
  network?: boolean | NetworkOptions | null | undefined;
  /** Own host and domain name (uts_namespaces(7)). `true`: at first the host's. */
  uts?: boolean | UtsNamespaceOptions | null | undefined;
  /** Own System V IPC objects and POSIX message queues (ipc_namespaces(7)). */
  ipc?: boolean | null | undefined;
  /** Own view of the control groups (cgroup_namespaces(7)): its own is the root of them. */
  cgroup?: boolean | null | undefined;
  /** Own offsets of the monotonic and boot-time clocks (time_namespaces(7)). Needs Linux 6.3: before, exec enters none. */
  time?: boolean | TimeNamespaceOptions | null | undefined;
}

export interface UserNamespaceOptions {
  /** User ids, as in /proc/PID/uid_map. More than one's own id needs root, or ranges in /etc/subuid. */
  readonly uid_map: readonly IdMap[];
  /** Group ids, as in /proc/PID/gid_map. */
  readonly gid_map: readonly IdMap[];
}

/** `length` ids from `inside` on, which outside are those from `outside` on. (`inside_id`, `outside_id` are accepted.) */
export type IdMap =
  | { readonly inside: number; readonly outside: number; readonly length: number }
  | { readonly inside_id: number; readonly outside_id: number; readonly length: number };

export interface PidNamespaceOptions {
  /**
   * Whether pid 1 is a small program of this package, which reaps orphans, hands signals on, and ends everything in the
   * container when this process dies. Without it the command is pid 1, and so deaf to every signal but SIGKILL and
   * SIGSTOP that it has no handler for.
   * @defaultValue true
   */
  init?: boolean | undefined;
}

export interface NetworkOptions {
  /** A loopback device, up, and nothing else. */
  readonly mode: "loopback";
}

export interface UtsNamespaceOptions {
  /** At most 64 bytes (sethostname(2)). */
  hostname?: string | undefined;
  /** At most 64 bytes (setdomainname(2)). */
  domainname?: string | undefined;
}

export interface TimeNamespaceOptions {
  /** Seconds, fractions allowed, added to CLOCK_MONOTONIC. */
  monotonic?: number | undefined;
  /** Seconds, fractions allowed, added to CLOCK_BOOTTIME. */
  boottime?: number | undefined;
}

/** One file system of {@link ContainerOptions.fs}. */
export type FsEntry = BindMount | TmpfsMount | OverlayMount | ProcMount;

/** What every entry takes (mount(2)). */
export interface MountOptions {
  /** Where: an absolute path inside the container. It is made when missing. */
  readonly to: string;
  /**
   * Nothing can be written, in mounts below it neither.
   * @defaultValue false
   */
  readonly readonly?: boolean | undefined;
  /**
   * Set-user-id bits and file capabilities count.
   * @defaultValue false
   */
  readonly suid?: boolean | undefined;
  /**
   * Device files work.
   * @defaultValue false
   */
  readonly dev?: boolean | undefined;
  /**
   * Programs can be executed.
   * @defaultValue true
   */
  readonly exec?: boolean | undefined;
}

/** A file or directory of the host. */
export interface BindMount extends MountOptions {
  readonly type: "bind";
  /** A path of the host, or a file descriptor of this process. A relative path begins at this process's directory. */
  readonly from: string | number;
  /**
   * With what is mounted below it. In a user namespace the kernel may insist on that.
   * @defaultValue true
   */
  readonly recursive?: boolean | undefined;
  /**
   * Leave it out when `from` does not exist.
   * @defaultValue false
   */
  readonly optional?: boolean | undefined;
  /** The older spelling of `readonly`. */
  readonly options?: { readonly bind?: { readonly readonly?: boolean | undefined } | Off } | Off;
}

/** A file system in memory, empty at first (tmpfs(5)). */
export interface TmpfsMount extends MountOptions {
  readonly type: "tmpfs";
  /**
   * Bytes that it can hold at most.
   * @defaultValue half of the machine's memory
   */
  readonly size?: Bytes | undefined;
  /**
   * Permissions of its root directory.
   * @defaultValue 0o755
   */
  readonly mode?: number | undefined;
  /** The older spelling of `size`. */
  readonly options?: { readonly tmpfs?: { readonly size?: Bytes | undefined } | Off } | Off;
}

/**
 * Directories of the host laid over each other (overlayfs; in a user namespace from Linux 5.11). Without `upper`, `work`
 * and `ephemeral` it is read-only.
 */
export type OverlayMount = MountOptions & { readonly type: "overlayfs" } & (
    | {
        /** From 1 to 500 directories that are only read; where two have a file of one name, the first counts. */
        readonly lower: readonly string[];
        /** A directory for what is written. Needs `work`. */
        readonly upper?: string | undefined;
        /** An empty directory on the file system of `upper`, which the kernel uses. */
        readonly work?: string | undefined;
        /**
         * Keep what is written in memory, and throw it away at the end.
         * @defaultValue false
         */
        readonly ephemeral?: boolean | undefined;
      }
    | {
        /** The older spelling of `lower`, `upper` and `work`. */
        readonly options: {
          readonly overlayfs: {
            readonly lower_dirs: readonly string[];
            readonly upper_dir?: string | undefined;
            readonly work_dir?: string | undefined;
          };
        };
      }
  );

/** The proc file system of the container's pid namespace (proc(5)). It is mounted at /proc without being asked for when
 * there are a pid and a mount namespace. */
export interface ProcMount extends MountOptions {
  readonly type: "proc";
}

export interface RootOptions {
  /** A directory of the host, or `"host"`: the host's own tree. */
  readonly from: string;
  /**
   * Nothing in it can be written.
   * @defaultValue false
   */
  readonly readonly?: boolean | undefined;
  /**
   * What is written goes to an overlay and leaves `from` as it is. `true`: into memory, thrown away at the end. A
   * string: into that directory of the host. In a user namespace, what belongs to ids that are not mapped there cannot
   * be changed, nor can anything below it (EACCES, EOVERFLOW): the kernel would have to copy its owner.
   * @defaultValue false
   */
  readonly overlay?: boolean | string | undefined;
}

/** A number of bytes. In a string K, M, G and T (or KiB …) are powers of 1024. */
export type Bytes =
  | number
  | `${number}`
  | `${number}${"K" | "M" | "G" | "T" | "k" | "m" | "g" | "t"}${"" | "iB"}`;

/**
 * Limits on the whole container, by a control group that is made for it (cgroups(7)). With none, no group is made or
 * touched.
 *
 * `"max"` is no limit: it is counted only, which is what {@link Container.stats} then has. A limit whose controller cannot
 * be had here is a {@link SpawnError} of code `ERR_CGROUP_UNAVAILABLE`, whose hint says how to get it.
 *
 * Each becomes a control file, given here as *version 2* / *version 1*; what they do is in the kernel's
 * `Documentation/admin-guide/cgroup-v2.rst`. What it uses counts for the groups above as well, whose limits may be reached
 * first.
 *
 * @example
 * ```js
 * const limit = { cpu: 150, memory: "1G", pids: 256, io: [{ device: "/dev/vda", wbps: "10M" }] };
 * const child = spawn(["make", "-j8"], { container: { limit } });
 * ```
 */
export interface LimitOptions {
  /**
   * Percent of one core, from 1 to 819200: 50 is half a core, 250 two and a half. It is measured in periods of 100 ms;
   * who has used up his part waits for the next.
   *
   * `cpu.max` / `cpu.cfs_quota_us`
   * @defaultValue no limit
   */
  cpu?: number | "max" | Off;
  /**
   * Its share of the processor when there is not enough for all: an integer from 1 to 10000, beside others who have 100.
   *
   * `cpu.weight` / `cpu.shares`, which are weight × 1024 / 100
   * @defaultValue 100
   */
  cpuWeight?: number | Off;
  /**
   * The processors that it may run on: numbers and ranges, as `"0-3,6"`, from 0 to 8191. All must be there, and be among
   * those that the group above may use.
   *
   * `cpuset.cpus` / the same
   * @defaultValue those of the group above
   */
  cpuset?: string | Off;
  /**
   * Bytes of memory, at least 4096, counted in pages; the cache of its files is among it. When it needs more and nothing
   * can be reclaimed, the whole container is killed: {@link ExitReason} `"oom"`.
   *
   * `memory.max` / `memory.limit_in_bytes`
   * @defaultValue no limit
   */
  memory?: Bytes | "max" | Off;
  /** The older spelling of `memory`. */
  ram?: Bytes | "max" | Off;
  /**
   * Bytes, at least 4096, and not more than `memory`: above it nothing is killed, but whoever takes more is slowed down and
   * has to reclaim.
   *
   * `memory.high` / none: an error with code `ERR_CGROUP_UNAVAILABLE`
   * @defaultValue no limit
   */
  memoryHigh?: Bytes | "max" | Off;
  /**
   * Bytes that the kernel leaves to it as long as there is something to reclaim from others: 0, or at least 4096, and not
   * more than `memory`. `"max"`: all that it has.
   *
   * `memory.low` / `memory.soft_limit_in_bytes`, down to which it is reclaimed first when memory is short
   * @defaultValue 0; on version 1 `"max"`
   */
  memoryLow?: Bytes | "max" | Off;
  /**
   * Bytes of swap, besides `memory`: 0, or at least 4096. Version 1 limits memory and swap together, and so needs `memory`
   * for it (`ERR_CGROUP_UNAVAILABLE` without).
   *
   * `memory.swap.max` / `memory.memsw.limit_in_bytes`, which is `memory` + `swap`
   * @defaultValue 0 with `memory`, where the kernel accounts swap (else memory that is written out would not count);
   * no limit without
   */
  swap?: Bytes | "max" | Off;
  /**
   * How many processes and threads there may be at a time, pid 1 of this package included: from 1 to 4194304. Beyond, fork
   * fails with EAGAIN.
   *
   * `pids.max` / the same
   * @defaultValue no limit
   */
  pids?: number | "max" | Off;
  /**
   * How fast block devices may be read and written; each device once.
   *
   * `io.max` / `blkio.throttle.*_device`, where what the kernel writes from its cache later does not count
   * @defaultValue no limit
   */
  io?: readonly IoLimit[] | Off;
  /**
   * Bytes of huge pages by their size, such as `{ "2MB": "64M", "1GB": 0 }`: multiples of that size. Beyond, mmap fails or,
   * for pages that were not reserved, SIGBUS comes. Sizes are powers of two in KB, MB or GB; `2M` and `2MiB` are `2MB`.
   *
   * `hugetlb.<size>.max` / `hugetlb.<size>.limit_in_bytes`
   * @defaultValue no limit
   */
  hugetlb?: Readonly<Record<string, Bytes | "max" | Off>> | Off;
  /**
   * Control files of version 2 by their names, for what has no option of its own: `{ "memory.swap.high": "64M" }`. The text
   * is written as it is. Not those for which there is an option that is given too, and not `cgroup.*`, which this package
   * needs: see {@link Container.kill} and {@link Container.pause}.
   *
   * the file / none: an error
   */
  unified?: Readonly<Record<string, string | Off>> | Off;
  /**
   * Who makes the group: this process, in the cgroup file system, or systemd, as a transient scope of the machine's or, for
   * a user, of his own instance. {@link Isolation.cgroupManager} is who it was.
   * @defaultValue on version 1 `"cgroupfs"`; on version 2 the first that can: `"cgroupfs"` below the group of this process,
   * if that has been delegated to it, then `"systemd"`
   */
  manager?: "cgroupfs" | "systemd" | Off;
  /**
   * Below which group it is made, which must exist: a path from the root of the hierarchy if it begins with a slash, and
   * else from this process's own group; a directory of the cgroup file system too. With `manager: "systemd"` a slice, as
   * `"jobs.slice"`, which systemd makes if it has to; on version 2 such a name asks for systemd by itself.
   * @defaultValue this process's own group; with systemd its default slice
   */
  parent?: string | Off;
}

/** How fast one device may be read and written, of {@link LimitOptions.io}: at least one rate of the four. */
export interface IoLimit {
  /** The whole disk, not a partition: the absolute path of its device file, or its number, as `"8:0"`. */
  readonly device: string;
  /**
   * Bytes read per second, at least 1.
   * @defaultValue no limit
   */
  readonly rbps?: Bytes | "max" | Off;
  /**
   * Bytes written per second, at least 1.
   * @defaultValue no limit
   */
  readonly wbps?: Bytes | "max" | Off;
  /**
   * Reads per second, from 1 to 4294967294.
   * @defaultValue no limit
   */
  readonly riops?: number | "max" | Off;
  /**
   * Writes per second, from 1 to 4294967294.
   * @defaultValue no limit
   */
  readonly wiops?: number | "max" | Off;
}

/** What {@link Container.update} takes: all of the limits, but not how the group was made. */
export type UpdateOptions = Omit<LimitOptions, "manager" | "parent">;

export interface SecurityOptions {
  /**
   * No program that is executed gains rights by it: set-user-id bits and file capabilities do not count
   * (PR_SET_NO_NEW_PRIVS(2const)).
   * @defaultValue true
   */
  noNewPrivileges?: boolean | undefined;
}

// ---------------------------------------------------------------------------------------------------- The handle

/** The type of {@link Handle.stdin} for what was given. */
export type StdinOf<In> = In extends "pipe"
  ? FileSink
  : In extends number
    ? number
    : In extends string
      ? string extends In
        ? FileSink | undefined
        : undefined
      : undefined;

/** The type of {@link Handle.stdout} for what was given. */
export type StdoutOf<Out> = Out extends "pipe" | undefined ? Output : Out extends number ? number : undefined;

/** The type of {@link Handle.stderr} for what was given. */
export type StderrOf<Err> = Err extends "pipe" ? Output : Err extends number ? number : undefined;

/**
 * A process: Bun's Subprocess.
 *
 * @typeParam In - what was given for `stdin`
 * @typeParam Out - what was given for `stdout`
 * @typeParam Err - what was given for `stderr`
 */
export type Subprocess<
  In extends Stdin = Stdin,
  Out extends Stdout = Stdout,
  Err extends Stdout = Stdout,
> = Handle<StdinOf<In>, StdoutOf<Out>, StderrOf<Err>>;

/**
 * A process, by the types of its streams.
 *
 * It keeps the event loop alive until it has ended, see {@link Handle.unref}. `await using` ends it at the end of the
 * block.
 *
 * A Worker's processes live on when the Worker is terminated: they are reaped, but nobody is left to bound them or to hear
 * of their end. Containers end with the whole process, not with a thread of it.
 */
export interface Handle<Input, Out, Err> {
  /** Its process id, as this process sees it. */
  readonly pid: number;
  /** Where to write what it reads; the descriptor that was given; null with a terminal; else undefined. */
  readonly stdin: Input;
  /** What it writes; the descriptor that was given; null with a terminal; else undefined. */
  readonly stdout: Out;
  /** What it writes as errors; the descriptor that was given; null with a terminal; else undefined. */
  readonly stderr: Err;
  /** Three times null, then a descriptor or null for each further entry of the option `stdio`. */
  readonly stdio: [null, null, null, ...(number | null)[]];
  /** The same as `stdout`. */
  readonly readable: Out;
  /** The same as `stdin`. */
  readonly writable: Input;
  /** Its exit code, or 128 plus the number of the signal that ended it. Never rejects. */
  readonly exited: Promise<number>;
  /** null while it runs, and when a signal ended it. */
  readonly exitCode: number | null;
  /** The name of the signal that ended it, its number if it is a real-time signal; else null. */
  readonly signalCode: Signal | number | null;
  /** Why it ended; null while it runs. */
  readonly exitReason: ExitReason | null;
  /** Whether it has ended, in whatever way. */
  readonly killed: boolean;
  /** null without the option `container`. */
  readonly container: Container | null;
  /**
   * Sends it a signal; 0 only asks whether that is possible. Does nothing when it has ended.
   *
   * @param signal - a name, or a number from 0 to 64; by default SIGTERM
   * @throws `TypeError` with code `ERR_INVALID_ARG_TYPE` when there is no such signal
   */
  kill(signal?: Signal | number): void;
  /** What it has in the place of its standard streams; undefined without the option `terminal`. */
  readonly terminal: Terminal | undefined;
  /** Whether messages can be sent: it has the option `ipc`, and nobody has disconnected. */
  readonly connected: boolean;
  /**
   * Sends it a message, in the format of the option `serialization`.
   *
   * @returns false when so many wait already that it had better be waited for; the message is sent all the same
   * @throws `Error` with code `ERR_IPC_CHANNEL_CLOSED` when there is no channel any more
   * @throws `TypeError` for what is no message: undefined, a function, a symbol or a BigInt; and whatever the format
   * throws for what it cannot write
   */
  send(message: unknown): boolean;
  /** Closes the channel when what was sent is written. No message is handed on any more. */
  disconnect(): void;
  /** Keep the event loop alive while it runs; so it is unless `unref` is called. */
  ref(): void;
  /** Let this process end before it. While it runs, waiting for its output still keeps the event loop alive. */
  unref(): void;
  /** What it has used; undefined while it runs. */
  resourceUsage(): ResourceUsage | undefined;
  /** Sends `killSignal`, after `forceKillAfter` SIGKILL, and waits until it has ended. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Why a process ended: of itself (`"exited"`), by a signal, or because of the option `timeout`, `signal` (`"aborted"`) or
 * `maxBuffer`, in whatever way it then did.
 *
 * `"oom"`: the kernel has killed something in its container because {@link LimitOptions.memory} was used up, and the
 * command did not end with exit code 0. Then the whole container is killed, so that no half of it lives on. What goes
 * on to exit code 0 nevertheless is `"exited"`, and {@link Stats.oom} tells of it.
 */
export type ExitReason = "exited" | "signaled" | "timeout" | "aborted" | "maxBuffer" | "oom";

/** A process with a terminal. */
export type TerminalSubprocess = Handle<null, null, null> & { readonly terminal: Terminal };

/** Options of a {@link Terminal}. */
export interface TerminalOptions {
  /**
   * From 1 to 65535.
   * @defaultValue 80
   */
  readonly cols?: number | null | undefined;
  /**
   * From 1 to 65535.
   * @defaultValue 24
   */
  readonly rows?: number | null | undefined;
  /**
   * Which terminal it is like: `TERM` in the environment of the command, whatever the option `env` says.
   * @defaultValue `"xterm-256color"`, unless the option `env` has a `TERM`
   */
  readonly name?: string | null | undefined;
  /** Called with what the command writes. Without it, that is thrown away. */
  data?(terminal: Terminal, data: Buffer): void;
  /**
   * Called once, after the last of `data`: when it is closed, or, if it was made for one process, when neither that nor
   * another has it open any more.
   *
   * @param code - 0, or 1 when reading failed; nothing about the process
   */
  exit?(terminal: Terminal, code: 0 | 1, signal: null): void;
  /** Called when everything is written that had to wait. */
  drain?(terminal: Terminal): void;
}

/**
 * A pseudo-terminal (pty(7)): Bun's Terminal. One that is made here can be the terminal of several processes, one after
 * the other, and must be closed; one that `spawn` makes is closed when its process, and whoever that has left behind,
 * has closed it.
 *
 * While a process has it, or a process that it was made for has left it open to others, it keeps the event loop alive.
 *
 * @example
 * ```js
 * const child = spawn(["top"], { terminal: { cols: 120, rows: 40, data: (_, data) => process.stdout.write(data) } });
 * process.stdout.on("resize", () => child.terminal.resize(process.stdout.columns, process.stdout.rows));
 * ```
 */
export class Terminal implements AsyncDisposable {
  /** @throws {@link SpawnError} when the system has no terminal left. */
  constructor(options?: TerminalOptions | null);
  /** Whether nothing can be read or written any more. */
  readonly closed: boolean;
  /**
   * Writes what the command reads, as if it had been typed. What it does not take yet waits, see `drain`.
   *
   * @returns the number of bytes; 0 when nobody is left to read them
   * @throws `Error` with code `ERR_INVALID_STATE` after `close()`, as the other methods do
   */
  write(data: string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer): number;
  /** Changes its size, from 1 to 65535 each. The processes in the foreground get SIGWINCH. */
  resize(cols: number, rows: number): void;
  /** Raw: what is written reaches the command as it is, and the other way round (cfmakeraw(3)). `false`: as before. */
  setRawMode(enabled: boolean): void;
  /** Keep the event loop alive; so it is unless `unref` is called. */
  ref(): void;
  /** Let this process end before it. */
  unref(): void;
  /** Hangs up: the processes whose terminal it is get SIGHUP. */
  close(): void;
  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void>;
  /** c_iflag of termios(3). When it is closed, all of these are 0, and setting them has no effect. */
  inputFlags: number;
  /** c_oflag of termios(3). */
  outputFlags: number;
  /** c_lflag of termios(3). */
  localFlags: number;
  /** c_cflag of termios(3). */
  controlFlags: number;
}

/** What {@link spawnSync} gives. */
export interface SyncSubprocess<Out extends Stdout = Stdout, Err extends Stdout = Stdout> {
  readonly pid: number;
  /** What it wrote; undefined unless that was a pipe. */
  readonly stdout: Captured<Out, Buffer>;
  readonly stderr: Captured<Err, Buffer>;
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  /** There when a signal ended it: its name, or its number if it is a real-time signal. */
  readonly signalCode?: Signal | number;
  readonly exitReason: ExitReason;
  /** Whether the exit code is 0. */
  readonly success: boolean;
  readonly resourceUsage: ResourceUsage;
  /** There when there was a `timeout`. */
  readonly exitedDueToTimeout?: boolean;
  /** There when there was a `maxBuffer`. */
  readonly exitedDueToMaxBuffer?: boolean;
  /** There when there was a `container`: what that had used at its end; null without limits. */
  readonly stats?: Stats | null;
}

/** What {@link run} gives. */
export interface RunResult<
  Out extends Stdout = Stdout,
  Err extends Stdout = Stdout,
  Encoding extends "utf8" | "buffer" = "utf8" | "buffer",
> {
  /** What it wrote; undefined unless that was a pipe. */
  readonly stdout: Captured<Out, Decoded<Encoding>>;
  readonly stderr: Captured<Err, Decoded<Encoding>>;
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  /** The name of the signal that ended it, its number if it is a real-time signal; else null. */
  readonly signalCode: Signal | number | null;
  readonly exitReason: ExitReason;
  readonly usage: ResourceUsage;
  /** What its container had used at its end; null without limits. */
  readonly stats: Stats | null;
}

/** What was written, where it was a pipe. */
export type Captured<Out, Data> = Out extends "pipe" | undefined ? Data : undefined;

/** Text or bytes. */
export type Decoded<Encoding> = Encoding extends "buffer" ? Buffer : string;

/**
 * What the container is, and what can be done to all of it together.
 *
 * All but `kill()` need a control group, which there is with {@link ContainerOptions.limit}: without one they reject with
 * a {@link SpawnError} of code `ERR_NO_CGROUP`. Whoever waits for one of them keeps the event loop alive, also after
 * {@link Handle.unref}.
 *
 * @example
 * ```js
 * const child = spawn(["make"], { container: { limit: { memory: "1G", pids: 100 } } });
 * const { cpu, memory } = await child.container.stats();
 * await child.container.update({ memory: "2G" });
 * ```
 */
export interface Container {
  /** The process id of its pid 1, as this process sees it. */
  readonly pid: number;
  /** The directory of its control group; null without limits. */
  readonly cgroup: string | null;
  /** What is in force. */
  readonly isolation: Isolation;
  /** What everything in it has used and uses. After its end: as it was at its end. */
  stats(): Promise<Stats>;
  /**
   * Changes limits while it runs: those that are given, all of them or, when it rejects, none.
   *
   * @returns a promise that rejects with a {@link SpawnError}: `ERR_CGROUP_UNAVAILABLE` when a limit's controller is not
   * available, `ESRCH` when it has ended, else what the kernel said; and with an {@link OptionsError} for mistakes in the
   * limits, whose paths begin with `limit`
   */
  update(limit: UpdateOptions): Promise<void>;
  /**
   * Stops every process in it. `kill()` works all the same.
   *
   * @returns a promise that is kept when every process is stopped; it rejects with code `ESRCH` when it has ended
   */
  pause(): Promise<void>;
  /**
   * Lets every process in it go on, also when none was stopped.
   *
   * @returns a promise that rejects with code `ESRCH` when it has ended
   */
  resume(): Promise<void>;
  /**
   * Kills every process in it, with SIGKILL. Without a control group this takes a pid namespace; else it rejects with code
   * `ERR_NO_CGROUP`.
   *
   * @returns a promise that is kept when no process is left and everything is cleaned up; at once after its end
   */
  kill(): Promise<void>;
}

/**
 * What a container uses, as its control group counts it. What is not counted is null: because the group does not have
 * the controller, or because the kernel does not tell.
 */
export interface Stats {
  /** null on cgroup v1 without the controller cpuacct. */
  cpu: CpuStats | null;
  /** null without the controller memory. */
  memory: MemoryStats | null;
  /** null without the controller pids. */
  pids: PidsStats | null;
  /** A device each that something was read from or written to; null without the controller io (blkio on cgroup v1). */
  io: IoStats[] | null;
  /**
   * How long it had to wait (PSI); null on cgroup v1, and where the kernel does not tell: it takes Linux 4.20 with
   * CONFIG_PSI, not switched off by `psi=0`.
   */
  pressure: {
    /** Waiting for a processor. */
    cpu: Pressure | null;
    /** Waiting for memory: reclaim and swap. */
    memory: Pressure | null;
    /** Waiting for devices. */
    io: Pressure | null;
  } | null;
  /** Out of memory; null without the controller memory, and before Linux 4.13. */
  oom: {
    /** How often its limit was reached and nothing could be reclaimed; null on cgroup v1. */
    events: number | null;
    /** How many processes the kernel has killed for that. See {@link ExitReason} for what becomes of the others. */
    kills: number;
  } | null;
}

/** Part of {@link Stats}. Times are in microseconds. */
export interface CpuStats {
  /** Time on processors, of all together: two that are busy for a second make two seconds. */
  usage: number;
  /** The part of `usage` in programs. */
  user: number;
  /** The part of `usage` in the kernel. */
  system: number;
  /** The periods in which it ran under a limit; this and the next two are null without the controller cpu. */
  periods: number | null;
  /** The periods in which it was stopped because {@link LimitOptions.cpu} was used up. */
  throttledPeriods: number | null;
  /** The time for which it was stopped so. */
  throttled: number | null;
}

/** Part of {@link Stats}. Sizes are in bytes. */
export interface MemoryStats {
  /** What it has now, with the page cache of the files that it has used. */
  current: number;
  /** The most that it has had; null on cgroup v2 before Linux 5.19. */
  peak: number | null;
  /** What it has in swap now; null where the kernel does not count swap (on cgroup v1: without `swapaccount=1`). */
  swap: number | null;
  /** The most that it has had in swap; null before Linux 6.5, and on cgroup v1. */
  swapPeak: number | null;
  /** How often `memoryHigh` was exceeded; null on cgroup v1, which does not have that. */
  high: number | null;
  /**
   * How often {@link LimitOptions.memory} was reached, which mostly means that something was reclaimed; null on cgroup v1,
   * where recent kernels do not count it.
   */
  max: number | null;
}

/** Part of {@link Stats}. Threads count as processes do. */
export interface PidsStats {
  /** How many there are. */
  current: number;
  /** How many there were at most; null before Linux 6.1. */
  peak: number | null;
  /** How often the limit has refused one. */
  refused: number | null;
}

/** Part of {@link Stats}: one device. */
export interface IoStats {
  /** Its numbers, such as `"8:0"`. */
  device: string;
  /** Bytes. */
  read: number;
  /** Bytes. */
  written: number;
  /** How often was read. */
  reads: number;
  /** How often was written. */
  writes: number;
}

/** How much time was lost by waiting for a resource (PSI). */
export interface Pressure {
  /** At least one process waited. */
  some: Stall;
  /** All that had something to do waited; null where the kernel does not tell: for cpu before Linux 5.13. */
  full: Stall | null;
}

/** Part of {@link Pressure}. */
export interface Stall {
  /** Percent of the last 10 seconds. */
  avg10: number;
  /** Percent of the last minute. */
  avg60: number;
  /** Percent of the last 5 minutes. */
  avg300: number;
  /** Microseconds, from the beginning. */
  total: number;
}

/** What is in force: what was not done is not claimed. */
export interface Isolation {
  /** The namespaces that are its own. */
  readonly namespaces: readonly ("user" | "pid" | "mount" | "network" | "uts" | "ipc" | "cgroup" | "time")[];
  /** Whether pid 1 is the small program of this package. */
  readonly init: boolean;
  /** Whether no program gains rights when it is executed. */
  readonly noNewPrivileges: boolean;
  /** Whether it has a root of its own and the host's is gone. */
  readonly root: boolean;
  /** How many mounts were made. */
  readonly mounts: number;
  /** The directories of the control groups in which limits are in force. */
  readonly cgroups: readonly string[];
  /** Who made them; null without limits. */
  readonly cgroupManager: "cgroupfs" | "systemd" | null;
  /** The version of cgroups; null without limits. */
  readonly cgroupVersion: 1 | 2 | null;
}

/** Chunks, each with memory of its own. */
type Chunk = ReturnType<typeof Uint8Array.of>;

/** A web stream of what a process writes. The methods read it whole; it can be read once. */
export interface Output extends ReadableStream<Chunk> {
  /** All of it, as UTF-8. */
  text(): Promise<string>;
  /** All of it, parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: as Response.json() has it
  json(): Promise<any>;
  /** All of it. */
  bytes(): Promise<Chunk>;
  /** All of it. */
  blob(): Promise<Blob>;
  /**
   * Its lines, as UTF-8, without the `\n` or `\r\n` at their ends, as they come. While you are busy with one, no more than
   * a chunk is read ahead. Leaving the loop cancels the stream.
   *
   * @example
   * ```js
   * for await (const line of child.stdout.lines()) console.log(line);
   * ```
   */
  lines(): AsyncGenerator<string, void, undefined>;
}

/** stdin of a process that was started with `stdin: "pipe"`: Bun's FileSink. */
export interface FileSink {
  /**
   * Writes, in order. A string is written as UTF-8; bytes are copied where they have to wait.
   *
   * @returns the number of bytes when all are written; a promise of it while the process does not read on. The promise
   * rejects with code `EPIPE` when it never will; nobody need await it.
   */
  write(chunk: string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer): number | Promise<number>;
  /** How many bytes had to wait; a promise, kept when they are written, when there are any. */
  flush(): number | Promise<number>;
  /**
   * Closes stdin when all is written, at once when there is an error: then what is not written fails with that.
   * @returns as `flush`
   */
  end(error?: Error): number | Promise<number>;
  /** Closes stdin at once. What is not written fails with the error, by default `EPIPE`. */
  close(error?: Error): void;
  /** Does nothing: there is no buffer whose size could be set. */
  start(options?: { highWaterMark?: number }): void;
  /** Writes that wait keep the event loop alive; so it is unless `unref` is called. */
  ref(): void;
  /** Writes that wait do not keep the event loop alive. */
  unref(): void;
}

/** What a process has used (getrusage(2)). */
export interface ResourceUsage {
  contextSwitches: { voluntary: number; involuntary: number };
  /** Microseconds. */
  cpuTime: { user: bigint; system: bigint; total: bigint };
  /** Bytes. Not less than this process had at the time of the call. */
  maxRSS: number;
  messages: { sent: number; received: number };
  /** Blocks read and written. */
  ops: { in: number; out: number };
  shmSize: number;
  signalCount: number;
  swapCount: number;
}

/** The name of a signal (signal(7)). */
export type Signal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGILL"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGBUS"
  | "SIGFPE"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGSEGV"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGSTKFLT"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGPWR"
  | "SIGSYS";

// ---------------------------------------------------------------------------------------------------- The errors

/**
 * A process could not be started, or something not be done to its {@link Container}. The message says what failed, where, and what to do about it:
 *
 * ```text
 * EPERM: mount overlayfs on /data: operation not permitted
 *   option  container.fs[0]
 *   step    14 of 31, mount(2), in the child
 *   hint    overlayfs in a user namespace needs Linux 5.11; this is 5.4
 * ```
 */
export class SpawnError extends Error {
  private constructor();
  /** The name of the error number, such as `EPERM`, or `ERR_…`. */
  readonly code: string;
  /** The error number, negative as Node and Bun have it. */
  readonly errno?: number;
  /** The system call that failed. */
  readonly syscall?: string;
  /** The file that it was about. */
  readonly path?: string;
  /** The path of the option that asked for it, such as `container.fs[2].to`. */
  readonly option?: string;
  /** The number of the step in what {@link explain} gives. */
  readonly step?: number;
  /** What to do about it. */
  readonly hint?: string;
}

/** A command that {@link run} was to check did not end of itself with exit code 0. The message has the end of stderr. */
export class RunError extends Error {
  private constructor();
  readonly code: "ERR_RUN_FAILED";
  readonly cmd: Command;
  readonly stdout: string | Buffer | undefined;
  readonly stderr: string | Buffer | undefined;
  readonly exitCode: number | null;
  readonly signalCode: Signal | number | null;
  readonly exitReason: ExitReason;
  readonly usage: ResourceUsage;
  readonly stats: Stats | null;
}

/** Mistakes in the options: a `TypeError` or `RangeError` with these fields; `code` and `option` are the first's. */
export interface OptionsError extends Error {
  readonly code: Problem["code"];
  readonly option: string;
  readonly problems: readonly Problem[];
}

/** One mistake in the options. */
export interface Problem {
  readonly name: "TypeError" | "RangeError";
  readonly code:
    | "ERR_INVALID_ARG_TYPE"
    | "ERR_INVALID_ARG_VALUE"
    | "ERR_OUT_OF_RANGE"
    | "ERR_UNKNOWN_OPTION"
    | "ERR_NOT_SUPPORTED"
    | "ERR_UNKNOWN_SIGNAL"
    | "ERR_INVALID_STATE"
    | "ERR_BODY_ALREADY_USED";
  /** The option's path. */
  readonly option: string;
  readonly message: string;
}
