"use strict";
// A command's stdin, stdout, stderr and further pipes, as Node streams.

const { Duplex, Readable, Writable } = require("node:stream");
const { toBytes } = require("../bytes.js");
const { native } = require("../native.js");
const { ReadPipe } = require("../read-pipe.js");
const { WritePipe } = require("../write-pipe.js");
const { errnoException, streamError } = require("./errors.js");
const { PipeHold } = require("./hold.js");

const EPIPE = -32;

// Nothing is read that is not asked for: back-pressure is the stream's.
const LAZY = { isLazy: true, onOverflow: undefined };

const GIVE_UP = Symbol("give up");

/** stdout or stderr. */
class Output extends Readable {
  #id;
  #pipe;
  #hold = new PipeHold();

  constructor(id) {
    super();
    this.#id = id;
    this.#pipe = new ReadPipe(id, this.#hold, LAZY);
    beginToRead(this);
  }

  ref() {
    this.#hold.ref();
    return this;
  }

  unref() {
    this.#hold.unref();
    return this;
  }

  processEnded() {
    this.#pipe.processEnded(false);
  }

  _read() {
    readInto(this, this.#pipe);
  }

  _destroy(error, callback) {
    this.#pipe.discard();
    callback(error);
  }

  [GIVE_UP]() {
    return giveUp(this, this.#id);
  }
}

/** stdin. */
class Input extends Writable {
  #id;
  #pipe;
  #hold = new PipeHold();

  constructor(id) {
    super();
    this.#id = id;
    this.#pipe = new WritePipe(id, this.#hold);
  }

  ref() {
    this.#hold.ref();
    return this;
  }

  unref() {
    this.#hold.unref();
    return this;
  }

  _write(chunk, _encoding, callback) {
    writeFrom(chunk, this.#pipe, callback);
  }

  _final(callback) {
    this.#pipe.end();
    callback();
  }

  _destroy(error, callback) {
    this.#pipe.close();
    callback(error);
  }

  [GIVE_UP]() {
    return giveUp(this, this.#id);
  }
}

/** A pipe from descriptor 3 up, which is a socket. */
class Channel extends Duplex {
  #id;
  #input;
  #output;
  #hold = new PipeHold();

  constructor(id) {
    super({ allowHalfOpen: false });
    this.#id = id;
    this.#input = new WritePipe(id, this.#hold);
    this.#output = new ReadPipe(id, this.#hold, LAZY);
    // A write that fails closes the socket.
    this.#input.onClose(() => this.#output.close());
    beginToRead(this);
  }

  ref() {
    this.#hold.ref();
    return this;
  }

  unref() {
    this.#hold.unref();
    return this;
  }

  processEnded() {
    this.#output.processEnded(false);
  }

  _read() {
    // At its end the socket is closed: what is still to be written has nowhere to go.
    readInto(this, this.#output, () => this.#input.close());
  }

  _write(chunk, _encoding, callback) {
    writeFrom(chunk, this.#input, callback);
  }

  _final(callback) {
    // Not closed: the answer may be still to come. Where the other side has gone there is nobody to tell.
    native().pipeShutdown(this.#id);
    callback();
  }

  _destroy(error, callback) {
    this.#input.close();
    this.#output.discard();
    callback(error);
  }

  [GIVE_UP]() {
    return giveUp(this, this.#id);
  }
}

/**
 * Node begins to read a pipe before anybody asks for data. On the next tick: until then the stream can be handed to
 * another command with all that is in the pipe.
 */
function beginToRead(stream) {
  process.nextTick(() => {
    if (!stream.destroyed) stream.read(0);
  });
}

// What listeners throw is an uncaught exception in Node, and would be a rejection inside a promise's reaction: hence
// the next tick, here and below.
function readInto(stream, pipe, onEnd) {
  const give = (chunk) => {
    if (chunk === null) onEnd?.();
    if (!stream.destroyed) stream.push(chunk === null ? null : bufferOf(chunk));
  };
  const fail = (error) => stream.destroy(streamError(error));
  try {
    const next = pipe.next();
    if (!(next instanceof Promise)) return give(next);
    next.then(
      (chunk) => process.nextTick(give, chunk),
      (error) => process.nextTick(fail, error),
    );
  } catch (error) {
    fail(error);
  }
}

function writeFrom(chunk, pipe, callback) {
  // As in Node, bytes that wait are not copied.
  const written = pipe.write(toBytes(chunk).bytes, true);
  if (!(written instanceof Promise)) return callback();
  written.then(
    () => process.nextTick(callback),
    (error) => process.nextTick(callback, streamError(error)),
  );
}

function bufferOf(bytes) {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether it is a stream of this file. */
function isOurs(stream) {
  return typeof stream === "object" && stream !== null && GIVE_UP in stream;
}

/** The descriptor of a stream of ours, for a command to have. It is the caller's to close; the stream is at its end. */
function descriptorOf(stream) {
  return stream[GIVE_UP]();
}

function giveUp(stream, id) {
  const descriptor = native().pipeDetach(id);
  stream.destroy();
  return descriptor;
}

/** The stream of a pipe that was made for a command's descriptor. */
function streamOf(index, id) {
  if (index === 0) return new Input(id);
  return index < 3 ? new Output(id) : new Channel(id);
}

/** The stream of a command that was never started: nobody reads, and nothing comes. */
function brokenStream(index) {
  const Kind = index === 0 ? Writable : index < 3 ? Readable : Duplex;
  const stream = new Kind({
    allowHalfOpen: false,
    read() {
      this.push(null);
    },
    write: (_chunk, _encoding, callback) => callback(errnoException(EPIPE, "write")),
  });
  const self = () => stream;
  return Object.assign(stream, { ref: self, unref: self });
}

module.exports = { brokenStream, descriptorOf, isOurs, streamOf };
