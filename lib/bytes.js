"use strict";

/**
 * A chunk as bytes: `{ bytes, isOurs }`, where `isOurs` says that nobody else can change them. undefined for what is
 * neither a string nor bytes.
 */
function toBytes(chunk) {
  if (typeof chunk === "string") return { bytes: Buffer.from(chunk), isOurs: true };
  const view = viewOf(chunk);
  if (view === undefined) return undefined;
  // Memory that other threads write to cannot be handed to the native side.
  const isShared = view.buffer instanceof SharedArrayBuffer;
  return { bytes: isShared ? view.slice() : view, isOurs: isShared };
}

function viewOf(chunk) {
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (chunk instanceof ArrayBuffer || chunk instanceof SharedArrayBuffer) return new Uint8Array(chunk);
  return undefined;
}

/** The chunks as one; the only one itself when there is only one. */
function joined(chunks) {
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The bytes in a buffer that holds nothing else: whoever takes the `buffer` must find no more in it. */
function exact(bytes) {
  return bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice();
}

module.exports = { exact, joined, toBytes };
