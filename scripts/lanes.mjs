// The lanes of `npm test`: what each runs, what must have run before it, and when it cannot be run, why. A lane's
// `run` returns a line that says why it failed, a `Skip`, or nothing when it passed.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { build } from "./build.mjs";
import { findProgram, projectRoot } from "./project.mjs";
import { run, Skip, succeeds } from "./run.mjs";
import { runtimeLanes } from "./runtimes.mjs";

const cwd = projectRoot;

const cargo = (...args) => run("cargo", args, { cwd });
const npmScript = (name) => run("npm", ["run", "--silent", name], { cwd });

/** All lanes in the order they run. `files`: the test files named on the command line, none meaning all. */
export function lanes(files) {
  return [
    { name: "dependencies", run: installDependencies },
    { name: "build", run: () => console.log(`built ${build()}`) },
    {
      name: "payloads",
      run: () => run(process.execPath, [join("__test__", "helpers", "payload.mjs")], { cwd }),
    },
    { name: "fmt", run: () => component("fmt", "rustfmt") ?? cargo("fmt", "--all", "--check") },
    { name: "clippy", run: () => clippy("--workspace", "--all-targets") },
    {
      name: "clippy-core",
      run: () => clippy("--package", "container-spawn", "--all-targets", "--no-default-features"),
    },
    { name: "cargo-test", run: () => cargo("test", "--workspace", "--no-default-features") },
    { name: "child", run: () => run(process.execPath, [join("scripts", "check-child.mjs")], { cwd }) },
    { name: "biome", needs: ["dependencies"], run: () => npmScript("lint") },
    { name: "types", needs: ["dependencies"], run: () => npmScript("types") },
    ...runtimeLanes(files.length > 0 ? files : testFiles(join(cwd, "__test__"))),
  ];
}

function installDependencies() {
  const lock = join(cwd, "package-lock.json");
  const installed = join(cwd, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  if (findProgram("npm") === null) return "npm is not on PATH";
  return run("npm", ["ci"], { cwd });
}

function clippy(...packages) {
  return component("clippy", "clippy") ?? cargo("clippy", ...packages, "--", "-D", "warnings");
}

/** rustfmt and clippy are parts of Rust that some distributions pack apart. */
function component(subcommand, name) {
  if (succeeds("cargo", [subcommand, "--version"])) return null;
  return new Skip(
    `cargo ${subcommand} is not installed (rustup component add ${name}, or your distribution's package)`,
  );
}

function testFiles(directory) {
  return readdirSync(directory, { recursive: true })
    .filter((name) => /\.test\.(?:mjs|cjs|js)$/.test(name))
    .map((name) => relative(cwd, join(directory, name)))
    .sort();
}
