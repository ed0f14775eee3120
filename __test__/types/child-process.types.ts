// `container-spawn/child_process`: where code for Node's child_process compiles, with the option `container` besides.

import type * as node from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { promisify } from "node:util";
import type { Container, ContainerOptions } from "container-spawn";
import {
  ChildProcess,
  type ChildProcessByStdio,
  exec,
  execFile,
  execFileSync,
  execSync,
  spawn,
  spawnSync,
} from "container-spawn/child_process";
import { is } from "./expect.js";

type Bytes = ReturnType<typeof Buffer.from>;
const container: ContainerOptions = { namespace: { user: true } };

// The types of the streams follow the options.
is<Writable>()(spawn("cat").stdin);
is<Readable>()(spawn("cat", ["-"], { container }).stdout);
is<Readable>()(spawn("cat", { cwd: new URL("file:///"), container, stdio: "pipe" }).stderr);
is<ChildProcessByStdio<Writable, null, Readable>>()(
  spawn("cat", [], { stdio: ["pipe", "inherit", "overlapped"], container }),
);
is<null>()(spawn("cat", { stdio: ["ignore", "ignore", "pipe"] }).stdin);
is<Writable | null>()(spawn("cat", [], { stdio: "inherit" }).stdin);
const child = spawn("cat", ["x"], { stdio: [0, "pipe", "ipc"], container, detached: true });
is<ChildProcess>()(child);
is<Container | null>()(child.container);

// A child is Node's.
const nodes: node.ChildProcess = child;
is<boolean>()(nodes.kill("SIGTERM"));
const piped: node.ChildProcessWithoutNullStreams = spawn("cat");
is<number | undefined>()(piped.pid);
is<boolean>()(new Error("x") instanceof ChildProcess);
child.on("exit", (code, signal) => {
  is<number | null>()(code);
  is<NodeJS.Signals | null>()(signal);
});

// What is called back follows the encoding.
exec("true", (error, stdout) => {
  is<node.ExecException | null>()(error);
  is<string>()(stdout);
});
exec("true", { encoding: "buffer", container }, (_error, stdout) => is<Bytes>()(stdout));
exec("true", { encoding: "hex", container }, (_error, stdout) => is<string>()(stdout));
execFile("true", ["x"], { encoding: null, container }, (_error, _stdout, stderr) => is<Bytes>()(stderr));
execFile("true", { container }, (_error, stdout) => is<string>()(stdout));
is<ChildProcess>()(execFile("true", ["x"]));

async function promises(): Promise<void> {
  const promise = promisify(exec)("true", { container });
  is<ChildProcess>()(promise.child);
  is<string>()((await promise).stdout);
  is<string>()((await promisify(execFile)("true", ["x"], { container })).stderr);
  is<Bytes>()((await promisify(execFile)("true", { encoding: "buffer" })).stdout);
}

// And so does what is returned.
is<node.SpawnSyncReturns<Bytes>>()(spawnSync("true"));
is<node.SpawnSyncReturns<Bytes>>()(spawnSync("true", ["x"], { input: "x", container }));
is<string>()(spawnSync("true", ["x"], { encoding: "utf8", container }).stdout);
is<Bytes>()(execSync("true", { container }));
is<string>()(execSync("true", { encoding: "utf8" }));
is<Bytes>()(execFileSync("true", ["x"], { container }));
is<string>()(execFileSync("true", { encoding: "latin1", container }));

// @ts-expect-error: a container is an object
spawn("true", { container: "x" });
// @ts-expect-error: there is no such option of a container
spawn("true", [], { container: { namespaces: {} } });
// @ts-expect-error: there is no such signal
child.kill("SIGFOO");
// @ts-expect-error: there is no stream
spawn("true", { stdio: ["ignore", "pipe", "pipe"] }).stdin.end();

export { promises };
