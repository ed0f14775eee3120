// The guest's root file system and its two kernels, built by mmdebstrap from the mirror that this host's apt uses, and
// kept below vm/cache until the recipe changes.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, UserError } from "../scripts/project.mjs";
import { aptSettings, debianMirror } from "./apt.mjs";
import { makeDisk } from "./disk.mjs";

export const cache = join(projectRoot, "vm", "cache");
const recipe = join(projectRoot, "vm", "root", "customise.sh");

const SUITE = "bookworm";
const BACKPORTS = `${SUITE}-backports`;
/** What the lane calls a kernel is how its version begins. */
export const KERNELS = ["6.1", "6.12"];
const PACKAGES = [
  ["systemd", "systemd-sysv", "dbus", "dbus-user-session", "libpam-systemd", "udev", "kmod"],
  ["util-linux", "procps", "iproute2", "uidmap", "strace", "apparmor", "libstdc++6"],
  ["linux-image-cloud-amd64", "initramfs-tools", "zstd"],
].flat();
const ATTEMPTS = 3;
const SIZE = "2G";

/** The paths of a kernel, its initrd and the root disk; builds them where they are not there. */
export function image() {
  const directory = join(cache, keyOfRecipe());
  if (!existsSync(directory)) buildImage(directory);
  return {
    disk: join(directory, "root.ext4"),
    kernel: (version) => join(directory, `vmlinuz-${version}`),
    initrd: (version) => join(directory, `initrd-${version}`),
    versions: readFileSync(join(directory, "packages"), "utf8")
      .match(/^(?:linux-image-\d|systemd\t).*/gm)
      .join("\n"),
  };
}

/** Versions are the mirror's: what was installed is in the image's list, and a new image is had by deleting the old. */
function keyOfRecipe() {
  const parts = [SUITE, BACKPORTS, KERNELS, PACKAGES, SIZE, readFileSync(recipe, "utf8")];
  return `image-${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16)}`;
}

function buildImage(directory) {
  mkdirSync(cache, { recursive: true });
  removeOldImages();
  const building = `${directory}.building-${process.pid}`;
  const abandon = () => rmSync(building, { recursive: true, force: true });
  process.on("exit", abandon);
  mkdirSync(building);
  const root = join(building, "root");
  bootstrap(root);
  for (const version of KERNELS) takeKernel(root, version, building);
  copyFileSync(join(root, "packages"), join(building, "packages"));
  makeDisk(root, join(building, "root.ext4"), SIZE);
  rmSync(root, { recursive: true });
  renameSync(building, directory);
  process.off("exit", abandon);
}

/** Of other recipes, and of builds that were killed. */
function removeOldImages() {
  const isRunning = (pid) => pid !== undefined && existsSync(`/proc/${pid}`);
  for (const name of readdirSync(cache)) {
    if (!name.startsWith("image-") || isRunning(/\.building-(\d+)$/.exec(name)?.[1])) continue;
    rmSync(join(cache, name), { recursive: true });
  }
}

function bootstrap(root) {
  const mirror = debianMirror();
  const sources = [SUITE, BACKPORTS].map((suite) => `deb ${mirror} ${suite} main`);
  // Its mounts end with it, however it ends.
  const command = [
    ["unshare", "--mount", "--propagation", "private", "--"],
    ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", "--architectures=amd64"],
    aptSettings().map((line) => `--aptopt=${line}`),
    [`--include=${PACKAGES.join(",")}`],
    // Configured before the kernel is: an initrd with every driver takes a minute to make, and seconds to load.
    [`--extract-hook=sh '${recipe}' initrd "$1"`],
    [`--customize-hook=sh '${recipe}' kernel "$1" ${BACKPORTS}`],
    [`--customize-hook=sh '${recipe}' system "$1"`],
    [SUITE, root, ...sources],
  ].flat();
  for (let attempt = 1; ; attempt++) {
    console.log(`building the guest's root file system from ${mirror}, attempt ${attempt} of ${ATTEMPTS}`);
    const { status, stderr } = spawnSync(command[0], command.slice(1), {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    if (status === 0) return;
    console.log(stderr);
    rmSync(root, { recursive: true, force: true });
    if (attempt === ATTEMPTS) {
      throw new UserError(
        `mmdebstrap failed ${ATTEMPTS} times, see above. It takes ${SUITE} and ${BACKPORTS} from ${mirror}.`,
      );
    }
  }
}

function takeKernel(root, version, to) {
  const boot = join(root, "boot");
  for (const [prefix, name] of [
    ["vmlinuz", "vmlinuz"],
    ["initrd.img", "initrd"],
  ]) {
    const file = readdirSync(boot).find((entry) => entry.startsWith(`${prefix}-${version}.`));
    if (file === undefined)
      throw new UserError(`The guest has no /boot/${prefix}-${version}.*: ${readdirSync(boot)}`);
    copyFileSync(join(boot, file), join(to, `${name}-${version}`));
  }
}
