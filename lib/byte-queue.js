"use strict";

const CHUNK_SIZE = 64 * 1024;

/** Bytes in the order they came. Small pieces are put together: a line of output must not cost an object each. */
class ByteQueue {
  #chunks = [];
  #tail = null;
  #used = 0;

  push(bytes) {
    if (bytes.length > CHUNK_SIZE / 2) {
      this.#seal();
      this.#chunks.push(bytes);
      return;
    }
    if (this.#tail === null || bytes.length > this.#tail.length - this.#used) this.#grow(bytes.length);
    this.#tail.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** The oldest bytes, or undefined. */
  shift() {
    if (this.#chunks.length === 0) this.#seal();
    return this.#chunks.shift();
  }

  clear() {
    this.#chunks = [];
    this.#tail = null;
    this.#used = 0;
  }

  // The first piece gets just what it needs: most outputs are one piece.
  #grow(least) {
    const doubled = this.#tail === null ? 0 : this.#tail.length * 2;
    this.#seal();
    this.#tail = new Uint8Array(Math.max(least, Math.min(doubled, CHUNK_SIZE)));
  }

  #seal() {
    if (this.#used > 0) this.#chunks.push(this.#tail.subarray(0, this.#used));
    this.#tail = null;
    this.#used = 0;
  }
}

module.exports = { ByteQueue, CHUNK_SIZE };
