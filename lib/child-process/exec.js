"use strict";
// Node's `exec` and `execFile`: a command whose output is collected.

const { getSystemErrorName, promisify } = require("node:util");
const { argumentError } = require("../errors.js");
const checks = require("./checks.js");
const { spawn } = require("./spawn.js");

const MAX_BUFFER = 1024 * 1024;

/** Runs a shell command. */
function exec(command, options, callback) {
  const [given, then] = readShellCommand(command, options, callback);
  return execFile(command, given, then);
}

/** The options of `exec` and `execSync`, with a shell, and the callback. */
function readShellCommand(command, options, callback) {
  checks.checkString(command, "command");
  const [given, then] = typeof options === "function" ? [undefined, options] : [options, callback];
  return [{ __proto__: null, ...given, shell: typeof given?.shell === "string" ? given.shell : true }, then];
}

/** Runs a program. */
function execFile(file, args, options, callback) {
  const call = readFileCall(file, args, options, callback);
  const defaults = { encoding: "utf8", maxBuffer: MAX_BUFFER, killSignal: "SIGTERM" };
  const given = { __proto__: null, ...defaults, ...call.options };
  checks.checkTimeout(given.timeout);
  checks.checkMaxBuffer(given.maxBuffer);
  const ending = checks.killSignal(given.killSignal);
  const { cwd, env, uid, gid, shell, signal, windowsHide, windowsVerbatimArguments, container } = given;
  const windows = {
    windowsHide: Boolean(windowsHide),
    windowsVerbatimArguments: Boolean(windowsVerbatimArguments),
  };
  const child = spawn(file, call.args, { cwd, env, uid, gid, shell, signal, ...windows, container });
  const collector = new Collector(child, call, given, ending);
  child.addListener("close", (code, signalName) => collector.finish(code, signalName));
  child.addListener("error", (error) => collector.fail(error));
  return child;
}

/** `(file, args?, options?, callback?)`: what is what. */
function readFileCall(file, args, options, callback) {
  const call = { file, args: [], options, callback };
  if (Array.isArray(args)) call.args = [...args];
  else if (typeof args === "function") Object.assign(call, { options: undefined, callback: args });
  else if (!checks.isMissing(args) && typeof args === "object") {
    Object.assign(call, { options: args, callback: options });
  }
  if (typeof call.options === "function") Object.assign(call, { options: undefined, callback: call.options });
  else if (!checks.isMissing(call.options)) checks.checkObject(call.options, "options");
  if (!checks.isMissing(call.callback)) checks.checkFunction(call.callback, "callback");
  if (!checks.isMissing(call.options?.argv0)) checks.checkString(call.options.argv0, "options.argv0");
  return call;
}

/** Collects what a child writes, and calls back once. */
class Collector {
  #child;
  #call;
  #outputs;
  #ending;
  #timer;
  #error = null;
  #wasEnded = false;
  #isFinished = false;

  constructor(child, call, { encoding, maxBuffer, timeout }, ending) {
    this.#child = child;
    this.#call = call;
    this.#ending = ending;
    const tooMuch = (name) => {
      this.#error = tooMuchOutput(name);
      this.#end();
    };
    const known = encoding !== "buffer" && Buffer.isEncoding(encoding) ? encoding : null;
    this.#outputs = ["stdout", "stderr"].map(
      (name) => new Collected(child[name], known, maxBuffer ?? MAX_BUFFER, () => tooMuch(name)),
    );
    if (timeout > 0) this.#timer = setTimeout(() => this.#end(), timeout);
  }

  fail(error) {
    this.#error = error;
    this.#stopReading();
    this.finish();
  }

  finish(code, signal) {
    if (this.#isFinished) return;
    this.#isFinished = true;
    clearTimeout(this.#timer);
    const { callback, file, args } = this.#call;
    if (!callback) return;
    const [stdout, stderr] = this.#outputs.map((output) => output.value);
    if (this.#error === null && code === 0 && signal === null) {
      callback(null, stdout, stderr);
      return;
    }
    const cmd = [file, ...args].join(" ");
    const error = this.#error ?? this.#failure(cmd, stderr, code, signal);
    callback(Object.assign(error, { cmd }), stdout, stderr);
  }

  #failure(cmd, stderr, code, signal) {
    const error = new Error(`Command failed: ${cmd}\n${stderr}`);
    return Object.assign(error, {
      code: code < 0 ? getSystemErrorName(code) : code,
      killed: this.#child.killed || this.#wasEnded,
      signal,
    });
  }

  #end() {
    this.#stopReading();
    this.#wasEnded = true;
    try {
      this.#child.kill(this.#ending);
    } catch (error) {
      this.#error = error;
      this.finish();
    }
  }

  #stopReading() {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }
}

/** One output: at most `limit` bytes of it. */
class Collected {
  #stream;
  #chunks = [];
  #length = 0;

  constructor(stream, encoding, limit, onTooMuch) {
    this.#stream = stream;
    if (encoding !== null) stream.setEncoding(encoding);
    stream.on("data", (chunk) => {
      const room = limit - this.#length;
      // A destroyed stream still gives what it has in its buffer.
      if (room < 0) return;
      this.#length += Buffer.byteLength(chunk, stream.readableEncoding ?? undefined);
      if (this.#length <= limit) this.#chunks.push(chunk);
      else {
        this.#chunks.push(chunk.slice(0, room));
        onTooMuch();
      }
    });
  }

  get value() {
    return this.#stream.readableEncoding ? this.#chunks.join("") : Buffer.concat(this.#chunks);
  }
}

function tooMuchOutput(name) {
  const message = `${name} maxBuffer length exceeded`;
  return argumentError("RangeError", "ERR_CHILD_PROCESS_STDIO_MAXBUFFER", message);
}

/** What `util.promisify` makes of it: a promise of `{ stdout, stderr }` that has the `child`. */
function promised(call) {
  return (...args) => {
    const settle = {};
    const promise = new Promise((resolve, reject) => Object.assign(settle, { resolve, reject }));
    // Not inside the promise: what is wrong with the arguments is thrown, as in Node.
    const child = call(...args, (error, stdout, stderr) => {
      if (error === null) settle.resolve({ stdout, stderr });
      else settle.reject(Object.assign(error, { stdout, stderr }));
    });
    return Object.assign(promise, { child });
  };
}

for (const call of [exec, execFile]) Object.defineProperty(call, promisify.custom, { value: promised(call) });

module.exports = { MAX_BUFFER, exec, execFile, readFileCall, readShellCommand };
