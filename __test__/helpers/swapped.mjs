/**
 * What a tool of others' gets in the place of `node:child_process`: the API that was last chosen with `use`, so that one
 * import of the tool can be tried with several.
 */
import { ours } from "./child-process.mjs";

let api = ours;
let calls = 0;

/** Chooses, and gives how often the one before was called. */
export function use(next) {
  const before = calls;
  api = next;
  calls = 0;
  return before;
}

const through =
  (name) =>
  (...args) => {
    calls++;
    return api[name](...args);
  };

export const [spawn, spawnSync] = [through("spawn"), through("spawnSync")];
export const { ChildProcess } = ours;
