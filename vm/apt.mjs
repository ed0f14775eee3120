// What this host's apt knows: where Debian is, and how to get there.

import { spawnSync } from "node:child_process";
import { UserError } from "../scripts/project.mjs";

/** The address of the Debian archive, not of its security updates. */
export function debianMirror() {
  let mirror = configuredMirror();
  if (mirror === undefined) {
    // Whose an archive is stands in its Release file, which a machine that has never updated does not have.
    output("apt-get", ["update", "-qq"]);
    mirror = configuredMirror();
  }
  if (mirror === undefined) {
    throw new UserError(
      "apt on this machine has no source of Debian's: the guest could be had from nowhere.",
    );
  }
  return mirror;
}

function configuredMirror() {
  const listed = output("apt-get", ["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]);
  return /^Debian\|Debian\|(.+)$/m.exec(listed)?.[1];
}

/** The lines of its configuration that decide how a download is done, such as a proxy's. */
export function aptSettings() {
  const isMeant = (line) => /^Acquire::(?:https?|Check-|Retries|Force)/i.test(line);
  return [...output("apt-config", ["dump"]).split("\n").filter(isMeant), 'Acquire::Retries "5";'];
}

function output(command, args) {
  const { stdout, stderr, status, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new UserError(`${command} ${args.join(" ")}: ${error?.message ?? stderr}`);
  return stdout;
}
