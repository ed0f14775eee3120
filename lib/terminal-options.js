"use strict";
// The option `terminal`, and the options of a Terminal.

const {
  described,
  isAsked,
  rangeProblem,
  typeProblem,
  unknownProblem,
  valueProblem,
} = require("./problems.js");

const COLUMNS = 80;
const ROWS = 24;
const LARGEST = 65535;

const DEFAULT_NAME = "xterm-256color";

const STANDARD = ["stdin", "stdout", "stderr"];

/** `{ cols, rows, name, data, exit, drain }`, each option read once; `path` goes before its name in what is wrong. */
function readTerminalOptions(options, path, problems) {
  const { cols, rows, name, data, exit, drain, ...unknown } = { __proto__: null, ...options };
  for (const key of Object.keys(unknown)) {
    const known = "cols, rows, name, data, exit and drain";
    problems.push(unknownProblem(`${path}${key}`, `is not an option; there are ${known}`));
  }
  return {
    __proto__: null,
    cols: readSize(cols ?? COLUMNS, `${path}cols`, problems),
    rows: readSize(rows ?? ROWS, `${path}rows`, problems),
    name: readName(name, `${path}name`, problems),
    data: readCallback(data, `${path}data`, problems),
    exit: readCallback(exit, `${path}exit`, problems),
    drain: readCallback(drain, `${path}drain`, problems),
  };
}

/** A number of columns or rows. */
function readSize(value, option, problems) {
  const wanted = `must be an integer from 1 to ${LARGEST}, not`;
  if (typeof value !== "number") problems.push(typeProblem(option, `${wanted} ${described(value)}`));
  else if (!Number.isInteger(value) || value < 1 || value > LARGEST) {
    problems.push(rangeProblem(option, `${wanted} ${value}`));
  }
  return value;
}

function readName(name, option, problems) {
  if (name === undefined || name === null) return undefined;
  if (typeof name !== "string")
    problems.push(typeProblem(option, `must be a string, not ${described(name)}`));
  else if (name.includes("\0")) problems.push(valueProblem(option, "must not have a NUL byte in it"));
  else return name;
  return undefined;
}

function readCallback(callback, option, problems) {
  if (!isAsked(callback)) return undefined;
  if (typeof callback === "function") return callback;
  problems.push(typeProblem(option, `must be a function, not ${described(callback)}`));
  return undefined;
}

/** Gives the places of the three standard streams to the terminal: `streams` is what was read of them. */
function takeStandardStreams(streams, options, problems) {
  const isTogether = Array.isArray(options.stdio);
  STANDARD.forEach((stream, index) => {
    const given = isTogether ? options.stdio[index] : options[stream];
    if (given !== undefined && given !== null) {
      const option = isTogether ? `stdio[${index}]` : stream;
      problems.push(valueProblem(option, "must not be given with terminal, which takes its place"));
    }
    // Nothing that is done for a descriptor, until there is one.
    streams.entries[index] = "inherit";
    streams.shown[index] = null;
  });
}

/**
 * The variables that tell a command its terminal's name: `defaults` give way to the option `env`, `fixed` do not. The
 * name in our own environment is that of our own terminal, which this one is not.
 */
function terminalVariables(name) {
  return name === undefined ? { defaults: { TERM: DEFAULT_NAME } } : { fixed: { TERM: name } };
}

module.exports = { readSize, readTerminalOptions, takeStandardStreams, terminalVariables };
