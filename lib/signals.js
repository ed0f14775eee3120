"use strict";
// Names and numbers of signals: those of Linux on x86-64 and arm64.

const { argumentError } = require("./errors.js");

const NAMES = [
  ["SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1"],
  ["SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP"],
  ["SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH"],
  ["SIGIO", "SIGPWR", "SIGSYS"],
].flat();

// Real-time signals have numbers only: which of them is SIGRTMIN is the C library's affair.
const LAST = 64;

const NUMBERS = new Map(NAMES.map((name, index) => [name, index + 1]));
NUMBERS.set("SIGIOT", NUMBERS.get("SIGABRT")).set("SIGPOLL", NUMBERS.get("SIGIO"));

/** The name of a signal, or its number if it is a real-time signal. */
function signalName(number) {
  return NAMES[number - 1] ?? number;
}

/** The number of a signal given as a name or a number; 0 is allowed, as in kill(2). */
function signalNumber(signal) {
  if (typeof signal === "string") {
    const number = NUMBERS.get(signal);
    if (number !== undefined) return number;
    throw invalidSignal(`must be one of ${NAMES.join(", ")}, not ${JSON.stringify(signal)}`);
  }
  if (typeof signal !== "number") throw invalidSignal(`must be a name or a number, not ${described(signal)}`);
  if (!Number.isInteger(signal) || signal < 0 || signal > LAST) {
    throw invalidSignal(`must be an integer from 0 to ${LAST}, not ${signal}`);
  }
  return signal;
}

function described(value) {
  return value === null ? "null" : `a value of type ${typeof value}`;
}

// The class and code that Bun throws.
function invalidSignal(message) {
  return argumentError("TypeError", "ERR_INVALID_ARG_TYPE", `signal: ${message}`);
}

module.exports = { signalName, signalNumber };
