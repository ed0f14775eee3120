"use strict";
// What every entry point does first.

const { invalid } = require("./errors.js");
const { native } = require("./native.js");
const { readOptions } = require("./options.js");

/** The options of a call to `entry`. Throws all that is wrong with them; `problems` are what `entry` itself has found. */
function prepare(first, second, entry, problems, isSync = false) {
  const options = readOptions(first, second, problems, isSync);
  if (problems.length > 0) throw invalid(withOthers(problems, options.request), entry);
  return options;
}

/** What was found here together with what the native side finds. */
function withOthers(problems, request) {
  const { error } = native().explain(request);
  const others = error?.kind === "invalid" ? error.problems : [];
  const isNew = ({ option }) => !problems.some((problem) => problem.option === option);
  return [...problems, ...others.filter(isNew)];
}

module.exports = { prepare };
