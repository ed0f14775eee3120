"use strict";
// `run`: a process from its start to the end of all that it writes, in one call.

const { lastStats } = require("./container.js");
const { described, isAsked, isObject, typeProblem, valueProblem } = require("./problems.js");
const { RunError } = require("./run-error.js");
const { start } = require("./spawn.js");

const ENCODINGS = ["utf8", "buffer"];

/** `run({ cmd, … })` or `run(cmd, { … })`. Rejects when it cannot be started, or what was checked is not so. */
async function run(first, second) {
  const problems = [];
  const given = readArguments(first, second, problems);
  const { child, ended } = begin(given, problems);
  const collect = (stream) => collected(stream, given.encoding);
  const [stdout, stderr, inputError] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    ended,
  ]);
  if (inputError !== undefined) throw inputError;
  const { exitCode, signalCode, exitReason, container } = child;
  const usage = child.resourceUsage();
  const stats = container === null ? null : lastStats(container);
  const result = { stdout, stderr, exitCode, signalCode, exitReason, usage, stats };
  if (!given.check || (exitReason === "exited" && exitCode === 0)) return result;
  throw new RunError(given.cmd, result, exitReason === "aborted" ? given.options.signal.reason : undefined);
}

/** `ended` is kept after `onExit`, with the error of what stdin was read from, if there was one. */
function begin({ cmd, options }, problems) {
  const { onExit } = options;
  let settle;
  const ended = new Promise((resolve) => {
    settle = resolve;
  });
  const tell = (child, code, signal, error) => {
    settle(error);
    return onExit?.(child, code, signal, error);
  };
  // What is no function is left for the options to be checked.
  const isCallable = !isAsked(onExit) || typeof onExit === "function";
  const all = { __proto__: null, ...options, onExit: isCallable ? tell : onExit };
  const child = Array.isArray(cmd) ? start(cmd, all, run, problems) : start(all, undefined, run, problems);
  return { child, ended };
}

/** The options of `run` itself, taken out of what `spawn` is to get. */
function readArguments(first, second, problems) {
  const isTwo = Array.isArray(first);
  const given = isTwo ? second : first;
  if (isAsked(given) && !isObject(given)) {
    const what = isTwo ? "an object" : "an array, or the first argument an object that has it";
    problems.push(typeProblem(isTwo ? "options" : "cmd", `must be ${what}, not ${described(given)}`));
  }
  const { cmd, input, encoding, check, ...options } = {
    __proto__: null,
    ...(isObject(given) ? given : null),
  };
  if (isAsked(encoding) && !ENCODINGS.includes(encoding)) {
    problems.push(valueProblem("encoding", `must be "utf8" or "buffer", not ${described(encoding)}`));
  }
  if (isAsked(check) && check !== true) {
    problems.push(typeProblem("check", `must be a boolean, not ${described(check)}`));
  }
  if (isAsked(options.terminal)) {
    problems.push(
      valueProblem("terminal", "is not possible in run, which collects what goes into pipes: use spawn"),
    );
    options.terminal = undefined;
  }
  const streams = readStreams(options, input, problems);
  return {
    cmd: isTwo ? first : cmd,
    options: { __proto__: null, ...options, ...streams },
    encoding: encoding === "buffer" ? encoding : "utf8",
    check: check === true,
  };
}

// Nobody could write to a pipe, and stderr is a part of the result.
function readStreams({ stdio, stdin, stderr = "pipe" }, input, problems) {
  if (!Array.isArray(stdio)) return { stdin: readInput(stdin, "stdin", input, problems), stderr };
  const [first, second, third = "pipe", ...extras] = stdio;
  return { stdio: [readInput(first, "stdio[0]", input, problems), second, third, ...extras] };
}

function readInput(stdin, name, input, problems) {
  if (stdin === "pipe") {
    problems.push(valueProblem(name, 'must not be "pipe": what is to be read goes into the option input'));
  }
  return inputOf(input, stdin, problems);
}

// Text is never one of the words that stdin knows.
function inputOf(input, stdin, problems) {
  if (!isAsked(input)) return stdin;
  if (isAsked(stdin)) problems.push(valueProblem("input", "must not be given beside stdin"));
  if (typeof input === "string") return Buffer.from(input);
  if (typeof input === "object") return input;
  problems.push(typeProblem("input", `must be what can be read, not ${described(input)}`));
  return undefined;
}

async function collected(stream, encoding) {
  if (typeof stream?.bytes !== "function") return undefined;
  if (encoding === "utf8") return stream.text();
  const bytes = await stream.bytes();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

module.exports = { run };
