/**
 * `container-spawn/child_process` beside `node:child_process`: what a test expects of ours must be what Node's own
 * does, and where Node's is at hand it is asked.
 */
import assert from "node:assert/strict";
import * as own from "node:child_process";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { has } from "./must.mjs";

export const ours = createRequire(import.meta.url)("../../child_process.js");
export const isNode = process.versions.bun === undefined;

const isOptions = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The arguments of a call with `container` among its options. */
function withContainer(args, container) {
  const index = args.findIndex((value, position) => position > 0 && isOptions(value));
  if (index !== -1) return args.with(index, { ...args[index], container });
  const place = Array.isArray(args[1]) ? 2 : 1;
  return [
    ...args.slice(0, place),
    { container },
    ...args.slice(place).filter((value) => value !== undefined),
  ];
}

/** Ours, with a container around every command. */
export function contained(container) {
  const calls = ["spawn", "exec", "execFile", "spawnSync", "execSync", "execFileSync"];
  return Object.fromEntries(
    calls.map((name) => [name, (...args) => ours[name](...withContainer(args, container))]),
  );
}

export const container = { namespace: { user: true, pid: true } };

export const apis = { ours };
if (has("userns")) apis["ours, in a container"] = contained(container);
if (isNode) apis["Node's own"] = own;

/**
 * For each API a group of tests, one for each row `[name, run, expected, { plain, better }]`: `run(api)` gives what is to be
 * `expected`. `plain`: not with a container. `better`: not what Node's own does, of which the docs tell.
 */
export function table(title, rows) {
  for (const [kind, api] of Object.entries(apis)) {
    describe(`${title}: ${kind}`, () => {
      for (const [name, run, expected, { plain, better } = {}] of rows) {
        if ((plain && kind.includes("container")) || (better && kind.includes("Node"))) continue;
        it(name, async () => assert.deepEqual(await run(api), expected));
      }
    });
  }
}

/** The fields of an error that Node documents, without those that are undefined. */
export function told(error) {
  const { name, message, code, errno, syscall, path, spawnargs, killed, signal, cmd } = error;
  const fields = { name, message, code, errno, syscall, path, spawnargs, killed, signal, cmd };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** What `run` throws. */
export function thrown(run) {
  try {
    run();
  } catch (error) {
    return told(error);
  }
  return assert.fail("nothing was thrown");
}

/** The events of a child in their order, until "close". */
export function events(child) {
  const seen = [];
  return new Promise((resolve) => {
    for (const name of ["spawn", "exit", "error", "close", "disconnect", "message"]) {
      child.on(name, (...values) => {
        seen.push([name, ...values.map((value) => (value instanceof Error ? told(value) : value))]);
        if (name === "close") resolve(seen);
      });
    }
  });
}

/** Everything that comes from a stream. */
export async function text(stream) {
  let all = "";
  for await (const chunk of stream) all += chunk;
  return all;
}

/** What a child writes, and how it ends. */
export async function outcome(child) {
  const closed = events(child);
  const [stdout, stderr] = await Promise.all([child.stdout, child.stderr].map((from) => from && text(from)));
  return { stdout, stderr, events: await closed };
}

/** A child's output, without the last newline; it must end well. */
export async function output(child) {
  const { stdout, stderr, events: seen } = await outcome(child);
  assert.deepEqual(seen.at(-1), ["close", 0, null], stderr);
  return stdout.replace(/\n$/, "");
}
