"use strict";
// The options `stdio`, `stdin`, `stdout` and `stderr`.

const { sourceOf } = require("./feed.js");
const { fileOf } = require("./files.js");
const { described, isAsked, rangeProblem, typeProblem } = require("./problems.js");

const STANDARD = ["stdin", "stdout", "stderr"];
const DEFAULTS = ["ignore", "pipe", "inherit"];
const SYNC_DEFAULTS = ["ignore", "pipe", "pipe"];

const COMMON = '"ignore", "inherit", null, a file descriptor, { file: path }';
const STDIN_ENTRIES = `"pipe", ${COMMON}, a string, bytes, a Blob, Response, Request, stream or async iterable`;
const ENTRIES = `"pipe", ${COMMON}`;
const EXTRA_ENTRIES = '"pipe", "socket-fd", "ignore", null, a file descriptor or { file: path }';

/**
 * `stdio`, which goes before the separate three, in two forms: `entries`, as the native side takes it, and `shown`, of
 * which the handle makes its streams. `source` is what is to be written into stdin; in `files` is what must be opened
 * before the start, to replace an entry.
 */
function readStdio(stdio, separate, problems, isSync) {
  const isTogether = Array.isArray(stdio);
  if (!isTogether && isAsked(stdio)) {
    problems.push(typeProblem("stdio", `must be an array of ${ENTRIES}, not ${described(stdio)}`));
  }
  const given = isTogether ? [...stdio] : separate;
  const result = { entries: [], shown: [], files: [], source: undefined };
  const defaults = isSync ? SYNC_DEFAULTS : DEFAULTS;
  for (let index = 0; index < Math.max(given.length, defaults.length); index++) {
    const name = isTogether ? `stdio[${index}]` : STANDARD[index];
    readEntry(given[index] ?? (given[index] === null ? "ignore" : (defaults[index] ?? "ignore")), {
      index,
      name,
      problems,
      result,
    });
  }
  return result;
}

function readEntry(entry, { index, name, problems, result }) {
  const add = (taken, shown = taken) => {
    result.entries.push(taken);
    result.shown.push(shown);
  };
  const isExtra = index >= STANDARD.length;
  if (entry === "socket-fd" && isExtra) return add("pipe", entry);
  if (isKeyword(entry) && !(isExtra && entry === "inherit")) return add(entry);
  if (typeof entry === "number") return add(readDescriptor(entry, name, problems));
  const file = fileOf(entry, name, problems);
  if (file !== undefined) {
    if (file.fd !== undefined) return add(readDescriptor(file.fd, name, problems), "ignore");
    result.files.push({ ...file, index, name });
    // A place for it until it is open.
    return add("pipe", "ignore");
  }
  const source = index === 0 ? sourceOf(entry) : undefined;
  if (source !== undefined) {
    if (source.used !== undefined) problems.push(usedProblem(name, source.used));
    result.source = source;
    return add("pipe");
  }
  const allowed = isExtra ? EXTRA_ENTRIES : index === 0 ? STDIN_ENTRIES : ENTRIES;
  problems.push(typeProblem(name, `must be ${allowed}, not ${described(entry)}`));
  add("ignore");
}

function readDescriptor(entry, name, problems) {
  if (Number.isInteger(entry) && entry >= 0 && entry <= 0x7fffffff) return entry;
  const message = `must be a file descriptor, an integer from 0 to 2147483647, not ${entry}`;
  problems.push(rangeProblem(name, message));
  return "ignore";
}

// Any other string is what stdin gets: beyond Bun, which refuses it.
function isKeyword(entry) {
  return entry === "pipe" || entry === "ignore" || entry === "inherit";
}

function usedProblem(option, message) {
  const code = message.startsWith("Body") ? "ERR_BODY_ALREADY_USED" : "ERR_INVALID_STATE";
  return { name: "TypeError", code, option, message };
}

module.exports = { readStdio };
