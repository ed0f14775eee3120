"use strict";
// `(file, args?, options?)` as Node reads it, and what of it the native side is asked for.

const { isMainThread } = require("node:worker_threads");
const checks = require("./checks.js");
const { invalidType, invalidValue } = require("./errors.js");

const isEnvNative = isMainThread && process.versions.bun === undefined;

/**
 * The arguments of `spawn` and `spawnSync`: `file`, `spawnargs` with the name that the command sees first, the
 * `options` as given, and the `request`, which lacks `stdio`. What Node does not know it ignores, and so do we: tools
 * hand their own options through. Only in `container` everything must be known.
 */
function readArguments(file, args, options) {
  checks.checkString(file, "file");
  if (file === "") throw invalidValue("file", file, "cannot be empty");
  [args, options] = separate(args, options);
  for (const [index, arg] of args.entries()) checks.checkNull(arg, `args[${index}]`);
  const given = copyOf(options);
  const cwd = readOptions(given);
  const command = given.shell ? inShell(given.shell, file, args) : { file, args };
  const argv0 = checks.isMissing(given.argv0) ? command.file : given.argv0;
  return {
    file: command.file,
    spawnargs: [argv0, ...command.args],
    options: given,
    request: requestOf(command, argv0, cwd, given),
  };
}

function separate(args, options) {
  if (Array.isArray(args)) return [[...args], options];
  if (checks.isMissing(args)) return [[], options];
  if (typeof args !== "object") throw invalidType("args", "of type object", args);
  return [[], args];
}

function copyOf(options) {
  if (options === undefined) return { __proto__: null };
  checks.checkObject(options, "options");
  return { __proto__: null, ...options };
}

function readOptions(options) {
  const cwd = checks.pathOf(options.cwd);
  checks.checkBoolean(options.detached, "options.detached");
  checks.checkId(options.uid, "options.uid");
  checks.checkId(options.gid, "options.gid");
  checks.checkShell(options.shell);
  if (!checks.isMissing(options.argv0)) checks.checkString(options.argv0, "options.argv0");
  checks.checkBoolean(options.windowsHide, "options.windowsHide");
  checks.checkBoolean(options.windowsVerbatimArguments, "options.windowsVerbatimArguments");
  return cwd;
}

function inShell(shell, file, args) {
  return { file: shell === true ? "/bin/sh" : shell, args: ["-c", [file, ...args].join(" ")] };
}

function requestOf({ file, args }, argv0, cwd, { detached, uid, gid, env, container }) {
  return {
    __proto__: null,
    cmd: [file, ...args.map(String)],
    argv0,
    cwd,
    env: environment(env),
    detached: detached === true,
    uid: idOf(uid),
    gid: idOf(gid),
    container,
  };
}

/** Node's ids are signed, the kernel's are not. */
function idOf(id) {
  return checks.isMissing(id) ? undefined : id >>> 0;
}

/**
 * The variables of the command, as one string. Without `env` those of this process; Node's main thread has them in the
 * process itself, from where the native side takes them.
 */
function environment(env) {
  return env || !isEnvNative ? variables(env).join("\0") : undefined;
}

function variables(env) {
  const pairs = [];
  // Inherited ones too, as in Node.
  for (const name in env || process.env) {
    const value = (env || process.env)[name];
    if (value === undefined) continue;
    checks.checkNull(name, `options.env['${name}']`);
    checks.checkNull(value, `options.env['${name}']`);
    pairs.push(`${name}=${value}`);
  }
  // As in Node: coverage is to reach a program whose parent chooses its environment.
  const { NODE_V8_COVERAGE } = process.env;
  if (env && NODE_V8_COVERAGE && !Object.hasOwn(env, "NODE_V8_COVERAGE")) {
    pairs.push(`NODE_V8_COVERAGE=${NODE_V8_COVERAGE}`);
  }
  return pairs;
}

/** Adds variables to a request's. */
function addVariables(request, env, more) {
  const added = Object.entries(more).map(([name, value]) => `${name}=${value}`);
  request.env = [...variables(env), ...added].join("\0");
}

module.exports = { addVariables, readArguments };
