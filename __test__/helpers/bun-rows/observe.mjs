/** How the rows observe. */
import fs from "node:fs";
import path from "node:path";
import { tempDir } from "../temp.mjs";

export const shell = (script) => ["sh", "-c", script];

/** What `call` throws, in two words; or what it gives. */
export function outcome(call) {
  try {
    return call();
  } catch (error) {
    const kind =
      error instanceof TypeError ? "TypeError" : error instanceof RangeError ? "RangeError" : "Error";
    return `${kind} ${error.code}`;
  }
}

/** The outcome of starting `true` with these options; a process that was started is waited for. */
export async function attempt(spawn, options) {
  const child = outcome(() => spawn({ cmd: ["true"], stdout: "ignore", ...options }));
  return typeof child === "string" ? child : await child.exited;
}

export async function attempts(spawn, option, values) {
  const results = [];
  for (const value of values) results.push(await attempt(spawn, { [option]: value }));
  return results;
}

export const ended = async (child) => [await child.exited, child.exitCode, child.signalCode];
export const text = (spawn, cmd, options) => spawn({ cmd, ...options }).stdout.text();

function openFile(content) {
  const file = path.join(tempDir(), "file");
  fs.writeFileSync(file, content);
  return fs.openSync(file, "r+");
}

/** Calls `use` with the descriptor of a file of this content. */
export async function ofDescriptor(content, use) {
  const fd = openFile(content);
  try {
    return await use(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** A command that writes too much and then waits: it is its own shell that a signal ends, not a pipe that is closed. */
export const noisy = shell("head -c 100000 /dev/zero 2>/dev/null; exec sleep 5");
