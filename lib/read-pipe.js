"use strict";
// The parent's end of a pipe that the process writes to.

const { ByteQueue, CHUNK_SIZE } = require("./byte-queue.js");
const { systemError } = require("./errors.js");
const { closePipe, onReadable } = require("./events.js");
const { native } = require("./native.js");

const EAGAIN = -11;

// A process that writes faster than it is read would otherwise keep the event loop to itself.
const CHUNKS_A_TURN = 16;

// What is read of a pipe at the end of its process: more than a pipe holds, and not for ever while others fill it.
const LAST_BYTES = 1024 * 1024;

// By then the signal has arrived that ends a process for writing too much. What it still writes must not block it.
const GRACE = 100;

// A pipe can outlive its process, held open by a process that it left behind.
const orphans = new FinalizationRegistry(closePipe);

let scratch;

/** The next bytes of a pipe: null at its end, undefined when there are none yet. */
function readChunk(id) {
  scratch ??= new Uint8Array(CHUNK_SIZE);
  const length = native().pipeRead(id, scratch);
  if (length === EAGAIN) return undefined;
  if (length < 0) throw systemError(length, "read");
  if (length === 0) return null;
  if (length <= CHUNK_SIZE / 2) return scratch.slice(0, length);
  const chunk = scratch.subarray(0, length);
  scratch = undefined;
  return chunk;
}

/**
 * Until somebody reads, what comes is kept, without a limit, as Bun does: a process whose output is read after its
 * end, or never, must be able to end. From the first `next()` on, nothing is read that is not asked for, and a full
 * pipe stops the process. `isLazy`: so it is from the beginning. `onOverflow` is called when there are more than
 * `maxBuffer` bytes; these are all that is ever given.
 */
class ReadPipe {
  #id;
  #keepalive;
  #kept = new ByteQueue();
  #isRead;
  #isOpen = true;
  #room;
  #onOverflow;
  #error = null;
  #waiter = null;
  #turn = 0;
  #keepLater;

  constructor(id, keepalive, { isLazy, maxBuffer = Number.POSITIVE_INFINITY, onOverflow }) {
    this.#id = id;
    this.#keepalive = keepalive;
    this.#isRead = isLazy;
    this.#room = maxBuffer;
    this.#onOverflow = onOverflow;
    // Waiting to keep what nobody may ever read is no reason to exist.
    const weak = new WeakRef(this);
    this.#keepLater = () => {
      const pipe = weak.deref();
      if (pipe !== undefined) pipe.#keep();
    };
    if (!isLazy) onReadable(id, this.#keepLater);
  }

  /** The next chunk, null at the end, or a promise of these. Must not be called again before that is settled. */
  next() {
    this.#isRead = true;
    const kept = this.#kept.shift();
    if (kept !== undefined) return kept;
    if (this.#error !== null) throw this.#error;
    if (!this.#isOpen) return null;
    if (++this.#turn > CHUNKS_A_TURN) return this.#nextTurn();
    return this.#take() ?? (this.#isOpen ? this.#wait() : null);
  }

  /** Reads no more. What was kept is still given, and then the end. */
  close() {
    if (!this.#isOpen) return;
    this.#shut();
    if (this.#waiter !== null) this.#endWait().resolve(null);
  }

  /** Closes, and forgets what was kept. */
  discard() {
    this.close();
    this.#kept.clear();
  }

  /**
   * What the process has written is all there now. `isStopped`: it was ended for a reason that is not its own, and who
   * else may write into the pipe is not waited for.
   */
  processEnded(isStopped) {
    if (isStopped || this.#room < Number.POSITIVE_INFINITY) this.#drain();
    else if (this.#waiter !== null) this.#wake();
    else if (!this.#isRead) this.#keep();
    if (isStopped) this.close();
    if (this.#isOpen) orphans.register(this, this.#id);
  }

  #drain() {
    for (let bytes = 0; this.#isOpen && bytes < LAST_BYTES; ) {
      const chunk = this.#takeToKeep();
      if (chunk === undefined) break;
      bytes += chunk?.length ?? 0;
    }
    if (this.#waiter === null) return;
    const chunk = this.#kept.shift();
    if (chunk !== undefined || !this.#isOpen) this.#endWait().resolve(chunk ?? null);
  }

  #keep() {
    for (let chunks = 0; this.#isOpen && !this.#isRead && chunks < CHUNKS_A_TURN; chunks++) {
      if (this.#takeToKeep() === undefined) break;
    }
    if (this.#isOpen && !this.#isRead) onReadable(this.#id, this.#keepLater);
  }

  #takeToKeep() {
    try {
      const chunk = this.#take();
      if (chunk) this.#kept.push(chunk);
      return chunk;
    } catch (error) {
      this.#error = error;
      return null;
    }
  }

  #nextTurn() {
    this.#turn = 0;
    return new Promise((resolve) => setImmediate(resolve)).then(() => this.next());
  }

  #wait() {
    this.#turn = 0;
    this.#keepalive.wait();
    onReadable(this.#id, () => this.#wake());
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #wake() {
    try {
      const chunk = this.#take();
      if (chunk === undefined) onReadable(this.#id, () => this.#wake());
      else this.#endWait().resolve(chunk);
    } catch (error) {
      this.#endWait().reject(error);
    }
  }

  #endWait() {
    const waiter = this.#waiter;
    this.#waiter = null;
    this.#keepalive.done();
    return waiter;
  }

  #take() {
    let chunk = null;
    try {
      chunk = readChunk(this.#id);
    } finally {
      if (chunk === null) this.#shut();
    }
    return chunk ? this.#counted(chunk) : chunk;
  }

  /** The chunk, or what there is room for of it: then there will be no other. */
  #counted(chunk) {
    this.#room -= chunk.length;
    if (this.#room >= 0) return chunk;
    this.#isOpen = false;
    setTimeout(closePipe, GRACE, this.#id).unref();
    this.#onOverflow();
    return chunk.length + this.#room === 0 ? null : chunk.subarray(0, this.#room);
  }

  #shut() {
    this.#isOpen = false;
    closePipe(this.#id);
  }
}

module.exports = { ReadPipe };
