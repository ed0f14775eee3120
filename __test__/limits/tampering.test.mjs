// Whether a command can change its own limits, as docs/limits.md says.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cgroupV2, version } from "../helpers/cgroups.mjs";
import { finish, kinds, leaveNoGroups, MiB, script, start } from "../helpers/limits.mjs";
import { isRoot, needs } from "../helpers/must.mjs";

leaveNoGroups();

const skip = version === 2 && cgroupV2 !== null ? false : "is about cgroup v2";
// The path comes by stdin: in a cgroup namespace it cannot be seen.
const tamper = script('read group; echo max > "$group/memory.max" && echo changed; cat "$group/memory.max"');

async function tried(namespace) {
  const child = start(tamper, { memory: "64M" }, { namespace, stdin: "pipe", stderr: "ignore" });
  child.stdin.write(`${child.container.cgroup}\n`);
  child.stdin.end();
  return (await finish(child)).stdout;
}

describe("a command that writes to its own control files", {
  ...needs("limits"),
  ...(skip && { skip }),
}, () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`changes its limit where it sees them: the control, ${kind}`, async () => {
      assert.equal(await tried(namespace), "changed\nmax\n");
    });

    const noNamespace =
      !isRoot && !namespace.user && "an ordinary user makes a cgroup namespace in a user namespace only";
    it(`does not with a cgroup namespace, ${kind}`, { skip: noNamespace }, async () => {
      assert.equal(await tried({ ...namespace, cgroup: true }), `${64 * MiB}\n`);
    });
  }
});
