// execa on `container-spawn/child_process`: a tool of others' that knows nothing of it, its import swapped.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { apis, isNode } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { swapImports } from "../helpers/swap-import.mjs";
import { use } from "../helpers/swapped.mjs";
import { tempDir } from "../helpers/temp.mjs";

const missing = whyMissing();
if (missing) console.log(`# skipped: ${missing}`);
else swapImports("execa");
// For this execa talks, in a format that only the same runtime reads, to itself in the command.
const ungraceful = isNode ? false : "Bun's process.channel lacks what execa needs of it inside a command";
if (ungraceful) console.log(`# skipped: ${ungraceful}`);
const { execa, execaNode, execaSync, $ } = missing ? {} : await import("execa");

leaveNothing();

function whyMissing() {
  try {
    createRequire(import.meta.url).resolve("execa");
    return false;
  } catch {
    return "execa is not installed here (npm ci)";
  }
}

const failure = (promise) =>
  promise.then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );

const here = new URL("../..", import.meta.url).pathname;
const ownId = () => fs.readlinkSync("/proc/self/ns/user");

for (const [kind, api] of Object.entries(apis)) {
  describe(`execa on ${kind}`, { skip: missing }, () => {
    before(() => use(api));
    after(() => assert.ok(use(api) > 25, "it was used"));

    it("is in the container that it knows nothing of", async () => {
      const { stdout } = await execa("readlink", ["/proc/self/ns/user"]);
      assert.equal(stdout !== ownId(), kind.includes("container"));
    });

    it("gives what was written", async () => {
      const result = await execa("sh", ["-c", "echo out; echo err >&2"]);
      const { stdout, stderr, exitCode, failed, signal } = result;
      assert.deepEqual([stdout, stderr, exitCode, failed, signal], ["out", "err", 0, false, undefined]);
    });

    it("gives both outputs in one", async () => {
      const { all } = await execa("sh", ["-c", "echo out; sleep 0.05; echo err >&2"], { all: true });
      assert.equal(all, "out\nerr");
    });

    it("takes cwd, env and a shell", async () => {
      const options = { cwd: "/usr", env: { VARIABLE: "value" }, shell: true };
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
      const { stdout } = await execa("echo ${VARIABLE}; pwd", options);
      assert.equal(stdout, "value\n/usr");
    });

    it("fails with what the command said", async () => {
      const error = await failure(execa("sh", ["-c", "echo out; echo err >&2; exit 3"]));
      const { exitCode, stdout, stderr, failed, isTerminated, shortMessage } = error;
      assert.deepEqual([exitCode, stdout, stderr, failed, isTerminated], [3, "out", "err", true, false]);
      assert.match(shortMessage, /^Command failed with exit code 3: sh -c/);
    });

    it("fails by a signal", async () => {
      const error = await failure(execa("sh", ["-c", "kill -USR1 $$; sleep 5"]));
      assert.deepEqual([error.signal, error.isTerminated, error.exitCode], ["SIGUSR1", true, undefined]);
    });

    it("fails when there is no such command", async () => {
      const error = await failure(execa("no-such-command-1", ["x"]));
      assert.deepEqual([error.code, error.exitCode, error.failed], ["ENOENT", undefined, true]);
      assert.match(
        error.message,
        /^Command failed with ENOENT: no-such-command-1 x\nspawn no-such-command-1 ENOENT/,
      );
    });

    it("fails early when the options are refused", async () => {
      const error = await failure(execa("true", { detached: "yes" }));
      assert.deepEqual([error.code, error.failed], ["ERR_INVALID_ARG_TYPE", true]);
    });

    it("hands on input from a string, bytes, a file and an iterable", async () => {
      const file = `${tempDir()}/file`;
      fs.writeFileSync(file, "from a file");
      const inputs = [
        [{ input: "text" }, "text"],
        [{ input: new Uint8Array([104, 105]) }, "hi"],
        [{ inputFile: file }, "from a file"],
        [{ stdin: new Set(["some ", "parts"]) }, "some parts"],
        [{ stdin: { file } }, "from a file"],
      ];
      for (const [options, expected] of inputs) assert.equal((await execa("cat", options)).stdout, expected);
    });

    it("writes into a file, and through a generator", async () => {
      const file = `${tempDir()}/file`;
      await execa("echo", ["x"], { stdout: { file } });
      assert.equal(fs.readFileSync(file, "utf8"), "x\n");
      function* louder(line) {
        yield line.toUpperCase();
      }
      assert.equal((await execa("printf", ["a\\nb"], { stdout: louder })).stdout, "A\nB");
    });

    it("pipes from one command to the next", async () => {
      const { stdout, pipedFrom } = await execa("printf", ["b\\nc\\na\\n"])
        .pipe("sort")
        .pipe("head", ["-n", "2"]);
      assert.deepEqual([stdout, pipedFrom.length], ["a\nb", 1]);
      const template = await $`printf ${"z\\ny\\n"}`.pipe`sort`;
      assert.equal(template.stdout, "y\nz");
      const error = await failure(execa("sh", ["-c", "echo x; exit 5"]).pipe("cat"));
      assert.equal(error.exitCode, 5);
    });

    it("gives 5 MiB whole", async () => {
      const options = { encoding: "buffer", stripFinalNewline: false };
      const { stdout } = await execa("head", ["-c", "5242880", "/dev/zero"], options);
      assert.equal(stdout.length, 5_242_880);
    });

    it("gives lines, as an array and one by one", async () => {
      const command = ["-c", "echo one; sleep 0.05; echo two; printf three"];
      assert.deepEqual((await execa("sh", command, { lines: true })).stdout, ["one", "two", "three"]);
      const seen = [];
      for await (const line of execa("sh", command)) seen.push(line);
      assert.deepEqual(seen, ["one", "two", "three"]);
    });

    it("is ended by a timeout", async () => {
      const error = await failure(execa("sleep", ["60"], { timeout: 100 }));
      assert.deepEqual([error.timedOut, error.signal, error.isTerminated], [true, "SIGTERM", true]);
      assert.match(error.message, /^Command timed out after 100 milliseconds/);
    });

    it("is ended by force when it does not mind", async () => {
      const options = { timeout: 200, forceKillAfterDelay: 200 };
      const error = await failure(execa("sh", ["-c", "trap '' TERM; while :; do sleep 0.05; done"], options));
      assert.deepEqual([error.timedOut, error.signal, error.isForcefullyTerminated], [true, "SIGKILL", true]);
    });

    it("is cancelled", async () => {
      const controller = new AbortController();
      const child = execa("sleep", ["60"], { cancelSignal: controller.signal });
      setTimeout(() => controller.abort(new Error("enough")), 50);
      const error = await failure(child);
      assert.deepEqual([error.isCanceled, error.signal, error.cause.message], [true, "SIGTERM", "enough"]);
    });

    it("is cancelled gracefully", { skip: ungraceful }, async () => {
      const source = `
        process.on("message", () => {});
        import("execa").then(({ getCancelSignal }) => getCancelSignal()).then((signal) => {
          console.log("ready");
          signal.addEventListener("abort", () => { console.log("tidied"); process.disconnect?.(); process.exit(4); });
        });`;
      const controller = new AbortController();
      const options = { cancelSignal: controller.signal, gracefulCancel: true, cwd: here };
      const child = execaNode("-e", [source], { ...options, nodePath: process.execPath });
      child.stdout.once("data", () => controller.abort());
      const error = await failure(child);
      assert.deepEqual(
        [error.isGracefullyCanceled, error.exitCode, error.stdout],
        [true, 4, "ready\ntidied"],
      );
    });

    it("is killed", async () => {
      const child = execa("sleep", ["60"]);
      assert.equal(child.kill("SIGINT"), true);
      const error = await failure(child);
      assert.deepEqual([error.signal, child.killed], ["SIGINT", true]);
    });

    it("may write so much and no more", async () => {
      const error = await failure(execa("yes", { maxBuffer: 1000, stripFinalNewline: false }));
      assert.deepEqual([error.isMaxBuffer, error.stdout.length], [true, 1000]);
    });

    it("exchanges messages", async () => {
      const source =
        "process.on('message', (message) => { process.send({ got: message }); process.disconnect(); });";
      const child = execa(process.execPath, ["-e", source], { ipc: true });
      await child.sendMessage("hello");
      assert.deepEqual(await child.getOneMessage(), { got: "hello" });
      assert.deepEqual((await child).ipcOutput, [{ got: "hello" }]);
    });

    it("runs synchronously", () => {
      const { stdout, exitCode } = execaSync("cat", { input: "in" });
      assert.deepEqual([stdout, exitCode], ["in", 0]);
      const { exitCode: code, failed } = execaSync("sh", ["-c", "exit 3"], { reject: false });
      assert.deepEqual([code, failed], [3, true]);
      assert.throws(() => execaSync("no-such-command-1"), { code: "ENOENT" });
      assert.throws(() => execaSync("sleep", ["60"], { timeout: 100 }), {
        timedOut: true,
        signal: "SIGTERM",
      });
    });
  });
}
