"use strict";

/** Takes a stream of bytes apart into frames: a header of fixed size, which tells how long the rest is. */
class Frames {
  #headerSize;
  #bodySize;
  #limit;
  #parts = [];
  #length = 0;
  #wanted;

  /** `bodySize(header)` reads a header, or throws; `limit` is how many bytes a frame may have. */
  constructor(headerSize, bodySize, limit) {
    this.#headerSize = headerSize;
    this.#bodySize = bodySize;
    this.#limit = limit;
    this.#wanted = headerSize;
  }

  /** The frames that a chunk completes, with their headers. */
  *take(chunk) {
    this.#keep(chunk);
    while (this.#length >= this.#wanted) {
      const bytes = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts);
      const size = this.#headerSize + this.#bodySize(bytes);
      if (size > this.#limit) throw new RangeError(`a message has more than ${this.#limit} bytes`);
      const isComplete = bytes.length >= size;
      this.#parts = [];
      this.#length = 0;
      this.#wanted = isComplete ? this.#headerSize : size;
      this.#keep(isComplete ? bytes.subarray(size) : bytes);
      if (isComplete) yield bytes.subarray(0, size);
    }
  }

  // Joined only when a header or a frame is complete: a long one comes in many pieces.
  #keep(bytes) {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }
}

module.exports = { Frames };
