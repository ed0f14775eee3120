// Commands that have a terminal, and the terminal itself.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { describe, it } from "node:test";
import { kinds } from "../helpers/kinds.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { delay, within } from "../helpers/processes.mjs";
import { explain, failure, spawn, Terminal } from "../helpers/run.mjs";
import { script, scriptResult } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const ECHO = 0o10;

/** What a terminal gives, in order: its data as one text, and what it says besides. */
function record() {
  const chunks = [];
  const events = [];
  return {
    events,
    bytes: () => Buffer.concat(chunks),
    text: () => Buffer.concat(chunks).toString(),
    shows(text) {
      return within(5000, () => this.text().includes(text));
    },
    options: {
      data: (_, data) => chunks.push(data),
      exit: (terminal, ...rest) => events.push(["exit", terminal.closed, ...rest]),
      drain: () => events.push(["drain"]),
    },
  };
}

for (const [kind, container] of Object.entries(kinds)) {
  const shell = (line, options) => spawn({ cmd: ["/bin/sh", "-c", line], container, ...options });

  describe(`the terminal of ${kind}`, () => {
    it("is its three standard streams, and controls its session", async () => {
      const screen = record();
      const child = shell(
        "test -t 0 && test -t 1 && test -t 2 && stty size; (: </dev/tty) && echo controlled; echo error >&2; exit 3",
        { terminal: { cols: 100, rows: 30, ...screen.options } },
      );
      assert.ok(child.terminal instanceof Terminal);
      assert.equal(String(child.terminal), "[object Terminal]");
      assert.deepEqual([child.stdin, child.stdout, child.stderr], [null, null, null]);
      assert.deepEqual([child.readable, child.writable, child.stdio], [null, null, [null, null, null]]);
      assert.equal(await child.exited, 3);
      assert.equal(screen.text(), "30 100\r\ncontrolled\r\nerror\r\n");
    });

    it("has 24 lines of 80 columns, unless one says otherwise", async () => {
      const screen = record();
      await shell("stty size", { terminal: screen.options }).exited;
      assert.equal(screen.text(), "24 80\r\n");
    });

    it("is undefined when there is none", async () => {
      for (const none of [undefined, null, false]) {
        const child = shell("test -t 1", { terminal: none });
        assert.equal(child.terminal, undefined);
        assert.equal(await child.exited, 1);
      }
    });

    it("gives all there was, and its own end, before the end of the command is told", async () => {
      for (let round = 0; round < 5; round++) {
        const screen = record();
        const child = shell("stty raw -echo; seq 1 200000 | head -c 1048576", { terminal: screen.options });
        const order = [];
        child.exited.then(() => order.push(...screen.events, ["exited"]));
        assert.equal(await child.exited, 0);
        const whole = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("");
        assert.equal(screen.bytes().length, 1_048_576);
        assert.equal(sha256(screen.bytes()), sha256(whole.slice(0, 1_048_576)));
        assert.deepEqual(order, [["exit", true, 0, null], ["exited"]]);
      }
    });

    it("takes more than it holds, and tells when that is through", async () => {
      const screen = record();
      const child = shell("stty raw -echo; echo ready; sleep 0.2; head -c 1000000 | sha256sum", {
        terminal: screen.options,
      });
      assert.ok(await screen.shows("ready"));
      const input = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => index % 251));
      const text = sha256(input);
      assert.equal(child.terminal.write(input), 1_000_000);
      input.fill(0);
      assert.deepEqual(screen.events, []);
      await child.exited;
      assert.ok(screen.text().includes(text), screen.text());
      assert.deepEqual(screen.events, [["drain"], ["exit", true, 0, null]]);
    });

    it("echoes, edits lines, and has an end of file", async () => {
      const screen = record();
      const child = shell("echo ready; cat", { terminal: screen.options });
      assert.ok(await screen.shows("ready"));
      assert.equal(child.terminal.write("xä\x7f\x7fhallo\n"), 11);
      assert.ok(await screen.shows("\r\nhallo\r\n"), screen.text());
      assert.equal(child.terminal.write(new Uint8Array([4])), 1);
      assert.equal(await child.exited, 0);
    });

    it("turns ^C into SIGINT", async () => {
      const screen = record();
      const child = shell("echo ready; exec sleep 60", { terminal: screen.options });
      assert.ok(await screen.shows("ready"));
      child.terminal.write("\x03");
      assert.equal(await child.exited, 130);
      assert.equal(child.signalCode, "SIGINT");
    });

    it("can be resized, of which the command hears by SIGWINCH", needs("bash"), async () => {
      const screen = record();
      const line = "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.02; done";
      const child = spawn({ cmd: ["bash", "-c", line], container, terminal: screen.options });
      assert.ok(await screen.shows("ready"));
      assert.equal(child.terminal.resize(65535, 1), undefined);
      assert.equal(await child.exited, 0);
      assert.ok(screen.text().includes("1 65535"), screen.text());
    });

    it("can be raw, and then what it was", async () => {
      const screen = record();
      const child = shell("echo ready; head -c 4 | od -An -c; read line; echo $line", {
        terminal: screen.options,
      });
      assert.ok(await screen.shows("ready"));
      const { terminal } = child;
      const modes = () => [
        terminal.inputFlags,
        terminal.outputFlags,
        terminal.localFlags,
        terminal.controlFlags,
      ];
      const before = modes();
      terminal.setRawMode(true);
      terminal.setRawMode(true);
      assert.equal(terminal.localFlags & ECHO, 0);
      terminal.write("\x03\r\x04x");
      assert.ok(await screen.shows("003  \\r 004   x\n"), screen.text());
      terminal.setRawMode(false);
      assert.deepEqual(modes(), before);
      terminal.setRawMode(false);
      terminal.write("cooked\n");
      await child.exited;
      assert.ok(screen.text().endsWith("cooked\r\ncooked\r\n"), screen.text());
    });

    it("has a name, which is TERM", async () => {
      const nameIn = async (terminal, env) => {
        const screen = record();
        const child = spawn({
          cmd: ["/bin/sh", "-c", 'echo "[$TERM]"'],
          container,
          env,
          terminal: { ...terminal, ...screen.options },
        });
        await child.exited;
        return screen.text().trim();
      };
      const { TERM } = process.env;
      process.env.TERM = "of-the-parent";
      try {
        assert.equal(await nameIn({}), "[xterm-256color]");
        assert.equal(await nameIn({}, {}), "[xterm-256color]");
        assert.equal(await nameIn({}, { TERM: "mine" }), "[mine]");
        assert.equal(await nameIn({ name: "vt100" }), "[vt100]");
        assert.equal(await nameIn({ name: "vt100" }, { TERM: "mine" }), "[vt100]");
      } finally {
        if (TERM === undefined) delete process.env.TERM;
        else process.env.TERM = TERM;
      }
    });

    it("is closed with the command, and harmless then", async () => {
      const screen = record();
      const child = shell("echo x", { terminal: screen.options });
      await child.exited;
      const { terminal } = child;
      assert.equal(terminal.closed, true);
      assert.equal(terminal.write("x"), 0);
      terminal.resize(5, 5);
      terminal.setRawMode(true);
      terminal.localFlags = 0;
      assert.deepEqual([terminal.localFlags, terminal.inputFlags], [0, 0]);
      terminal.close();
      await delay(20);
      assert.deepEqual(screen.events, [["exit", true, 0, null]]);
      assert.throws(() => terminal.write("x"), { code: "ERR_INVALID_STATE", message: "Terminal is closed" });
    });

    it("hangs up when it is closed", async () => {
      const screen = record();
      const child = shell("echo ready; exec sleep 60", { terminal: screen.options });
      assert.ok(await screen.shows("ready"));
      child.terminal.close();
      assert.equal(child.terminal.closed, true);
      assert.equal(await child.exited, 129);
      assert.equal(child.signalCode, "SIGHUP");
      assert.deepEqual(screen.events, [["exit", true, 0, null]]);
      for (const use of [
        () => child.terminal.write("x"),
        () => child.terminal.resize(1, 1),
        () => child.terminal.setRawMode(true),
      ]) {
        assert.throws(use, { name: "Error", code: "ERR_INVALID_STATE", message: "Terminal is closed" });
      }
      child.terminal.close();
      child.terminal.ref();
      child.terminal.unref();
    });

    it("goes with the command's disposal", async () => {
      const screen = record();
      const child = shell("echo ready; exec sleep 60", { terminal: screen.options });
      await child[Symbol.asyncDispose]();
      assert.deepEqual([child.terminal.closed, screen.events.length], [true, 1]);
    });

    it("that one has made serves one command after the other", async () => {
      const screen = record();
      const terminal = new Terminal({ cols: 90, ...screen.options });
      for (const word of ["one", "two", "three"]) {
        const child = shell(`stty size; (: </dev/tty) && echo ${word}`, { terminal });
        assert.equal(child.terminal, terminal);
        assert.equal(await child.exited, 0);
        assert.ok(screen.text().endsWith(`24 90\r\n${word}\r\n`), screen.text());
        assert.equal(terminal.closed, false);
        await child[Symbol.asyncDispose]();
      }
      assert.deepEqual(screen.events, []);
      await terminal[Symbol.asyncDispose]();
      assert.equal(terminal.closed, true);
      await delay(0);
      assert.deepEqual(screen.events, [["exit", true, 0, null]]);
      const error = failure({ cmd: ["true"], terminal, container });
      assert.deepEqual(
        [error.name, error.code, error.option],
        ["TypeError", "ERR_INVALID_STATE", "terminal"],
      );
    });

    it("leaves room for more descriptors and a channel", async () => {
      const screen = record();
      const fd = fs.openSync(`${tempDir()}/file`, "w+");
      const messages = [];
      const child = shell("echo three >&3; echo '\"message\"' >&4; echo screen", {
        terminal: screen.options,
        stdio: [null, undefined, null, fd],
        ipc: (message) => messages.push(message),
      });
      assert.equal(await child.exited, 0);
      const bytes = Buffer.alloc(20);
      assert.equal(bytes.toString("utf8", 0, fs.readSync(fd, bytes, 0, 20, 0)), "three\n");
      fs.closeSync(fd);
      assert.deepEqual([screen.text(), messages], ["screen\r\n", ["message"]]);
    });

    it("that could not be had by a command is gone, or stays what it was", async () => {
      const screen = record();
      const cmd = ["/no/such/command"];
      assert.equal(failure({ cmd, terminal: screen.options, container }).code, "ENOENT");
      await delay(20);
      assert.deepEqual(screen.events, []);
      const terminal = new Terminal(screen.options);
      assert.equal(failure({ cmd, terminal, container }).code, "ENOENT");
      await shell("echo works", { terminal }).exited;
      assert.equal(screen.text(), "works\r\n");
      terminal.close();
    });

    it("is explained", () => {
      const plan = String(explain(["true"], { terminal: {}, container }));
      assert.match(plan, /fd 0 is the controlling terminal +← terminal/);
    });

    it("makes what a callback throws an uncaught exception", async () => {
      const source = `
        const caught = [];
        process.on("uncaughtException", (error) => caught.push(error.message));
        const terminal = {
          data(_, data) { throw new Error(data.toString().trim()); },
          exit() { throw new Error("exit"); },
        };
        await spawn(["echo", "data"], { terminal, container: ${JSON.stringify(container)} }).exited;
        await delay(20);
        say(caught);`;
      assert.deepEqual((await scriptResult(source)).said, [["data", "exit"]]);
    });

    it("keeps the asynchronous context in which it was made", async () => {
      const storage = new AsyncLocalStorage();
      const seen = new Set();
      const see = () => seen.add(storage.getStore());
      await storage.run("context", () => shell("echo x", { terminal: { data: see, exit: see } })).exited;
      assert.deepEqual([...seen], ["context"]);
    });
  });

  describe(`the program, and the terminal of ${kind},`, () => {
    const options = `container: ${JSON.stringify(container)}`;

    it("ends while it runs, when both are unref'd, and not before", async () => {
      const began = Date.now();
      const source = `
        const child = spawn(["sleep", "20"], { terminal: {}, ${options} });
        child.unref(); child.terminal.unref(); say("end");`;
      assert.equal(await script(source, { timeout: 15_000 }), "end");
      assert.ok(Date.now() - began < 10_000);
      const kept = `
        const terminal = { data(_, data) { say(data.toString().trim()); } };
        const child = spawn(["sh", "-c", "sleep 0.3; echo late"], { terminal, ${options} });
        child.unref();`;
      assert.equal(await script(kept, { timeout: 10_000 }), "late");
    });

    it("is not kept by one that no command has", async () => {
      const source = `
        import { Terminal } from ${JSON.stringify(new URL("../../index.mjs", import.meta.url).href)};
        const terminal = new Terminal({ data() {} });
        await spawn(["true"], { terminal, ${options} }).exited;
        say("end");`;
      assert.equal(await script(source, { timeout: 10_000 }), "end");
    });
  });
}

describe("a terminal in a container", needs("userns"), () => {
  it("is there where no path leads to it", async () => {
    const screen = record();
    const container = { namespace: { user: true, pid: true }, fs: [{ type: "tmpfs", to: "/dev" }] };
    const child = spawn(["sh", "-c", "ls -A /dev; test -t 0 && test -t 1 && stty size"], {
      container,
      terminal: screen.options,
    });
    assert.equal(await child.exited, 0);
    assert.equal(screen.text(), "24 80\r\n");
  });
});

describe("a terminal", () => {
  it("that a command has left to another lives on with that", async () => {
    const screen = record();
    const line = "trap '' HUP; (sleep 0.3; echo late) & echo early; exit 2";
    const child = spawn(["sh", "-c", line], { terminal: screen.options });
    assert.equal(await child.exited, 2);
    assert.deepEqual([screen.text(), child.terminal.closed], ["early\r\n", false]);
    assert.ok(await within(5000, () => screen.events.length > 0));
    assert.equal(screen.text(), "early\r\nlate\r\n");
  });

  it("echoes though no command has it yet, or nobody listens", async () => {
    const screen = record();
    const terminal = new Terminal(screen.options);
    terminal.write("early\n");
    assert.ok(await screen.shows("early\r\n"));
    terminal.close();
    const silent = spawn(["sh", "-c", "head -c 300000 /dev/zero"], { terminal: {} });
    assert.equal(await silent.exited, 0);
  });

  it("that is dropped is closed", async () => {
    const source = `
      import { Terminal } from ${JSON.stringify(new URL("../../index.mjs", import.meta.url).href)};
      import v8 from "node:v8";
      import vm from "node:vm";
      const collect = () => globalThis.Bun?.gc(true) ?? vm.runInNewContext("gc")();
      if (globalThis.Bun === undefined) v8.setFlagsFromString("--expose-gc");
      const open = () => fs.readdirSync("/proc/self/fd").filter((fd) => {
        try { return /ptmx|pts/.test(fs.readlinkSync("/proc/self/fd/" + fd)); } catch { return false; }
      }).length;
      const before = open();
      (() => { for (let index = 0; index < 30; index++) new Terminal({ data() {} }); })();
      const most = open();
      for (let round = 0; round < 100 && open() > before + 10; round++) { collect(); await delay(10); }
      say([most - before, open() - before <= 10]);`;
    assert.deepEqual(await script(source, { timeout: 20_000 }), [60, true]);
  });
});
