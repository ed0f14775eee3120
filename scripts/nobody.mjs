// Makes the place in which root's lanes run the tests, as root and as uid 65534. A checkout often cannot be read by
// another user at all (below /root, in a `mktemp -d`, cloned under umask 077), and neither, then, can a Node or a Bun
// that lies there.

import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join, relative, sep } from "node:path";
import { projectRoot, UserError } from "./project.mjs";

const NOBODY = 65534;
// Of the dependencies the tests import some; the tools among them are large, and run from elsewhere.
const TOOLS = ["bun", "@oven", "@biomejs", "typescript", "@typescript"].map((name) =>
  join("node_modules", name),
);
const NOT_COPIED = new Set([".git", join("vm", "cache"), ...TOOLS]);
const PAYLOADS = join("target", "test-payloads");

/** The command line that runs a program as uid 65534, which is in no group of the caller's. */
export const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];

/**
 * `nobody`: a readable copy of the checkout, programs that can be run, and an environment that points nowhere else.
 * `root`: the same copy, since some of root's tests have commands of other users, with a directory for temporary files
 * that no other program uses.
 */
export function stage(programs) {
  const directory = reachableDirectory();
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  const runnable = new Map(programs.map((program) => [program, runnableCopy(program, directory)]));
  const checkout = copyOfCheckout(directory);
  return {
    root: {
      cwd: checkout,
      env: { ...process.env, TMPDIR: makeDirectory(join(directory, "tmp"), 0o1777) },
    },
    nobody: { cwd: checkout, env: nobodysEnvironment([...runnable.values()]) },
    runnable,
  };
}

function makeDirectory(path, mode) {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  return path;
}

function copyOfCheckout(directory) {
  const copy = join(directory, "checkout");
  const wanted = (path) =>
    path.split(sep)[0] === "target"
      ? PAYLOADS.startsWith(path) || path.startsWith(PAYLOADS)
      : !NOT_COPIED.has(path);
  // The times tell that the payloads are newer than their sources: this user has no rustc to build them again.
  cpSync(projectRoot, copy, {
    recursive: true,
    preserveTimestamps: true,
    filter: (from) => wanted(relative(projectRoot, from)),
  });
  const { status, stderr } = spawnSync("chmod", ["-R", "a+rX,go-w", copy], { encoding: "utf8" });
  if (status !== 0) throw new UserError(`chmod ${copy}: ${stderr}`);
  return copy;
}

function reachableParent() {
  const candidates = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm"];
  const reachable = usableByNobody(candidates)[0];
  if (reachable === undefined)
    throw new UserError(`uid ${NOBODY} can enter none of ${candidates.join(", ")}.`);
  return reachable;
}

function reachableDirectory() {
  return makeDirectory(mkdtempSync(join(reachableParent(), "container-spawn-lanes-")), 0o755);
}

/** By itself: an overlay in a user namespace cannot write below a directory that belongs to somebody else. */
function nobodysHome() {
  const home = makeDirectory(mkdtempSync(join(reachableParent(), "container-spawn-home-")), 0o700);
  process.on("exit", () => rmSync(home, { recursive: true, force: true }));
  return home;
}

function runnableCopy(program, directory) {
  if (usableByNobody([program]).length > 0) return program;
  const copy = join(makeDirectory(join(directory, "bin"), 0o755), basename(program));
  copyFileSync(program, copy);
  chmodSync(copy, 0o755);
  return copy;
}

function nobodysEnvironment(programs) {
  const home = nobodysHome();
  const temporary = makeDirectory(join(home, "tmp"), 0o700);
  for (const own of [home, temporary]) chownSync(own, NOBODY, NOBODY);
  const { XDG_RUNTIME_DIR, XDG_CACHE_HOME, XDG_CONFIG_HOME, XDG_DATA_HOME, ...kept } = process.env;
  // A PATH with a directory that cannot be searched turns a missing command's ENOENT into EACCES.
  const path = usableByNobody([
    ...(kept.PATH ?? "").split(delimiter),
    ...programs.map((program) => dirname(program)),
  ]);
  return {
    ...kept,
    HOME: home,
    TMPDIR: temporary,
    USER: "nobody",
    LOGNAME: "nobody",
    PATH: path.join(delimiter),
  };
}

/** Those of the files that uid 65534 can execute, and of the directories that it can search. */
function usableByNobody(paths) {
  const [setpriv, ...args] = AS_NOBODY;
  const script = 'for path; do [ ! -x "$path" ] || printf "%s\\n" "$path"; done';
  const { stdout, status, error } = spawnSync(
    setpriv,
    [...args, "/bin/sh", "-c", script, "sh", ...paths.filter(Boolean)],
    {
      encoding: "utf8",
    },
  );
  if (error || status !== 0)
    throw new UserError(`setpriv (util-linux) could not run a shell as uid ${NOBODY}.`);
  return stdout.split("\n").filter(Boolean);
}
