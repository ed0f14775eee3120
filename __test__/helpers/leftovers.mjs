/**
 * Every test file begins with `leaveNothing()`: what this process and this machine have before its first test, they
 * have after its last. No mount, child, zombie, descriptor, cgroup or temporary file may have been added.
 */
import assert from "node:assert/strict";
import { spawn as plainSpawn } from "node:child_process";
import fs from "node:fs";
import { after, before } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { has } from "./must.mjs";
import { delay, within } from "./processes.mjs";
import { cgroupsSeen, endReading, run } from "./run.mjs";
import { snapshot } from "./snapshot.mjs";
import { removeTempDirs } from "./temp.mjs";

/** Both the runtime and the product make some things at first use and keep them: use them once. */
async function warmUp() {
  await new Promise((resolve) => plainSpawn("true", { stdio: "pipe" }).on("close", resolve));
  await fs.promises.stat("/");
  await run(["true"]);
  if (has("userns"))
    await run(["true"], { container: { namespace: { user: true, pid: true, mount: true } } });
}

/** What there is once it stays the same: what was used just now, by another test file perhaps, is still being let go. */
async function settled() {
  let last;
  await within(3000, async () => {
    const before = snapshot();
    await delay(50);
    last = snapshot();
    return isDeepStrictEqual(before, last);
  });
  return last;
}

/**
 * Registers the comparison of before and after for this test file. `warmUpMore` uses what this file's tests use; it is
 * no hook of its own, since Node does not wait for one `before` of a file until it calls the next.
 */
export function leaveNothing(warmUpMore = async () => {}) {
  let then;
  before(async () => {
    await warmUp();
    await warmUpMore();
    then = await settled();
  });
  after(async () => {
    removeTempDirs();
    await endReading();
    // Descriptors and cgroups go a moment after `exited`: what stays for seconds stays for good.
    let now;
    await within(10_000, () => {
      now = snapshot();
      return isDeepStrictEqual(now, then);
    });
    assert.deepEqual(now, then);
    for (const cgroup of cgroupsSeen) assert.ok(!fs.existsSync(cgroup), `cgroup ${cgroup} is still there`);
    cgroupsSeen.clear();
  });
}
