"use strict";
// The format "advanced" of Node: the length, a big-endian number, and the message as V8 serializes it.

const v8 = require("node:v8");
const { Frames } = require("./frames.js");

const HEADER_SIZE = 4;

// What every serialized message begins with.
const VERSION_TAG = 0xff;

// Before each host object Node says which kind of one it is.
const VIEW = 0;
const OBJECT = 1;

class Serializer extends v8.DefaultSerializer {
  _writeHostObject(object) {
    const kind = ArrayBuffer.isView(object) ? VIEW : OBJECT;
    this.writeUint32(kind);
    // @ts-expect-error: documented, but not in the types
    if (kind === VIEW) super._writeHostObject(object);
    else this.writeValue(Object.assign({}, object));
  }
}

class Deserializer extends v8.DefaultDeserializer {
  _readHostObject() {
    // @ts-expect-error: likewise
    return this.readUint32() === VIEW ? super._readHostObject() : this.readValue();
  }
}

function encode(message) {
  const serializer = new Serializer();
  serializer.writeRawBytes(Buffer.alloc(HEADER_SIZE));
  serializer.writeHeader();
  serializer.writeValue(message);
  const frame = serializer.releaseBuffer();
  frame.writeUInt32BE(frame.length - HEADER_SIZE);
  return frame;
}

class Decoder {
  #frames;

  constructor(limit) {
    this.#frames = new Frames(HEADER_SIZE + 1, bodySize, limit);
  }

  /** The messages that a chunk completes. */
  *decode(chunk) {
    for (const frame of this.#frames.take(chunk)) {
      const deserializer = new Deserializer(frame.subarray(HEADER_SIZE));
      deserializer.readHeader();
      yield deserializer.readValue();
    }
  }
}

// The tag counts as part of the header: without it, whoever speaks another format would be taken to announce a long
// message, and be waited for in vain.
function bodySize(header) {
  if (header[HEADER_SIZE] !== VERSION_TAG) {
    throw new TypeError(
      'what the command sent is not what Node sends with serialization: "advanced"; Bun\'s format of that name is ' +
        'another: use serialization: "json"',
    );
  }
  return header.readUInt32BE() - 1;
}

module.exports = { Decoder, encode };
