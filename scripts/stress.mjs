// `npm run stress`: the programs of __test__/stress in full, under Node and, where there is one, under Bun. Names choose
// some of them: `npm run stress -- streams kills`.

import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "./build.mjs";
import { findBun, projectRoot, runMain, UserError } from "./project.mjs";
import { run, stopAll } from "./run.mjs";

const DIRECTORY = join(projectRoot, "__test__", "stress");
// What the programs share.
const PARTS = ["collect"];
const HOURS = 3_600_000;

async function main() {
  const programs = choose(process.argv.slice(2));
  build();
  const bun = findBun();
  if (bun === null) console.log("Bun is neither in node_modules (npm ci) nor on PATH: Node only.\n");
  const failures = [];
  for (const runtime of [process.execPath, bun].filter((path) => path !== null)) {
    for (const name of programs) {
      const title = `${name} under ${basename(runtime)}`;
      console.log(`\n── ${title}`);
      const failure = await run(...privately(runtime, join(DIRECTORY, `${name}.mjs`)), {
        cwd: projectRoot,
        timeout: HOURS,
      });
      if (failure) failures.push(`${title}: ${failure}`);
    }
  }
  console.log(failures.length === 0 ? "\nall passed" : `\nfailed:\n  ${failures.join("\n  ")}`);
  return failures.length === 0 ? 0 : 1;
}

function choose(names) {
  const all = readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(".mjs") && !file.endsWith(".test.mjs"))
    .map((file) => basename(file, ".mjs"))
    .filter((name) => !PARTS.includes(name));
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new UserError(`There is no program ${unknown}. There are: ${all.join(", ")}`);
  return names.length > 0 ? names : all;
}

/** As root, mounts of a program that goes wrong end with it and are seen by nobody else. */
function privately(runtime, file) {
  if (process.getuid() !== 0) return [runtime, [file]];
  return ["unshare", ["--mount", "--propagation", "private", "--", runtime, file]];
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    stopAll();
    process.exit(1);
  });
}
await runMain(main);
