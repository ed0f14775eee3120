"use strict";
// The options `stdio`, `stdin`, `stdout` and `stderr`.

const { isReadableNow, sourceOf } = require("./feed.js");
const { fileOf } = require("./files.js");
const { described, isAsked, rangeProblem, typeProblem } = require("./problems.js");

const STANDARD = ["stdin", "stdout", "stderr"];
const DEFAULTS = ["ignore", "pipe", "inherit"];
const SYNC_DEFAULTS = ["ignore", "pipe", "pipe"];

const KEYWORDS = ["pipe", "ignore", "inherit"];
const COMMON = '"ignore", "inherit", null, a file descriptor, { file: path }';
const STDIN_ENTRIES = `"pipe", ${COMMON}, a string, bytes, a Blob, Response, Request, stream or async iterable`;
const ENTRIES = `"pipe", ${COMMON}`;
const EXTRA_ENTRIES = '"pipe", "socket-fd", "ignore", null, a file descriptor or { file: path }';
const SYNC_EXTRA_ENTRIES = '"ignore", null, a file descriptor or { file: path }, in spawnSync';

const SYNC_STREAM = "'stdin' ReadableStream cannot be used in sync mode";
const SYNC_SOURCE =
  "can be read only by waiting for it, and spawnSync cannot wait: give it a string or bytes";

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
  const defaults = isSync ? SYNC_DEFAULTS : DEFAULTS;
  const reader = new EntryReader(problems, isSync);
  for (let index = 0; index < Math.max(given.length, defaults.length); index++) {
    const entry = given[index] === undefined ? (defaults[index] ?? null) : given[index];
    reader.read(entry, index, isTogether ? `stdio[${index}]` : STANDARD[index]);
  }
  const { entries, shown, files, source } = reader;
  return { entries, shown, files, source };
}

class EntryReader {
  entries = [];
  shown = [];
  files = [];
  source = undefined;
  #problems;
  #isSync;

  constructor(problems, isSync) {
    this.#problems = problems;
    this.#isSync = isSync;
  }

  read(entry, index, name) {
    const keyword = this.#keyword(entry, index);
    if (keyword !== undefined) return this.#add(keyword, entry ?? keyword);
    if (typeof entry === "number") return this.#add(this.#descriptor(entry, name));
    const file = fileOf(entry, index, name, this.#problems);
    if (file?.fd !== undefined) return this.#add(this.#descriptor(file.fd, name), "ignore");
    if (file !== undefined) {
      this.files.push({ __proto__: null, ...file, index, name });
      // Until it is open.
      return this.#add("pipe", "ignore");
    }
    if (index === 0 && this.#source(entry, name)) return this.#add("pipe");
    this.#problems.push(typeProblem(name, `must be ${this.#allowed(index)}, not ${described(entry)}`));
    this.#add("ignore");
  }

  #add(entry, shown = entry) {
    this.entries.push(entry);
    this.shown.push(shown);
  }

  // Any other string is what stdin gets: beyond Bun, which refuses it.
  #keyword(entry, index) {
    if (entry === null) return "ignore";
    const isExtra = index >= STANDARD.length;
    if (!isExtra) return KEYWORDS.includes(entry) ? entry : undefined;
    if (entry === "ignore") return entry;
    return (entry === "pipe" || entry === "socket-fd") && !this.#isSync ? "pipe" : undefined;
  }

  #descriptor(entry, name) {
    if (Number.isInteger(entry) && entry >= 0 && entry <= 0x7fffffff) return entry;
    const message = `must be a file descriptor, an integer from 0 to 2147483647, not ${entry}`;
    this.#problems.push(rangeProblem(name, message));
    return "ignore";
  }

  #source(entry, name) {
    const source = sourceOf(entry);
    if (source?.used !== undefined) this.#problems.push(usedProblem(name, source.used));
    else if (this.#isSync && source !== undefined && !isReadableNow(source)) {
      const isStream = typeof entry.getReader === "function";
      this.#problems.push(typeProblem(name, isStream ? SYNC_STREAM : SYNC_SOURCE));
    }
    this.source = source;
    return source !== undefined;
  }

  #allowed(index) {
    if (index === 0) return STDIN_ENTRIES;
    if (index < STANDARD.length) return ENTRIES;
    return this.#isSync ? SYNC_EXTRA_ENTRIES : EXTRA_ENTRIES;
  }
}

function usedProblem(option, message) {
  const code = message.startsWith("Body") ? "ERR_BODY_ALREADY_USED" : "ERR_INVALID_STATE";
  return { name: "TypeError", code, option, message };
}

module.exports = { readStdio };
