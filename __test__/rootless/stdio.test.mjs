// What goes into a command and comes out of it: streams, descriptors, back-pressure.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { kinds } from "../helpers/kinds.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay } from "../helpers/processes.mjs";
import { lines, output, spawn } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

for (const [kind, container] of Object.entries(kinds)) {
  const shell = (script, options) =>
    spawn({ cmd: ["/bin/sh", "-c", script], stderr: "pipe", container, ...options });

  describe(`output of ${kind}`, () => {
    it("is read as text, JSON and bytes", async () => {
      assert.equal(await shell("printf 'h\\303\\244\\n'").stdout.text(), "hä\n");
      assert.deepEqual(await shell(`echo '{"a": [1, 2]}'`).stdout.json(), { a: [1, 2] });
      const bytes = await shell("printf '\\000\\377\\001'").stdout.bytes();
      assert.ok(bytes instanceof Uint8Array);
      assert.deepEqual([...bytes], [0, 255, 1]);
      await assert.rejects(shell("echo no json").stdout.json(), SyntaxError);
    });

    it("is a web stream, readable is stdout, and stderr is one too when it is a pipe", async () => {
      const child = shell("echo out; echo err >&2");
      assert.ok(child.stdout instanceof ReadableStream);
      assert.equal(child.readable, child.stdout);
      const chunks = [];
      for await (const chunk of child.stdout) chunks.push(Buffer.from(chunk));
      assert.equal(Buffer.concat(chunks).toString(), "out\n");
      assert.equal(await child.stderr.text(), "err\n");
    });

    it("is empty when there is none, also read late", async () => {
      const child = shell("exit 0");
      await child.exited;
      await delay(20);
      assert.equal(await child.stdout.text(), "");
      assert.deepEqual([...(await child.stderr.bytes())], []);
    });

    it("is complete when it is read after the exit", async () => {
      const child = shell("head -c 60000 /dev/zero");
      await child.exited;
      assert.equal((await child.stdout.bytes()).length, 60_000);
    });

    it("cannot be read twice", async () => {
      const child = shell("echo once");
      assert.equal(await child.stdout.text(), "once\n");
      await assert.rejects(
        async () => child.stdout.text(),
        (error) => error instanceof TypeError && error.code === "ERR_INVALID_STATE",
      );
    });

    it("is kept for who reads late, and waits in the pipe for who has begun and reads slowly", async () => {
      const script = "head -c 30000000 /dev/zero; echo end >&2";
      const late = shell(script);
      assert.equal(await late.stderr.text(), "end\n", "the command can end");
      assert.equal((await late.stdout.bytes()).length, 30_000_000);

      const slow = shell(script);
      const said = slow.stderr.text();
      const reader = slow.stdout.getReader();
      let read = (await reader.read()).value.length;
      assert.equal(await Promise.race([said, delay(150).then(() => "waiting")]), "waiting");
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
        read += chunk.value.length;
      assert.deepEqual([read, await said, await slow.exited], [30_000_000, "end\n", 0]);
    });

    it("that is cancelled ends the command by SIGPIPE", async () => {
      const child = shell("exec yes");
      await child.stdout.cancel();
      assert.equal(await child.exited, 141);
      assert.equal(child.signalCode, "SIGPIPE");
    });

    it("goes nowhere with ignore", async () => {
      const child = shell("exec 9>&1 1>&2; readlink /proc/self/fd/9; cat >&9", {
        stdout: "ignore",
        stdin: "ignore",
      });
      assert.equal(child.stdout, undefined);
      assert.equal(await child.stderr.text(), "/dev/null\n");
      assert.equal(await child.exited, 0);
      const silent = shell("echo x; echo y >&2", { stdio: ["ignore", "ignore", "ignore"] });
      assert.deepEqual([silent.stdin, silent.stdout, silent.stderr], [undefined, undefined, undefined]);
      assert.equal(await silent.exited, 0);
    });

    it("goes to a descriptor, which stays the caller's", async () => {
      const file = `${tempDir()}/file`;
      const fd = fs.openSync(file, "w");
      const child = shell("echo out; echo err >&2", { stdout: fd, stderr: fd });
      assert.equal(await child.exited, 0);
      assert.ok(typeof child.stdout === "number" || child.stdout === undefined);
      fs.writeSync(fd, "still open\n");
      fs.closeSync(fd);
      assert.equal(fs.readFileSync(file, "utf8"), "out\nerr\nstill open\n");
    });

    it("may change places: 1 to 2 and 2 to 1", async () => {
      const directory = tempDir();
      const [one, two] = ["one", "two"].map((name) => fs.openSync(`${directory}/${name}`, "w"));
      await shell("echo out; echo err >&2", { stdio: ["ignore", two, one] }).exited;
      fs.closeSync(one);
      fs.closeSync(two);
      assert.deepEqual(
        [fs.readFileSync(`${directory}/two`, "utf8"), fs.readFileSync(`${directory}/one`, "utf8")],
        ["out\n", "err\n"],
      );
    });

    it("can be opened again by its name, as /dev/stdout", async () => {
      assert.equal(
        await output("echo again > /dev/stdout; echo more > /proc/self/fd/1", { container }),
        "again\nmore",
      );
    });
  });

  describe(`input of ${kind}`, () => {
    it("is written, ended, and counted", async () => {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container });
      assert.equal(child.writable, child.stdin);
      assert.equal(await child.stdin.write("häl"), 4);
      assert.equal(await child.stdin.write(new Uint8Array([108, 111])), 2);
      assert.equal(await child.stdin.write(new Uint8Array([33, 10, 99]).subarray(0, 2)), 2);
      assert.equal(await child.stdin.write(new TextEncoder().encode("end").buffer), 3);
      await child.stdin.flush();
      await child.stdin.end();
      assert.equal(await child.stdout.text(), "hällo!\nend");
      assert.equal(await child.exited, 0);
    });

    it("is empty with ignore, which is the default", async () => {
      for (const stdin of [undefined, "ignore", null]) {
        const child = spawn({ cmd: ["wc", "-c"], stdin, container });
        assert.equal(child.stdin, undefined);
        assert.equal((await child.stdout.text()).trim(), "0");
      }
    });

    it("of 8 MiB goes through, and write waits for the reader", async () => {
      const chunk = Buffer.alloc(1024 * 1024, "abcdefgh");
      const child = spawn({ cmd: ["sh", "-c", "sleep 0.1; exec cat"], stdin: "pipe", container });
      const received = child.stdout.bytes();
      let waited = 0;
      for (let index = 0; index < 8; index++) {
        const wrote = child.stdin.write(chunk);
        if (wrote instanceof Promise) waited++;
        assert.equal(await wrote, chunk.length);
      }
      await child.stdin.end();
      const bytes = await received;
      assert.ok(waited > 0, "at least once");
      assert.equal(bytes.length, 8 * chunk.length);
      assert.ok(Buffer.from(bytes).equals(Buffer.concat(Array(8).fill(chunk))));
    });

    it("keeps its order when nobody awaits", async () => {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container });
      let expected = "";
      for (let index = 0; index < 2000; index++) {
        const line = `${index} ${"x".repeat(500)}\n`;
        expected += line;
        const wrote = child.stdin.write(line);
        if (wrote instanceof Promise) wrote.catch(() => {});
      }
      child.stdin.end();
      assert.equal(await child.stdout.text(), expected);
    });

    it("is copied: what the caller does with the buffer afterwards changes nothing", async () => {
      const child = spawn({ cmd: ["sh", "-c", "sleep 0.1; exec cat"], stdin: "pipe", container });
      const buffer = Buffer.alloc(2 * 1024 * 1024, "a");
      const wrote = child.stdin.write(buffer);
      buffer.fill("b");
      const text = child.stdout.text();
      await wrote;
      await child.stdin.end();
      assert.ok(!(await text).slice(0, 1000).includes("b"), "the beginning");
    });

    it("that nobody reads any more rejects with EPIPE", async () => {
      const child = shell("exec 0<&-; echo closed; exec sleep 60", { stdin: "pipe" });
      await lines(child).until("closed");
      await assert.rejects(async () => child.stdin.write(Buffer.alloc(1024 * 1024)), { code: "EPIPE" });
      child.kill("SIGKILL");
      await child.exited;
    });

    it("after the exit does no harm", async () => {
      const child = shell("exit 0", { stdin: "pipe" });
      await child.exited;
      try {
        await child.stdin.write("late");
        await child.stdin.end();
      } catch (error) {
        assert.equal(error.code, "EPIPE");
      }
    });

    it("comes from a descriptor", async () => {
      const file = `${tempDir()}/file`;
      fs.writeFileSync(file, "from a file");
      const fd = fs.openSync(file, "r");
      const child = spawn({ cmd: ["cat"], stdin: fd, container });
      assert.equal(await child.stdout.text(), "from a file");
      fs.closeSync(fd);
    });
  });

  describe(`more of stdio of ${kind}`, () => {
    it("has null for the first three, as Bun does", async () => {
      const child = shell("true");
      assert.deepEqual([...child.stdio].slice(0, 3), [null, null, null]);
      await child.exited;
    });

    it("may be an array, which wins", async () => {
      const child = spawn({
        cmd: ["cat"],
        stdio: ["pipe", "pipe", "ignore"],
        stdout: "ignore",
        stdin: "ignore",
        container,
      });
      child.stdin.write("through");
      child.stdin.end();
      assert.equal(await child.stdout.text(), "through");
    });

    it("has further descriptors", async () => {
      const file = `${tempDir()}/file`;
      const fd = fs.openSync(file, "w+");
      const child = shell("echo three >&3; echo five >&5; test ! -e /proc/self/fd/6", {
        stdio: ["ignore", "pipe", "pipe", fd, "ignore", fd],
      });
      assert.equal(await child.exited, 0, await child.stderr.text());
      fs.closeSync(fd);
      assert.equal(fs.readFileSync(file, "utf8"), "three\nfive\n");
    });
  });
}
