/**
 * Node's `child_process`, with one more option: {@link ContainerOption.container}.
 *
 * Signatures, events, streams and errors are Node's; see its documentation, and `docs/child-process.md` for what is
 * different. `fork` is not here.
 *
 * @packageDocumentation
 */

import type * as node from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Container, ContainerOptions, Off } from "./index.js";

/** The option that Node does not have. */
export interface ContainerOption {
  /**
   * The isolation around the command, as `spawn` of `container-spawn` takes it. Mistakes in it are thrown; a container
   * that cannot be made is the event `"error"`, with a `SpawnError`. Without, it is an ordinary process.
   */
  container?: ContainerOptions | Off;
}

/** What a child has that Node's has not. */
export interface Contained {
  /** null without the option `container`, and when the command was not started. */
  readonly container: Container | null;
}

/** Node's ChildProcess. Children are made by {@link spawn}, {@link exec} and {@link execFile}. */
export class ChildProcess extends node.ChildProcess implements Contained {
  readonly container: Container | null;
}

export interface ChildProcessWithoutNullStreams extends node.ChildProcessWithoutNullStreams, Contained {}

export interface ChildProcessByStdio<
  In extends null | Writable,
  Out extends null | Readable,
  Err extends null | Readable,
> extends node.ChildProcessByStdio<In, Out, Err>,
    Contained {}

type Entry = node.StdioNull | node.StdioPipe;

/** The stream for an entry of `stdio`. */
type StreamOf<Given extends Entry, Stream> = Given extends node.StdioPipe ? Stream : null;

// --------------------------------------------------------------------------------------------------------- spawn

export type SpawnOptions = node.SpawnOptions & ContainerOption;
export type SpawnOptionsWithoutStdio = node.SpawnOptionsWithoutStdio & ContainerOption;
export type SpawnOptionsWithStdioTuple<
  In extends Entry,
  Out extends Entry,
  Err extends Entry,
> = node.SpawnOptionsWithStdioTuple<In, Out, Err> & ContainerOption;

/**
 * Starts a command.
 *
 * @example
 * ```js
 * const child = spawn("ls", ["/tmp"], { container: { namespace: { user: true }, fs: [{ type: "tmpfs", to: "/tmp" }] } });
 * child.stdout.pipe(process.stdout);
 * ```
 */
export function spawn(command: string, options?: SpawnOptionsWithoutStdio): ChildProcessWithoutNullStreams;
export function spawn<const In extends Entry, const Out extends Entry, const Err extends Entry>(
  command: string,
  options: SpawnOptionsWithStdioTuple<In, Out, Err>,
): ChildProcessByStdio<StreamOf<In, Writable>, StreamOf<Out, Readable>, StreamOf<Err, Readable>>;
export function spawn(command: string, options: SpawnOptions): ChildProcess;
export function spawn(
  command: string,
  args?: readonly string[],
  options?: SpawnOptionsWithoutStdio,
): ChildProcessWithoutNullStreams;
export function spawn<const In extends Entry, const Out extends Entry, const Err extends Entry>(
  command: string,
  args: readonly string[],
  options: SpawnOptionsWithStdioTuple<In, Out, Err>,
): ChildProcessByStdio<StreamOf<In, Writable>, StreamOf<Out, Readable>, StreamOf<Err, Readable>>;
export function spawn(command: string, args: readonly string[], options: SpawnOptions): ChildProcess;

// -------------------------------------------------------------------------------------------- exec and execFile

type Bytes = ReturnType<typeof Buffer.from>;

type Callback<Output> = (error: node.ExecException | null, stdout: Output, stderr: Output) => void;

interface Outputs<Output> {
  stdout: Output;
  stderr: Output;
}

/** What `util.promisify` makes of {@link exec} and {@link execFile} gives. */
export interface PromiseWithChild<Value> extends Promise<Value> {
  child: ChildProcess;
}

export type ExecOptions = node.ExecOptions & ContainerOption;
export type ExecOptionsWithStringEncoding = node.ExecOptionsWithStringEncoding & ContainerOption;
export type ExecOptionsWithBufferEncoding = node.ExecOptionsWithBufferEncoding & ContainerOption;
export type ExecFileOptions = node.ExecFileOptions & ContainerOption;
export type ExecFileOptionsWithStringEncoding = node.ExecFileOptionsWithStringEncoding & ContainerOption;
export type ExecFileOptionsWithBufferEncoding = node.ExecFileOptionsWithBufferEncoding & ContainerOption;

type Arguments = readonly string[] | null | undefined;

interface Exec {
  (command: string, callback?: Callback<string>): ChildProcess;
  (command: string, options: ExecOptionsWithBufferEncoding, callback?: Callback<Bytes>): ChildProcess;
  (command: string, options: ExecOptionsWithStringEncoding, callback?: Callback<string>): ChildProcess;
  (
    command: string,
    options: ExecOptions | null | undefined,
    callback?: Callback<string | Bytes>,
  ): ChildProcess;
  __promisify__: PromisifiedExec;
}

interface PromisifiedExec {
  (command: string): PromiseWithChild<Outputs<string>>;
  (command: string, options: ExecOptionsWithBufferEncoding): PromiseWithChild<Outputs<Bytes>>;
  (command: string, options: ExecOptionsWithStringEncoding): PromiseWithChild<Outputs<string>>;
  (command: string, options: ExecOptions | null | undefined): PromiseWithChild<Outputs<string | Bytes>>;
}

/** Runs a shell command and collects what it writes. */
export const exec: Exec;

interface ExecFile {
  (file: string, callback?: Callback<string>): ChildProcess;
  (file: string, args: Arguments, callback?: Callback<string>): ChildProcess;
  (file: string, options: ExecFileOptionsWithBufferEncoding, callback?: Callback<Bytes>): ChildProcess;
  (
    file: string,
    args: Arguments,
    options: ExecFileOptionsWithBufferEncoding,
    callback?: Callback<Bytes>,
  ): ChildProcess;
  (file: string, options: ExecFileOptionsWithStringEncoding, callback?: Callback<string>): ChildProcess;
  (
    file: string,
    args: Arguments,
    options: ExecFileOptionsWithStringEncoding,
    callback?: Callback<string>,
  ): ChildProcess;
  (
    file: string,
    options: ExecFileOptions | null | undefined,
    callback: Callback<string | Bytes> | null | undefined,
  ): ChildProcess;
  (
    file: string,
    args: Arguments,
    options: ExecFileOptions | null | undefined,
    callback: Callback<string | Bytes> | null | undefined,
  ): ChildProcess;
  __promisify__: PromisifiedExecFile;
}

interface PromisifiedExecFile {
  (file: string, args?: Arguments): PromiseWithChild<Outputs<string>>;
  (file: string, options: ExecFileOptionsWithBufferEncoding): PromiseWithChild<Outputs<Bytes>>;
  (
    file: string,
    args: Arguments,
    options: ExecFileOptionsWithBufferEncoding,
  ): PromiseWithChild<Outputs<Bytes>>;
  (file: string, options: ExecFileOptionsWithStringEncoding): PromiseWithChild<Outputs<string>>;
  (
    file: string,
    args: Arguments,
    options: ExecFileOptionsWithStringEncoding,
  ): PromiseWithChild<Outputs<string>>;
  (
    file: string,
    args: Arguments,
    options: ExecFileOptions | null | undefined,
  ): PromiseWithChild<Outputs<string | Bytes>>;
}

/** Runs a program and collects what it writes. */
export const execFile: ExecFile;

// ------------------------------------------------------------------------------------------------ Synchronously

export type SpawnSyncOptions = node.SpawnSyncOptions & ContainerOption;
export type SpawnSyncOptionsWithStringEncoding = node.SpawnSyncOptionsWithStringEncoding & ContainerOption;
export type SpawnSyncOptionsWithBufferEncoding = node.SpawnSyncOptionsWithBufferEncoding & ContainerOption;
export type ExecSyncOptions = node.ExecSyncOptions & ContainerOption;
export type ExecSyncOptionsWithStringEncoding = node.ExecSyncOptionsWithStringEncoding & ContainerOption;
export type ExecSyncOptionsWithBufferEncoding = node.ExecSyncOptionsWithBufferEncoding & ContainerOption;
export type ExecFileSyncOptions = node.ExecFileSyncOptions & ContainerOption;
export type ExecFileSyncOptionsWithStringEncoding = node.ExecFileSyncOptionsWithStringEncoding &
  ContainerOption;
export type ExecFileSyncOptionsWithBufferEncoding = node.ExecFileSyncOptionsWithBufferEncoding &
  ContainerOption;
export type SpawnSyncReturns<Output> = node.SpawnSyncReturns<Output>;

/** Runs a program to its end while this thread waits. What went wrong is in the result. */
export function spawnSync(
  command: string,
  options: SpawnSyncOptionsWithStringEncoding,
): SpawnSyncReturns<string>;
export function spawnSync(
  command: string,
  options?: SpawnSyncOptionsWithBufferEncoding,
): SpawnSyncReturns<Bytes>;
export function spawnSync(command: string, options?: SpawnSyncOptions): SpawnSyncReturns<string | Bytes>;
export function spawnSync(
  command: string,
  args: readonly string[],
  options: SpawnSyncOptionsWithStringEncoding,
): SpawnSyncReturns<string>;
export function spawnSync(
  command: string,
  args?: readonly string[],
  options?: SpawnSyncOptionsWithBufferEncoding,
): SpawnSyncReturns<Bytes>;
export function spawnSync(
  command: string,
  args?: readonly string[],
  options?: SpawnSyncOptions,
): SpawnSyncReturns<string | Bytes>;

/** Runs a shell command to its end, and gives what it wrote. Throws when it fails. */
export function execSync(command: string, options: ExecSyncOptionsWithStringEncoding): string;
export function execSync(command: string, options?: ExecSyncOptionsWithBufferEncoding): Bytes;
export function execSync(command: string, options?: ExecSyncOptions): string | Bytes;

/** Runs a program to its end, and gives what it wrote. Throws when it fails. */
export function execFileSync(file: string, options: ExecFileSyncOptionsWithStringEncoding): string;
export function execFileSync(file: string, options?: ExecFileSyncOptionsWithBufferEncoding): Bytes;
export function execFileSync(file: string, options?: ExecFileSyncOptions): string | Bytes;
export function execFileSync(
  file: string,
  args: readonly string[],
  options: ExecFileSyncOptionsWithStringEncoding,
): string;
export function execFileSync(
  file: string,
  args?: readonly string[],
  options?: ExecFileSyncOptionsWithBufferEncoding,
): Bytes;
export function execFileSync(
  file: string,
  args?: readonly string[],
  options?: ExecFileSyncOptions,
): string | Bytes;
