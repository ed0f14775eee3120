"use strict";
// Files that a process reads from or writes to: `{ file: path }`, and under Bun what `Bun.file()` gives.

const { closeSync, constants, openSync } = require("node:fs");
const { fileURLToPath } = require("node:url");
const { SpawnError } = require("./errors.js");
const { described, isAsked, typeProblem, unknownProblem, valueProblem } = require("./problems.js");

const { O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;

/** The file that `entry` names: `{ path, append }`, or `{ fd }` of one that is open. undefined when it names none. */
function fileOf(entry, index, name, problems) {
  if (typeof entry !== "object" || entry === null) return undefined;
  if (globalThis.Bun !== undefined && entry instanceof Blob) return bunFile(globalThis.Bun, entry);
  if (!Object.hasOwn(entry, "file")) return undefined;
  return namedFile({ __proto__: null, ...entry }, { name, problems, isInput: index === 0 });
}

// A BunFile is a Blob with no mark but the text that Bun shows for it. Of a part of a file there is no descriptor: that
// is read like any Blob.
function bunFile(Bun, blob) {
  const text = Bun.inspect(blob);
  const fd = /^FileRef \(fd: (\d+)\)/.exec(text)?.[1];
  if (fd !== undefined) return { __proto__: null, fd: Number(fd) };
  if (!text.startsWith("FileRef (") || blob.size !== Bun.file(blob.name).size) return undefined;
  return { __proto__: null, path: blob.name, append: false };
}

function namedFile({ file, append, ...unknown }, { name, problems, isInput }) {
  for (const key of Object.keys(unknown)) {
    problems.push(unknownProblem(`${name}.${key}`, "is not an option; there are file and append"));
  }
  if (append !== undefined && typeof append !== "boolean") {
    problems.push(typeProblem(`${name}.append`, `must be a boolean, not ${described(append)}`));
  } else if (append && isInput) {
    problems.push(valueProblem(`${name}.append`, "is for what is written, not for what is read"));
  }
  return { __proto__: null, path: pathOf(file, `${name}.file`, problems), append: isAsked(append) };
}

function pathOf(file, option, problems) {
  try {
    const path = file instanceof URL ? fileURLToPath(file) : file;
    if (typeof path !== "string") {
      problems.push(typeProblem(option, `must be a path or a file: URL, not ${described(file)}`));
    } else if (path === "" || path.includes("\0")) {
      problems.push(valueProblem(option, "must not be empty and must not have a NUL byte in it"));
    }
    return path;
  } catch (error) {
    problems.push(valueProblem(option, `must be a file: URL: ${error.message}`));
  }
}

/**
 * Calls `start(request)` with the files open in the places that `stdio` has for them, and closes them again. Two outputs
 * to one file share one descriptor: with one each, they would write over each other.
 */
function withFiles({ request, files }, entry, start) {
  if (files.length === 0) return start(request);
  const stdio = [...request.stdio];
  const opened = new Map();
  try {
    for (const file of files) {
      const key = `${flagsOf(file)} ${file.path}`;
      if (!opened.has(key)) opened.set(key, open(file, entry));
      stdio[file.index] = opened.get(key);
    }
    return start({ __proto__: null, ...request, stdio });
  } finally {
    for (const fd of opened.values()) closeSync(fd);
  }
}

function flagsOf({ index, append }) {
  if (index === 0) return O_RDONLY;
  if (index > 2) return O_RDWR | O_CREAT | (append ? O_APPEND : 0);
  return O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC);
}

function open(file, entry) {
  try {
    return openSync(file.path, flagsOf(file), 0o666);
  } catch (cause) {
    const { code, errno } = cause;
    const text = `open ${file.path} as ${file.name}: ${wordsOf(cause)}`;
    const fields = { code, errno, syscall: "open", path: file.path, option: file.name };
    const error = new SpawnError(`${code}: ${text}\n  option  ${file.name}`, fields);
    Error.captureStackTrace(error, entry);
    throw error;
  }
}

// "ENOENT: no such file or directory, open '/x'"
function wordsOf({ message }) {
  return /^\w+: ([^,]*)/.exec(message)?.[1] ?? message;
}

module.exports = { fileOf, withFiles };
