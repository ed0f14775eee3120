"use strict";
// The messages of a command that has "ipc" in `stdio`: what Node's ChildProcess then has more.

const { EventEmitter } = require("node:events");
const { argumentError } = require("../errors.js");
const { Hold } = require("../events.js");
const { Channel, channelClosed } = require("../ipc/channel.js");
const { checkObject } = require("./checks.js");
const { streamError } = require("./errors.js");

/** `child.channel`: whether the channel keeps the event loop alive, which it does until somebody says otherwise. */
class Control extends EventEmitter {
  #hold = new Hold();
  #counted = 0;
  #isSettled = false;

  constructor() {
    super();
    this.#hold.set(true);
  }

  ref() {
    this.#isSettled = true;
    this.#hold.set(true);
  }

  unref() {
    this.#isSettled = true;
    this.#hold.set(false);
  }

  /** For tools that use the channel for a while. Without effect after `ref` or `unref`. */
  refCounted() {
    if (++this.#counted === 1 && !this.#isSettled) this.#hold.set(true);
  }

  unrefCounted() {
    if (--this.#counted !== 0 || this.#isSettled) return;
    this.#hold.set(false);
    this.emit("unref");
  }

  close() {
    this.#hold.set(false);
  }
}

class Connection {
  #child;
  #channel;
  #control = new Control();
  #onClose;
  // Messages that came before anybody listened.
  #unheard = [];

  /** `pipe` is undefined when the command was not started. */
  constructor(child, pipe, serialization, onClose) {
    this.#child = child;
    this.#onClose = onClose;
    const handlers = {
      message: (message) => this.#receive(message),
      disconnect: (error) => this.#disconnected(error),
    };
    this.#channel = pipe === undefined ? null : new Channel(pipe, serialization, handlers);
    Object.assign(child, {
      connected: true,
      channel: this.#control,
      send: (...args) => this.#send(...args),
      disconnect: () => this.#disconnect(),
    });
    child.on("newListener", (event) => {
      if (event === "message") process.nextTick(() => this.#hearNow());
    });
  }

  processEnded() {
    if (this.#channel === null) this.#disconnected(null);
    else this.#channel.processEnded();
  }

  #send(message, handle, options, callback) {
    const then = [handle, options, callback].find((value) => typeof value === "function");
    const given = typeof handle === "function" || typeof options === "function" ? undefined : options;
    if (given !== undefined) checkObject(given, "options");
    const told = (error) => this.#told(error, then, given);
    if (!this.#child.connected || this.#channel === null) {
      process.nextTick(told, channelClosed());
      return false;
    }
    if (handle && handle !== then) throw noHandles();
    return this.#channel.send(message, told);
  }

  #told(error, then, options) {
    if (then !== undefined) then(error && streamError(error));
    else if (error !== null && !options?.swallowErrors) this.#child.emit("error", streamError(error));
  }

  #disconnect() {
    if (!this.#child.connected) {
      this.#child.emit("error", alreadyDisconnected());
      return;
    }
    Object.assign(this.#child, { connected: false, channel: null });
    this.#channel?.disconnect();
  }

  #receive(message) {
    // Undefined in the place of a handle, as from Node.
    if (this.#child.listenerCount("message") > 0) this.#child.emit("message", message, undefined);
    else this.#unheard.push(message);
  }

  #hearNow() {
    if (this.#child.channel === null || this.#child.listenerCount("message") === 0) return;
    for (const message of this.#unheard.splice(0)) this.#child.emit("message", message, undefined);
  }

  #disconnected(error) {
    Object.assign(this.#child, { connected: false, channel: null });
    this.#control.close();
    if (error !== null) this.#child.emit("error", error);
    this.#child.emit("disconnect");
    this.#onClose();
  }
}

function noHandles() {
  const message = "This handle type cannot be sent: container-spawn sends no sockets and no servers";
  return argumentError("TypeError", "ERR_INVALID_HANDLE_TYPE", message);
}

function alreadyDisconnected() {
  return Object.assign(new Error("IPC channel is already disconnected"), { code: "ERR_IPC_DISCONNECTED" });
}

module.exports = { Connection };
