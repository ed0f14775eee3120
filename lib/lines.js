"use strict";

/**
 * The lines of UTF-8 chunks, without the "\n" or "\r\n" that ends them; what comes after the last of these is a line too,
 * if there is anything. A chunk is asked for when all lines before it have been taken.
 */
async function* splitLines(chunks) {
  const decoder = new TextDecoder();
  // A line that goes on and on is put together once, at its end: not searched again with every chunk.
  let begun = [];
  for await (const chunk of chunks) {
    const parts = decoder.decode(chunk, { stream: true }).split("\n");
    const rest = parts.pop();
    for (const part of parts) {
      yield withoutReturn(begun.length === 0 ? part : begun.join("") + part);
      begun = [];
    }
    if (rest !== "") begun.push(rest);
  }
  const last = begun.join("") + decoder.decode();
  if (last !== "") yield last;
}

function withoutReturn(line) {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

module.exports = { splitLines };
