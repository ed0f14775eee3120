"use strict";
// The parent's end of a pipe that the process reads from.

const { systemError } = require("./errors.js");
const { closePipe, onWritable } = require("./events.js");
const { native } = require("./native.js");

const EAGAIN = -11;
const EPIPE = -32;

// Writing on while the process reads along would keep the event loop from everything else.
const BYTES_A_TURN = 1024 * 1024;

/** Writes in order, as fast as the process reads. When that stops reading, what waits fails with EPIPE. */
class WritePipe {
  #id;
  #keepalive;
  #queue = [];
  #waiting = 0;
  #isOpen = true;
  #isEnding = false;
  #isRefed = true;
  #isHolding = false;
  #error = null;
  #drained = null;
  #onClose = null;

  constructor(id, keepalive) {
    this.#id = id;
    this.#keepalive = keepalive;
  }

  /** The number of bytes that are not written yet. */
  get waiting() {
    return this.#waiting;
  }

  /** The error that closed the pipe, or null. */
  get failure() {
    return this.#error;
  }

  /**
   * Writes bytes: returns their number when all are in the pipe, and else a promise of it.
   * `isOurs`: nobody will change them.
   */
  write(bytes, isOurs) {
    if (!this.#isOpen || this.#isEnding) return rejected(this.#error ?? writeAfterEnd());
    if (bytes.length === 0) return 0;
    if (this.#queue.length > 0) return this.#enqueue(isOurs ? bytes : bytes.slice());
    const written = this.#push(bytes);
    if (this.#error !== null) return rejected(this.#error);
    if (written === bytes.length) return written;
    return this.#enqueue(isOurs ? bytes.subarray(written) : bytes.slice(written), bytes.length);
  }

  /** Closes the pipe once everything is written. */
  end() {
    this.#isEnding = true;
    if (this.#queue.length === 0) this.#shut(null);
  }

  /** Closes the pipe now; what is not written fails with `error`, by default EPIPE. */
  close(error) {
    this.#shut(error ?? systemError(EPIPE, "write"));
  }

  /** A promise that is kept when everything is written, and broken when that can be no more. */
  drained() {
    this.#drained ??= settlable();
    return this.#drained.promise;
  }

  /** Calls `handler` when the pipe closes before `end()`. */
  onClose(handler) {
    this.#onClose = handler;
  }

  ref() {
    this.#isRefed = true;
    this.#hold();
  }

  unref() {
    this.#isRefed = false;
    this.#hold();
  }

  #enqueue(bytes, total = bytes.length) {
    const entry = { bytes, total, ...settlable() };
    this.#waiting += bytes.length;
    this.#queue.push(entry);
    if (this.#queue.length === 1) this.#arm();
    return entry.promise;
  }

  #arm() {
    this.#hold();
    onWritable(this.#id, () => this.#flush());
  }

  #flush() {
    let budget = BYTES_A_TURN;
    while (this.#queue.length > 0 && budget > 0) {
      const [entry] = this.#queue;
      if (entry.bytes.length === 0) return this.#shut(wasDetached());
      const written = this.#push(entry.bytes);
      if (this.#error !== null) return;
      this.#waiting -= written;
      budget -= written;
      if (written < entry.bytes.length) {
        entry.bytes = entry.bytes.subarray(written);
        break;
      }
      this.#queue.shift();
      entry.resolve(entry.total);
    }
    if (this.#queue.length > 0) this.#arm();
    else this.#finish();
  }

  #finish() {
    this.#hold();
    this.#drained?.resolve();
    this.#drained = null;
    if (this.#isEnding) this.#shut(null);
  }

  /** Writes what the pipe takes, of at most BYTES_A_TURN; an error closes it. */
  #push(bytes) {
    let at = 0;
    const end = Math.min(bytes.length, BYTES_A_TURN);
    while (at < end) {
      const written = native().pipeWrite(this.#id, bytes.subarray(at, end));
      if (written === EAGAIN) break;
      if (written < 0) {
        this.#shut(systemError(written, "write"));
        break;
      }
      at += written;
    }
    return at;
  }

  #shut(error) {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#error = error;
    closePipe(this.#id);
    const queue = this.#queue;
    this.#queue = [];
    this.#waiting = 0;
    this.#hold();
    for (const entry of queue) entry.reject(error);
    this.#drained?.reject(error);
    if (error !== null) this.#onClose?.();
  }

  #hold() {
    const isHolding = this.#isRefed && this.#queue.length > 0;
    if (isHolding === this.#isHolding) return;
    this.#isHolding = isHolding;
    if (isHolding) this.#keepalive.wait();
    else this.#keepalive.done();
  }
}

// A write that nobody awaits, to a process that has gone, is no reason to end the program.
function settlable() {
  const settled = {};
  settled.promise = new Promise((resolve, reject) => Object.assign(settled, { resolve, reject }));
  settled.promise.catch(() => {});
  return settled;
}

function rejected(error) {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}

// Every entry has bytes: one that has none any more has had its buffer transferred away.
function wasDetached() {
  return withCode("ERR_INVALID_STATE", "the buffer was detached before it was written");
}

function writeAfterEnd() {
  return withCode("ERR_STREAM_WRITE_AFTER_END", "write after end");
}

function withCode(code, message) {
  return Object.assign(new Error(message), { code });
}

module.exports = { WritePipe };
