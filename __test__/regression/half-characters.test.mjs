// A string with half a surrogate pair has no UTF-8: it used to arrive with U+FFFD in its place, silently.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { failure, output, run } from "../helpers/run.mjs";

leaveNothing();

describe("half a character", () => {
  for (const [option, options] of Object.entries({
    "cmd[1]": { cmd: ["echo", "a\ud800b"] },
    cwd: { cmd: ["true"], cwd: "/\udc00" },
    env: { cmd: ["true"], env: { A: "\ud83d" } },
    "container.namespace.uts.hostname": {
      cmd: ["true"],
      container: { namespace: { user: true, uts: { hostname: "\ud800" } } },
    },
  })) {
    it(`is refused in ${option}`, () => {
      const error = failure(options);
      assert.equal(error.name, "TypeError");
      assert.match(error.option, new RegExp(`^${option.replace(/[[\]]/g, "\\$&")}`));
      assert.match(error.message, /surrogate/);
    });
  }

  it("is no whole one: the control", async () => {
    assert.equal((await run(["printf", "%s", "a\u{1f600}b\ufffd"])).stdout, "a\u{1f600}b\ufffd");
    assert.equal(
      await output('printf %s "$A"', { env: { A: "\u{1f600}\ufffd", PATH: process.env.PATH } }),
      "\u{1f600}\ufffd",
    );
  });
});
