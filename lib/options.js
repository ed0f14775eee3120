"use strict";
// The caller's options, each read once, split into what the native side carries out and what is done here.

const { isMainThread } = require("node:worker_threads");
const { readBounds } = require("./bounds.js");
const { addChannel, readIpc } = require("./ipc.js");
const { described, isAsked, isObject, typeProblem, valueProblem } = require("./problems.js");
const { readStdio } = require("./stdio-options.js");
const { nameOf, readTerminal } = require("./terminal.js");
const { takeStandardStreams, terminalVariables } = require("./terminal-options.js");

const isEnvNative = isMainThread && process.versions.bun === undefined;

const BOUNDS = ["timeout", "killSignal", "forceKillAfter", "signal", "maxBuffer"];
// Of Bun.spawn, and of no effect but on Windows.
const WINDOWS = ["windowsHide", "windowsVerbatimArguments"];
const CONNECTIONS = ["ipc", "onDisconnect", "serialization", "terminal"];

// What needs JavaScript to run while the process does.
const NOT_SYNC = ["onExit", "ipc", "onDisconnect", "serialization", "terminal", "lazy"];

/**
 * Reads the arguments of `spawn`, or of `spawnSync`. Everything but what is done here goes into the `request`, so that
 * the native side finds what is unknown. `problems` are what others have found wrong already.
 */
function readOptions(first, second, problems, isSync) {
  const options = copyOf(first, second, problems);
  if (isSync) refuseInSync(options, problems);
  const { timeout, killSignal, forceKillAfter, signal, maxBuffer } = options;
  const { onExit, lazy, env, stdio, stdin, stdout, stderr, ...rest } = options;
  for (const option of WINDOWS) readFlag(option, options[option], problems);
  for (const option of [...BOUNDS, ...CONNECTIONS, ...WINDOWS]) delete rest[option];
  const streams = readStdio(stdio, [stdin, stdout, stderr], problems, isSync);
  const { ipc, terminal, variables } = readConnections(options, streams, problems);
  const request = {
    __proto__: null,
    ...rest,
    env: readEnv(env, variables, problems),
    stdio: streams.entries,
  };
  if (terminal !== undefined) request.terminal = true;
  return {
    request,
    ipc,
    terminal,
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

function refuseInSync(options, problems) {
  for (const option of NOT_SYNC) {
    if (isAsked(options[option])) {
      problems.push(typeProblem(option, "is not possible in spawnSync: no JavaScript runs while it waits"));
    }
    delete options[option];
  }
}

/** What connects a process to us in other ways than by its streams; with the variables by which it knows of it. */
function readConnections(options, streams, problems) {
  const ipc = readIpc(options, problems);
  const terminal = isAsked(options.terminal) ? readTerminal(options.terminal, problems) : undefined;
  if (ipc === undefined && terminal === undefined) return {};
  const variables = terminal === undefined ? {} : terminalVariables(nameOf(terminal));
  if (terminal !== undefined) takeStandardStreams(streams, options, problems);
  if (ipc !== undefined) variables.fixed = { ...variables.fixed, ...addChannel(ipc, streams) };
  return { ipc, terminal, variables };
}

/**
 * Strings only, as the process gets them. Without one, process.env as it is now; Node's main thread has it in the
 * process itself, from where the native side takes it: fetched by name it costs as much as a clone. `defaults` are
 * there unless the caller says otherwise, `fixed` whatever he says.
 */
function readEnv(env, variables, problems) {
  const { defaults, fixed } = variables ?? {};
  if (!isAsked(env)) {
    if (isEnvNative && variables === undefined) return undefined;
    return blockOf({ __proto__: null, ...process.env, ...defaults, ...fixed });
  }
  if (!isObject(env)) {
    problems.push(typeProblem("env", `must be an object, not ${described(env)}`));
    return {};
  }
  const block = { __proto__: null, ...defaults };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    const text = textOf(value);
    if (text !== undefined) block[name] = text;
    else
      problems.push(typeProblem(`env[${JSON.stringify(name)}]`, `must be a string, not ${described(value)}`));
  }
  return blockOf(Object.assign(block, fixed));
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
