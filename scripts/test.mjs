// `npm test`: everything there is to check, on a fresh clone, with one command. See CONTRIBUTING.md.

import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { lanes } from "./lanes.mjs";
import { projectRoot, runMain, UserError } from "./project.mjs";
import { Skip, stopAll } from "./run.mjs";

const USAGE = `Usage: npm test -- [--only LANE,...] [--quick] [TEST FILE...]
  --only    these lanes, after those that they need
  --quick   build, formatting, types, and the tests under Node as the present user
  files     these test files, under each runtime and user; implies that only they are run`;

const QUICK = ["fmt", "biome", "types", "node-root", "node-user"];

async function main() {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const files = positionals.map(testFile);
  const chosen = choose(lanes(files), values, files);
  if (process.getuid() !== 0) {
    console.log("Not root: the tests run as this user only, and what only root can do is not tested.");
  }
  const results = [];
  for (const lane of chosen) results.push(await runLane(lane, results));
  return summarise(results);
}

function readArguments() {
  const options = {
    only: { type: "string" },
    quick: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  };
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new UserError(`${error.message}\n${USAGE}`);
  }
}

function testFile(name) {
  if (!existsSync(name)) throw new UserError(`There is no file ${name}.\n${USAGE}`);
  return relative(projectRoot, resolve(name));
}

function choose(all, { only, quick }, files) {
  const names = all.map(({ name }) => name);
  let wanted = names;
  if (files.length > 0) wanted = names.filter((name) => /^(?:node|bun)-/.test(name));
  if (quick) wanted = wanted.filter((name) => QUICK.includes(name));
  if (only !== undefined) wanted = only.split(",");
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new UserError(`No lane ${unknown}. The lanes here: ${names.join(", ")}\n${USAGE}`);
  const needed = new Set(
    all.filter(({ name }) => wanted.includes(name)).flatMap(({ name, needs = [] }) => [name, ...needs]),
  );
  return all.filter(({ name }) => needed.has(name));
}

async function runLane(lane, earlier) {
  // Its own failure would say nothing new.
  const broken = earlier.find(({ name, status }) => status === "failed" && lane.needs?.includes(name));
  if (broken) return { name: lane.name, status: "failed", why: `not run: ${broken.name} failed` };
  console.log(`\n── ${lane.name} ${"─".repeat(Math.max(0, 76 - lane.name.length))}`);
  const start = performance.now();
  const outcome = await outcomeOf(lane);
  const result = { name: lane.name, seconds: (performance.now() - start) / 1000 };
  if (!outcome) return { ...result, status: "passed" };
  if (!(outcome instanceof Skip)) return { ...result, status: "failed", why: outcome };
  // Where a lane is known to work, not running it would be a silent loss.
  const must = (process.env.CONTAINER_SPAWN_MUST_WORK ?? "").split(",").includes(lane.name);
  return { ...result, status: must ? "failed" : "skipped", why: outcome.reason };
}

async function outcomeOf(lane) {
  try {
    return await lane.run();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function summarise(results) {
  console.log(`\n── summary ${"─".repeat(69)}`);
  for (const { name, status, seconds, why } of results) {
    const time = seconds === undefined ? "" : `${seconds.toFixed(1)} s`;
    console.log(`${status.padEnd(8)} ${name.padEnd(13)} ${time.padStart(8)}${why ? `  ${why}` : ""}`);
  }
  const count = (wanted) => results.filter(({ status }) => status === wanted).length;
  const failed = count("failed");
  console.log(`\nlanes: ${count("passed")} passed, ${failed} failed, ${count("skipped")} skipped`);
  return failed === 0 ? 0 : 1;
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    stopAll();
    process.exit(1);
  });
}
await runMain(main);
