"use strict";
// Node's ChildProcess.

const { AsyncResource } = require("node:async_hooks");
const { EventEmitter } = require("node:events");
const containers = require("../container.js");
const { Hold, listen, onExit } = require("../events.js");
const { native } = require("../native.js");
const { signalName } = require("../signals.js");
const { signalNumber } = require("./checks.js");
const { errnoException } = require("./errors.js");
const { exitCodeOf, laterError } = require("./failure.js");
const { Connection } = require("./ipc.js");
const { launch } = require("./launch.js");
const { brokenStream, streamOf } = require("./streams.js");

const ESRCH = -3;
const REFUSED = new Set([-22 /* EINVAL */, -38 /* ENOSYS */]);

const START = Symbol("start");

class ChildProcess extends EventEmitter {
  connected = false;
  signalCode = null;
  exitCode = null;
  killed = false;
  spawnfile = null;
  spawnargs;
  pid;
  stdin;
  stdout;
  stderr;
  stdio;
  /** Beside what Node has: what the container is, null without one. */
  container = null;

  #id = null;
  #container = null;
  #hold = new Hold();
  #connection = null;
  // The process itself, the channel, and each stream that something can still come from.
  #open = 1;

  kill(signal) {
    const number = signal === 0 ? 0 : signalNumber(signal === undefined ? "SIGTERM" : signal);
    if (this.#id === null) return false;
    const result = native().kill(this.#id, number);
    if (result === 0) {
      this.killed = true;
      return true;
    }
    if (REFUSED.has(result)) throw errnoException(result, "kill");
    if (result !== ESRCH) this.emit("error", errnoException(result, "kill"));
    return false;
  }

  ref() {
    this.#hold.set(this.#id !== null);
  }

  unref() {
    this.#hold.set(false);
  }

  [Symbol.dispose]() {
    if (!this.killed) this.kill();
  }

  [START](command, stdio, entry) {
    listen();
    this.spawnfile = command.file;
    this.spawnargs = command.spawnargs;
    const result = launch(command.request, stdio, native().spawn);
    if (Object.hasOwn(result, "error")) this.#fail(laterError(result.error, command, entry));
    else this.#begin(result);
    this.#openStreams(stdio, result.pipes);
    if (stdio.ipc !== -1) this.#connect(result.pipes?.[stdio.ipc], command.serialization);
  }

  #begin({ id, pid, container }) {
    this.#id = id;
    this.pid = pid;
    if (container !== null) this.container = this.#container = new containers.Container(id, container);
    this.#hold.set(true);
    // Listeners run in the asynchronous context of the call to `spawn`, and what they throw is an uncaught exception.
    const ended = AsyncResource.bind((status, stats) => this.#ended(status, stats), "ChildProcess");
    onExit(id, (status, _usage, stats) => {
      // A microtask is late enough for that, and no earlier than the messages that came before the end.
      this.#connection?.processEnded();
      queueMicrotask(() => ended(status, stats));
    });
    process.nextTick(() => this.emit("spawn"));
  }

  #fail(error) {
    process.nextTick(() => {
      this.exitCode = exitCodeOf(error);
      this.#over("error", error);
      this.#connection?.processEnded();
    });
  }

  #openStreams({ entries, ipc }, pipes) {
    this.stdio = entries.map((entry, index) => {
      if (entry !== "pipe" || index === ipc) return null;
      return pipes === undefined ? brokenStream(index) : streamOf(index, pipes[index]);
    });
    [this.stdin, this.stdout, this.stderr] = this.stdio;
    for (const stream of this.stdio.slice(1)) {
      if (stream === null) continue;
      this.#open++;
      stream.on("close", () => this.#closed());
    }
  }

  #connect(pipe, serialization) {
    this.#open++;
    this.#connection = new Connection(this, pipe, serialization, () => this.#closed());
  }

  #ended(status, stats) {
    const signal = status & 0x7f;
    if (signal === 0) this.exitCode = (status >> 8) & 0xff;
    else this.signalCode = signalName(signal);
    this.#id = null;
    this.#hold.set(false);
    if (this.#container !== null) containers.ended(this.#container, stats);
    this.#over("exit", this.exitCode, this.signalCode);
  }

  #over(event, ...values) {
    this.stdin?.destroy();
    for (const stream of this.stdio.slice(1)) stream?.processEnded?.();
    this.emit(event, ...values);
    // What nobody reads is thrown away, so that "close" comes; on the next tick, for who begins to read now.
    process.nextTick(() => this.#drain());
    this.#closed();
  }

  #drain() {
    for (const stream of this.stdio) {
      if (stream?.readable) stream.resume();
    }
  }

  #closed() {
    this.#open--;
    if (this.#open === 0) this.emit("close", this.exitCode, this.signalCode);
  }
}

/** Starts what `child` stands for. */
function start(child, command, stdio, entry) {
  child[START](command, stdio, entry);
}

module.exports = { ChildProcess, start };
