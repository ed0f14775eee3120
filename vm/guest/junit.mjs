// Reads what `bun test --reporter=junit` writes. Not an XML parser: it reads the elements that Bun writes, as Bun
// writes them, and the count at the end shows if it has missed one.

const ENTITIES = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const decode = (text) =>
  text.replace(/&(?:#(x?)([0-9a-f]+)|(\w+));/gi, (whole, hex, number, name) =>
    name === undefined
      ? String.fromCodePoint(Number.parseInt(number, hex ? 16 : 10))
      : (ENTITIES[name] ?? whole),
  );

function attributes(text) {
  return Object.fromEntries(
    [...text.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, decode(value)]),
  );
}

function resultOf(head, body) {
  const { name, classname, time } = attributes(head);
  const failure = /<(?:failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/)/.exec(body);
  const result = { name: [classname, name].filter(Boolean).join(" > "), ms: Number(time) * 1000 };
  if (failure)
    return {
      ...result,
      outcome: "failed",
      why: decode(`${failure[2] ?? ""}`) || attributes(failure[1]).message,
    };
  return { ...result, outcome: /<skipped\b/.test(body) ? "skipped" : "passed" };
}

/** The results as `reporter.mjs` gives them for Node. */
export function readJunit(text) {
  const cases = [...text.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)];
  const told = /<testsuites\b([^>]*)>/.exec(text);
  const isWhole = text.trimEnd().endsWith("</testsuites>");
  const results = cases.map(([, head, body = ""]) => resultOf(head, body));
  return isWhole ? [...results, { complete: Number(attributes(told[1]).tests) }] : results;
}
