// A paused container does nothing, goes on where it was, and can be ended as it is.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { scenario } from "../helpers/cgroups.mjs";
import {
  ending,
  gone,
  groups,
  kinds,
  leaveNoGroups,
  PATIENCE,
  probe,
  script,
  start,
} from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { delay, mark, sleepers, within } from "../helpers/processes.mjs";
import { lines, spawn } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

const counted = { pids: "max" };
/** Enough to begin, be seen to have begun, and be paused. */
const TIMEOUT = scenario === null ? 1500 : 10_000;
const ROUNDS = scenario === null ? 40 : 10;

const size = (file) => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
const grows = async (file) => {
  const before = size(file);
  return within(PATIENCE, () => size(file) > before);
};

/** Two processes of a container, one of them in a session of its own, each of which makes a file longer. */
async function ticking(options, limit = counted) {
  const directory = tempDir();
  const files = [`${directory}/one`, `${directory}/other`];
  const child = start(script(`setsid "$0" tick ${files[0]} & exec "$0" tick ${files[1]}`), limit, options);
  for (const file of files) assert.ok(await grows(file), "it runs: the control");
  return { child, files };
}

async function assertStopped(files) {
  const sizes = files.map(size);
  await delay(200);
  assert.deepEqual(files.map(size), sizes, "it has stopped");
}

describe("pause", needs("limits", "payload"), () => {
  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`stops every process, and resume lets them go on, ${kind}`, async () => {
      const { child, files } = await ticking({ namespace });
      for (let round = 0; round < 2; round++) {
        assert.equal(await child.container.pause(), undefined);
        await assertStopped(files);
        assert.equal(await child.container.resume(), undefined);
        for (const file of files) assert.ok(await grows(file), "it goes on");
      }
      assert.equal(child.exitReason, null);
    });

    for (const [way, end, expected] of [
      ["kill(SIGKILL)", (child) => child.kill("SIGKILL"), "signaled"],
      ["container.kill()", (child) => child.container.kill(), "signaled"],
      ["its timeout", () => {}, "timeout"],
      ["an abort signal", (_, controller) => controller.abort(), "aborted"],
      ["dispose", (child) => child[Symbol.asyncDispose](), "signaled"],
    ]) {
      it(`does not keep it from being ended by ${way}, ${kind}`, { timeout: 120_000 }, async () => {
        const controller = new AbortController();
        const { child, files } = await ticking({
          namespace,
          signal: controller.signal,
          killSignal: "SIGTERM",
          forceKillAfter: scenario === null ? 200 : 1000,
          ...(way === "its timeout" && { timeout: TIMEOUT }),
        });
        const all = groups(child);
        await child.container.pause();
        await assertStopped(files);
        assert.equal(child.exitReason, null, "it is there, and stopped");
        await end(child, controller);
        assert.ok(await within(PATIENCE, () => child.exitReason !== null), "it has ended");
        // Where the gentle signal is as good as fatal, the kernel may let it through.
        assert.match(child.signalCode, expected === "signaled" && way !== "dispose" ? /KILL/ : /KILL|TERM/);
        assert.deepEqual([child.exitCode, child.exitReason], [null, expected]);
        await gone(...all);
      });
    }
  }

  it("keeps a gentle signal at the latest until it goes on", async () => {
    const { child } = await ticking({ namespace: {} });
    await child.container.pause();
    child.kill("SIGTERM");
    // The kernel may let through at once what is as good as fatal.
    await child.container.resume().catch(({ code }) => assert.equal(code, "ESRCH"));
    await child.exited;
    assert.deepEqual(ending(child), [null, "SIGTERM", "signaled"]);
  });

  for (const [way, end] of [
    ["kill(SIGKILL)", (child) => child.kill("SIGKILL")],
    ["container.kill()", (child) => child.container.kill()],
    ["an abort signal", (_, controller) => controller.abort()],
  ]) {
    it(`is overtaken by the end through ${way}`, { timeout: 120_000 }, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const controller = new AbortController();
        const options = { namespace: {}, signal: controller.signal };
        const child = start(["sleep", "600"], counted, options);
        const paused = child.container.pause().catch((error) => error);
        const until = performance.now() + (round / ROUNDS) * 1.5;
        while (performance.now() < until);
        const ended = end(child, controller);
        assert.ok(await within(PATIENCE, () => child.killed), `round ${round}: it has ended`);
        const error = await paused;
        if (error !== undefined) assert.equal(error.code, "ESRCH", error.stack);
        await ended;
      }
    });
  }

  it("may be asked for twice, as may resume", async () => {
    const { child, files } = await ticking();
    await Promise.all([child.container.pause(), child.container.pause()]);
    await child.container.pause();
    await assertStopped(files);
    await child.container.resume();
    assert.ok(await grows(files[0]));
    await child.container.resume();
    await Promise.all([child.container.pause(), child.container.resume()]);
    assert.ok(await grows(files[0]), "the last call counts");
  });

  it("stops a fork bomb that forks on, and that can be ended so", async () => {
    const child = start(probe("bomb", 10_000), { pids: 60 }, { stdin: "pipe", namespace: {} });
    const all = groups(child);
    await lines(child).next();
    await child.container.pause();
    const used = async () => (await child.container.stats()).cpu?.usage;
    const before = await used();
    await delay(100);
    assert.equal(await used(), before, "it uses no time");
    await child.container.kill();
    await gone(...all);
  });

  it("leaves stats and update to be asked for", async () => {
    const { child, files } = await ticking({}, { pids: 20 });
    await child.container.pause();
    const { pids } = await child.container.stats();
    assert.ok(pids.current >= 2);
    await child.container.update({ pids: 30 });
    await assertStopped(files);
    await child.container.resume();
    assert.ok(await grows(files[1]));
  });

  it("is of one container, and not of its neighbour", async () => {
    const [one, other] = [await ticking(), await ticking()];
    await one.child.container.pause();
    await assertStopped(one.files);
    for (const file of other.files) assert.ok(await grows(file));
  });

  it("stops the clock of nobody else: the parent goes on, and so do its processes", async () => {
    const text = mark();
    const plain = spawn({ cmd: ["sleep", text] });
    const { child } = await ticking();
    await child.container.pause();
    assert.equal(await spawn({ cmd: ["echo", "on"] }).stdout.text(), "on\n");
    assert.deepEqual(sleepers(text), [plain.pid]);
    plain.kill("SIGKILL");
    await plain.exited;
  });

  it("of a container that has ended rejects, and so does resume", async () => {
    const child = start(["true"], counted);
    await child.exited;
    for (const call of [() => child.container.pause(), () => child.container.resume()])
      await assert.rejects(call(), { code: "ESRCH" });
  });
});
