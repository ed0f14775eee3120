"use strict";
// Node's checks of arguments: what it refuses is refused here, with the same class and code.

const { constants } = require("node:os");
const { fileURLToPath } = require("node:url");
const { argumentError } = require("../errors.js");
const { invalidType, invalidValue, outOfRange } = require("./errors.js");

const NUMBERS = new Set(Object.values(constants.signals));

function checkString(value, name) {
  if (typeof value !== "string") throw invalidType(name, "of type string", value);
  checkNull(value, name);
}

/** The kernel would read up to the null byte and no further. */
function checkNull(value, name, kind = "a string") {
  if (typeof value === "string" && value.includes("\0")) {
    throw invalidValue(name, value, `must be ${kind} without null bytes`);
  }
}

function checkObject(value, name) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidType(name, "of type object", value);
  }
}

function checkFunction(value, name) {
  if (typeof value !== "function") throw invalidType(name, "of type function", value);
}

function checkBoolean(value, name) {
  if (!isMissing(value) && typeof value !== "boolean") throw invalidType(name, "of type boolean", value);
}

function checkId(value, name) {
  if (!isMissing(value) && value !== (value | 0)) throw invalidType(name, "int32", value);
}

function checkShell(value) {
  if (isMissing(value) || typeof value === "boolean") return;
  if (typeof value !== "string") {
    throw invalidType("options.shell", "one of type boolean or string", value);
  }
  checkNull(value, "options.shell");
}

function checkTimeout(timeout) {
  if (!isMissing(timeout) && !(Number.isInteger(timeout) && timeout >= 0)) {
    throw outOfRange("timeout", "an unsigned integer", timeout);
  }
}

function checkMaxBuffer(maxBuffer) {
  if (!isMissing(maxBuffer) && !(typeof maxBuffer === "number" && maxBuffer >= 0)) {
    throw outOfRange("options.maxBuffer", "a positive number", maxBuffer);
  }
}

function checkAbortSignal(signal) {
  if (signal === undefined) return;
  if (signal === null || typeof signal !== "object" || !("aborted" in signal)) {
    throw invalidType("options.signal", "an instance of AbortSignal", signal);
  }
}

function checkSerialization(value) {
  if (![undefined, "json", "advanced"].includes(value)) {
    throw invalidValue("options.serialization", value, "must be one of: undefined, 'json', 'advanced'");
  }
}

/** A working directory as a string; undefined where there is none. */
function pathOf(cwd) {
  if (isMissing(cwd)) return undefined;
  const path = cwd instanceof URL ? fileURLToPath(cwd) : cwd instanceof Uint8Array ? textOf(cwd) : cwd;
  if (typeof path !== "string") {
    throw invalidType("options.cwd", "of type string or an instance of Buffer or URL", cwd);
  }
  checkNull(path, "options.cwd", "a string, Uint8Array, or URL");
  return path === "" ? undefined : path;
}

function textOf(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

/** The number of a signal that Node knows, by name in whatever case or by number. */
function signalNumber(signal) {
  if (typeof signal === "number" && NUMBERS.has(signal)) return signal;
  const number = typeof signal === "string" ? constants.signals[signal.toUpperCase()] : undefined;
  if (number !== undefined) return number;
  throw argumentError("TypeError", "ERR_UNKNOWN_SIGNAL", `Unknown signal: ${String(signal)}`);
}

/** The number for the option `killSignal`; undefined where it is not given. */
function killSignal(signal) {
  if (isMissing(signal)) return undefined;
  if (typeof signal === "string" || typeof signal === "number") return signalNumber(signal);
  throw invalidType("options.killSignal", "one of type string or number", signal);
}

function isMissing(value) {
  return value === undefined || value === null;
}

module.exports = {
  checkAbortSignal,
  checkBoolean,
  checkFunction,
  checkId,
  checkMaxBuffer,
  checkNull,
  checkObject,
  checkSerialization,
  checkShell,
  checkString,
  checkTimeout,
  isMissing,
  killSignal,
  pathOf,
  signalNumber,
};
