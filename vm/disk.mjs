// Disks of the guest, made from directories without mounting anything.

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { stage } from "../scripts/nobody.mjs";
import { UserError } from "../scripts/project.mjs";

/** Makes `file`, an ext4 file system with the content of `directory`. */
export function makeDisk(directory, file, size) {
  rmSync(file, { force: true });
  // No journal, no reserve, no check: the disk is read for minutes, and what is written to it is thrown away.
  const options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "lazy_itable_init=1"];
  const { status, stderr, error } = spawnSync("mke2fs", [...options, "-d", directory, file, size], {
    encoding: "utf8",
  });
  if (status !== 0) throw new UserError(`mke2fs ${file}: ${error?.message ?? stderr}`);
}

/** Makes the disk of one run: the checkout, and the programs that run its tests under the names given. */
export function makeRunDisk(programs) {
  const staged = stage([]).root.cwd;
  // `stage` removes this directory, and so all that is made in it here, when this process ends.
  const directory = dirname(staged);
  const content = join(directory, "vm");
  mkdirSync(join(content, "bin"), { recursive: true });
  renameSync(staged, join(content, "checkout"));
  freshen(join(content, "checkout", "target", "test-payloads"));
  for (const [name, from] of Object.entries(programs)) {
    copyFileSync(from, join(content, "bin", name));
    chmodSync(join(content, "bin", name), 0o755);
  }
  const file = join(directory, "run.ext4");
  makeDisk(content, file, "1G");
  return file;
}

/** The disk counts whole seconds, and the guest, which has no rustc, takes only programs newer than their sources. */
function freshen(directory) {
  const now = new Date();
  for (const name of readdirSync(directory)) utimesSync(join(directory, name), now, now);
}
