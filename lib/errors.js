"use strict";
// The errors of this package, and how they are made of what the native side reports.

const { getSystemErrorMap } = require("node:util");

/** A process could not be started: what failed, where, and what to do about it. */
class SpawnError extends Error {
  constructor(message, fields, cause) {
    super(message, cause === undefined ? undefined : { cause });
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined && value !== null) this[name] = value;
    }
  }
}
// On the prototype, as the errors of the language have it: `console.log` then lists only what tells something.
Object.defineProperty(SpawnError.prototype, "name", {
  value: "SpawnError",
  writable: true,
  configurable: true,
});

/** The error for what the native side reports. Its stack starts at the caller of `entry`. */
function fromNative(report, entry) {
  if (report.kind === "invalid") return invalid(report.problems, entry);
  const own = Object.assign(Object.create(null), report);
  const { message, code, errno, syscall, path, option, step, hint } = own;
  return at(entry, new SpawnError(message, { code, errno, syscall, path, option, step, hint }));
}

/** One error for all mistakes in the options; its class and code are those of the first. */
function invalid(problems, entry) {
  const [first] = problems;
  const lines = problems.map(({ option, message }) => `${option} ${message}`);
  const text =
    lines.length === 1 ? lines[0] : `${lines.length} problems in the options:\n  ${lines.join("\n  ")}`;
  const error = Object.assign(argumentError(first.name, first.code, text), { option: first.option });
  Object.defineProperty(error, "problems", { value: problems, writable: true, configurable: true });
  return at(entry, error);
}

/** A TypeError or RangeError as Node and Bun make them. */
function argumentError(name, code, message) {
  return Object.assign(name === "RangeError" ? new RangeError(message) : new TypeError(message), { code });
}

/** The error of a system call that failed with `errno`, a negative number. */
function systemError(errno, syscall) {
  const [code, text] = getSystemErrorMap().get(errno) ?? [`E${-errno}`, "unknown error"];
  return Object.assign(new Error(`${code}: ${text}, ${syscall}`), { errno, code, syscall });
}

// Bun makes tail calls: `entry` may be on no stack any more, and then nothing would be left below it.
function at(entry, error) {
  const whole = error.stack;
  Error.captureStackTrace(error, entry);
  if (!/^\s+at /m.test(error.stack)) error.stack = whole;
  return error;
}

/** Where `entry` was called: for an error that is made when that call is on the stack no more. */
class CallSite {
  #where = { stack: "" };

  constructor(entry) {
    Error.captureStackTrace(this.#where, entry);
  }

  /** `error`, as if it had been made there. */
  mark(error) {
    const frames = /\n\s+at .*/s.exec(this.#where.stack);
    if (frames !== null) error.stack = `${error}${frames[0]}`;
    return error;
  }
}

module.exports = { CallSite, SpawnError, fromNative, invalid, argumentError, systemError };
