"use strict";

const { channelVariables } = require("../ipc/channel.js");
const { addVariables, readArguments } = require("./arguments.js");
const { checkAbortSignal, checkSerialization, checkTimeout, killSignal } = require("./checks.js");
const { ChildProcess, start } = require("./child.js");
const { abortError } = require("./errors.js");
const { readStdio } = require("./stdio.js");

/** Node's `spawn`, with the option `container`. */
function spawn(file, args, options) {
  const command = readArguments(file, args, options);
  const { timeout, signal, stdio } = command.options;
  checkTimeout(timeout);
  checkAbortSignal(signal);
  checkSerialization(command.options.serialization);
  const ending = killSignal(command.options.killSignal);
  const streams = readStdio(stdio, false);
  if (streams.ipc !== -1) tellOfChannel(command, streams.ipc);
  const child = new ChildProcess();
  start(child, command, streams, spawn);
  if (child.pid === undefined) return child;
  if (timeout > 0) endAfter(child, timeout, ending);
  if (signal) endAtAbort(child, signal, ending);
  return child;
}

function tellOfChannel(command, fd) {
  command.serialization = command.options.serialization || "json";
  addVariables(command.request, command.options.env, channelVariables(fd, command.serialization));
}

function endAfter(child, timeout, ending) {
  const timer = setTimeout(() => end(child, ending), timeout);
  child.once("exit", () => clearTimeout(timer));
}

function endAtAbort(child, signal, ending) {
  const abort = () => {
    if (end(child, ending)) child.emit("error", abortError(signal.reason));
  };
  if (signal.aborted) {
    process.nextTick(abort);
    return;
  }
  signal.addEventListener("abort", abort, { once: true });
  child.once("exit", () => signal.removeEventListener("abort", abort));
}

/** Whether the signal was sent. Nobody who could catch an error waits for this. */
function end(child, ending) {
  try {
    return child.kill(ending);
  } catch (error) {
    child.emit("error", error);
    return false;
  }
}

module.exports = { spawn };
