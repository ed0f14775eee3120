"use strict";
// The options that end a process: `timeout`, `signal`, `maxBuffer`, and by which signals.

const { described, isAsked, rangeProblem, typeProblem } = require("./problems.js");
const { signalNumber } = require("./signals.js");

const SIGTERM = 15;
const FORCE_KILL_AFTER = 5000;

/**
 * `{ timeout, killSignal, forceKillAfter, signal, maxBuffer }`: numbers of milliseconds and bytes, undefined where there
 * is no bound.
 */
function readBounds({ timeout, killSignal, forceKillAfter, signal, maxBuffer }, problems) {
  return {
    timeout: readTimeout(timeout, problems),
    killSignal: readKillSignal(killSignal, problems),
    forceKillAfter: readForceKillAfter(forceKillAfter, problems),
    signal: readSignal(signal, problems),
    maxBuffer: readMaxBuffer(maxBuffer, problems),
  };
}

// The values and classes are Bun's: an integer, and 0 and Infinity are no bound.
function readTimeout(timeout, problems) {
  if (!isAsked(timeout) || timeout === Number.POSITIVE_INFINITY) return undefined;
  const milliseconds = readMilliseconds("timeout", timeout, problems);
  return milliseconds === 0 ? undefined : milliseconds;
}

function readForceKillAfter(after, problems) {
  if (after === undefined || after === null) return FORCE_KILL_AFTER;
  if (after === false || after === Number.POSITIVE_INFINITY) return undefined;
  return readMilliseconds("forceKillAfter", after, problems);
}

function readMilliseconds(option, value, problems) {
  if (typeof value !== "number" || (!Number.isInteger(value) && Number.isFinite(value))) {
    problems.push(typeProblem(option, `must be an integer of milliseconds, not ${described(value)}`));
  } else if (!Number.isSafeInteger(value) || value < 0) {
    const message = `must be from 0 to ${Number.MAX_SAFE_INTEGER} milliseconds, not ${value}`;
    problems.push(rangeProblem(option, message));
  } else return value;
  return undefined;
}

function readKillSignal(signal, problems) {
  if (!isAsked(signal)) return SIGTERM;
  try {
    const number = signalNumber(signal);
    if (number > 0) return number;
    const message = "must be a signal, not 0, which only asks whether there is a process";
    problems.push({ name: "TypeError", code: "ERR_UNKNOWN_SIGNAL", option: "killSignal", message });
  } catch (error) {
    problems.push(typeProblem("killSignal", error.message.replace(/^signal: /, "")));
  }
  return SIGTERM;
}

// By what it does: an AbortSignal may come from another realm or a polyfill.
function readSignal(signal, problems) {
  if (!isAsked(signal)) return undefined;
  if (typeof signal?.aborted === "boolean" && typeof signal.addEventListener === "function") return signal;
  problems.push(typeProblem("signal", `must be an AbortSignal, not ${described(signal)}`));
  return undefined;
}

// As under Bun, a number below 1 and Infinity are no bound. What is no number at all was meant to be one.
function readMaxBuffer(bytes, problems) {
  if (!isAsked(bytes)) return undefined;
  if (typeof bytes !== "number") {
    problems.push(typeProblem("maxBuffer", `must be a number of bytes, not ${described(bytes)}`));
  } else if (Number.isNaN(bytes)) {
    problems.push(rangeProblem("maxBuffer", "must be a number of bytes, not NaN"));
  } else if (bytes >= 1 && bytes < Number.POSITIVE_INFINITY) return Math.floor(bytes);
  return undefined;
}

module.exports = { readBounds };
