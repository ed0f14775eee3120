"use strict";
// Node's `spawnSync`, `execSync` and `execFileSync`.

const { toBytes } = require("../bytes.js");
const { native } = require("../native.js");
const { signalName } = require("../signals.js");
const { readArguments } = require("./arguments.js");
const checks = require("./checks.js");
const { errnoException, invalidType } = require("./errors.js");
const { MAX_BUFFER, readFileCall, readShellCommand } = require("./exec.js");
const { resultError } = require("./failure.js");
const { launch } = require("./launch.js");
const { readStdio } = require("./stdio.js");

const SIGTERM = 15;
const ERRORS = { timeout: -110 /* ETIMEDOUT */, maxBuffer: -105 /* ENOBUFS */ };

/** Runs a program to its end, and tells how it went, whatever happened. */
function spawnSync(file, args, options) {
  const command = readArguments(file, args, options);
  const { timeout, maxBuffer = MAX_BUFFER, encoding, input } = command.options;
  checks.checkTimeout(timeout);
  checks.checkMaxBuffer(maxBuffer);
  const signal = checks.killSignal(command.options.killSignal) ?? SIGTERM;
  const stdio = readStdio(command.options.stdio, true);
  const bounds = {
    input: bytesOf(input, encoding),
    timeout: timeout > 0 ? timeout : undefined,
    maxBuffer: maxBuffer > 0 ? maxBuffer : undefined,
    signal,
  };
  const result = launch(command.request, stdio, (request) => native().spawnSync(request, bounds));
  return Object.hasOwn(result, "error")
    ? notStarted(resultError(result.error, command, spawnSync))
    : finished(result, command, encoding);
}

function bytesOf(input, encoding) {
  if (!input) return undefined;
  if (typeof input === "string") return Buffer.from(input, encoding);
  if (ArrayBuffer.isView(input)) return toBytes(input).bytes;
  throw invalidType(
    "options.stdio[0]",
    "of type string or an instance of Buffer, TypedArray, or DataView",
    input,
  );
}

function notStarted(error) {
  return { error, status: null, signal: null, output: null, pid: 0, stdout: null, stderr: null };
}

function finished({ pid, status, outputs, stopped }, command, encoding) {
  const signal = status & 0x7f;
  const isText = encoding && encoding !== "buffer";
  const output = outputs.map((bytes) => (bytes !== null && isText ? bytes.toString(encoding) : bytes));
  return {
    ...(stopped !== null && { error: stopError(ERRORS[stopped], command) }),
    status: signal === 0 ? (status >> 8) & 0xff : null,
    signal: signal === 0 ? null : signalName(signal),
    output,
    pid,
    stdout: output[1],
    stderr: output[2],
  };
}

function stopError(errno, { file, spawnargs }) {
  const error = errnoException(errno, `spawnSync ${file}`);
  return Object.assign(error, { path: file, spawnargs: spawnargs.slice(1) });
}

/** Runs a shell command to its end, and gives what it wrote. */
function execSync(command, options) {
  const [given] = readShellCommand(command, options);
  return outputOf(spawnSync(command, given), given, command);
}

/** Runs a program to its end, and gives what it wrote. */
function execFileSync(file, args, options) {
  const call = readFileCall(file, args, options);
  const given = { __proto__: null, ...call.options };
  const result = spawnSync(file, call.args, given);
  return outputOf(result, given, [given.argv0 || file, ...call.args].join(" "));
}

function outputOf(result, { stdio }, command) {
  if (!stdio && result.stderr) process.stderr.write(result.stderr);
  if (result.error) throw Object.assign(result.error, result);
  if (result.status !== 0) throw failure(result, command);
  return result.stdout;
}

function failure(result, command) {
  const { stderr } = result;
  const message = `Command failed: ${command}${stderr?.length > 0 ? `\n${stderr}` : ""}`;
  return Object.assign(new Error(message), result);
}

module.exports = { execFileSync, execSync, spawnSync };
