// How a container gets into its group where the kernel or a filter refuses the usual way.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { expectedManager } from "../helpers/cgroups.mjs";
import { gone, kinds, leaveNoGroups } from "../helpers/limits.mjs";
import { isRoot, needs } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { start as begin, script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

/** In a program: a container that takes too much, and one that does not. */
const limited = `
  const limited = async (namespace) => {
    const ends = [];
    for (const size of [256, 16]) {
      const child = spawn({ cmd: [given.probe, "eat", String(size)], container: { namespace, limit: { memory: "64M", pids: 20 } } });
      const groups = child.container.isolation.cgroups;
      ends.push([await child.stdout.text(), await child.exited, child.exitReason, groups]);
    }
    return ends;
  };`;

async function assertLimited(ends) {
  assert.deepEqual(
    ends.map((each) => each.slice(0, 3)),
    [
      ["", 137, "oom"],
      ["ate\n", 0, "exited"],
    ],
  );
  await gone(...ends.flatMap((each) => each[3]));
}

describe("where clone3 is hidden", needs("limits", "strace", "payload"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`a container is limited all the same, ${kind}`, { timeout: 120_000 }, async () => {
      const log = path.join(tempDir(), "log");
      const inject = ["-e", "trace=clone3", "-e", "inject=clone3:error=ENOSYS"];
      const ends = await script(`${limited} say(await limited(given.namespace));`, {
        given: { namespace, probe: payload("probe") },
        wrapper: ["strace", "-f", "-qq", "-o", log, ...inject],
        timeout: 100_000,
      });
      await assertLimited(ends);
      assert.match(fs.readFileSync(log, "utf8"), /clone3.*ENOSYS.*INJECTED/, "it was hidden: the control");
    });
  }
});

const isSystemds = expectedManager === "systemd";
/** Where the first clone of all is that into the group. */
const skip = isSystemds ? "the process that keeps the scope is cloned before" : false;

describe("where a clone into a group is refused", needs("limits-v2", "strace", "payload"), () => {
  for (const errno of ["EINVAL", "E2BIG", "EOPNOTSUPP"]) {
    it(`with ${errno}, a container is limited all the same`, {
      skip,
      timeout: 120_000,
    }, async () => {
      const directory = tempDir();
      const [log, go] = [path.join(directory, "log"), path.join(directory, "go")];
      // The runtime's own threads are cloned before the filter comes, and so is the product's thread.
      const source = `
        ${limited}
        await spawn({ cmd: ["true"], container: { namespace: {} } }).exited;
        say("ready");
        while (!fs.existsSync(given.go)) await delay(20);
        say(await limited({}));`;
      const program = begin(source, { given: { go, probe: payload("probe") }, timeout: 100_000 });
      assert.equal(await program.said(), "ready");
      const inject = ["-e", "trace=clone3", "-e", `inject=clone3:error=${errno}:when=1`];
      const tracer = spawn("strace", ["-f", "-o", log, ...inject, "-p", String(program.pid)]);
      const ended = new Promise((resolve) => tracer.on("close", resolve));
      await new Promise((resolve) => tracer.stderr.once("data", resolve));
      fs.writeFileSync(go, "");
      const ends = await program.said();
      await program.ended;
      await ended;
      assert.match(
        fs.readFileSync(log, "utf8"),
        new RegExp(`clone3.*${errno}.*INJECTED`),
        "it was refused: the control",
      );
      await assertLimited(ends);
    });
  }

  const byUser = isSystemds && !isRoot && "a user's processes are moved by systemd";
  it("where it is not, it is cloned into it: the control", { skip: byUser, timeout: 120_000 }, async () => {
    const log = path.join(tempDir(), "log");
    const source = `
      const child = spawn({ cmd: ["true"], container: { limit: { pids: 20 } } });
      say(await child.exited);`;
    const wrapper = ["strace", "-f", "-qq", "-v", "-o", log, "-e", "trace=clone3"];
    assert.equal(await script(source, { wrapper, timeout: 100_000 }), 0);
    assert.match(fs.readFileSync(log, "utf8"), /CLONE_INTO_CGROUP/);
  });
});
