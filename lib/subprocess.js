"use strict";
// The handle of a process: Bun's Subprocess.

const containers = require("./container.js");
const { systemError } = require("./errors.js");
const { channelClosed, openChannel } = require("./ipc.js");
const events = require("./events.js");
const { exitReason } = require("./exit-reason.js");
const { Keepalive } = require("./keepalive.js");
const { native } = require("./native.js");
const { resourceUsage } = require("./resource-usage.js");
const { signalName, signalNumber } = require("./signals.js");
const { Stdio } = require("./stdio.js");
const terminals = require("./terminal.js");
const { Terminator } = require("./terminator.js");

const ESRCH = -3;
const SIGTERM = 15;

class Subprocess {
  #id;
  #pid;
  #container = null;
  #keepalive = new Keepalive();
  #channel;
  #stdio;
  #terminal;
  #terminator;
  #exited;
  #settleExited;
  #exitCode = null;
  #signalCode = null;
  #counts = null;
  #reason = null;

  constructor({ id, pid, pipes, container }, { shown, source, bounds, isLazy, onExit, ipc }, terminal) {
    this.#id = id;
    this.#pid = pid;
    if (container !== null) this.#container = new containers.Container(id, container);
    this.#exited = new Promise((resolve) => {
      this.#settleExited = resolve;
    });
    // The table of events keeps this handle until the process has ended, whether the caller does or not.
    events.onExit(id, (status, counts, stats) => this.#ended(status, counts, stats));
    this.#terminal = terminal;
    if (ipc !== undefined) this.#channel = openChannel(ipc, pipes, this);
    this.#terminator = new Terminator(bounds, (signal) => this.#send(signal));
    const onOverflow = () => this.#terminator.stop("maxBuffer");
    const reading = { isLazy, maxBuffer: bounds.maxBuffer, onOverflow };
    this.#stdio = new Stdio(shown, pipes, source, this.#keepalive, reading);
    if (onExit !== undefined) this.#callAtExit(onExit);
  }

  get pid() {
    return this.#pid;
  }

  get container() {
    return this.#container;
  }

  get stdin() {
    return this.#stdio.stdin;
  }

  get stdout() {
    return this.#stdio.stdout;
  }

  get stderr() {
    return this.#stdio.stderr;
  }

  get stdio() {
    return this.#stdio.all;
  }

  get terminal() {
    return this.#terminal;
  }

  get readable() {
    return this.stdout;
  }

  get writable() {
    return this.stdin;
  }

  get exited() {
    return this.#exited;
  }

  get exitCode() {
    return this.#exitCode;
  }

  get signalCode() {
    return this.#signalCode;
  }

  get exitReason() {
    // That it wrote too much may be found out after its end.
    return this.killed ? (this.#terminator.reason ?? this.#reason) : null;
  }

  /** As Bun has it: whether the process has ended, in whatever way. */
  get killed() {
    return this.#counts !== null;
  }

  kill(signal) {
    const number = signal === undefined || signal === null ? SIGTERM : signalNumber(signal);
    const result = this.#send(number);
    if (result < 0 && result !== ESRCH) throw systemError(result, "kill");
  }

  get connected() {
    return this.#channel?.connected === true;
  }

  /** False when so many messages wait already that it had better be waited for. */
  send(message) {
    if (this.#channel === undefined) throw channelClosed();
    return this.#channel.send(message);
  }

  disconnect() {
    this.#channel?.disconnect();
  }

  ref() {
    this.#keepalive.ref();
  }

  unref() {
    this.#keepalive.unref();
  }

  resourceUsage() {
    return this.#counts === null ? undefined : resourceUsage(this.#counts);
  }

  async [Symbol.asyncDispose]() {
    const result = this.#terminator.stop();
    if (result < 0 && result !== ESRCH) throw systemError(result, "kill");
    // Who waits for the end wants to live to see it.
    this.ref();
    await this.#exited;
    this.#stdio.close();
    if (this.#terminal !== undefined) terminals.processDisposed(this.#terminal);
  }

  get [Symbol.toStringTag]() {
    return "Subprocess";
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth, options, inspect) {
    const { pid, exitCode, signalCode, exitReason, container } = this;
    return `Subprocess ${inspect({ pid, exitCode, signalCode, exitReason, container }, options)}`;
  }

  /** 0, or a negative error number. */
  #send(signal) {
    return this.killed ? ESRCH : native().kill(this.#id, signal);
  }

  #ended(status, counts, stats) {
    const signal = status & 0x7f;
    const code = (status >> 8) & 0xff;
    if (signal === 0) this.#exitCode = code;
    else this.#signalCode = signalName(signal);
    this.#counts = counts;
    this.#reason = exitReason(status, stats);
    this.#terminator.processEnded();
    this.#stdio.processEnded(this.#terminator.reason !== null);
    this.#channel?.processEnded();
    if (this.#terminal !== undefined) terminals.processEnded(this.#terminal);
    if (this.#container !== null) containers.ended(this.#container, stats);
    this.#settleExited(signal === 0 ? code : 128 + signal);
    this.#keepalive.ended();
  }

  // Through the promise, so that the callback runs in the asynchronous context of the call to `spawn`; and one
  // microtask later, so that whoever awaits `exited` comes first, and what the callback throws is an uncaught
  // exception and no unhandled rejection.
  #callAtExit(callback) {
    const call = () => {
      const error = this.#stdio.inputError ?? this.#channel?.error ?? undefined;
      callback(this, this.#exitCode, this.#signalCode, error);
    };
    this.#exited.then(() => queueMicrotask(call));
  }
}

module.exports = { Subprocess };
