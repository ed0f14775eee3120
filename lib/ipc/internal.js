"use strict";
// Messages that Node and Bun send each other, for themselves.

const PREFIX = "NODE_";
const HANDLE = "NODE_HANDLE";
const REFUSAL = { cmd: "NODE_HANDLE_NACK" };

function isInternal(message) {
  const cmd = commandOf(message);
  return cmd !== undefined && cmd.length > PREFIX.length && cmd.startsWith(PREFIX);
}

/**
 * What is to be answered, or undefined. A socket or server that was sent along has not come: descriptors are not
 * received here. Told so, the sender gives it up, perhaps after more tries, and goes on; not told, it would wait for
 * ever and send nothing more.
 */
function answerTo(message) {
  return commandOf(message) === HANDLE ? REFUSAL : undefined;
}

function commandOf(message) {
  if (typeof message !== "object" || message === null || !Object.hasOwn(message, "cmd")) return undefined;
  return typeof message.cmd === "string" ? message.cmd : undefined;
}

module.exports = { answerTo, isInternal };
