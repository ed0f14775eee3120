"use strict";
// The entry points.

const { fromNative, invalid } = require("./errors.js");
const { listen } = require("./events.js");
const { native } = require("./native.js");
const { readOptions } = require("./options.js");
const { Plan } = require("./plan.js");
const { Subprocess } = require("./subprocess.js");

/** `spawn({ cmd, … })` or `spawn(cmd, { … })`. */
function spawn(first, second) {
  listen();
  const options = readOptions(first, second);
  throwProblems(options, spawn);
  const result = native().spawn(options.request);
  if (Object.hasOwn(result, "error")) throw fromNative(result.error, spawn);
  return new Subprocess(result, options);
}

/** What `spawn` would do with the same arguments. */
function explain(first, second) {
  native();
  const options = readOptions(first, second);
  throwProblems(options, explain);
  const result = native().explain(options.request);
  if (Object.hasOwn(result, "error")) throw fromNative(result.error, explain);
  return new Plan(result.steps);
}

/** Reports what was found here together with what the native side finds. */
function throwProblems({ request, problems }, entry) {
  if (problems.length === 0) return;
  const { error } = native().explain(request);
  const others = error?.kind === "invalid" ? error.problems : [];
  const isNew = ({ option }) => !problems.some((problem) => problem.option === option);
  throw invalid([...problems, ...others.filter(isNew)], entry);
}

module.exports = { explain, spawn };
