"use strict";
// The parent's end of what is read and written through one descriptor: the socket of a channel, a terminal.

const { systemError } = require("./errors.js");
const { closePipe, onReadable, onWritable } = require("./events.js");
const { native } = require("./native.js");

const EIO = -5;
const EAGAIN = -11;
const EPIPE = -32;
const ECONNRESET = -104;

// How the other side's end is told: by a terminal that nobody has open, by a socket whose peer left something unread.
const ENDS = [0, EIO, ECONNRESET];

const READ_SIZE = 64 * 1024;

// A process that writes, or reads, without a pause would otherwise keep the event loop to itself.
const READS_A_TURN = 16;
const BYTES_A_TURN = 1024 * 1024;

// More than a socket or a terminal holds, so that only who goes on writing is cut off.
const READS_AT_END = 256;

const orphans = new FinalizationRegistry(closePipe);

let scratch;

/**
 * What comes is handed to `data` at once, as a Buffer with memory of its own; what is written waits here while the other
 * side does not read. Whoever makes one must be held by something as long as it is to be read.
 */
class DuplexPipe {
  #id;
  #handlers;
  #queue = [];
  #waiting = 0;
  #isOpen = true;
  #isFinishing = false;
  #writeError = null;
  #readLater;
  #writeLater;

  /**
   * `data(chunk)`; `end(error)`, once, when the other side has gone or `finish()` is done, and never after `close()`:
   * `error` is null unless reading failed; `drained()` when nothing waits any more. None of them may throw.
   */
  constructor(id, handlers) {
    this.#id = id;
    this.#handlers = handlers;
    const weak = new WeakRef(this);
    this.#readLater = () => {
      const pipe = weak.deref();
      if (pipe !== undefined) pipe.#readTurn();
    };
    this.#writeLater = () => {
      const pipe = weak.deref();
      if (pipe !== undefined) pipe.#writeTurn();
    };
    orphans.register(this, id, this);
    onReadable(id, this.#readLater);
  }

  get isOpen() {
    return this.#isOpen;
  }

  /** The number of bytes that are not written yet. */
  get waiting() {
    return this.#waiting;
  }

  /** Writes in order. `done(error)` is called, perhaps at once, when all is written (null), or can be no more. */
  write(bytes, done, isOurs = true) {
    if (!this.#isOpen || this.#isFinishing) return done(this.#writeError ?? systemError(EPIPE, "write"));
    const written = this.#queue.length === 0 ? this.#push(bytes) : 0;
    if (this.#writeError !== null) return done(this.#writeError);
    if (written === bytes.length) return done(null);
    const rest = isOurs ? bytes.subarray(written) : bytes.slice(written);
    this.#waiting += rest.length;
    this.#queue.push({ bytes: rest, done });
    if (this.#queue.length === 1) onWritable(this.#id, this.#writeLater);
  }

  /** Hands on everything that is there now. */
  readAll() {
    this.#read(READS_AT_END);
  }

  /** Closes once everything is written, or can be no more. */
  finish() {
    this.#isFinishing = true;
    this.#finishIfDone();
  }

  /** Closes now, without a word to `end`. */
  close() {
    if (!this.#isOpen) return;
    this.#skip();
    this.#shut();
  }

  #readTurn() {
    this.#read(READS_A_TURN);
    if (this.#isOpen) onReadable(this.#id, this.#readLater);
  }

  #read(times) {
    for (let count = 0; this.#isOpen && count < times; count++) {
      const length = readInto(this.#id);
      if (length === EAGAIN) return;
      if (length <= 0) return this.#end(ENDS.includes(length) ? null : systemError(length, "read"));
      this.#handlers.data(Buffer.from(scratch.slice(0, length).buffer));
    }
  }

  #end(error) {
    this.#shut();
    this.#handlers.end(error);
  }

  // A socket closed with something unread in it is no end to its peer, but an error: a connection reset.
  #skip() {
    for (let count = 0; count < READS_AT_END && readInto(this.#id) > 0; count++);
  }

  #writeTurn() {
    let budget = BYTES_A_TURN;
    while (this.#queue.length > 0 && budget > 0) {
      const [entry] = this.#queue;
      const written = this.#push(entry.bytes);
      if (this.#writeError !== null) return this.#failQueue(this.#writeError);
      this.#waiting -= written;
      budget -= written;
      if (written < entry.bytes.length) {
        entry.bytes = entry.bytes.subarray(written);
        break;
      }
      this.#queue.shift();
      entry.done(null);
    }
    if (!this.#isOpen) return;
    if (this.#queue.length > 0) onWritable(this.#id, this.#writeLater);
    else {
      this.#handlers.drained?.();
      this.#finishIfDone();
    }
  }

  #finishIfDone() {
    if (!this.#isOpen || !this.#isFinishing || this.#queue.length > 0) return;
    this.#skip();
    this.#end(null);
  }

  /** Writes what is taken, of at most BYTES_A_TURN. An error ends the writing only: there may be more to read. */
  #push(bytes) {
    let at = 0;
    const end = Math.min(bytes.length, BYTES_A_TURN);
    while (at < end && this.#writeError === null) {
      const written = native().pipeWrite(this.#id, bytes.subarray(at, end));
      if (written === EAGAIN) break;
      if (written < 0) this.#writeError = systemError(written, "write");
      else at += written;
    }
    return at;
  }

  #shut() {
    this.#isOpen = false;
    orphans.unregister(this);
    closePipe(this.#id);
    this.#failQueue(this.#writeError ?? systemError(EPIPE, "write"));
  }

  #failQueue(error) {
    const queue = this.#queue.splice(0);
    this.#waiting = 0;
    for (const entry of queue) entry.done(error);
    this.#finishIfDone();
  }
}

function readInto(id) {
  scratch ??= new Uint8Array(READ_SIZE);
  return native().pipeRead(id, scratch);
}

module.exports = { DuplexPipe };
