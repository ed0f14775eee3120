// What docs/bun-compat.md says, row by row: observed on this package, plain and in a container, under both runtimes; and
// under Bun on Bun.spawn itself, so that the table cannot claim what Bun does not do.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { different, same } from "../helpers/bun-rows.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { script } from "../helpers/script.mjs";
import { inBothVariants } from "../helpers/variants.mjs";

leaveNothing();

inBothVariants("as Bun", (api) => {
  for (const [row, [observe, expected]] of Object.entries(same)) {
    it(row, async () => assert.deepEqual(await observe(api), expected));
  }
});

inBothVariants("other than Bun", (api) => {
  for (const [row, [observe, { ours }]] of Object.entries(different)) {
    it(row, async () => assert.deepEqual(await observe(api), ours));
  }
});

describe("Bun itself", needs("bun"), () => {
  // In a process of its own: Bun leaves descriptors open that these tests would take for ours.
  it("does what the table says", { timeout: 60_000 }, async () => {
    const source = `
      import util from "node:util";
      const { same, different } = await helper("bun-rows");
      const api = { spawn: Bun.spawn, spawnSync: Bun.spawnSync };
      const rows = [
        ...Object.entries(same),
        ...Object.entries(different).map(([row, [observe, { bun }]]) => [row, [observe, bun]]),
      ];
      const differs = async (observe, expected) => {
        const seen = await Promise.race([observe(api), delay(10_000).then(() => "nothing for 10 s")]);
        return util.isDeepStrictEqual(seen, expected) ? null : util.inspect(seen, { depth: null });
      };
      const other = [];
      for (const [row, [observe, expected]] of rows) {
        // Races of Bun's own are not what the table is about.
        let difference;
        for (let trial = 0; trial < 3 && difference !== null; trial++) difference = await differs(observe, expected);
        if (difference !== null) other.push(row + ": " + difference);
      }
      (await helper("temp")).removeTempDirs();
      say({ count: rows.length, other });
      process.exit(0);`;
    // What Bun may leave running must not hold the program's output open.
    const stdio = ["ignore", "pipe", "inherit"];
    const { count, other } = await script(source, { timeout: 60_000, stdio });
    assert.equal(count, Object.keys(same).length + Object.keys(different).length);
    assert.deepEqual(other, []);
  });
});

describe("docs/bun-compat.md", () => {
  it("names test files that exist", () => {
    const root = new URL("../../", import.meta.url);
    const table = fs.readFileSync(new URL("docs/bun-compat.md", root), "utf8");
    const files = new Set([...table.matchAll(/`([\w-]+\.test\.mjs)`/g)].map((match) => match[1]));
    assert.ok(files.size > 5);
    const there = fs
      .readdirSync(new URL("__test__", root), { recursive: true })
      .map((name) => name.split("/").pop());
    assert.deepEqual(
      [...files].filter((file) => !there.includes(file)),
      [],
    );
  });
});
