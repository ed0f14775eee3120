"use strict";
// Finds and loads the native addon, at first use: the package can be imported where it cannot run.

const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");
const { SpawnError } = require("./errors.js");

const OVERRIDE = "CONTAINER_SPAWN_NATIVE_PATH";
const NOT_THERE = "not there";

let addon;

/** The native addon. */
function native() {
  addon ??= load();
  return addon;
}

function load() {
  if (process.platform !== "linux") {
    throw new SpawnError(
      `container-spawn needs Linux: this is ${process.platform} on ${process.arch}\n` +
        "  hint    run it in a Linux virtual machine or container, or on Windows in WSL 2",
      { code: "ERR_UNSUPPORTED_PLATFORM", hint: "run it on Linux" },
    );
  }
  const platform = `linux-${process.arch}-${libc()}`;
  const attempts = [];
  for (const candidate of candidates(platform)) {
    try {
      return require(candidate);
    } catch (error) {
      attempts.push({ candidate, error });
    }
  }
  throw failure(platform, attempts);
}

function candidates(platform) {
  const override = process.env[OVERRIDE];
  if (override) return [resolve(override)];
  return [join(__dirname, "..", `container-spawn.${platform}.node`), `@container-spawn/${platform}`];
}

// process.report would tell too, and takes tens of milliseconds to make.
function libc() {
  try {
    return readFileSync("/proc/self/maps", "latin1").includes("/ld-musl-") ? "musl" : "gnu";
  } catch {
    return "gnu";
  }
}

function failure(platform, attempts) {
  const lines = attempts.map(({ candidate, error }) => `  tried   ${candidate}: ${reason(candidate, error)}`);
  const cause = attempts.find(({ candidate, error }) => reason(candidate, error) !== NOT_THERE)?.error;
  const hint = hintFor(platform, cause);
  const [, arch, kind] = platform.split("-");
  return new SpawnError(
    [
      `container-spawn found no native addon that loads here (linux, ${arch}, ${kind})`,
      ...lines,
      `  hint    ${hint}`,
    ].join("\n"),
    { code: "ERR_NATIVE_ADDON", hint },
    cause,
  );
}

// A module that the candidate itself lacks is not the candidate that is lacking.
function reason(candidate, error) {
  const missing = error.code === "MODULE_NOT_FOUND" && error.message.includes(candidate);
  return missing ? NOT_THERE : error.message.split("\n")[0];
}

function hintFor(platform, cause) {
  if (process.env[OVERRIDE]) return `${OVERRIDE} names this file: correct or unset it`;
  if (cause)
    return "it is there, but not made for this system; in a checkout, `npm run build` makes one that is";
  return (
    "in a checkout: `npm run build`; as a dependency: `npm install --include=optional`, and on this very " +
    `platform, since a lockfile or node_modules made on another may lack @container-spawn/${platform}`
  );
}

module.exports = { native };
