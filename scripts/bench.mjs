// `npm run bench`: builds, then runs the bench under Node and, where there is one, under Bun.
// Its arguments are those of bench/spawn.mjs; `--json FILE` becomes FILE with the runtime's name in it.

import { spawnSync } from "node:child_process";
import { join, parse } from "node:path";
import { build } from "./build.mjs";
import { findBun, projectRoot, runMain } from "./project.mjs";

const BENCH = join(projectRoot, "bench", "spawn.mjs");

function main() {
  build();
  const given = process.argv.slice(2);
  const bun = findBun();
  if (bun === null) console.log("Bun is neither in node_modules (npm ci) nor on PATH: Node only.\n");
  for (const [runtime, program] of Object.entries({ node: process.execPath, ...(bun && { bun }) })) {
    const { status } = spawnSync(program, [BENCH, ...argumentsFor(runtime, given)], { stdio: "inherit" });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}

function argumentsFor(runtime, given) {
  return given.map((argument, i) => {
    if (given[i - 1] !== "--json") return argument;
    const { dir, name, ext } = parse(argument);
    return join(dir, `${name}.${runtime}${ext}`);
  });
}

await runMain(main);
