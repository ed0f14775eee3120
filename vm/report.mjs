// Prints what the guest reports, and judges it: a job has passed when it told of all its tests, none of them failed, and
// its process ended well. Silence is a failure.

const MARKS = { passed: "✔", failed: "✖", skipped: "﹣" };

/** Of one machine. Another one may run beside it: what belongs together is printed together. */
export class Report {
  #jobs;
  #title;

  constructor(title, jobs) {
    this.#title = title;
    this.#jobs = jobs.map((job) => ({ ...job, tests: [], verdict: "failed", why: "it was never run" }));
  }

  hear({ report, id, ...told }) {
    if (report === "up") this.#print(`${this.#title} is up`, machineLines(told.machine));
    else this[report](this.#jobs[id], told);
  }

  begin(job) {
    job.why = "it did not end";
  }

  test(job, { complete, ...result }) {
    if (complete === undefined) job.tests.push(result);
    else job.complete = complete;
  }

  skip(job, { why }) {
    Object.assign(job, { verdict: "skipped", why });
    this.#print(this.#titleOf(job), [`skipped: ${why}`]);
  }

  end(job, { seconds, status, output }) {
    const why = whyNot(job, status);
    const verdict = why ? "failed" : "passed";
    const lines = job.tests.map(testLine);
    lines.push(`${verdict} in ${seconds.toFixed(1)} s${why ? `: ${why}` : ""}`);
    if (why && output.trim() !== "") lines.push(indented(`its output:\n${output.trimEnd()}`));
    this.#print(this.#titleOf(job), lines);
    const before =
      job.before === undefined ? undefined : `at the second attempt; at the first: ${job.before}`;
    Object.assign(job, { seconds, verdict, why: why ?? before });
  }

  /** It has failed, and is tried once more. */
  again(job) {
    Object.assign(job, { before: job.why, tests: [], complete: undefined, verdict: "failed" });
  }

  #titleOf = ({ scenario, runtime, file }) => `${this.#title} ${scenario}: ${runtime} ${file}`;

  #print(title, lines) {
    console.log([`\n── ${title} ${"─".repeat(Math.max(0, 100 - title.length))}`, ...lines].join("\n"));
  }

  /** One row for each job. */
  rows() {
    return this.#jobs.map(({ scenario, runtime, file, tests, verdict, why, seconds }) => {
      const count = (wanted) => tests.filter(({ outcome }) => outcome === wanted).length;
      return {
        title: `${this.#title} ${scenario.padEnd(16)} ${runtime.padEnd(4)} ${file}`,
        counts: verdict === "skipped" ? "" : `${count("passed")}/${count("failed")}/${count("skipped")}`,
        ...{ verdict, why, seconds },
      };
    });
  }
}

function whyNot({ tests, complete }, status) {
  const failed = tests.filter(({ outcome }) => outcome === "failed").length;
  if (failed > 0) return `${failed} of ${tests.length} tests failed`;
  if (complete === undefined) return `it did not come to its end (status ${status})`;
  if (complete !== tests.length) return `it counted ${complete} tests and told of ${tests.length}`;
  if (tests.length === 0) return "it has no tests";
  if (status !== 0) return `no test failed, but its status is ${status}`;
}

const machineLines = (machine) =>
  Object.entries(machine).map(([name, value]) => `${name.padEnd(12)} ${value}`);

function testLine({ name, outcome, ms, why }) {
  const time = ms === undefined ? "" : ` (${Math.round(ms)} ms)`;
  const line = `${MARKS[outcome]} ${name}${time}`;
  if (outcome === "failed") return `${line}\n${indented(why)}`;
  return why === undefined ? line : `${line}: ${why}`;
}

const indented = (text) => String(text).replace(/^/gm, "    ");

/** Prints the rows of all kernels and gives how many failed. */
export function summarise(rows) {
  console.log(`\n── summary (passed/failed/skipped) ${"─".repeat(66)}`);
  for (const { title, counts, verdict, why, seconds } of rows) {
    const time = seconds === undefined ? "" : `${seconds.toFixed(1)} s`;
    console.log(
      `${verdict.padEnd(8)} ${title.padEnd(78)} ${counts.padStart(8)} ${time.padStart(8)}${why ? `  ${why}` : ""}`,
    );
  }
  const count = (wanted) => rows.filter(({ verdict }) => verdict === wanted).length;
  console.log(`\njobs: ${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped`);
  return count("failed");
}
