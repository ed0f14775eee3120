"use strict";
// The format "json", of Node and Bun: messages as lines.

const NEWLINE = 10;

function encode(message) {
  const text = JSON.stringify(message);
  // What an object's toJSON() gives is the caller's affair, and may be nothing.
  if (text === undefined) throw new TypeError("the message has no JSON");
  return Buffer.from(`${text}\n`);
}

class Decoder {
  #limit;
  #parts = [];
  #length = 0;

  /** `limit`: how many bytes a message may have. */
  constructor(limit) {
    this.#limit = limit;
  }

  /** The messages that a chunk completes. */
  *decode(chunk) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) break;
      const line = this.#line(chunk.subarray(start, end));
      start = end + 1;
      yield JSON.parse(line);
    }
    this.#keep(chunk.subarray(start));
  }

  #line(end) {
    if (this.#length === 0) return end.toString();
    this.#keep(end);
    const line = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#length = 0;
    return line;
  }

  // Joined only when the line is complete: a long one comes in many pieces.
  #keep(bytes) {
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    if (this.#length > this.#limit) throw new RangeError(`a message has more than ${this.#limit} bytes`);
    this.#parts.push(bytes);
  }
}

module.exports = { Decoder, encode };
