"use strict";
// The parent's end of a pipe that the process writes to.

const { ByteQueue, CHUNK_SIZE } = require("./byte-queue.js");
const { systemError } = require("./errors.js");
const { closePipe, onReadable } = require("./events.js");
const { native } = require("./native.js");

const EAGAIN = -11;

// A process that writes faster than it is read would otherwise keep the event loop to itself.
const CHUNKS_A_TURN = 16;

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
 * pipe stops the process.
 */
class ReadPipe {
  #id;
  #keepalive;
  #kept = new ByteQueue();
  #isRead = false;
  #isOpen = true;
  #error = null;
  #waiter = null;
  #turn = 0;
  #keepLater;

  constructor(id, keepalive) {
    this.#id = id;
    this.#keepalive = keepalive;
    // Waiting to keep what nobody may ever read is no reason to exist.
    const weak = new WeakRef(this);
    this.#keepLater = () => {
      const pipe = weak.deref();
      if (pipe !== undefined) pipe.#keep();
    };
    onReadable(id, this.#keepLater);
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

  /** What the process has written is all there now. */
  processEnded() {
    if (this.#waiter !== null) this.#wake();
    else if (!this.#isRead) this.#keep();
    if (this.#isOpen) orphans.register(this, this.#id);
  }

  #keep() {
    for (let chunks = 0; this.#isOpen && !this.#isRead && chunks < CHUNKS_A_TURN; chunks++) {
      try {
        const chunk = this.#take();
        if (chunk === undefined) break;
        if (chunk !== null) this.#kept.push(chunk);
      } catch (error) {
        this.#error = error;
      }
    }
    if (this.#isOpen && !this.#isRead) onReadable(this.#id, this.#keepLater);
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
      return chunk;
    } finally {
      if (chunk === null) this.#shut();
    }
  }

  #shut() {
    this.#isOpen = false;
    closePipe(this.#id);
  }
}

module.exports = { ReadPipe };
