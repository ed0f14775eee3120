// The lanes that run the test files: under each runtime and, as root, as each of two users.

import { AS_NOBODY, stage } from "./nobody.mjs";
import { findBun, projectRoot } from "./project.mjs";
import { run, Skip, succeeds } from "./run.mjs";

// Needs of tests (see __test__/helpers/must.mjs) that depend on who runs them and not on the machine alone.
const NEEDS_OF = {
  root: ["root", "cgroup-v1", "fuse", "limits", "limits-v1", "limit-parent", "io", "cpuset"],
  nobody: ["not-root", "no-limits"],
};

// Mounts of a test that went wrong end with the lane and are seen by nobody else.
const IN_PRIVATE_MOUNTS = ["unshare", "--mount", "--propagation", "private", "--"];

const RUNTIMES = [
  { name: "node", needs: ["build", "payloads"], find: () => process.execPath, args: nodeArguments },
  { name: "bun", needs: ["dependencies", "build", "payloads"], find: findBun, args: bunArguments },
];

export function runtimeLanes(files) {
  const users = process.getuid() === 0 ? { root: asRoot, nobody: asNobody } : { user: asThisUser };
  return RUNTIMES.flatMap(({ name, needs, find, args }) =>
    Object.entries(users).map(([user, runAs]) => ({
      name: `${name}-${user}`,
      needs,
      run() {
        const program = find();
        if (program === null)
          return new Skip(`no ${name} that runs here, neither in node_modules nor on PATH`);
        return runAs(program, args(files));
      },
    })),
  );
}

// Each file is a process of its own; two at once would disturb each other's limits and timings.
function nodeArguments(files) {
  return ["--test", "--test-reporter=spec", "--test-concurrency=1", ...files];
}

// Bun's default limit of 5 s a test is too short for those that repeat something thousands of times.
function bunArguments(files) {
  return ["test", "--timeout", "120000", ...files.map((file) => `./${file}`)];
}

function asThisUser(program, args) {
  return run(program, args, { cwd: projectRoot, env: demandsOf("nobody", process.env) });
}

function asRoot(program, args) {
  return privately("root", place().root, [program, ...args]);
}

function asNobody(program, args) {
  return privately("nobody", place().nobody, [...AS_NOBODY, place().runnable.get(program), ...args]);
}

let staged;
function place() {
  staged ??= stage(RUNTIMES.map(({ find }) => find()).filter((program) => program !== null));
  return staged;
}

function privately(user, { cwd, env }, command) {
  const [unshare, ...options] = IN_PRIVATE_MOUNTS;
  if (!succeeds(unshare, [...options, "true"])) {
    return new Skip("this root may not make a mount namespace: run the tests as an ordinary user");
  }
  return run(unshare, [...options, ...command], { cwd, env: demandsOf(user, env) });
}

/** The environment without the demands that are another user's. */
function demandsOf(user, env) {
  const others = Object.entries(NEEDS_OF).flatMap(([who, needs]) => (who === user ? [] : needs));
  const must = (env.CONTAINER_SPAWN_MUST_WORK ?? "").split(",").filter((need) => !others.includes(need));
  return { ...env, CONTAINER_SPAWN_MUST_WORK: must.join(",") };
}
