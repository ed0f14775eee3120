// `spawnSync` and `run`: what must compile, and what must not. Compiled, never run.

import { Readable } from "node:stream";
import {
  type ExitReason,
  type ResourceUsage,
  RunError,
  run,
  type Signal,
  type Stats,
  type SyncSubprocess,
  spawnSync,
} from "container-spawn";
import { is } from "./expect.js";

const done = spawnSync(["true"]);
is<Buffer>()(done.stdout);
is<Buffer>()(done.stderr);
is<number | null>()(done.exitCode);
is<Signal | number | undefined>()(done.signalCode);
is<ExitReason>()(done.exitReason);
is<boolean>()(done.success);
is<boolean | undefined>()(done.exitedDueToTimeout);
is<boolean | undefined>()(done.exitedDueToMaxBuffer);
is<ResourceUsage>()(done.resourceUsage);
is<Stats | null | undefined>()(done.stats);
const known: SyncSubprocess = done;
is<Buffer | undefined>()(known.stdout);
is<undefined>()(spawnSync({ cmd: ["true"], stdout: "ignore" }).stdout);
is<undefined>()(spawnSync({ cmd: ["true"], stderr: { file: "/tmp/x" } }).stderr);
is<Buffer>()(spawnSync({ cmd: ["true"], stdio: ["ignore", "pipe", "inherit"] }).stdout);
spawnSync(["cat"], { stdin: "text", timeout: 5, maxBuffer: 5, killSignal: "SIGKILL", forceKillAfter: 5 });
spawnSync(["cat"], { stdin: new Uint8Array(1), container: { namespace: { user: true } } });
spawnSync(["cat"], { stdin: new Blob(["x"]) });
// @ts-expect-error: nobody could call it
spawnSync(["cat"], { onExit() {} });
// @ts-expect-error: nobody could read later
spawnSync(["cat"], { lazy: true });
// @ts-expect-error: it cannot be read at once
spawnSync(["cat"], { stdin: new ReadableStream() });
// @ts-expect-error: nor can this
spawnSync(["cat"], { stdin: Readable.from(["x"]) });
// @ts-expect-error: an option of run
spawnSync(["cat"], { input: "x" });

async function use(): Promise<void> {
  const result = await run(["true"]);
  is<string>()(result.stdout);
  is<string>()(result.stderr);
  is<number | null>()(result.exitCode);
  is<Signal | number | null>()(result.signalCode);
  is<ExitReason>()(result.exitReason);
  is<ResourceUsage>()(result.usage);
  is<Stats | null>()(result.stats);
  is<Buffer>()((await run({ cmd: ["true"], encoding: "buffer" })).stdout);
  is<string>()((await run(["true"], { encoding: "utf8" })).stderr);
  is<undefined>()((await run(["true"], { stdout: "inherit" })).stdout);
  await run(["cat"], { input: "x", check: true, timeout: 5, container: { namespace: { user: true } } });
  await run(["cat"], { input: new ReadableStream() });
  await run(["cat"], { stdin: "inherit" });
  // @ts-expect-error: no such encoding
  await run(["cat"], { encoding: "latin1" });
  try {
    await run(["false"], { check: true });
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    is<"ERR_RUN_FAILED">()(error.code);
    is<string | Buffer | undefined>()(error.stderr);
    is<ExitReason>()(error.exitReason);
    is<Stats | null>()(error.stats);
  }
}
// @ts-expect-error: it is ours to make
new RunError();

export { use };
