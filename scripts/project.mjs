// Where the project lies, and how the scripts here find the programs they need.

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));

export class UserError extends Error {}

/** The first executable of that name on PATH, or null. */
export function findProgram(name) {
  for (const directory of (process.env.PATH ?? "").split(delimiter)) {
    if (directory === "") continue;
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this directory.
    }
  }
  return null;
}

/** The first Bun that runs here: that of the dev dependencies, else the one on PATH; null when there is none. */
export function findBun() {
  const candidates = [...installedBuns(join(projectRoot, "node_modules")), findProgram("bun")];
  return candidates.find((path) => path !== null && spawnSync(path, ["--version"]).status === 0) ?? null;
}

// npm's package calls the program bun.exe on every platform. That file is a stub where install scripts are not run;
// the program is then still in the platform's own package.
function installedBuns(modules) {
  const platforms = join(modules, "@oven");
  const packages = existsSync(platforms) ? readdirSync(platforms) : [];
  return [
    join(modules, "bun", "bin", "bun.exe"),
    ...packages.map((name) => join(platforms, name, "bin", "bun")),
  ];
}

/** Runs `main` and turns an error meant for people into its message and exit status 1. */
export async function runMain(main) {
  try {
    process.exitCode = (await main()) ?? 0;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
