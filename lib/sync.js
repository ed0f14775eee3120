"use strict";
// `spawnSync`: the native side feeds, collects and waits; no JavaScript runs meanwhile.

const { throwIfAborted } = require("./abort.js");
const { fromNative, invalid } = require("./errors.js");
const { exitReason } = require("./exit-reason.js");
const { bytesNow } = require("./feed.js");
const { withFiles } = require("./files.js");
const { native } = require("./native.js");
const { prepare } = require("./prepare.js");
const { isAsked, typeProblem } = require("./problems.js");
const { resourceUsage } = require("./resource-usage.js");
const { signalName } = require("./signals.js");

/** `spawnSync({ cmd, … })` or `spawnSync(cmd, { … })`. */
function spawnSync(first, second) {
  const options = prepare(first, second, spawnSync, [], true);
  throwIfAborted(options.bounds.signal, spawnSync);
  const { timeout, maxBuffer, killSignal, forceKillAfter } = options.bounds;
  const input = inputOf(options.source);
  const running = {
    __proto__: null,
    input,
    timeout,
    maxBuffer,
    signal: killSignal,
    forceAfter: forceKillAfter,
  };
  const start = (request) => native().spawnSync(request, running);
  const result = withFiles(options, spawnSync, start);
  if (Object.hasOwn(result, "error")) throw fromNative(result.error, spawnSync);
  return resultOf(result, options);
}

function inputOf(source) {
  if (source === undefined) return undefined;
  const bytes = bytesNow(source);
  if (bytes !== undefined) return bytes;
  throw invalid([typeProblem("stdin", "is not in memory, and spawnSync cannot wait for it")], spawnSync);
}

/** As Bun's, with the reason. What tells of a bound or a container is there when there was one. */
function resultOf({ pid, status, usage, outputs, stopped, stats }, { bounds, shown, request }) {
  const signal = status & 0x7f;
  const exitCode = signal === 0 ? (status >> 8) & 0xff : null;
  const output = (index) => (shown[index] === "pipe" ? outputs[index] : undefined);
  return {
    stdout: output(1),
    stderr: output(2),
    exitCode,
    ...(signal !== 0 && { signalCode: signalName(signal) }),
    success: exitCode === 0,
    resourceUsage: resourceUsage(usage),
    pid,
    ...(bounds.timeout !== undefined && { exitedDueToTimeout: stopped === "timeout" }),
    ...(bounds.maxBuffer !== undefined && { exitedDueToMaxBuffer: stopped === "maxBuffer" }),
    exitReason: stopped ?? exitReason(status, stats),
    ...(isAsked(request.container) && { stats: stats ?? null }),
  };
}

module.exports = { spawnSync };
