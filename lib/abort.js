"use strict";
// AbortSignals.

// One listener for all processes of a signal: Node warns of a leak when one has more than ten.
const callbacksOf = new WeakMap();

/** Calls `callback()` when the signal is aborted. Returns what makes an end of that. */
function onAbort(signal, callback) {
  const all = callbacksOf.get(signal) ?? listenTo(signal);
  all.callbacks.add(callback);
  return () => {
    all.callbacks.delete(callback);
    if (all.callbacks.size > 0) return;
    signal.removeEventListener("abort", all.listener);
    callbacksOf.delete(signal);
  };
}

function listenTo(signal) {
  const callbacks = new Set();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  const all = { callbacks, listener };
  callbacksOf.set(signal, all);
  signal.addEventListener("abort", listener, { __proto__: null, once: true });
  return all;
}

/** Throws, as Node and Bun do, when the signal was aborted before anything has been started. */
function throwIfAborted(signal, entry) {
  if (signal?.aborted !== true) return;
  const cause = signal.reason;
  const error = Object.assign(new Error("The operation was aborted", { cause }), { code: "ABORT_ERR" });
  Object.defineProperty(error, "name", { value: "AbortError", writable: true, configurable: true });
  Error.captureStackTrace(error, entry);
  throw error;
}

module.exports = { onAbort, throwIfAborted };
