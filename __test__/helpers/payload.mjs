/**
 * The static programs of ../payloads, built when first asked for.
 *
 * Only rustc is needed: no C compiler, no libc. They are kept in `target/`, so that a run as root leaves them for one
 * as a user who has no rustc; where `target/` cannot be written they go into a directory of this process.
 * `node payload.mjs` builds them all.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../payloads/", import.meta.url));
const shared = fileURLToPath(new URL("../../target/test-payloads/", import.meta.url));
const names = ["true", "racer", "probe"];
let own;

function ownDirectory() {
  if (own === undefined) {
    own = fs.mkdtempSync(path.join(os.tmpdir(), "container-spawn-payloads-"));
    fs.chmodSync(own, 0o755);
    process.on("exit", () => fs.rmSync(own, { recursive: true, force: true }));
  }
  return own;
}

const modified = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

function isFresh(name, file) {
  return modified(file) > Math.max(modified(`${sources}${name}.rs`), modified(`${sources}rt.rs`));
}

function writableDirectory() {
  try {
    fs.mkdirSync(shared, { recursive: true });
    fs.accessSync(shared, fs.constants.W_OK);
    return shared;
  } catch {
    return ownDirectory();
  }
}

function build(name) {
  const directory = writableDirectory();
  // Two test files may build at once: each makes its own file, and the rename is atomic.
  const made = path.join(directory, `.${name}-${process.pid}`);
  const options = [
    ["--edition", "2021", "--crate-name", name, "-o", made],
    ["-C", "opt-level=s", "-C", "panic=abort", "-C", "relocation-model=static", "-C", "strip=symbols"],
    ["-C", "linker=rust-lld", "-C", "linker-flavor=ld.lld", "-C", "link-self-contained=no"],
    ["-C", "link-arg=-nostdlib", `${sources}${name}.rs`],
  ].flat();
  const { status, error, stderr } = spawnSync("rustc", options, { encoding: "utf8" });
  if (status !== 0) throw new Error(`rustc cannot build payload ${name}: ${error?.message ?? stderr}`);
  fs.chmodSync(made, 0o755);
  const file = path.join(directory, name);
  fs.renameSync(made, file);
  return file;
}

/** The path of the built program. */
export function payload(name) {
  for (const directory of own ? [shared, own] : [shared]) {
    const file = path.join(directory, name);
    if (isFresh(name, file)) return file;
  }
  return build(name);
}

/** Why the payloads cannot be had, or false. */
payload.unavailable = () => {
  try {
    for (const name of names) payload(name);
    return false;
  } catch (error) {
    return error.message.split("\n")[0];
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of names) console.log(payload(name));
}
