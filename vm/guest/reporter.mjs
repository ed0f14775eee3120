// A reporter of `node:test`: a line of JSON for each test, and one at the end that tells how many there were.

/** The names of the suites around what is being reported, the outermost first. */
const path = [];

function resultOf(type, { name, nesting, skip, todo, details }) {
  const failed = type === "test:fail" && todo === undefined;
  // Most suites say nothing that their tests do not say.
  const isEcho = failed ? details?.error?.failureType === "subtestsFailed" : skip === undefined;
  if (details?.type === "suite" && isEcho) return null;
  return {
    name: [...path.slice(0, nesting), name].join(" > "),
    outcome: failed ? "failed" : skip !== undefined || todo !== undefined ? "skipped" : "passed",
    ms: details?.duration_ms,
    ...(failed && { why: told(details?.error) }),
    ...(typeof skip === "string" && { why: skip }),
  };
}

function told(error) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause);
}

export default async function* reporter(source) {
  let count = 0;
  for await (const { type, data } of source) {
    if (type === "test:start") path[data.nesting] = data.name;
    if (type !== "test:pass" && type !== "test:fail") continue;
    const result = resultOf(type, data);
    if (result === null) continue;
    count++;
    yield `${JSON.stringify(result)}\n`;
  }
  yield `${JSON.stringify({ complete: count })}\n`;
}
