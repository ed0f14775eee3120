"use strict";
// The handle of a process: Bun's Subprocess.

const { onExit, closePipe } = require("./events.js");
const { feed } = require("./feed.js");
const { Keepalive } = require("./keepalive.js");
const { native } = require("./native.js");
const { ReadPipe } = require("./read-pipe.js");
const { readable } = require("./readable.js");
const { resourceUsage } = require("./resource-usage.js");
const { signalName, signalNumber } = require("./signals.js");
const { FileSink } = require("./stdin.js");
const { systemError } = require("./errors.js");
const { WritePipe } = require("./write-pipe.js");

const ESRCH = -3;

// The extra pipes are descriptors for the caller to take; those never asked for go with the handle.
const untaken = new FinalizationRegistry((ids) => ids.forEach(closePipe));

class Subprocess {
  #id;
  #pid;
  #container;
  #keepalive = new Keepalive();
  #stdin;
  #feed = null;
  #outputs;
  #extras;
  #exited;
  #settleExited;
  #exitCode = null;
  #signalCode = null;
  #usage = null;
  #inputError;

  constructor({ id, pid, pipes, container }, { request, source, onExit: callback }) {
    this.#id = id;
    this.#pid = pid;
    this.#container = container;
    this.#exited = new Promise((resolve) => {
      this.#settleExited = resolve;
    });
    onExit(id, (status, usage) => this.#ended(status, usage));
    if (callback !== undefined) this.#callAtExit(callback);
    this.#outputs = [1, 2].map((index) => this.#output(request.stdio[index], pipes[index]));
    this.#extras = new ExtraPipes(request.stdio.slice(3), pipes.slice(3), this);
    this.#openStdin(request.stdio[0], pipes[0], source);
  }
}

module.exports = { Subprocess };
