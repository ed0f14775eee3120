// Which test files are run where, when the command line names none. The emulated machines are slow: all files in all
// scenarios on all kernels and runtimes would take hours, and show little more than this choice.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, UserError } from "../scripts/project.mjs";

export const RUNTIMES = ["node", "bun"];
const JOB_LIMIT_SECONDS = 600;

/** Needs of the tests that not every kernel meets. */
const ALSO_HAS = { 6.12: ["time"] };

const named = (directory, ...names) => names.map((name) => `${directory}/${name}.test.mjs`);

const LIMITS = testFiles("__test__/limits");
/** What differs between those who make the groups. Bun, of whose own there is only the binding, runs these alone. */
const BRIEF = named("__test__/limits", "choice", "errors", "group", "memory");
/** Minutes long: under Node alone, and under one manager of each kind. */
const LONG = named("__test__/limits", "entering", "hard-times");

/** All that they could do here is to say that they skip. */
const OF_VERSION_1 = named("__test__/limits", "v1");

export const KERNEL_SENSITIVE = [
  ...named("__test__/rootless", "namespaces", "fs-bind", "fs-overlay", "fs-targets", "fs-tmpfs-proc", "init"),
  ...named("__test__/rootless", "parent-death", "root-directory", "root-host"),
  ...named("__test__/root", "idmap"),
];
export const OF_ROOT = named("__test__/root", "mounts", "namespaces");
export const REFUSAL = named("vm/guest-tests", "refusal");

/** The jobs of the scenarios on a kernel, in the form in which the guest is given them. */
export function jobsOf(scenarios, { kernel, files, runtimes, everything }) {
  return scenarios.flatMap((scenario) =>
    RUNTIMES.filter((runtime) => runtimes?.includes(runtime) ?? true).flatMap((runtime) => {
      const chosen = everything || runtimes ? all(scenario) : some(scenario, kernel, runtime);
      return (files.length > 0 ? files : chosen).map((file) => job(scenario, kernel, runtime, file));
    }),
  );
}

const all = ({ limitsOn, files = [] }) => [...(limitsOn ? LIMITS : []), ...files];

function some({ limitsOn, long = false, files = [], filesOn }, kernel, runtime) {
  const isWhole = limitsOn?.includes(kernel) ?? false;
  if (runtime === "bun") return isWhole && long ? BRIEF : [];
  const whole = LIMITS.filter((file) => !OF_VERSION_1.includes(file) && (long || !LONG.includes(file)));
  return [
    ...(isWhole ? whole : limitsOn ? BRIEF : []),
    ...((filesOn?.includes(kernel) ?? true) ? files : []),
  ];
}

function job({ name, needs, env, uid, properties, sysctl }, kernel, runtime, file) {
  if (!existsSync(join(projectRoot, file)))
    throw new UserError(`vm/plan.mjs names ${file}, which is not there`);
  const must = [...needs, ...(ALSO_HAS[kernel] ?? [])].join(",");
  return {
    ...{ scenario: name, runtime, file, uid, properties, sysctl },
    limit: JOB_LIMIT_SECONDS,
    env: { ...env, CONTAINER_SPAWN_VM_SCENARIO: name, CONTAINER_SPAWN_MUST_WORK: must },
  };
}

function testFiles(directory) {
  return readdirSync(join(projectRoot, directory))
    .filter((name) => name.endsWith(".test.mjs"))
    .map((name) => `${directory}/${name}`)
    .sort();
}
