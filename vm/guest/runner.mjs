// Runs in the guest, as a service: reads from the host which jobs there are, runs each in a unit of systemd's own, and
// reports every test.

import { spawn } from "node:child_process";
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { under } from "./conditions.mjs";
import { machine } from "./machine.mjs";
import { commandOf, resultsOf } from "./runtimes.mjs";

const PORT = "/dev/virtio-ports/reports";
const RESULTS = "/run/vm-results";
const CHECKOUT = "/vm/checkout";
const OUTPUT_LIMIT = 20_000;

let port;
const report = (value) => writeSync(port, `${JSON.stringify(value)}\n`);

/** Byte by byte: a read that waits for more than the line would keep this process from ending. */
function readRequest() {
  const bytes = [];
  const byte = Buffer.alloc(1);
  for (;;) {
    // Until the host has opened its end there is nothing to read.
    if (readSync(port, byte) === 1) {
      if (byte[0] === 10) return JSON.parse(Buffer.from(bytes).toString());
      bytes.push(byte[0]);
    }
  }
}

/**
 * What fails is tried once more, and both are reported: on an emulated machine that shares its processors with another, a
 * test can wait too short a time.
 */
async function runJob(job, id) {
  const isGood = await attempt(job, id, String(id));
  if (isGood) return;
  report({ report: "again", id });
  await attempt(job, id, `${id}-again`);
}

async function attempt(job, id, name) {
  const directory = join(RESULTS, name);
  mkdirSync(directory, { recursive: true });
  chownSync(directory, job.uid, job.uid);
  const started = performance.now();
  const ended = await runUnit(job, name, commandOf(job, directory));
  const results = resultsOf(job, directory, ended.output);
  for (const result of results) report({ report: "test", id, ...result });
  report({ report: "end", id, seconds: (performance.now() - started) / 1000, ...ended });
  return ended.status === 0 && results.every(({ outcome }) => outcome !== "failed");
}

/** A unit for each file: what one does to its cgroup is not there for the next. */
function runUnit(job, name, command) {
  const env = { PATH: "/vm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...job.env };
  const args = [
    ["--quiet", "--pipe", "--wait", "--collect", `--unit=vm-job-${name}`, "--service-type=exec"],
    Object.entries({
      User: job.uid,
      WorkingDirectory: CHECKOUT,
      RuntimeMaxSec: job.limit,
      TimeoutStopSec: 10,
      ...job.properties,
    }).map(([name, value]) => `--property=${name}=${value}`),
    Object.entries(env).map(([name, value]) => `--setenv=${name}=${value}`),
    ["--", ...command],
  ].flat();
  return new Promise((resolve) => {
    const child = spawn("systemd-run", args, { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (data) => {
        text = (text + data).slice(-OUTPUT_LIMIT);
      });
    }
    child.on("close", (code, signal) => resolve({ status: code ?? signal, output: text }));
  });
}

async function main() {
  while (!existsSync(PORT)) await sleep(100);
  port = openSync(PORT, "r+");
  try {
    const { jobs } = readRequest();
    report({ report: "up", machine: machine() });
    for (const [id, job] of jobs.entries()) {
      report({ report: "begin", id });
      const why = await under(job, () => runJob(job, id));
      if (why) report({ report: "skip", id, why });
    }
    report({ report: "done" });
  } catch (error) {
    report({ report: "broken", why: error.stack });
  }
  closeSync(port);
}

await main();
