// What must be so on the machine while a job runs, and is undone after it.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PROFILE = fileURLToPath(new URL("no-capabilities.apparmor", import.meta.url));

/** Runs `body` under a job's conditions, or gives the reason why this kernel cannot have them. */
export async function under({ sysctl = {}, properties = {} }, body) {
  return cannotLoad(properties.AppArmorProfile) ?? (await withSysctls(sysctl, body));
}

function cannotLoad(profile) {
  if (profile === undefined) return undefined;
  const { status, stderr, error } = spawnSync("apparmor_parser", ["--replace", PROFILE], {
    encoding: "utf8",
  });
  if (status !== 0) return `AppArmor takes no profile: ${error?.message ?? stderr}`;
}

async function withSysctls(wanted, body) {
  const files = Object.keys(wanted).map((name) => `/proc/sys/${name.replaceAll(".", "/")}`);
  const missing = Object.keys(wanted).find((_, index) => !existsSync(files[index]));
  if (missing !== undefined) return `this kernel has no sysctl ${missing}`;
  const before = files.map((file) => readFileSync(file));
  for (const [index, value] of Object.values(wanted).entries()) writeFileSync(files[index], String(value));
  await body();
  for (const [index, value] of before.entries()) writeFileSync(files[index], value);
}
