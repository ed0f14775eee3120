// Worker threads: everything works in one, and what a Worker leaves behind when it is terminated.
import assert from "node:assert/strict";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { mark, sleepers, within } from "../helpers/processes.mjs";
import { start } from "../helpers/script.mjs";
import { inBothVariants } from "../helpers/variants.mjs";

leaveNothing();

const product = new URL("../../index.js", import.meta.url).pathname;

const prelude = `
  import { isMainThread, Worker, parentPort } from "node:worker_threads";
  import { fileURLToPath } from "node:url";
  const { run, spawnSync } = createRequire(given.product)(given.product);
  const { container, names } = given;
  const newWorker = () => new Worker(fileURLToPath(import.meta.url), { argv: process.argv.slice(2) });
  const message = (worker) => new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));`;

inBothVariants("in a Worker", ({ container }) => {
  it("all of it works, beside the same in the main thread", async () => {
    const source = `${prelude}
      const work = async () => {
        const { stdout } = await run(["cat"], { input: "input", container });
        const { exitReason } = await run(["sleep", "60"], { timeout: 50, container });
        const aborted = await run(["sleep", "60"], { signal: AbortSignal.timeout(50), container });
        const sync = String(spawnSync(["echo", "sync"], { container }).stdout);
        const lines = [];
        for await (const line of spawn(["seq", "3"], { container }).stdout.lines()) lines.push(line);
        return [stdout, exitReason, aborted.exitReason, sync, lines.join()];
      };
      if (isMainThread) {
        const workers = [newWorker(), newWorker()];
        say(await Promise.all([work(), ...workers.map(message)]));
      } else parentPort.postMessage(await work());`;
    const { code, said, stderr } = await start(source, { given: { product, container } }).ended;
    assert.equal(code, 0, stderr);
    const expected = ["input", "timeout", "aborted", "sync\n", "1,2,3"];
    assert.deepEqual(said, [[expected, expected, expected]]);
  });

  it("that is terminated commands live on, no longer bounded; a container as long as the process", async () => {
    const names = [mark(), mark(), mark()];
    const source = `${prelude}
      const quiet = { stdout: "ignore", stderr: "ignore", container };
      if (isMainThread) {
        const worker = newWorker();
        await message(worker);
        const own = spawn(["sleep", names[2]], quiet);
        await worker.terminate();
        say("terminated");
        process.stdin.once("data", () => process.exit(own.exitReason === null ? 0 : 1));
      } else {
        spawn(["sleep", names[0]], { ...quiet, timeout: 300 });
        spawn(["sleep", names[1]], { ...quiet, stdin: "pipe", stderr: "pipe" }).stderr.text();
        parentPort.postMessage("started");
        setInterval(() => {}, 1000);
      }`;
    const program = start(source, { given: { product, container, names }, stdio: ["pipe", "pipe", "pipe"] });
    assert.equal(await program.said(), "terminated");
    const counts = () => names.map((name) => sleepers(name).length).join();
    const isSoon = await within(600, () => counts() !== "1,1,1");
    assert.equal(isSoon, false, `after the Worker: ${counts()}`);
    program.process.stdin.write("end\n");
    const { code, stderr } = await program.ended;
    assert.equal(code, 0, stderr);
    const after = container ? "0,0,0" : "1,1,1";
    assert.ok(await within(3000, () => counts() === after), `after the process: ${counts()}`);
    for (const pid of names.flatMap(sleepers)) process.kill(pid, "SIGKILL");
    assert.ok(await within(3000, () => counts() === "0,0,0"));
  });
});
