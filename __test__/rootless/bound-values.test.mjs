// Bounds that are none, bounds that were given by nobody, and bounds that race with each other.
import assert from "node:assert/strict";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay } from "../helpers/processes.mjs";
import { script } from "../helpers/script.mjs";
import { inBothVariants, thrown } from "../helpers/variants.mjs";

leaveNothing();

inBothVariants("bounds that race with each other and with the start", ({ run }) => {
  it("settle once, and leave no rejection behind", async () => {
    const unhandled = [];
    const hear = (reason) => unhandled.push(reason);
    process.on("unhandledRejection", hear);
    const seen = new Set();
    const one = async (round) => {
      const controller = new AbortController();
      const cmd = [["true"], ["sleep", "60"], ["no-such-command"], ["yes"]][round % 4];
      const timer = setTimeout(() => controller.abort(), Math.random() * 4);
      if (round % 7 === 0) controller.abort();
      try {
        const { exitReason } = await run(cmd, {
          timeout: 1 + Math.floor(Math.random() * 4),
          signal: controller.signal,
          maxBuffer: 100_000,
          killSignal: "SIGKILL",
        });
        seen.add(exitReason);
      } catch (error) {
        seen.add(error.code);
      }
      clearTimeout(timer);
    };
    for (let round = 0; round < 300; round += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, index) => one(round + index)));
    }
    await delay(20);
    process.off("unhandledRejection", hear);
    assert.deepEqual(unhandled, []);
    const known = ["ABORT_ERR", "ENOENT", "aborted", "exited", "maxBuffer", "timeout"];
    assert.deepEqual(
      [...seen].filter((outcome) => !known.includes(outcome)),
      [],
    );
    for (const outcome of ["ABORT_ERR", "ENOENT", "aborted", "timeout"])
      assert.ok(seen.has(outcome), outcome);
  });
});

inBothVariants("a bound that is none", ({ spawn, spawnSync, container }) => {
  const wrong = [
    ["timeout", [Number.NaN, -1, 2 ** 53], RangeError, "ERR_OUT_OF_RANGE"],
    ["timeout", [1.5, "100", true, {}, 5n], TypeError, "ERR_INVALID_ARG_TYPE"],
    ["forceKillAfter", [Number.NaN, -1], RangeError, "ERR_OUT_OF_RANGE"],
    ["forceKillAfter", [1.5, "100", true], TypeError, "ERR_INVALID_ARG_TYPE"],
    ["maxBuffer", [Number.NaN], RangeError, "ERR_OUT_OF_RANGE"],
    ["maxBuffer", ["1M", true, {}], TypeError, "ERR_INVALID_ARG_TYPE"],
    ["killSignal", [0], TypeError, "ERR_UNKNOWN_SIGNAL"],
    ["killSignal", ["TERM", "sigterm", -1, 65, 1.5, Number.NaN, {}], TypeError, "ERR_INVALID_ARG_TYPE"],
    ["signal", [0, "x", {}, { aborted: false }, new AbortController()], TypeError, "ERR_INVALID_ARG_TYPE"],
    ["lazy", ["yes", 1], TypeError, "ERR_INVALID_ARG_TYPE"],
  ];

  it("is an error that names it", () => {
    for (const [option, values, kind, code] of wrong) {
      for (const value of values) {
        for (const call of option === "lazy" ? [spawn] : [spawn, spawnSync]) {
          const error = thrown(() => call(["true"], { [option]: value }));
          const told = `${option}: ${String(value)}`;
          assert.ok(error instanceof kind, told);
          assert.deepEqual([error.code, error.option], [code, option], told);
        }
      }
    }
  });

  it("is reported with all other mistakes", () => {
    const error = thrown(() => spawn([], { timeout: -1, signal: 1, bogus: 1 }));
    assert.deepEqual(error.problems.map(({ option }) => option).sort(), [
      "bogus",
      "cmd",
      "signal",
      "timeout",
    ]);
  });

  it("is not what somebody has put on Object.prototype", async () => {
    const source = `
      const { run, spawnSync } = createRequire(given.product)(given.product);
      const options = { container: given.container };
      const work = async () => {
        const child = spawn(["sh", "-c", "sleep 0.2; echo some text"], options);
        const lines = [];
        for await (const line of child.stdout.lines()) lines.push(line);
        const { stdout } = await run(["sh", "-c", "cat; exit 1"], { ...options, stdin: "in" });
        const sync = spawnSync(["sh", "-c", "sleep 0.2; cat"], { ...options, stdin: "in" });
        return [lines, await child.exited, child.exitReason, stdout, String(sync.stdout), sync.exitReason];
      };
      // Once before: the runtime loads parts of itself late, and is itself disturbed by what follows.
      await work();
      const polluted = {
        timeout: 100, forceKillAfter: 1, maxBuffer: 1, killSignal: "SIGKILL", signal: AbortSignal.abort(), lazy: true,
        isSync: true, isLazy: true, input: "x", check: true, file: "/no/such", append: true, fd: 77,
      };
      Object.assign(Object.prototype, polluted);
      const seen = await work();
      for (const key of Object.keys(polluted)) delete Object.prototype[key];
      say(seen);`;
    const product = new URL("../../index.js", import.meta.url).pathname;
    const expected = [["some text"], 0, "exited", "in", "in", "exited"];
    assert.deepEqual(await script(source, { given: { product, container } }), expected);
  });
});
