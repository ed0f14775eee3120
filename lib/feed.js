"use strict";
// `stdin` that is given whole: a string, bytes, a Blob, a Response, a Request, a stream or an async iterable.

const { toBytes } = require("./bytes.js");

/**
 * What `stdin` can be read from: its `bytes`; or `open`, which gives a reader, and perhaps `whole`, which gives a promise
 * of its bytes; or `used`, why it cannot be read any more. undefined when it is nothing of the kind. Takes nothing out of
 * it yet.
 */
function sourceOf(stdin) {
  const data = toBytes(stdin);
  if (data !== undefined) return source({ bytes: data.bytes });
  if (typeof stdin !== "object" || stdin === null) return undefined;
  if (typeof stdin.getReader === "function") {
    return stdin.locked
      ? source({ used: "ReadableStream has already been used" })
      : source({ open: () => stdin.getReader() });
  }
  // What is sent or received has a body, perhaps null, to be read once. A Blob can be read again and again.
  if (typeof stdin.bodyUsed === "boolean") {
    const { body } = stdin;
    return stdin.bodyUsed || body?.locked
      ? source({ used: "Body already used" })
      : source({ open: () => body?.getReader() ?? EMPTY, whole: () => stdin.bytes() });
  }
  if (typeof stdin.stream === "function") {
    return source({ open: () => stdin.stream().getReader(), whole: () => stdin.bytes() });
  }
  if (typeof stdin[Symbol.asyncIterator] !== "function") return undefined;
  return stdin.destroyed === true
    ? source({ used: "the stream has been destroyed" })
    : source({ open: () => new IteratorReader(stdin) });
}

const EMPTY = {
  async read() {
    return { done: true };
  },
  async cancel() {},
};

/** An async iterable, such as a stream of Node's, read like a ReadableStream. */
class IteratorReader {
  #iterable;
  #iterator;

  constructor(iterable) {
    this.#iterable = iterable;
    this.#iterator = iterable[Symbol.asyncIterator]();
  }

  read() {
    return this.#iterator.next();
  }

  /** A generator ends when it has what it waits for; a stream of Node's need not wait for that. */
  async cancel() {
    if (typeof this.#iterable.destroy === "function") this.#iterable.destroy();
    else await this.#iterator.return?.();
  }
}

/** Whether `bytesNow` may have the bytes of a source. */
function isReadableNow({ bytes, whole }) {
  return bytes !== undefined || (whole !== undefined && globalThis.Bun !== undefined);
}

/** The bytes of a source, without waiting. Of a Blob or a body Bun has them if they are in memory; else undefined. */
function bytesNow({ bytes, whole }) {
  if (bytes !== undefined) return bytes;
  const promise = whole();
  promise.catch(() => {});
  const settled = globalThis.Bun.peek(promise);
  return settled instanceof Uint8Array ? settled : undefined;
}

const source = (fields) => ({ __proto__: null, ...fields });

/**
 * Writes a source into the pipe and ends it. `onError` hears of an error of the source; that the process reads no
 * more is its own affair, and no error, and neither is what a source then says to being given up.
 */
function feed(pipe, from, onError) {
  const done = from.open === undefined ? writeWhole(pipe, from.bytes) : pump(pipe, from.open);
  if (!(done instanceof Promise)) return;
  done.catch((error) => {
    if (pipe.failure?.code !== "EPIPE") onError(error);
  });
}

function writeWhole(pipe, bytes) {
  const written = pipe.write(bytes, true);
  pipe.end();
  return written;
}

async function pump(pipe, open) {
  let reader;
  try {
    reader = open();
    // Without this a source that gives nothing for long would stay open long after the process has gone.
    pipe.onClose(() => cancel(reader));
    await copy(reader, pipe);
  } catch (error) {
    cancel(reader, error);
    throw error;
  } finally {
    // After an error too: what the process sees is the end of its input, as under Bun.
    pipe.end();
  }
}

/** Never throws: the source may be anybody's, and may have failed already. */
async function cancel(reader, reason) {
  try {
    await reader?.cancel(reason);
  } catch {
    // Nobody waits for it any more.
  }
}

async function copy(reader, pipe) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const data = toBytes(value);
    if (data === undefined) throw new TypeError("a chunk of the stream is neither a string nor bytes");
    const written = pipe.write(data.bytes, data.isOurs);
    if (typeof written !== "number") await written;
  }
}

module.exports = { bytesNow, feed, isReadableNow, sourceOf };
