// Proves from the built object that the code between clone and exec can neither panic nor allocate: all that its
// object file leaves to others are three functions which the compiler itself may emit calls to.

import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findProgram, projectRoot, runMain, UserError } from "./project.mjs";

const ALLOWED = new Set(["memcpy", "memset", "memcmp"]);
const CRATE = "container_spawn_child";
// All that can be reached from what the object defines is in it or undefined in it. The child enters through the
// interpreter, so the object proves something only if that entry is there (not generic, inlined or renamed).
const ENTRY = `${CRATE}::interpreter::enter_setup`;

function checkChild() {
  if (findProgram("cargo") === null) throw new UserError("cargo was not found: see CONTRIBUTING.md.");
  if (findProgram("nm") === null) throw new UserError("nm was not found: install binutils.");
  for (const profile of ["release", "dev"]) {
    const object = compileObject(profile);
    const foreign = symbols(["--undefined-only", object]).filter((name) => !ALLOWED.has(name));
    if (foreign.length > 0) {
      throw new UserError(
        `The child's object (profile ${profile}) needs what it must not have:\n` +
          foreign.map((name) => `  ${name}\n`).join("") +
          `Allowed are only ${[...ALLOWED].join(", ")}. A name in core::panicking is a panic path: an index, ` +
          "an overflow check, an unwrap; one in alloc is an allocation.",
      );
    }
    const own = symbols(["--defined-only", object]).filter((name) => name.includes(CRATE));
    if (!own.includes(ENTRY)) {
      throw new UserError(`The child's object does not define ${ENTRY}: the check would prove nothing.`);
    }
    console.log(`child object, profile ${profile}: ${own.length} functions, no panic path, no allocation`);
  }
}

/** Compiles the crate to one object file and returns its path. */
function compileObject(profile) {
  const targetDir = join(process.env.CARGO_TARGET_DIR || join(projectRoot, "target"), "child-check");
  // cargo tracks the library, not the object beside it: an object of an earlier build could be read for this one's.
  rmSync(targetDir, { recursive: true, force: true });
  const cargo = ["rustc", "--package", "container-spawn-child", "--lib", "--profile", profile];
  const rustc = ["--emit=obj", "-Cpanic=abort", "-Ccodegen-units=1"];
  const { status, error } = spawnSync(
    "cargo",
    [...cargo, "--quiet", "--target-dir", targetDir, "--", ...rustc],
    {
      cwd: projectRoot,
      // Link-time optimisation leaves the compiler's bitcode in the object, stripping leaves no names.
      env: { ...process.env, CARGO_PROFILE_RELEASE_LTO: "off", CARGO_PROFILE_RELEASE_STRIP: "none" },
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (error) throw error;
  if (status !== 0) throw new UserError(`cargo ${cargo.join(" ")} failed.`);
  const deps = join(targetDir, profile === "dev" ? "debug" : "release", "deps");
  const objects = readdirSync(deps).filter((name) => name.startsWith(CRATE) && name.endsWith(".o"));
  if (objects.length !== 1)
    throw new UserError(`Expected one object of ${CRATE} in ${deps}, found ${objects.length}.`);
  return join(deps, objects[0]);
}

function symbols(args) {
  const { stdout, status, stderr } = spawnSync("nm", ["--demangle", "--format=just-symbols", ...args], {
    encoding: "utf8",
  });
  if (status !== 0) throw new UserError(`nm failed: ${stderr}`);
  return stdout.split("\n").filter((line) => line !== "");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await runMain(checkChild);
