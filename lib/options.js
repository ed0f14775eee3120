"use strict";
// The caller's options, each read once, split into what the native side carries out and what is done here.

const { isMainThread } = require("node:worker_threads");
const { sourceOf } = require("./feed.js");

const isEnvNative = isMainThread && process.versions.bun === undefined;

// Options of Bun.spawn that this version lacks: whoever gives one must hear of it, and that it is no typo.
const LATER = [
  ["timeout", "killSignal", "forceKillAfter", "signal", "maxBuffer", "lazy", "terminal", "cgroup"],
  ["ipc", "onDisconnect", "serialization"],
].flat();

const STANDARD = ["stdin", "stdout", "stderr"];
const DEFAULTS = ["ignore", "pipe", "inherit"];

const ENTRIES = '"pipe", "ignore", "inherit", null or a file descriptor';
const STDIN_ENTRIES =
  '"pipe", "ignore", "inherit", null, a file descriptor, a string, bytes, a Blob, Response, Request or ReadableStream';
const EXTRA_ENTRIES = '"pipe", "ignore", null or a file descriptor';

/**
 * Reads the arguments of `spawn`: `{ request, source, onExit, problems }`. Everything but what is done here goes into
 * the request, so that the native side finds what is unknown.
 */
function readOptions(first, second) {
  const problems = [];
  const options = copyOf(first, second, problems);
  takeLater(options, problems);
  const { onExit, stdin, stdout, stderr, stdio, env, ...rest } = options;
  const streams = readStdio(stdio, [stdin, stdout, stderr], problems);
  return {
    request: { __proto__: null, ...rest, env: readEnv(env, problems), stdio: streams.entries },
    source: streams.source,
    onExit: readOnExit(onExit, problems),
    problems,
  };
}

// No object here has a prototype: what somebody added to Object.prototype is not an option.
function copyOf(first, second, problems) {
  if (!Array.isArray(first)) {
    if (isObject(first)) return { __proto__: null, ...first };
    const where = "as the first argument or in an object of options";
    problems.push(typeProblem("cmd", `must be an array, ${where}, not ${described(first)}`));
    return { __proto__: null };
  }
  if (isAsked(second) && !isObject(second)) {
    problems.push(typeProblem("options", `must be an object, not ${described(second)}`));
  }
  const options = isObject(second) ? { __proto__: null, ...second } : { __proto__: null };
  if (options.cmd !== undefined) {
    problems.push(valueProblem("cmd", "must be given once: as the first argument or among the options"));
  }
  options.cmd = first;
  return options;
}

function takeLater(options, problems) {
  for (const option of LATER) {
    if (isAsked(options[option])) {
      const message = "is not supported by this version of container-spawn";
      problems.push({ name: "TypeError", code: "ERR_NOT_SUPPORTED", option, message });
    }
    delete options[option];
  }
}

/**
 * Strings only, as the process gets them. Without one, process.env as it is now; Node's main thread has it in the
 * process itself, from where the native side takes it: fetched by name it costs as much as a clone.
 */
function readEnv(env, problems) {
  if (!isAsked(env)) return isEnvNative ? undefined : { __proto__: null, ...process.env };
  if (!isObject(env)) {
    problems.push(typeProblem("env", `must be an object, not ${described(env)}`));
    return {};
  }
  const variables = { __proto__: null };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const text = textOf(value);
    if (text !== undefined) variables[name] = text;
    else
      problems.push(typeProblem(`env[${JSON.stringify(name)}]`, `must be a string, not ${described(value)}`));
  }
  return variables;
}

// Bun turns everything into a string. What comes out as "[object Object]" was surely not meant.
function textOf(value) {
  if (typeof value === "string") return value;
  if (typeof value === "symbol" || typeof value === "function") return undefined;
  try {
    const text = String(value);
    return text.startsWith("[object ") ? undefined : text;
  } catch {
    return undefined;
  }
}

function readOnExit(onExit, problems) {
  if (!isAsked(onExit)) return undefined;
  if (typeof onExit !== "function") {
    problems.push(typeProblem("onExit", `must be a function, not ${described(onExit)}`));
  }
  return onExit;
}

/** `stdio` as the native side takes it, and what is to be written into stdin. `stdio` goes before the separate three. */
function readStdio(stdio, separate, problems) {
  const isTogether = Array.isArray(stdio);
  if (!isTogether && isAsked(stdio)) {
    problems.push(typeProblem("stdio", `must be an array of ${ENTRIES}, not ${described(stdio)}`));
  }
  const given = isTogether ? [...stdio] : separate;
  const nameOf = (index) => (isTogether ? `stdio[${index}]` : STANDARD[index]);
  const source = isKeyword(given[0]) ? undefined : sourceOf(given[0]);
  if (source?.used !== undefined) problems.push(usedProblem(nameOf(0), source.used));
  const entries = Array.from({ length: Math.max(given.length, DEFAULTS.length) }, (_, index) =>
    index === 0 && source !== undefined ? "pipe" : readEntry(given[index], index, nameOf(index), problems),
  );
  return { entries, source };
}

function readEntry(entry, index, name, problems) {
  if (entry === undefined) return DEFAULTS[index] ?? "ignore";
  if (entry === null) return "ignore";
  const isExtra = index >= DEFAULTS.length;
  if (isKeyword(entry) && !(isExtra && entry === "inherit")) return entry;
  if (typeof entry === "number") return readDescriptor(entry, name, problems);
  const allowed = isExtra ? EXTRA_ENTRIES : index === 0 ? STDIN_ENTRIES : ENTRIES;
  problems.push(typeProblem(name, `must be ${allowed}, not ${described(entry)}`));
  return "ignore";
}

function readDescriptor(entry, name, problems) {
  if (Number.isInteger(entry) && entry >= 0 && entry <= 0x7fffffff) return entry;
  problems.push({
    name: "RangeError",
    code: "ERR_OUT_OF_RANGE",
    option: name,
    message: `must be a file descriptor, an integer from 0 to 2147483647, not ${entry}`,
  });
  return "ignore";
}

// Any other string is what stdin gets: beyond Bun, which refuses it.
function isKeyword(entry) {
  return entry === "pipe" || entry === "ignore" || entry === "inherit";
}

/** As everywhere in the options: `undefined`, `null` and `false` ask for nothing. */
function isAsked(value) {
  return value !== undefined && value !== null && value !== false;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function described(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function typeProblem(option, message) {
  return { name: "TypeError", code: "ERR_INVALID_ARG_TYPE", option, message };
}

function valueProblem(option, message) {
  return { name: "TypeError", code: "ERR_INVALID_ARG_VALUE", option, message };
}

function usedProblem(option, message) {
  const code = message.startsWith("Body") ? "ERR_BODY_ALREADY_USED" : "ERR_INVALID_STATE";
  return { name: "TypeError", code, option, message };
}

module.exports = { readOptions };
