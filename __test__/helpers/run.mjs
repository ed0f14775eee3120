/** Starting commands through the product, and collecting what they did. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";

export const { spawn, explain, SpawnError, spawnSync, Terminal } = createRequire(import.meta.url)(
  "../../index.js",
);

/** The cgroups that containers of this process were in: none may be left. */
export const cgroupsSeen = new Set();

/** Runs a command to its end. */
export async function run(cmd, options = {}) {
  const child = spawn({ cmd, stderr: "pipe", ...options });
  if (child.container?.cgroup) cgroupsSeen.add(child.container.cgroup);
  const [stdout, stderr, code] = await Promise.all([
    child.stdout?.text(),
    typeof child.stderr === "object" ? child.stderr.text() : undefined,
    child.exited,
  ]);
  return { child, stdout, stderr, code };
}

/** Runs a shell script to its end. */
export const sh = (script, options) => run(["/bin/sh", "-c", script], options);

/** Runs a shell script, expects it to succeed, and gives its output without the last newline. */
export async function output(script, options) {
  const { stdout, stderr, code } = await sh(script, options);
  assert.equal(code, 0, `exit code ${code}: ${stdout}${stderr}`);
  return stdout.replace(/\n$/, "");
}

/** What `spawn` throws for these options. It must throw, at once, before any command runs. */
export function failure(options) {
  let child;
  try {
    child = spawn(options);
  } catch (error) {
    return error;
  }
  child.kill("SIGKILL");
  child.stdout?.cancel?.();
  assert.fail(`spawn did not throw; options: ${JSON.stringify(options)}`);
}

/** As `failure`, for something that goes wrong on the machine: a SpawnError, with everything that one must tell. */
export function spawnError(options, expected = {}) {
  const error = failure(options);
  assert.ok(error instanceof SpawnError, `not a SpawnError: ${error.stack}`);
  assert.ok(error instanceof Error);
  assert.match(error.code, /^E[A-Z0-9_]+$/);
  if (error.errno !== undefined) assert.ok(error.errno < 0, `errno ${error.errno}`);
  for (const [field, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(String(error[field]), value, `${field} of: ${error.message}`);
    else assert.equal(error[field], value, `${field} of: ${error.message}`);
  }
  return error;
}

const readers = new Set();

/** Gives up the outputs that `lines` has begun to read: until its end is read, a pipe stays open. */
export async function endReading() {
  await Promise.all([...readers].map((reader) => reader.cancel()));
  readers.clear();
}

/** Reads a child's stdout line by line without ending it. */
export function lines(child) {
  const reader = child.stdout.getReader();
  readers.add(reader);
  const decoder = new TextDecoder();
  let rest = "";
  return {
    async next() {
      while (!rest.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) return rest === "" ? null : rest;
        rest += decoder.decode(value, { stream: true });
      }
      const line = rest.slice(0, rest.indexOf("\n"));
      rest = rest.slice(line.length + 1);
      return line;
    },
    /** Skips lines until one equals `wanted`. */
    async until(wanted) {
      for (;;) {
        const line = await this.next();
        if (line === wanted) return;
        assert.notEqual(line, null, `the output ended before "${wanted}"`);
      }
    },
  };
}
