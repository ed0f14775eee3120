// Prints what the guest reports, and judges it: a job has passed when it told of all its tests, none of them failed, and
// its process ended well. Silence is a failure.

const MARKS = { passed: "✔", failed: "✖", skipped: "﹣" };

export class Report {
  #jobs;
  #title;

  constructor(title, jobs) {
    this.#title = title;
    this.#jobs = jobs.map((job) => ({ ...job, tests: [], verdict: "failed", why: "it was never run" }));
  }

  hear({ report, id, ...told }) {
    if (report === "up") this.#greet(told);
    else this[report](this.#jobs[id], told);
  }

  #greet({ machine }) {
    for (const [name, value] of Object.entries(machine)) console.log(`${name.padEnd(12)} ${value}`);
  }

  begin(job) {
    const title = `${this.#title} ${job.scenario}: ${job.runtime} ${job.file}`;
    console.log(`\n── ${title} ${"─".repeat(Math.max(0, 100 - title.length))}`);
    job.why = "it did not end";
  }

  test(job, result) {
    if (result.complete !== undefined) {
      job.complete = result.complete;
      return;
    }
    job.tests.push(result);
    const { name, outcome, ms, why } = result;
    const time = ms === undefined ? "" : ` (${Math.round(ms)} ms)`;
    console.log(`${MARKS[outcome]} ${name}${time}${why && outcome === "skipped" ? `: ${why}` : ""}`);
    if (outcome === "failed") console.log(indented(why));
  }

  skip(job, { why }) {
    Object.assign(job, { verdict: "skipped", why });
    console.log(`skipped: ${why}`);
  }

  end(job, { seconds, status, output }) {
    job.seconds = seconds;
    job.why = whyNot(job, status);
    job.verdict = job.why ? "failed" : "passed";
    console.log(`${job.verdict} in ${seconds.toFixed(1)} s${job.why ? `: ${job.why}` : ""}`);
    if (!job.why) return;
    if (output.trim() !== "") console.log(indented(`its output:\n${output.trimEnd()}`));
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
