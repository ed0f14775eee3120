"use strict";
// Errors as Node's child_process makes them.

const { getSystemErrorMap, inspect } = require("node:util");
const { argumentError } = require("../errors.js");

// What is quoted of a value that was given.
const SHORT = 28;
const LONG = 128;

/** The error of a system call; `errno` is negative. `cause` tells more, where somebody knows more. */
function errnoException(errno, syscall, cause) {
  const [code] = getSystemErrorMap().get(errno) ?? [`Unknown system error ${errno}`];
  const error = new Error(`${syscall} ${code}`, cause === undefined ? undefined : { cause });
  return Object.assign(error, { errno, code, syscall });
}

/** An error of one of our pipes as the error of a Node stream. */
function streamError(error) {
  const { errno, syscall } = error;
  return errno === undefined ? error : errnoException(errno, syscall);
}

function abortError(reason) {
  const error = new Error("The operation was aborted", { cause: reason });
  return Object.assign(error, { code: "ABORT_ERR", name: "AbortError" });
}

/** `wanted` completes "must be …". */
function invalidType(name, wanted, value) {
  const message = `The "${name}" ${noun(name)} must be ${wanted}. Received ${kindOf(value)}`;
  return argumentError("TypeError", "ERR_INVALID_ARG_TYPE", message);
}

function invalidValue(name, value, reason = "is invalid") {
  const message = `The ${noun(name)} '${name}' ${reason}. Received ${cut(inspect(value), LONG)}`;
  return argumentError("TypeError", "ERR_INVALID_ARG_VALUE", message);
}

function outOfRange(name, range, value) {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${inspect(value)}`;
  return argumentError("RangeError", "ERR_OUT_OF_RANGE", message);
}

function noun(name) {
  return name.includes(".") ? "property" : "argument";
}

function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value !== "object") return `type ${typeof value} (${cut(inspect(value), SHORT)})`;
  const name = value.constructor?.name;
  return name ? `an instance of ${name}` : inspect(value, { depth: -1 });
}

function cut(text, length) {
  return text.length > length ? `${text.slice(0, length === SHORT ? SHORT - 3 : length)}...` : text;
}

module.exports = { abortError, errnoException, invalidType, invalidValue, outOfRange, streamError };
