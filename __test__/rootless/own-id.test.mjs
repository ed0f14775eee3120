// A map of the caller's own id to another than root's: no privilege needed, but the parent has to write it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { output } from "../helpers/run.mjs";

leaveNothing();

describe("the own id, mapped to another than root", needs("userns"), () => {
  it("is what the command has", async () => {
    const own = (outside) => [{ inside: 1000, outside, length: 1 }];
    const user = { uid_map: own(process.getuid()), gid_map: own(process.getgid()) };
    assert.equal(
      await output("id -u; id -g", { container: { namespace: { user, pid: true } } }),
      "1000\n1000",
    );
  });
});
