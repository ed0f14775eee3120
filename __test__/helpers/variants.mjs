/**
 * The contract of the handle holds with and without a container: its tests are written once and run in both.
 *
 * `inBothVariants(name, body)` is `describe(name)` once for each; `body` gets the product's functions, which add the
 * variant's `container` to the options, whatever form these have.
 */
import { createRequire } from "node:module";
import { describe } from "node:test";
import { has } from "./must.mjs";

const product = createRequire(import.meta.url)("../../index.js");

const variants = { plain: undefined };
if (has("userns")) variants["in a container"] = { namespace: { user: true, pid: true } };

function adding(container, call) {
  return (first, second) =>
    Array.isArray(first) ? call(first, { container, ...second }) : call({ container, ...first }, second);
}

export function inBothVariants(name, body) {
  for (const [variant, container] of Object.entries(variants)) {
    const { spawn, spawnSync, run } = product;
    const functions = { spawn, spawnSync, run };
    for (const [key, call] of Object.entries(functions)) functions[key] = adding(container, call);
    describe(`${name}, ${variant}`, () =>
      body({ ...functions, container, isPlain: container === undefined }));
  }
}

/** How a process ended, in one value to compare. */
export const ending = ({ exitCode, signalCode, exitReason }) => [exitCode, signalCode, exitReason];

/** A shell's command line that ends on nothing but SIGKILL, and says "ready" when that is so. */
export const stubborn = ["sh", "-c", "trap '' TERM INT HUP; echo ready; while :; do sleep 0.02; done"];

/** What `call` throws; it must. */
export function thrown(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
