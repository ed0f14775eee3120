"use strict";

const { closeSync } = require("node:fs");
const { stopReading } = require("./stdio.js");
const { descriptorOf, isOurs } = require("./streams.js");

// (uid_t)-1, by which the kernel means "leave it". Node lets the kernel refuse that.
const NO_ID = 2 ** 32 - 1;

/** Calls `start` with the request complete; a stream of ours that the command gets is closed here. */
function launch(request, { entries, sockets }, start) {
  const given = new Map();
  for (const entry of entries) {
    if (isOurs(entry) && !given.has(entry)) given.set(entry, descriptorOf(entry));
  }
  // A pipe whose end has been read is closed already. Nothing comes of it, as of what there is instead.
  const stdio = entries.map((entry) => (given.get(entry) === -1 ? "ignore" : (given.get(entry) ?? entry)));
  try {
    const result = startScript({ ...request, stdio }, start);
    if (!Object.hasOwn(result, "error")) sockets.forEach(stopReading);
    return result;
  } finally {
    for (const descriptor of given.values()) if (descriptor !== -1) closeSync(descriptor);
  }
}

/** A file that is executable and has no header that the kernel knows is a shell's, as execvp(3) has it. */
function startScript(request, start) {
  const result = request.uid === NO_ID || request.gid === NO_ID ? noSuchId() : start(request);
  if (result.error?.code !== "ENOEXEC" || result.error.path === undefined) return result;
  const [, ...args] = request.cmd;
  return start({ ...request, cmd: ["/bin/sh", result.error.path, ...args], argv0: undefined });
}

function noSuchId() {
  const message = "EINVAL: -1 is no id that a process can have";
  return { error: { kind: "spawn", message, code: "EINVAL", errno: -22 } };
}

module.exports = { launch };
