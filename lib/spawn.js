"use strict";
// The entry points that start a process and do not wait for it, or say how it would be started.

const { throwIfAborted } = require("./abort.js");
const { fromNative } = require("./errors.js");
const { listen } = require("./events.js");
const { withFiles } = require("./files.js");
const { native } = require("./native.js");
const { Plan } = require("./plan.js");
const { prepare } = require("./prepare.js");
const { Subprocess } = require("./subprocess.js");
const { openTerminal, startOn } = require("./terminal.js");

/** `spawn({ cmd, … })` or `spawn(cmd, { … })`. */
function spawn(first, second) {
  return start(first, second, spawn, []);
}

/** `spawn` for `entry`, which has found `problems` in its own options. */
function start(first, second, entry, problems) {
  listen();
  const options = prepare(first, second, entry, problems);
  throwIfAborted(options.bounds.signal, entry);
  const terminal = openTerminal(options.terminal);
  const result = startOn(terminal, options.request, (request) =>
    withFiles({ request, files: options.files }, entry, (complete) => native().spawn(complete)),
  );
  if (Object.hasOwn(result, "error")) throw fromNative(result.error, entry);
  return new Subprocess(result, options, terminal);
}

/** What `spawn` would do with the same arguments. */
function explain(first, second) {
  native();
  const { request } = prepare(first, second, explain, []);
  const result = native().explain(request);
  if (Object.hasOwn(result, "error")) throw fromNative(result.error, explain);
  return new Plan(result.steps);
}

module.exports = { explain, spawn, start };
