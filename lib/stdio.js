"use strict";
// The streams of a process, as its handle shows them.

const { closePipe } = require("./events.js");
const { feed } = require("./feed.js");
const { native } = require("./native.js");
const { ReadPipe } = require("./read-pipe.js");
const { readable } = require("./readable.js");
const { FileSink } = require("./stdin.js");
const { WritePipe } = require("./write-pipe.js");

// Extra pipes are descriptors for the caller to take; what was never taken goes with the handle.
const untaken = new FinalizationRegistry((ids) => ids.forEach(closePipe));

/**
 * `shown` are the options' entries, `pipes` the native pipes to the process, -1 where there is none; for `reading` see
 * ReadPipe.
 */
class Stdio {
  /** A FileSink, a descriptor of the caller's, undefined, or with a terminal null. */
  stdin;
  /** What went wrong with the source that stdin was to be read from. */
  inputError;

  #input = null;
  #stdout;
  #stderr;
  #extras;
  #extraPipes;

  constructor(shown, pipes, source, keepalive, reading) {
    this.#openInput(shown[0], pipes[0], source, keepalive);
    this.#stdout = new Output(shown[1], pipes[1], keepalive, reading);
    this.#stderr = new Output(shown[2], pipes[2], keepalive, reading);
    // "socket-fd" is the caller's from the beginning.
    const owned = (entry, index) => (entry === "socket-fd" ? native().pipeDetach(pipes[index + 3]) : entry);
    this.#extras = shown.slice(3).map(owned);
    this.#extraPipes = pipes.slice(3).filter((_, index) => this.#extras[index] === "pipe");
    if (this.#extraPipes.length > 0) untaken.register(this, this.#extraPipes);
  }

  get stdout() {
    return this.#stdout.value;
  }

  get stderr() {
    return this.#stderr.value;
  }

  /** Bun's `stdio`: nothing for the first three, then descriptors. */
  get all() {
    this.#extras = this.#extras.map((entry) => (entry === "pipe" ? this.#takeExtra() : entry));
    return [null, null, null, ...this.#extras.map((entry) => (entry === "ignore" ? null : entry))];
  }

  /** Nothing more is read by the process; what it has written stays to be read. */
  processEnded(isStopped) {
    this.#input?.close();
    this.#stdout.pipe?.processEnded(isStopped);
    this.#stderr.pipe?.processEnded(isStopped);
  }

  close() {
    this.#input?.close();
    this.#stdout.pipe?.close();
    this.#stderr.pipe?.close();
    this.#extras = this.#extras.map((entry) => (entry === "pipe" ? "ignore" : entry));
    for (const pipe of this.#extraPipes.splice(0)) closePipe(pipe);
  }

  #openInput(entry, pipe, source, keepalive) {
    if (pipe === -1) {
      this.stdin = withoutPipe(entry);
      return;
    }
    this.#input = new WritePipe(pipe, keepalive);
    if (source === undefined) this.stdin = new FileSink(this.#input);
    else
      feed(this.#input, source, (error) => {
        this.inputError = error;
      });
  }

  #takeExtra() {
    return native().pipeDetach(this.#extraPipes.shift());
  }
}

/** null is what Bun shows of a process with a terminal. */
function withoutPipe(entry) {
  return typeof entry === "number" || entry === null ? entry : undefined;
}

/** stdout or stderr: the stream is made when somebody asks for it, which most callers of short commands do not. */
class Output {
  pipe = null;
  #value;

  constructor(entry, pipe, keepalive, reading) {
    if (pipe !== -1) this.pipe = new ReadPipe(pipe, keepalive, reading);
    else this.#value = withoutPipe(entry);
  }

  get value() {
    if (this.pipe !== null) this.#value ??= readable(this.pipe);
    return this.#value;
  }
}

module.exports = { Stdio };
