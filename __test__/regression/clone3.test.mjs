// Docker's seccomp filter answers clone3 with ENOSYS, so that glibc falls back to clone; so must we.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

describe("where clone3 is hidden", needs("strace", "userns"), () => {
  const own = (outside) => [{ inside: 0, outside, length: 1 }];
  const gated = { uid_map: own(process.getuid()), gid_map: own(process.getgid()) };
  for (const [name, container] of Object.entries({
    "a plain spawn": null,
    "a container with an init": { namespace: { user: true, pid: true, mount: true, uts: true } },
    "a container that waits for its id map": { namespace: { user: gated, pid: true } },
  })) {
    it(`works: ${name}`, async () => {
      const source = `
        const child = spawn({ cmd: ["sh", "-c", "echo out; exit 7"], ...(given && { container: given }) });
        say([await child.stdout.text(), await child.exited]);`;
      const log = path.join(tempDir(), "log");
      const inject = ["-e", "trace=clone3", "-e", "inject=clone3:error=ENOSYS"];
      const wrapper = ["strace", "-f", "-qq", "-o", log, ...inject];
      assert.deepEqual(await script(source, { given: container, wrapper, timeout: 20_000 }), ["out\n", 7]);
      assert.match(fs.readFileSync(log, "utf8"), /clone3.*ENOSYS.*INJECTED/, "it was hidden: the control");
    });
  }
});
