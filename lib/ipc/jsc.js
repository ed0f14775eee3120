"use strict";
// The format "advanced" of Bun: a type, the length, a little-endian number, and the message as JavaScriptCore serializes
// it. Only Bun has the means to read and write it.

const { Frames } = require("./frames.js");

const HEADER_SIZE = 5;

const VERSION = 1;
const MESSAGE = 2;
const INTERNAL_MESSAGE = 3;

// Through a variable, so that nobody who reads this file for Node looks for such a module.
const MODULE = "bun:jsc";

function encode(message) {
  const body = require(MODULE).serialize(message, { binaryType: "nodebuffer" });
  const header = Buffer.alloc(HEADER_SIZE);
  header[0] = MESSAGE;
  header.writeUInt32LE(body.length, 1);
  return Buffer.concat([header, body]);
}

class Decoder {
  #frames;
  #isGreeted = false;

  constructor(limit) {
    this.#frames = new Frames(HEADER_SIZE, (header) => this.#bodySize(header), limit);
  }

  /** The messages that a chunk completes. */
  *decode(chunk) {
    for (const frame of this.#frames.take(chunk)) {
      if (frame[0] === MESSAGE) yield require(MODULE).deserialize(frame.subarray(HEADER_SIZE));
    }
  }

  // The first frame gives a version, in the place of a length.
  #bodySize(header) {
    const type = header[0];
    const isGreeting = type === VERSION && !this.#isGreeted;
    if (!isGreeting && !(this.#isGreeted && (type === MESSAGE || type === INTERNAL_MESSAGE))) {
      throw new TypeError(
        'what the command sent is not what Bun sends with serialization: "advanced"; Node\'s format of that name is ' +
          'another: use serialization: "json"',
      );
    }
    this.#isGreeted = true;
    return isGreeting ? 0 : header.readUInt32LE(1);
  }
}

module.exports = { Decoder, encode };
