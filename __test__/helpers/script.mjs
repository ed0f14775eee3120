/**
 * Programs that use the product in a process of their own, under the runtime that runs the tests.
 *
 * For what cannot be tried in the test's own process: its death, its signals, its mounts, its prototypes.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { tempDir } from "./temp.mjs";

const api = new URL("../../index.mjs", import.meta.url).href;
const helpers = new URL("./", import.meta.url).href;
const prelude = `
import { spawn, explain, SpawnError } from ${JSON.stringify(api)};
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
const helper = (name) => import(${JSON.stringify(helpers)} + name + ".mjs");
const say = (value) => fs.writeSync(1, JSON.stringify(value) + "\\n");
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const told = (error) => ({ ...error, name: error.name, message: error.message });
const [given] = process.argv.slice(2).map((text) => JSON.parse(text));
`;

let directory;
let count = 0;

/**
 * Starts a program. In it: the product's functions, `say(value)` to report, `given` with what is given here.
 * `wrapper` is a command that ends by executing its arguments. The program gets its own process group.
 */
export function start(source, { wrapper = [], given = null, env, cwd, stdio, timeout = 30_000 } = {}) {
  if (directory === undefined || !fs.existsSync(directory)) directory = tempDir();
  const file = path.join(directory, `program-${++count}.mjs`);
  fs.writeFileSync(file, `${prelude}\n${source}\n`);
  const [command, ...rest] = [...wrapper, process.execPath, file, JSON.stringify(given)];
  const program = spawn(command, rest, {
    cwd: cwd ?? directory,
    env: { ...process.env, ...env },
    stdio: stdio ?? ["ignore", "pipe", "pipe"],
    detached: true,
  });
  return new Program(program, timeout);
}

class Program {
  #said = [];
  #heard = 0;
  #waiting = [];

  constructor(program, timeout) {
    this.process = program;
    this.pid = program.pid;
    this.stdout = "";
    this.stderr = "";
    // A program that hangs, perhaps inside a system call, must not take the suite with it.
    const timer = setTimeout(() => this.kill("SIGKILL"), timeout);
    program.stderr?.setEncoding("utf8").on("data", (text) => {
      this.stderr += text;
    });
    let rest = "";
    program.stdout?.setEncoding("utf8").on("data", (text) => {
      this.stdout += text;
      rest += text;
      const complete = rest.split("\n");
      rest = complete.pop();
      for (const line of complete) this.#hear(line);
    });
    this.ended = new Promise((resolve, reject) => {
      program.on("error", reject);
      program.on("close", (code, signal) => {
        clearTimeout(timer);
        for (const { reject: fail } of this.#waiting) fail(this.#complaint("ended too early", code, signal));
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, said: this.#said });
      });
    });
  }

  #complaint(what, code, signal) {
    return new Error(
      `the program ${what} (exit code ${code}, signal ${signal})\n${this.stdout}${this.stderr}`,
    );
  }

  #hear(line) {
    let value;
    try {
      value = JSON.parse(line);
    } catch {
      return; // output of a command, not of `say`
    }
    this.#said.push(value);
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve(this.#said[this.#heard++]);
  }

  /** The next thing it says. */
  async said() {
    if (this.#heard < this.#said.length) return this.#said[this.#heard++];
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Signals the program and what it started in its process group. */
  kill(signal) {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // it has ended
    }
  }
}

/** Runs a program to its end; it must end well. Gives what it said last. */
export async function script(source, options) {
  const result = await scriptResult(source, options);
  assert.equal(
    result.code,
    0,
    `exit code ${result.code}, signal ${result.signal}\n${result.stdout}${result.stderr}`,
  );
  return result.said.at(-1);
}

/** Runs a program to its end, however that is. */
export const scriptResult = (source, options) => start(source, options).ended;
