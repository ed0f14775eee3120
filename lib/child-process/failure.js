"use strict";
// What the native side reports as a failure, as Node tells it.

const { fromNative } = require("../errors.js");
const { errnoException } = require("./errors.js");

// Node reports these by an event, for they depend on the machine and the moment, and throws the others.
const LATER = new Set(["EACCES", "EAGAIN", "EMFILE", "ENFILE", "ENOENT"]);

// What Node has for an error number that it does not know.
const UNKNOWN = -4094;

/**
 * The error of a command that was not started, for the event. Throws what Node would throw, and what is wrong with
 * the options.
 */
function laterError(report, { file, spawnargs }, entry) {
  const known = fromNative(report, entry);
  if (report.kind === "invalid") throw known;
  if (isSetUp(known)) return withArguments(known, spawnargs);
  if (LATER.has(known.code)) return spawnError(known, "spawn", file, spawnargs);
  throw errnoException(known.errno, "spawn", known);
}

/** The error of a command that was not started, for the result of `spawnSync`. */
function resultError(report, { file, spawnargs }, entry) {
  const known = fromNative(report, entry);
  if (report.kind === "invalid") throw known;
  return isSetUp(known) ? withArguments(known, spawnargs) : spawnError(known, "spawnSync", file, spawnargs);
}

/** The negative number that Node gives a command that was not started as its exit code. */
function exitCodeOf(error) {
  return error.errno ?? UNKNOWN;
}

/** Node has no words for the failure of a container: the error stays what it is. */
function isSetUp({ option, errno }) {
  return errno === undefined || option?.startsWith("container");
}

function withArguments(error, spawnargs) {
  return Object.assign(error, { spawnargs: spawnargs.slice(1) });
}

function spawnError(known, call, file, spawnargs) {
  const error = errnoException(known.errno, `${call} ${file}`, known);
  return Object.assign(error, { path: file, spawnargs: spawnargs.slice(1) });
}

module.exports = { exitCodeOf, laterError, resultError };
