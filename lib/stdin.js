"use strict";
// `stdin` of a process that was started with "pipe": Bun's FileSink.

const { toBytes } = require("./bytes.js");
const { argumentError } = require("./errors.js");

const { toStringTag } = Symbol;

class FileSink {
  #pipe;

  constructor(pipe) {
    this.#pipe = pipe;
  }

  /** There is no buffer of ours whose size could be set: the pipe is the buffer. */
  start() {}

  /** The number of bytes written; a promise of it while the process does not read, rejecting when it never will. */
  write(chunk) {
    const data = toBytes(chunk);
    if (data === undefined) {
      throw argumentError(
        "TypeError",
        "ERR_INVALID_ARG_TYPE",
        "write() expects a string, ArrayBufferView, or ArrayBuffer",
      );
    }
    return this.#pipe.write(data.bytes, data.isOurs);
  }

  /** The number of bytes that had to be waited for. */
  flush() {
    const { waiting } = this.#pipe;
    return waiting === 0 ? 0 : this.#pipe.drained().then(() => waiting);
  }

  /** Closes the pipe when all is written; at once, failing what is not, when there is an error. */
  end(error) {
    if (error !== undefined && error !== null) {
      this.#pipe.close(error);
      return 0;
    }
    const flushed = this.flush();
    this.#pipe.end();
    return flushed;
  }

  /** Closes the pipe at once. */
  close(error) {
    this.#pipe.close(error);
  }

  ref() {
    this.#pipe.ref();
  }

  unref() {
    this.#pipe.unref();
  }

  get [toStringTag]() {
    return "FileSink";
  }
}

module.exports = { FileSink };
