/**
 * The rows of docs/bun-compat.md that can be observed on this package and on Bun.spawn alike.
 *
 * `same`: name to `[observe, expected]`. `different`: name to `[observe, { ours, bun }]`. `observe` gets `{ spawn,
 * spawnSync, container }` of one of the two and gives what it sees.
 */
import { different } from "./bun-rows/different.mjs";
import { members } from "./bun-rows/members.mjs";
import { options } from "./bun-rows/options.mjs";
import { sync } from "./bun-rows/sync.mjs";

export const same = { ...options, ...members, ...sync };
export { different };
