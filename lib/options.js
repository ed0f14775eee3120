"use strict";
// The caller's options, each read once, split into what the native side carries out and what is done here.

const { isMainThread } = require("node:worker_threads");
const { readBounds } = require("./bounds.js");
const { described, isAsked, isObject, typeProblem, valueProblem } = require("./problems.js");
const { readStdio } = require("./stdio-options.js");

const isEnvNative = isMainThread && process.versions.bun === undefined;

// Options of Bun.spawn that this version lacks: whoever gives one must hear of it, and that it is no typo.
const LATER = [["terminal"], ["ipc", "onDisconnect", "serialization"]].flat();

const BOUNDS = ["timeout", "killSignal", "forceKillAfter", "signal", "maxBuffer"];

// What needs JavaScript to run while the process does.
const NOT_SYNC = ["onExit", "ipc", "onDisconnect", "serialization", "terminal", "lazy"];

/**
 * Reads the arguments of `spawn`, or of `spawnSync`. Everything but what is done here goes into the `request`, so that
 * the native side finds what is unknown. `problems` are what others have found wrong already.
 */
function readOptions(first, second, problems, isSync) {
  const options = copyOf(first, second, problems);
  if (isSync) refuseInSync(options, problems);
  takeLater(options, problems);
  const { timeout, killSignal, forceKillAfter, signal, maxBuffer } = options;
  const { onExit, lazy, env, stdio, stdin, stdout, stderr, ...rest } = options;
  for (const option of BOUNDS) delete rest[option];
  const streams = readStdio(stdio, [stdin, stdout, stderr], problems, isSync);
  return {
    request: { __proto__: null, ...rest, env: readEnv(env, problems), stdio: streams.entries },
    shown: streams.shown,
    files: streams.files,
    source: streams.source,
    bounds: readBounds({ timeout, killSignal, forceKillAfter, signal, maxBuffer }, problems),
    isLazy: readFlag("lazy", lazy, problems),
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

function refuseInSync(options, problems) {
  for (const option of NOT_SYNC) {
    if (isAsked(options[option])) {
      problems.push(typeProblem(option, "is not possible in spawnSync: no JavaScript runs while it waits"));
    }
    delete options[option];
  }
}

/**
 * Strings only, as the process gets them. Without one, process.env as it is now; Node's main thread has it in the
 * process itself, from where the native side takes it: fetched by name it costs as much as a clone.
 */
function readEnv(env, problems) {
  if (!isAsked(env)) return isEnvNative ? undefined : blockOf({ __proto__: null, ...process.env });
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
  return blockOf(variables);
}

// One string is one conversion. Of what the kernel would not take, the native side says where it is.
function blockOf(variables) {
  const block = [];
  for (const [name, value] of Object.entries(variables)) {
    if (name === "" || name.includes("=") || name.includes("\0") || value.includes("\0")) return variables;
    block.push(`${name}=${value}`);
  }
  return block.join("\0");
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

function readFlag(option, value, problems) {
  if (isAsked(value) && value !== true) {
    problems.push(typeProblem(option, `must be a boolean, not ${described(value)}`));
  }
  return value === true;
}

module.exports = { readOptions };
