"use strict";
// `stdout` and `stderr`: a web stream, with the methods by which Bun's are read whole, and one that reads lines.

const { exact, joined } = require("./bytes.js");
const { argumentError } = require("./errors.js");
const { splitLines } = require("./lines.js");

const decoder = new TextDecoder();

/** A ReadableStream of what comes from `pipe`, with `text()`, `json()`, `bytes()`, `blob()` and `lines()`. */
function readable(pipe) {
  const source = new PipeSource(pipe);
  // A mark of 0: nothing is read before it is asked for, so that `bytes()` finds everything still in the pipe. What is
  // undefined here and in the source keeps a polluted Object.prototype out.
  const stream = new ReadableStream(source, { highWaterMark: 0, size: undefined });
  const methods = {
    bytes: async () => exact(joined(await source.whole(stream))),
    text: async () => decoder.decode(joined(await source.whole(stream))),
    json: async () => JSON.parse(decoder.decode(joined(await source.whole(stream)))),
    blob: async () => new Blob(await source.whole(stream)),
    lines: () => source.lines(stream),
  };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(stream, name, { value, writable: true, configurable: true });
  }
  return stream;
}

class PipeSource {
  #pipe;
  #controller;
  #isUsed = false;
  #isCancelled = false;
  type = undefined;

  constructor(pipe) {
    this.#pipe = pipe;
  }

  start(controller) {
    this.#controller = controller;
  }

  pull() {
    this.#isUsed = true;
    const next = this.#pipe.next();
    return next instanceof Promise ? next.then((chunk) => this.#give(chunk)) : this.#give(next);
  }

  cancel() {
    this.#isUsed = true;
    this.#isCancelled = true;
    this.#pipe.discard();
  }

  #give(chunk) {
    if (this.#isCancelled) return;
    if (chunk === null) this.#controller.close();
    else this.#controller.enqueue(chunk);
  }

  /** All chunks up to the end, read past the stream, which costs more than the reading. It is locked meanwhile. */
  async whole(stream) {
    const lock = this.#claim(stream);
    try {
      const chunks = await this.#rest();
      this.#controller.close();
      return chunks;
    } catch (error) {
      this.#controller.error(error);
      throw error;
    } finally {
      lock.releaseLock();
    }
  }

  /** The lines, one by one; who stops before the end cancels the stream. It is locked meanwhile. */
  lines(stream) {
    this.#check(stream);
    return splitLines(this.#chunks(stream));
  }

  async *#chunks(stream) {
    const lock = this.#claim(stream);
    let isAtEnd = false;
    try {
      for (;;) {
        const chunk = await this.#pipe.next();
        if (chunk === null) break;
        yield chunk;
      }
      isAtEnd = true;
      this.#controller.close();
    } finally {
      if (!isAtEnd) await lock.cancel();
      lock.releaseLock();
    }
  }

  #check(stream) {
    if (stream.locked) throw invalidState("ReadableStream is locked");
    if (this.#isUsed) throw invalidState("ReadableStream has already been used");
  }

  #claim(stream) {
    this.#check(stream);
    this.#isUsed = true;
    return stream.getReader();
  }

  async #rest() {
    const chunks = [];
    for (;;) {
      const next = this.#pipe.next();
      const chunk = next instanceof Promise ? await next : next;
      if (chunk === null) return chunks;
      chunks.push(chunk);
    }
  }
}

function invalidState(message) {
  return argumentError("TypeError", "ERR_INVALID_STATE", `Invalid state: ${message}`);
}

module.exports = { readable };
