"use strict";

const { Hold } = require("../events.js");

/** Keeps the event loop alive while somebody waits for a pipe, unless it is unref'd: Node's rule for a socket. */
class PipeHold {
  #hold = new Hold();
  #isRefed = true;
  #waiting = 0;

  ref() {
    this.#isRefed = true;
    this.#update();
  }

  unref() {
    this.#isRefed = false;
    this.#update();
  }

  /** Somebody waits, until `done`. */
  wait() {
    this.#waiting++;
    this.#update();
  }

  done() {
    this.#waiting--;
    this.#update();
  }

  #update() {
    this.#hold.set(this.#isRefed && this.#waiting > 0);
  }
}

module.exports = { PipeHold };
