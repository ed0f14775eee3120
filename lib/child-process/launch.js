"use strict";

const { closeSync } = require("node:fs");
const { stopReading } = require("./stdio.js");
const { descriptorOf, isOurs } = require("./streams.js");

/** Calls `start` with the request complete; a stream of ours that the command gets is closed here. */
function launch(request, { entries, sockets }, start) {
  const given = [];
  const stdio = entries.map((entry) => {
    if (!isOurs(entry)) return entry;
    const descriptor = descriptorOf(entry);
    if (descriptor !== -1) given.push(descriptor);
    return descriptor;
  });
  try {
    const result = startScript({ ...request, stdio }, start);
    if (!Object.hasOwn(result, "error")) sockets.forEach(stopReading);
    return result;
  } finally {
    for (const descriptor of given) closeSync(descriptor);
  }
}

/** A file that is executable and has no header that the kernel knows is a shell's, as execvp(3) has it. */
function startScript(request, start) {
  const result = start(request);
  if (result.error?.code !== "ENOEXEC" || result.error.path === undefined) return result;
  const [, ...args] = request.cmd;
  return start({ ...request, cmd: ["/bin/sh", result.error.path, ...args], argv0: undefined });
}

module.exports = { launch };
