// The table for people, and the issue's aims beside what was measured.

import { BARE, BUN_SPAWN, BWRAP, CHILD_PROCESS, SIX, SIX_NETWORK } from "./rows.mjs";

const HEAP_AIM = 1.15;

const RATIO_AIMS = [
  { runtime: "Node.js", of: BARE, to: CHILD_PROCESS, atMost: 0.3 },
  { runtime: "Node.js", of: SIX, to: CHILD_PROCESS, atMost: 0.75 },
  { runtime: "Node.js", of: SIX_NETWORK, to: CHILD_PROCESS, atMost: 1.3 },
  { runtime: "Node.js", of: BWRAP, to: SIX, atLeast: 6.5 },
  { runtime: "Bun", of: BARE, to: BUN_SPAWN, atMost: 1.1 },
];

/** `phases`: one for the small heap and, where measured, one for the big heap, each with `rows[name]` statistics. */
export function table({ machine, phases, rows }) {
  const [small, big] = phases;
  const base = small.rows[CHILD_PROCESS];
  const lines = rows.map(({ name, absent }) => {
    if (absent !== undefined) return [name, `not measured: ${absent}`];
    const { call, exit } = small.rows[name];
    const cells = [pair(call), pair(exit), ratio(call.p50 / base.call.p50), ratio(exit.p50 / base.exit.p50)];
    if (big !== undefined) {
      const grown = big.rows[name];
      cells.push(
        pair(grown.call),
        pair(grown.exit),
        ratio(grown.call.p50 / call.p50),
        ratio(grown.exit.p50 / exit.p50),
      );
    }
    return [name, ...cells];
  });
  const head = ["µs, p50 / p95", "call", "to exit", "call ×cp", "exit ×cp"];
  if (big !== undefined) head.push("call, heap", "to exit, heap", "call ×small", "exit ×small");
  return [
    `${machine.runtime} ${machine.version}, Linux ${machine.kernel}, ${machine.cpus} CPUs, uid ${machine.uid}`,
    [`${small.samples} samples a row`, ...phases.map(heapLine)].join("; "),
    "×cp: in multiples of child_process.spawn in this run; ×small: with the big heap, in multiples of without it",
    "",
    ...align([head, ...lines]),
  ].join("\n");
}

/** Lines such as `met      0.55×  (at most 0.75×)  ours, six / child_process.spawn, to exit`. */
export function aims({ machine, phases }) {
  const [small, big] = phases;
  const lines = RATIO_AIMS.filter(({ runtime }) => runtime === machine.runtime).map((aim) => {
    const measured = small.rows[aim.of]?.exit.p50 / small.rows[aim.to]?.exit.p50;
    return aimLine(measured, aim, `${aim.of} / ${aim.to}, to exit`);
  });
  for (const name of [BARE, SIX, SIX_NETWORK]) {
    const measured = big?.rows[name]?.exit.p50 / small.rows[name]?.exit.p50;
    lines.push(aimLine(measured, { atMost: HEAP_AIM }, `${name}, big heap / small heap, to exit`));
  }
  return lines.join("\n");
}

function aimLine(measured, { atMost, atLeast }, what) {
  const bound = atMost === undefined ? `at least ${atLeast}×` : `at most ${atMost}×`;
  let verdict = "unknown";
  if (Number.isFinite(measured))
    verdict = (atMost === undefined ? measured >= atLeast : measured <= atMost) ? "met" : "NOT MET";
  const figure = Number.isFinite(measured) ? ratio(measured) : "-";
  return `${verdict.padEnd(8)} ${figure.padStart(6)}  (${bound})`.padEnd(34) + what;
}

function heapLine({ heap, rss }) {
  return `${heap === 0 ? "small heap" : `${mebibytes(heap)} MiB heap`}: RSS ${mebibytes(rss)} MiB`;
}

function pair({ p50, p95 }) {
  return `${Math.round(p50)} / ${Math.round(p95)}`;
}

function ratio(value) {
  return `${value.toFixed(2)}×`;
}

function mebibytes(bytes) {
  return Math.round(bytes / 1024 ** 2);
}

function align(lines) {
  const widths = lines[0].map((_, column) =>
    Math.max(...lines.filter((line) => line.length > 2).map((line) => line[column].length)),
  );
  const first = Math.max(...lines.map((line) => line[0].length));
  return lines.map(([name, ...cells]) => {
    if (cells.length === 1) return `${name.padEnd(first)}  ${cells[0]}`;
    return [name.padEnd(first), ...cells.map((cell, i) => cell.padStart(widths[i + 1]))].join("  ");
  });
}
