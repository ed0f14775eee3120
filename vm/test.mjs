// `npm run test:vm`: tests in virtual machines what this machine's kernel cannot show. See CONTRIBUTING.md.

import { existsSync } from "node:fs";
import { arch } from "node:os";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../scripts/build.mjs";
import { findBun, findProgram, projectRoot, runMain, UserError } from "../scripts/project.mjs";
import { run } from "../scripts/run.mjs";
import { GuestError, Machine } from "./boot.mjs";
import { makeRunDisk } from "./disk.mjs";
import { image, KERNELS } from "./image.mjs";
import { jobsOf, RUNTIMES } from "./plan.mjs";
import { Report, summarise } from "./report.mjs";
import { SCENARIOS } from "./scenarios.mjs";

const USAGE = `Usage: npm run test:vm -- [--kernel ${KERNELS.join("|")}] [--only SCENARIO,...] [--runtime node|bun]
                       [--everything] [--as-built] [--keep] [TEST FILE...]
  --only       these scenarios: ${SCENARIOS.map(({ name }) => name).join(", ")}
  --runtime    under this one, all of a scenario's files
  --everything all files of the scenarios under both, instead of vm/plan.mjs's choice; takes more than an hour
  --as-built   with the addon that is there, without building it first
  --keep       afterwards a shell of root's in the machine, until \`poweroff\`; needs --kernel
  files        these test files, in each scenario`;
const PROGRAMS = { "qemu-system-x86_64": "qemu-system-x86", mmdebstrap: "mmdebstrap", mke2fs: "e2fsprogs" };
const MINUTES = 60_000;

async function main() {
  const { values, files } = readArguments();
  const { only, runtime: runtimes, everything, keep } = values;
  const jobs = values.kernel.map((kernel) => jobsOf(only, { kernel, files, runtimes, everything }));
  const obstacle = whyNotHere();
  if (obstacle) return skip(obstacle);
  await prepare(values);
  const { disk, kernel, initrd, versions } = image();
  const runDisk = makeRunDisk(programs());
  console.log(versions);
  // Side by side: an emulated machine seldom uses more than one processor of the host's.
  const runs = values.kernel.map((version, index) =>
    runIn(version, { disk, kernel: kernel(version), initrd: initrd(version), runDisk }, jobs[index], keep),
  );
  return summarise((await Promise.all(runs)).flat()) === 0 ? 0 : 1;
}

function programs() {
  const bun = findBun();
  if (bun === null) throw new UserError("Bun is neither in node_modules (npm ci) nor on PATH.");
  return { node: process.execPath, bun };
}

function readArguments() {
  const options = {
    kernel: { type: "string" },
    only: { type: "string" },
    runtime: { type: "string" },
    "as-built": { type: "boolean" },
    everything: { type: "boolean" },
    keep: { type: "boolean" },
  };
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const names = SCENARIOS.map(({ name }) => name);
    const only = listed(values.only, names).map((name) => SCENARIOS[names.indexOf(name)]);
    const kernel = listed(values.kernel, KERNELS);
    const runtime = values.runtime && listed(values.runtime, RUNTIMES);
    if (values.keep && kernel.length > 1) throw new Error("--keep is for one kernel");
    return { values: { ...values, only, kernel, runtime }, files: positionals.map(testFile) };
  } catch (error) {
    throw new UserError(`${error.message}\n${USAGE}`);
  }
}

function listed(given, all) {
  const wanted = given?.split(",") ?? all;
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`There is no ${unknown}, but: ${all.join(", ")}`);
  return wanted;
}

function testFile(name) {
  if (!existsSync(name)) throw new Error(`There is no file ${name}`);
  return relative(projectRoot, resolve(name));
}

function whyNotHere() {
  if (arch() !== "x64") return "the guests are x86-64";
  if (process.getuid() !== 0) return "only root can install the guest's system";
  const missing = Object.keys(PROGRAMS).filter((program) => findProgram(program) === null);
  if (missing.length > 0)
    return `not installed: ${missing.join(", ")} (apt-get install --no-install-recommends ${missing.map((program) => PROGRAMS[program]).join(" ")})`;
}

function skip(why) {
  const must = (process.env.CONTAINER_SPAWN_MUST_WORK ?? "").split(",").includes("vm");
  console.log(`${must ? "failed" : "skipped"}: test:vm: ${why}`);
  return must ? 1 : 0;
}

async function prepare({ "as-built": asBuilt }) {
  if (!asBuilt) console.log(`built ${build()}`);
  const failure = await run(process.execPath, [join("__test__", "helpers", "payload.mjs")], {
    cwd: projectRoot,
  });
  if (failure) throw new UserError(`The tests' programs were not built: ${failure}`);
}

async function runIn(version, parts, jobs, keep) {
  const report = new Report(version, jobs);
  const machine = new Machine(parts);
  console.log(`booting ${version}: ${jobs.length} jobs`);
  try {
    await machine.run(
      { jobs },
      { hear: (told) => report.hear(told), limit: 70 * MINUTES, silence: 11 * MINUTES },
    );
  } catch (error) {
    if (!(error instanceof GuestError)) throw error;
    console.log(`\n${version}: ${error.message}`);
  }
  if (keep) {
    console.log("\nThe machine stays until `poweroff`. The checkout is in /vm/checkout.");
    await machine.converse();
  }
  machine.end();
  return report.rows();
}

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
await runMain(main);
