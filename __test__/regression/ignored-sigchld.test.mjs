// A parent that was started with SIGCHLD ignored: the kernel would reap children by itself and throw statuses away.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { script } from "../helpers/script.mjs";

leaveNothing();

describe("a parent that ignores SIGCHLD", needs("env-signals"), () => {
  const source = `
    const ignored = BigInt("0x" + /SigIgn:\\s*(\\w+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]);
    const codes = [];
    for (let i = 0; i < 20; i++) codes.push(await spawn({ cmd: ["sh", "-c", "exit 7"], ...(given && { container: given }) }).exited);
    const killed = spawn({ cmd: ["sleep", "60"], ...(given && { container: given }) });
    killed.kill("SIGKILL");
    say([Boolean((ignored >> 16n) & 1n), [...new Set(codes)], await killed.exited]);`;
  for (const container of [null, { namespace: { user: true, pid: true } }, { namespace: { user: true } }]) {
    it(
      `sees exact statuses: ${JSON.stringify(container)}`,
      needs(container ? "userns" : "env-signals"),
      async () => {
        const wrapper = ["env", "--ignore-signal=CHLD"];
        // Node gives itself back the default at its start, Bun does not.
        const ignored = process.versions.bun !== undefined;
        assert.deepEqual(await script(source, { given: container, wrapper }), [ignored, [7], 137]);
      },
    );
  }
});
