"use strict";
// A channel of messages to a process that is a program of Node or Bun: its `process.send()` and `process.on("message")`.

const { AsyncResource } = require("node:async_hooks");
const { DuplexPipe } = require("../duplex-pipe.js");
const { argumentError } = require("../errors.js");
const { answerTo, isInternal } = require("./internal.js");
const json = require("./json.js");

// More than any program wants in one message. Without a limit a process could fill our memory with one that never ends.
const LONGEST_MESSAGE = 256 * 1024 * 1024;

// Node's: as much as two of its reads.
const MUCH = 128 * 1024;

const SENDABLE = ["string", "object", "number", "boolean"];

/** The format by its name; "advanced" is that of the present runtime, since each reads its own only. */
function codecOf(serialization) {
  if (serialization === "json") return json;
  return process.versions.bun === undefined ? require("./v8.js") : require("./jsc.js");
}

/** What a process must find in its environment to open the channel, which is its descriptor `fd`. */
function channelVariables(fd, serialization) {
  return { NODE_CHANNEL_FD: String(fd), NODE_CHANNEL_SERIALIZATION_MODE: serialization };
}

/**
 * Keeps no event loop alive, and must be held by something until `disconnect` has been called, which at the latest
 * happens when `processEnded()` is.
 */
class Channel {
  #pipe;
  #codec;
  #decoder;
  #onMessage;
  #onDisconnect;
  #isConnected = true;
  #isDeaf = false;
  #isDone = false;
  #error = null;

  /**
   * `message(message)` for each one; `disconnect(error)` once, after which no message comes. `error` is null unless what
   * came was no message. Both are called later, in the asynchronous context of the present call; what they throw is an
   * uncaught exception.
   */
  constructor(pipe, serialization, { message, disconnect }) {
    this.#codec = codecOf(serialization);
    this.#decoder = new this.#codec.Decoder(LONGEST_MESSAGE);
    this.#onMessage = AsyncResource.bind(message);
    this.#onDisconnect = AsyncResource.bind(disconnect);
    this.#pipe = new DuplexPipe(pipe, {
      data: (chunk) => this.#receive(chunk),
      end: () => this.#closed(null),
    });
  }

  get connected() {
    return this.#isConnected;
  }

  /** What was told to `disconnect`. */
  get error() {
    return this.#error;
  }

  /**
   * Sends a message: false when so much waits already that the process had better be waited for. `callback(error)` is
   * called when it has been written (null), or can be no more.
   *
   * @throws when it can be sent never: the channel is closed, or it is nothing that can be serialized
   */
  send(message, callback) {
    if (!this.#isConnected) throw channelClosed();
    checkMessage(message);
    return this.#write(message, callback);
  }

  /** No message is sent or received any more. The channel closes when what has been sent is written. */
  disconnect() {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#isDeaf = true;
    this.#pipe.finish();
  }

  /** What the process has sent is all there now, and nobody else is to speak for it. */
  processEnded() {
    this.#pipe.readAll();
    this.#pipe.close();
    this.#closed(null);
  }

  #write(message, callback) {
    this.#pipe.write(this.#codec.encode(message), (error) => {
      if (callback !== undefined) process.nextTick(callback, error);
    });
    return this.#pipe.waiting < MUCH;
  }

  #receive(chunk) {
    if (!this.#isConnected) return;
    try {
      for (const message of this.#decoder.decode(chunk)) this.#received(message);
    } catch (cause) {
      this.#pipe.close();
      this.#closed(notAMessage(cause));
    }
  }

  #received(message) {
    if (!isInternal(message)) {
      queueMicrotask(() => this.#deliver(message));
      return;
    }
    const answer = answerTo(message);
    // A process that asks without end and reads no answer must not fill our memory with them.
    const isHeard = this.#isConnected && this.#pipe.waiting < MUCH;
    if (answer !== undefined && isHeard) this.#write(answer);
  }

  #deliver(message) {
    if (!this.#isDeaf) this.#onMessage(message);
  }

  #closed(error) {
    this.#isConnected = false;
    if (this.#isDone) return;
    this.#isDone = true;
    this.#error = error;
    queueMicrotask(() => this.#onDisconnect(error));
  }
}

/** As Node and Bun check it, and what JSON makes nothing of. */
function checkMessage(message) {
  if (message === undefined) {
    throw argumentError("TypeError", "ERR_MISSING_ARGS", 'The "message" argument must be specified');
  }
  if (SENDABLE.includes(typeof message)) return;
  const text = `The "message" argument must be a string, an object, a number or a boolean, not a ${typeof message}`;
  throw argumentError("TypeError", "ERR_INVALID_ARG_TYPE", text);
}

/** Node's and Bun's. */
function channelClosed() {
  return Object.assign(new Error("Channel closed"), { code: "ERR_IPC_CHANNEL_CLOSED" });
}

function notAMessage(cause) {
  const text = `the channel was closed, for what came was no message: ${cause.message}`;
  return Object.assign(new Error(text, { cause }), { code: "ERR_IPC_FORMAT" });
}

module.exports = { Channel, channelClosed, channelVariables };
