"use strict";
// The options `ipc`, `onDisconnect` and `serialization`.

const { Channel, channelClosed, channelVariables } = require("./ipc/channel.js");
const { described, isAsked, typeProblem, valueProblem } = require("./problems.js");

const SERIALIZATIONS = ["json", "advanced"];

/** `{ serialization, ipc, onDisconnect }`; undefined when no channel is asked for. */
function readIpc({ ipc, onDisconnect, serialization }, problems) {
  for (const [option, value] of Object.entries({ ipc, onDisconnect })) {
    if (isAsked(value) && typeof value !== "function") {
      problems.push(typeProblem(option, `must be a function, not ${described(value)}`));
    }
  }
  const format = readSerialization(serialization, problems);
  if (!isAsked(ipc)) return undefined;
  return { serialization: format, ipc, onDisconnect: isAsked(onDisconnect) ? onDisconnect : () => {} };
}

function readSerialization(serialization, problems) {
  // Not Bun's default: between Node and Bun, and to most programs, this is the only one that works.
  if (!isAsked(serialization)) return "json";
  if (SERIALIZATIONS.includes(serialization)) return serialization;
  const problem = typeof serialization === "string" ? valueProblem : typeProblem;
  problems.push(problem("serialization", `must be "json" or "advanced", not ${described(serialization)}`));
  return "json";
}

/** Puts the channel behind the other descriptors, as Bun does; gives the variables that tell the command of it. */
function addChannel(ipc, { entries, shown }) {
  ipc.fd = entries.length;
  entries.push("pipe");
  shown.push("ignore");
  return channelVariables(ipc.fd, ipc.serialization);
}

/** The channel to a process that has been started. Its pipe is no longer among `pipes`. */
function openChannel({ fd, serialization, ipc, onDisconnect }, pipes, subprocess) {
  const [pipe] = pipes.splice(fd, 1, -1);
  return new Channel(pipe, serialization, {
    message: (message) => ipc.call(subprocess, message, subprocess),
    disconnect: (error) => onDisconnect.call(subprocess, error ?? undefined),
  });
}

module.exports = { addChannel, channelClosed, openChannel, readIpc };
