"use strict";
// A pseudo-terminal: Bun's Terminal.

const { AsyncResource } = require("node:async_hooks");
const { toBytes } = require("./bytes.js");
const { DuplexPipe } = require("./duplex-pipe.js");
const { argumentError, fromNative, invalid, systemError } = require("./errors.js");
const { Hold, closePipe, listen } = require("./events.js");
const { native } = require("./native.js");
const { described, isObject, typeProblem } = require("./problems.js");
const { CONTROL, INPUT, LOCAL, OUTPUT, raw, utf8 } = require("./terminal-modes.js");
const { readSize, readTerminalOptions } = require("./terminal-options.js");

const LARGEST_FLAGS = 0xffffffff;

// What may still bring something must not be collected, whether the caller keeps it or not.
const active = new Set();

const peers = new FinalizationRegistry(closePipe);

// What the rest of the package may do with a Terminal, and its owner may not.
let givenName;
let own;
let start;
let processEnded;
let processDisposed;

class Terminal {
  #id;
  #peer;
  #peerFd;
  #pipe;
  #name;
  #onExit;
  #hold = new Hold();
  #isRefed = true;
  #isClosed = false;
  #processes = 0;
  // Made for one process, and gone with it.
  #isOwn = false;
  #cooked = null;

  static {
    givenName = (terminal) => terminal.#name;
    own = (terminal) => {
      terminal.#isOwn = true;
      return terminal;
    };
    start = (terminal, run) => terminal.#start(run);
    processEnded = (terminal) => terminal.#processEnded();
    processDisposed = (terminal) => {
      if (terminal.#isOwn) terminal.close();
    };
  }

  constructor(options) {
    const { cols, rows, name, data, exit, drain } = checked(options);
    listen();
    const opened = native().openTerminal(cols, rows);
    if (Object.hasOwn(opened, "error")) throw fromNative(opened.error, Terminal);
    this.#id = opened.id;
    this.#peer = opened.peer;
    this.#peerFd = opened.peerFd;
    this.#name = name;
    this.#onExit = later(this, exit);
    peers.register(this, this.#peer, this);
    this.#pipe = new DuplexPipe(this.#id, {
      data: later(this, data),
      end: (error) => this.#ended(error),
      drained: later(this, drain),
    });
    this.#setModes(utf8);
  }

  /** Whether nothing can be read or written any more. */
  get closed() {
    return !this.#pipe.isOpen;
  }

  /** The number of bytes, which are written as soon as that is possible; 0 when nobody is left to read them. */
  write(data) {
    this.#throwIfClosed();
    const chunk = toBytes(data);
    if (chunk === undefined) {
      const message = "write() expects a string, ArrayBufferView, or ArrayBuffer";
      throw argumentError("TypeError", "ERR_INVALID_ARG_TYPE", message);
    }
    if (this.closed) return 0;
    this.#pipe.write(chunk.bytes, () => {}, chunk.isOurs);
    return chunk.bytes.length;
  }

  resize(cols, rows) {
    this.#throwIfClosed();
    const problems = [];
    readSize(cols, "cols", problems);
    readSize(rows, "rows", problems);
    if (problems.length > 0) throw invalid(problems, this.resize);
    if (!this.closed) throwIfFailed(native().resizeTerminal(this.#id, cols, rows));
  }

  /** Raw: what is written reaches the command as it is, and the other way round. `false`: as it was before. */
  setRawMode(enabled) {
    this.#throwIfClosed();
    const modes = native().terminalModes(this.#id);
    if (!modes) return;
    if (enabled) {
      this.#cooked ??= modes;
      this.#setModes(raw);
    } else if (this.#cooked !== null) {
      const cooked = this.#cooked;
      this.#cooked = null;
      this.#setModes(() => cooked);
    }
  }

  ref() {
    this.#isRefed = true;
    this.#update();
  }

  unref() {
    this.#isRefed = false;
    this.#update();
  }

  /** Hangs up: the processes whose terminal it is get SIGHUP. */
  close() {
    this.#isClosed = true;
    if (this.closed) return;
    this.#pipe.close();
    this.#ended(null);
  }

  async [Symbol.asyncDispose]() {
    this.close();
  }

  get inputFlags() {
    return this.#flags(INPUT);
  }

  set inputFlags(flags) {
    this.#setFlags(INPUT, flags);
  }

  get outputFlags() {
    return this.#flags(OUTPUT);
  }

  set outputFlags(flags) {
    this.#setFlags(OUTPUT, flags);
  }

  get controlFlags() {
    return this.#flags(CONTROL);
  }

  set controlFlags(flags) {
    this.#setFlags(CONTROL, flags);
  }

  get localFlags() {
    return this.#flags(LOCAL);
  }

  set localFlags(flags) {
    this.#setFlags(LOCAL, flags);
  }

  get [Symbol.toStringTag]() {
    return "Terminal";
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `Terminal ${inspect({ closed: this.closed }, options)}`;
  }

  /** `run(fd)` starts a process, whose terminal the descriptor is then, or fails. */
  #start(run) {
    let isStarted = false;
    try {
      const result = run(this.#peerFd);
      isStarted = !Object.hasOwn(result, "error");
      return result;
    } finally {
      if (isStarted) this.#processes++;
      else if (this.#isOwn) this.#pipe.close();
      // As long as we have the command's end open too, ours cannot tell that the command has closed it.
      if (this.#isOwn) this.#closePeer();
      this.#update();
    }
  }

  /** What the process has written is all there now, and is handed on before the news of its end. */
  #processEnded() {
    this.#processes--;
    this.#pipe.readAll();
    this.#update();
  }

  #ended(error) {
    this.#closePeer();
    this.#update();
    this.#onExit(error === null ? 0 : 1, null);
  }

  #closePeer() {
    peers.unregister(this);
    closePipe(this.#peer);
  }

  // Without a process there is nobody from whom something could come; one's own lives on with whom it has left behind.
  #update() {
    const isActive = this.#pipe.isOpen && (this.#processes > 0 || this.#isOwn);
    if (isActive) active.add(this);
    else active.delete(this);
    this.#hold.set(isActive && this.#isRefed);
  }

  #throwIfClosed() {
    if (!this.#isClosed) return;
    throw Object.assign(new Error("Terminal is closed"), { code: "ERR_INVALID_STATE" });
  }

  #flags(index) {
    return native().terminalModes(this.#id)?.[index] ?? 0;
  }

  #setFlags(index, flags) {
    if (!Number.isInteger(flags) || flags < 0 || flags > LARGEST_FLAGS) {
      const message = `flags must be an integer from 0 to ${LARGEST_FLAGS}, not ${described(flags)}`;
      throw argumentError("RangeError", "ERR_OUT_OF_RANGE", message);
    }
    this.#setModes((modes) => modes.with(index, flags));
  }

  /** Without effect when it is closed, as under Bun. */
  #setModes(change) {
    const modes = native().terminalModes(this.#id);
    if (modes) throwIfFailed(native().setTerminalModes(this.#id, change(modes)));
  }
}

function checked(options) {
  const problems = [];
  if (options !== undefined && options !== null && !isObject(options)) {
    problems.push(typeProblem("options", `must be an object, not ${described(options)}`));
  }
  const settings = readTerminalOptions(isObject(options) ? options : {}, "", problems);
  if (problems.length > 0) throw invalid(problems, Terminal);
  return settings;
}

// In the asynchronous context of the present call; and from the queue of microtasks, so that what the callback throws is
// an uncaught exception, and no error of whoever happened to be at work.
function later(terminal, callback) {
  if (callback === undefined) return () => {};
  const bound = AsyncResource.bind(callback);
  return (...args) => queueMicrotask(() => bound.call(terminal, terminal, ...args));
}

function throwIfFailed(result) {
  if (result < 0) throw systemError(result, "ioctl");
}

/** The option `terminal`: a Terminal, the options for one, or undefined. */
function readTerminal(terminal, problems) {
  const isOurs = terminal instanceof Terminal;
  // Bun's own is an object without properties, and would pass for options that ask for nothing.
  if (isOurs || (isObject(terminal) && terminal[Symbol.toStringTag] === undefined)) {
    if (!isOurs) return readTerminalOptions(terminal, "terminal.", problems);
    if (!terminal.closed) return terminal;
    problems.push({ name: "TypeError", code: "ERR_INVALID_STATE", option: "terminal", message: "is closed" });
    return terminal;
  }
  problems.push(
    typeProblem("terminal", `must be a Terminal of this package or an object, not ${described(terminal)}`),
  );
  return undefined;
}

/** The name that was given to what `readTerminal` gave; undefined if none was. */
function nameOf(terminal) {
  return terminal instanceof Terminal ? givenName(terminal) : terminal.name;
}

/** The terminal for what `readTerminal` gave: made, if that is only options. */
function openTerminal(terminal) {
  return terminal === undefined || terminal instanceof Terminal ? terminal : own(new Terminal(terminal));
}

/** Calls `run(request)`, with the terminal in the places of the standard streams if there is one. */
function startOn(terminal, request, run) {
  if (terminal === undefined) return run(request);
  return start(terminal, (fd) => {
    const stdio = [fd, fd, fd, ...request.stdio.slice(3)];
    return run({ __proto__: null, ...request, stdio });
  });
}

module.exports = { Terminal, nameOf, openTerminal, processDisposed, processEnded, readTerminal, startOn };
