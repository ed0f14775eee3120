"use strict";
// The option `stdio`, as Node reads it.

const { inspect } = require("node:util");
const { argumentError } = require("../errors.js");
const { invalidValue } = require("./errors.js");
const { isOurs } = require("./streams.js");

const LEAST = 3;

/**
 * `entries` as the native side takes them, where a stream of ours still stands for its descriptor; `ipc`, the number
 * of the channel, or -1; and the foreign `sockets` that are shared, whose reading is to stop here.
 */
function readStdio(stdio, isSync) {
  const given = Array.isArray(stdio) ? [...stdio] : threeOf(stdio || "pipe");
  while (given.length < LEAST) given.push(undefined);
  const sockets = [];
  const entries = Array.from(given, (entry, index) => readEntry(entry, index, isSync, sockets));
  const ipc = entries.indexOf("ipc");
  if (ipc !== -1) {
    if (entries.indexOf("ipc", ipc + 1) !== -1) throw oneChannel();
    entries[ipc] = "pipe";
  }
  return { entries, ipc, sockets };
}

function threeOf(stdio) {
  if (["pipe", "overlapped", "ignore", "inherit"].includes(stdio)) return Array(LEAST).fill(stdio);
  throw invalidValue("stdio", stdio);
}

function readEntry(entry, index, isSync, sockets) {
  if (entry === undefined || entry === null) return index < LEAST ? "pipe" : "ignore";
  if (entry === "pipe" || entry === "overlapped") return "pipe";
  if (entry === "ignore" || entry === "inherit") return entry;
  if (entry === "ipc") {
    if (isSync) throw noChannel();
    return entry;
  }
  if (typeof entry === "number") return entry < 0 ? "pipe" : entry;
  if (isOurs(entry) && !entry.destroyed) return entry;
  if (typeof entry.fd === "number") return entry.fd;
  const handle = entry._handle ?? entry.handle;
  if (handle?.fd >= 0) {
    sockets.push({ handle, stream: entry });
    return handle.fd;
  }
  if (!isSync && (typeof entry === "string" || ArrayBuffer.isView(entry))) throw noInput(entry);
  throw invalidValue("stdio", entry);
}

/** What comes on a shared socket is the command's from now on. */
function stopReading({ handle, stream }) {
  handle.reading = false;
  handle.readStop?.();
  stream.pause?.();
}

function oneChannel() {
  const message = "Child process can have only one IPC pipe";
  return Object.assign(new Error(message), { code: "ERR_IPC_ONE_PIPE" });
}

function noChannel() {
  const message = "IPC cannot be used with synchronous forks";
  return Object.assign(new Error(message), { code: "ERR_IPC_SYNC_FORK" });
}

function noInput(entry) {
  const message = `Asynchronous forks do not support Buffer, TypedArray, DataView or string input: ${inspect(entry)}`;
  return argumentError("TypeError", "ERR_INVALID_SYNC_FORK_INPUT", message);
}

module.exports = { readStdio, stopReading };
