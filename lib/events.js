"use strict";
// What the native side reports, handed to whom it concerns; and what keeps the event loop alive meanwhile.

const { native } = require("./native.js");

const EXIT = 0;
const READY = 1;

const exits = new Map();
const readers = new Map();
const writers = new Map();

let holds = 0;
let listener;

/** Calls `handler(status, usage, stats)` once, when the process has ended. Until then it is kept from being collected. */
function onExit(id, handler) {
  exits.set(id, handler);
}

/** Calls `handler()` once, when the pipe can be read, or its end has come. */
function onReadable(id, handler) {
  arm(readers, id, handler, false);
}

/** Calls `handler()` once, when the pipe can be written, or its reader has gone. */
function onWritable(id, handler) {
  arm(writers, id, handler, true);
}

function arm(handlers, id, handler, write) {
  const armed = handlers.has(id);
  handlers.set(id, handler);
  if (!armed) native().pipeArm(id, write);
}

/** Closes a pipe; no handler of it is called any more. */
function closePipe(id) {
  readers.delete(id);
  writers.delete(id);
  native().pipeClose(id);
}

/** Must have been called before the first process is started. */
function listen() {
  listener ??= native().listen(dispatch);
}

function dispatch(kind, id, a, b, c) {
  if (kind === EXIT) take(exits, id)?.(a, b, c);
  else if (kind === READY) take(a === 0 ? readers : writers, id)?.();
}

function take(handlers, id) {
  const handler = handlers.get(id);
  handlers.delete(id);
  return handler;
}

/** A reason to keep the event loop alive, which can be there or not. */
class Hold {
  #held = false;

  set(held) {
    if (held === this.#held) return;
    this.#held = held;
    const before = holds;
    holds += held ? 1 : -1;
    if (before === 0 || holds === 0) native().hold(listener, holds);
  }
}

module.exports = { Hold, closePipe, listen, onExit, onReadable, onWritable };
