"use strict";
// Ends a process when its time is over, its signal is aborted or it has written too much: first by its kill signal,
// and if it does not heed that, by SIGKILL.

const { onAbort } = require("./abort.js");

const SIGKILL = 9;

// What setTimeout takes; a longer delay would be none.
const LONGEST_DELAY = 0x7fffffff;

class Terminator {
  #kill;
  #bounds;
  #reason = null;
  #timer = new Timer();
  #isStopping = false;
  #unlisten;

  /** `kill(signal)` gives 0, or a negative error number. */
  constructor(bounds, kill) {
    this.#bounds = bounds;
    this.#kill = kill;
    const { timeout, signal } = bounds;
    if (timeout !== undefined) this.#timer.start(timeout, () => this.stop("timeout"));
    if (signal !== undefined) this.#unlisten = onAbort(signal, () => this.stop("aborted"));
  }

  /** Why it was ended by us; null if it was not. */
  get reason() {
    return this.#reason;
  }

  /**
   * Ends the process; without a reason it is as if the caller had sent the signal. Returns what `kill` gave. When the
   * process has ended of itself meanwhile, that its output was cut is still to be told.
   */
  stop(reason = null) {
    if (this.#isStopping) return 0;
    const { killSignal, forceKillAfter } = this.#bounds;
    const result = this.#kill(killSignal);
    if (result === 0 || reason === "maxBuffer") this.#reason = reason;
    if (result !== 0) return result;
    this.#isStopping = true;
    this.#timer.clear();
    if (forceKillAfter !== undefined) this.#timer.start(forceKillAfter, () => this.#kill(SIGKILL));
    return 0;
  }

  /** There is nothing left to end. */
  processEnded() {
    this.#timer.clear();
    this.#unlisten?.();
  }
}

/** Keeps no event loop alive: the process does that, as long as it is to. */
class Timer {
  #timeout;

  start(delay, callback) {
    const now = Math.min(delay, LONGEST_DELAY);
    this.#timeout = setTimeout(() => {
      if (delay > now) this.start(delay - now, callback);
      else callback();
    }, now);
    this.#timeout.unref();
  }

  clear() {
    clearTimeout(this.#timeout);
  }
}

module.exports = { Terminator };
