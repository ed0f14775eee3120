"use strict";
// `stdin` that is given whole: a string, bytes, a Blob, a Response, a Request or a stream.

const { toBytes } = require("./bytes.js");

const ignore = () => {};

/**
 * What `stdin` can be read from: `{ bytes }`, or `{ open }` which gives a ReadableStream or null, or `{ used }` which
 * tells why it cannot be read any more. undefined when it is nothing of the kind. Takes nothing out of it yet.
 */
function sourceOf(stdin) {
  const data = toBytes(stdin);
  if (data !== undefined) return { bytes: data.bytes };
  if (typeof stdin !== "object" || stdin === null) return undefined;
  if (typeof stdin.getReader === "function") {
    return stdin.locked ? { used: "ReadableStream has already been used" } : { open: () => stdin };
  }
  // What is sent or received has a body, perhaps null, to be read once. A Blob can be read again and again.
  if (typeof stdin.bodyUsed === "boolean") {
    const { body } = stdin;
    return stdin.bodyUsed || body?.locked ? { used: "Body already used" } : { open: () => body };
  }
  return typeof stdin.stream === "function" ? { open: () => stdin.stream() } : undefined;
}

/**
 * Writes a source into the pipe and ends it. `onError` hears of an error of the source; that the process reads no
 * more is its own affair, and no error.
 */
function feed(pipe, source, onError) {
  const done = source.open === undefined ? pipe.write(source.bytes, true) : pump(pipe, source.open());
  if (done instanceof Promise) {
    done.catch((error) => {
      if (error.code !== "EPIPE" || error.syscall !== "write") onError(error);
    });
  }
  if (source.open === undefined) pipe.end();
}

async function pump(pipe, stream) {
  if (stream === null) return pipe.end();
  const reader = stream.getReader();
  pipe.onClose(() => reader.cancel().catch(ignore));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const data = toBytes(value);
      if (data === undefined) throw new TypeError("a chunk of the stdin stream is neither a string nor bytes");
      await pipe.write(data.bytes, data.isOurs);
    }
  } catch (error) {
    reader.cancel(error).catch(ignore);
    throw error;
  } finally {
    // After an error too: what the process sees is the end of its input, as under Bun.
    pipe.end();
  }
}

module.exports = { feed, sourceOf };
