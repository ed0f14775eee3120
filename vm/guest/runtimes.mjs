// How Node and Bun are asked to run one test file, and how what they tell of it is read.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readJunit } from "./junit.mjs";

const REPORTER = "/vm/checkout/vm/guest/reporter.mjs";

// Of a file whose suites are all skipped, Bun writes no results.
const RAN_NONE = /^Ran 0 tests across 1 file/m;
const ALL_SKIPPED = [{ name: "all of them", outcome: "skipped" }, { complete: 1 }];

/** The command for a job whose results go into `directory`. */
export function commandOf({ runtime, file }, directory) {
  const results = join(directory, "results");
  // Without --test, the file is the unit's only process, as a program that uses the product is.
  if (runtime === "node")
    return ["/vm/bin/node", `--test-reporter=${REPORTER}`, `--test-reporter-destination=${results}`, file];
  const reporter = ["--reporter=junit", `--reporter-outfile=${results}`];
  return ["/vm/bin/bun", "test", "--timeout", "120000", ...reporter, `./${file}`];
}

/** One object for each test, and one that says how many there were if the runtime came to its end. */
export function resultsOf({ runtime }, directory, output) {
  const results = join(directory, "results");
  if (!existsSync(results)) return runtime === "bun" && RAN_NONE.test(output) ? ALL_SKIPPED : [];
  const text = readFileSync(results, "utf8");
  if (runtime === "bun") return readJunit(text);
  // A process that was killed may have written half a line.
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}
