"use strict";
// When a process keeps the event loop alive.

const { Hold } = require("./events.js");

/**
 * Of three things two must be true: the process is ref'd, it runs, somebody waits for one of its pipes.
 *
 * So an unref'd process does not hold the loop by running, nor a pipe that outlives an unref'd process (a daemon it
 * left behind may keep that open for ever), nor a pipe that nobody reads.
 */
class Keepalive {
  #hold = new Hold();
  #refed = true;
  #running = true;
  #waiting = 0;

  constructor() {
    this.#update();
  }

  ref() {
    this.#refed = true;
    this.#update();
  }

  unref() {
    this.#refed = false;
    this.#update();
  }

  /** The process has ended. */
  ended() {
    this.#running = false;
    this.#update();
  }

  /** Somebody waits for a pipe, until `done`. */
  wait() {
    this.#waiting++;
    this.#update();
  }

  done() {
    this.#waiting--;
    this.#update();
  }

  #update() {
    const waiting = this.#waiting > 0;
    this.#hold.set((this.#refed && this.#running) || (waiting && (this.#refed || this.#running)));
  }
}

module.exports = { Keepalive };
