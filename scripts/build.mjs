// Builds the addon and puts it where lib/native.js looks for it: in the package root, under the name of the
// platform. Usage: node scripts/build.mjs [--debug]

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findProgram, projectRoot, runMain, UserError } from "./project.mjs";

const ARCHITECTURES = { x86_64: "x64", aarch64: "arm64" };

/** Builds, and returns the path of the addon. */
export function build({ debug = false } = {}) {
  if (findProgram("cargo") === null || findProgram("rustc") === null) {
    throw new UserError(
      "cargo was not found: the addon is written in Rust.\n" +
        "Install Rust 1.88 or newer (rustup, or your distribution's packages), see that `cargo` is on PATH, " +
        "and run this again.",
    );
  }
  const target = process.env.CARGO_BUILD_TARGET || hostTriple();
  const addon = join(projectRoot, addonName(target));
  replaceFile(compile(target, debug), addon);
  return addon;
}

function hostTriple() {
  const { stdout, status } = spawnSync("rustc", ["-vV"], { encoding: "utf8" });
  const triple = /^host: (.+)$/m.exec(stdout ?? "")?.[1];
  if (status !== 0 || triple === undefined)
    throw new UserError("`rustc -vV` did not tell its host platform.");
  return triple;
}

/** `container-spawn.linux-x64-gnu.node` for `x86_64-unknown-linux-gnu`. */
function addonName(triple) {
  const architecture = ARCHITECTURES[triple.split("-")[0]];
  const libc = /-linux-(gnu|musl)$/.exec(triple)?.[1];
  if (architecture === undefined || libc === undefined) {
    throw new UserError(
      `container-spawn runs on Linux, x86-64 or arm64, with glibc or musl; this is ${triple}.`,
    );
  }
  return `container-spawn.linux-${architecture}-${libc}.node`;
}

function compile(triple, debug) {
  const args = ["build", "--package", "container-spawn", "--message-format", "json-render-diagnostics"];
  if (!debug) args.push("--release");
  const env = { ...process.env };
  // On musl rustc links statically unless told otherwise, and a static cdylib cannot be loaded.
  if (triple.endsWith("-musl")) env.RUSTFLAGS = `${env.RUSTFLAGS ?? ""} -C target-feature=-crt-static`.trim();
  const { stdout, status, error } = spawnSync("cargo", args, {
    cwd: projectRoot,
    env,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (error) throw error;
  if (status !== 0) throw new UserError(`The addon was not built: cargo ${args.join(" ")} failed.`);
  return cdylibOf(stdout);
}

// Asking cargo, rather than composing a path, is right for every target directory, target and profile.
function cdylibOf(messages) {
  for (const line of messages.split("\n")) {
    if (!line.startsWith("{")) continue;
    const message = JSON.parse(line);
    if (message.reason !== "compiler-artifact" || !message.target.crate_types.includes("cdylib")) continue;
    const file = message.filenames.find((name) => name.endsWith(".so"));
    if (file !== undefined && message.target.name === "container_spawn") return file;
  }
  throw new UserError("cargo reported no libcontainer_spawn.so.");
}

// A process that has the old addon mapped keeps the old file; overwriting it in place would crash that process.
function replaceFile(from, to) {
  const temporary = join(projectRoot, `.building-${process.pid}.node`);
  try {
    copyFileSync(from, temporary);
    // Readable for every user whatever the umask: the tests run it as another user too.
    chmodSync(temporary, 0o644);
    renameSync(temporary, to);
  } finally {
    rmSync(temporary, { force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await runMain(() => {
    const unknown = process.argv.slice(2).filter((argument) => argument !== "--debug");
    if (unknown.length > 0) throw new UserError(`Unknown argument ${unknown[0]}. Usage: build.mjs [--debug]`);
    console.log(`built ${build({ debug: process.argv.includes("--debug") })}`);
  });
}
