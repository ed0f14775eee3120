"use strict";

// Of stderr the end is shown, where the reason mostly is.
const LAST_LINES = 5;
const LONGEST_COMMAND = 200;

/** A command that `run` was to check did not end of itself with exit code 0. */
class RunError extends Error {
  constructor(cmd, result, cause) {
    super(messageOf(cmd, result), cause === undefined ? undefined : { cause });
    Object.assign(this, { code: "ERR_RUN_FAILED", cmd, ...result });
  }
}
// On the prototype, as the errors of the language have it.
Object.defineProperty(RunError.prototype, "name", { value: "RunError", writable: true, configurable: true });

function messageOf(cmd, result) {
  const lines = String(result.stderr ?? "")
    .trimEnd()
    .split("\n")
    .slice(-LAST_LINES);
  const shown = lines[0] === "" && lines.length === 1 ? "" : `\n  stderr  ${lines.join("\n          ")}`;
  return `${commandLine(cmd)}: ${endOf(result)}${shown}`;
}

function endOf({ exitCode, signalCode, exitReason }) {
  const end = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
  const reasons = {
    timeout: "ended by its timeout",
    aborted: "ended because it was aborted",
    maxBuffer: "ended because it wrote more than maxBuffer",
    oom: "killed by the kernel: out of memory (container.limit.memory)",
  };
  return Object.hasOwn(reasons, exitReason) ? `${reasons[exitReason]}, ${end}` : end;
}

function commandLine(cmd) {
  const line = cmd.map(quoted).join(" ");
  return line.length > LONGEST_COMMAND ? `${line.slice(0, LONGEST_COMMAND)}…` : line;
}

function quoted(argument) {
  const text = typeof argument === "string" ? argument : Buffer.from(argument).toString();
  return /^[\w@%+=:,./-]+$/.test(text) ? text : JSON.stringify(text);
}

module.exports = { RunError };
