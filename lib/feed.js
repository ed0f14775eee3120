"use strict";
// `stdin` that is given whole: a string, bytes, a Blob, a Response, a Request or a stream.

const { toBytes } = require("./bytes.js");

/**
 * What `stdin` can be read from: its `bytes`; or `open`, which gives a ReadableStream or null; or `used`, why it cannot
 * be read any more. undefined when it is nothing of the kind. Takes nothing out of it yet.
 */
function sourceOf(stdin) {
  const data = toBytes(stdin);
  if (data !== undefined) return source({ bytes: data.bytes });
  if (typeof stdin !== "object" || stdin === null) return undefined;
  if (typeof stdin.getReader === "function") {
    return stdin.locked
      ? source({ used: "ReadableStream has already been used" })
      : source({ open: () => stdin });
  }
  // What is sent or received has a body, perhaps null, to be read once. A Blob can be read again and again.
  if (typeof stdin.bodyUsed === "boolean") {
    const { body } = stdin;
    return stdin.bodyUsed || body?.locked
      ? source({ used: "Body already used" })
      : source({ open: () => body });
  }
  return typeof stdin.stream === "function" ? source({ open: () => stdin.stream() }) : undefined;
}

const source = (fields) => ({ __proto__: null, ...fields });

/**
 * Writes a source into the pipe and ends it. `onError` hears of an error of the source; that the process reads no
 * more is its own affair, and no error.
 */
function feed(pipe, from, onError) {
  const done = from.open === undefined ? writeWhole(pipe, from.bytes) : pump(pipe, from.open);
  if (!(done instanceof Promise)) return;
  done.catch((error) => {
    if (error !== pipe.failure || error.code !== "EPIPE") onError(error);
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
    const stream = open();
    if (stream === null) return;
    reader = stream.getReader();
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

module.exports = { feed, sourceOf };
