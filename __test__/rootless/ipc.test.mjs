// Messages between us and commands that are programs of Node or Bun.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { has, needs } from "../helpers/must.mjs";
import { delay, within } from "../helpers/processes.mjs";
import { spawn } from "../helpers/run.mjs";
import { runtimes } from "../helpers/runtimes.mjs";
import { script, scriptResult } from "../helpers/script.mjs";

leaveNothing();

const kinds = { "a plain command": undefined };
if (has("userns")) kinds["a container"] = { namespace: { user: true, pid: true } };

const ours = process.versions.bun === undefined ? "node" : "bun";
const formats = (runtime) => (runtime === ours ? ["json", "advanced"] : ["json"]);

/** Starts a program that has a channel to us. */
function open(command, source, options = {}) {
  const messages = [];
  const waiting = [];
  const closings = [];
  const child = spawn({
    cmd: [command, "-e", source],
    stderr: "pipe",
    ipc(...args) {
      assert.deepEqual([args[1] === child, this === child, args.length], [true, true, 2]);
      const waiter = waiting.shift();
      if (waiter) waiter(args[0]);
      else messages.push(args[0]);
    },
    onDisconnect: (error) => closings.push(error),
    ...options,
  });
  return {
    child,
    messages,
    closings,
    next: () => (messages.length > 0 ? messages.shift() : new Promise((resolve) => waiting.push(resolve))),
  };
}

const echo = "process.on('message', (message) => process.send(message));";
const closed = { name: "Error", code: "ERR_IPC_CHANNEL_CLOSED" };

for (const [kind, container] of Object.entries(kinds)) {
  for (const [runtime, command] of Object.entries(runtimes)) {
    for (const serialization of formats(runtime)) {
      describe(`messages of ${kind} to ${runtime} as ${serialization}`, needs(`${runtime}-command`), () => {
        const start = (source, options) => open(command, source, { container, serialization, ...options });

        it("arrive on both sides as they were, in their order", async () => {
          const values = [
            null,
            true,
            0.5,
            "",
            "text",
            "zwölf Äpfel, 🍎\n\u2028\0",
            [],
            { a: { b: [1, "2", null] }, cmd: "NODE" },
          ];
          const { child, next } = start(`${echo} process.send("ready")`);
          assert.equal(child.connected, true);
          assert.equal(await next(), "ready");
          for (const value of values) assert.equal(child.send(value), true);
          for (const value of values) assert.deepEqual(await next(), value);
          child.disconnect();
          assert.equal(await child.exited, 0, await child.stderr.text());
        });

        it("may be larger than the socket, with smaller ones around them", async () => {
          const { child, next } = start(echo);
          const large = "äöü€🍎".repeat(400_000);
          child.send("before");
          assert.equal(child.send(large), false, "so much waits that it is better to wait, too");
          child.send("after");
          assert.equal(await next(), "before");
          assert.ok((await next()) === large, "the large one");
          assert.equal(await next(), "after");
          child.disconnect();
          assert.equal(await child.exited, 0);
        });

        it("may be many, though nobody waits in between", async () => {
          const { child, next } = start(echo);
          const count = 5000;
          const sent = Array.from({ length: count }, (_, id) => ({ id, text: "x".repeat(100) }));
          const isEnough = sent.map((message) => child.send(message));
          assert.ok(isEnough.includes(false), "it is told when much waits");
          for (let id = 0; id < count; id++) assert.equal((await next()).id, id);
          assert.equal(child.send("one"), true, "and now there is room again");
          assert.equal(await next(), "one");
          child.disconnect();
          assert.equal(await child.exited, 0);
        });

        it("are received though the command ends at once, and before its end is told", async () => {
          const order = [];
          const { child, closings } = start("process.send('last'); process.exit(3)", {
            ipc: (message) => order.push(message),
            onDisconnect: () => order.push("disconnect"),
          });
          child.exited.then((code) => order.push(code));
          await child.exited;
          await delay(20);
          assert.deepEqual(order, ["last", "disconnect", 3]);
          assert.deepEqual(closings, []);
          assert.equal(child.connected, false);
          assert.throws(() => child.send("late"), closed);
        });

        it("end when the command disconnects, once, and it runs on", async () => {
          const source = "process.send(1); process.disconnect(); setTimeout(() => process.exit(5), 100)";
          const { child, next, messages, closings } = start(source);
          assert.equal(await next(), 1);
          assert.ok(await within(5000, () => closings.length > 0));
          assert.deepEqual([child.connected, child.exitCode, closings], [false, null, [undefined]]);
          assert.throws(() => child.send("late"), closed);
          child.disconnect();
          assert.equal(await child.exited, 5);
          await delay(20);
          assert.deepEqual([messages, closings], [[], [undefined]]);
        });

        it("end when we disconnect, after all that was sent, and none is handed on any more", async () => {
          const source = `
            let length = 0;
            process.on("message", (message) => { length += message.length; process.send("answer", () => {}); });
            process.on("disconnect", () => { console.log(length); process.exit(0); });
            process.send("ready");`;
          const { child, next, messages, closings } = start(source);
          assert.equal(await next(), "ready");
          for (let count = 0; count < 3; count++) child.send("x".repeat(1_000_000));
          assert.equal(child.disconnect(), undefined);
          assert.equal(child.connected, false);
          assert.throws(() => child.send("late"), closed);
          child.disconnect();
          assert.deepEqual(closings, [], "not at once");
          assert.equal(await child.stdout.text(), "3000000\n");
          assert.equal(await child.exited, 0);
          await delay(20);
          assert.deepEqual([messages, closings], [[], [undefined]]);
        });

        it("that are nobody's business but the runtime's are not handed on", async () => {
          const source = `process.send({ cmd: "NODE_SOMETHING" }); process.send({ cmd: "NODE_" }); process.send({ cmd: "node" });`;
          const { child, next, messages } = start(source);
          assert.deepEqual([await next(), await next()], [{ cmd: "NODE_" }, { cmd: "node" }]);
          await child.exited;
          assert.deepEqual(messages, []);
        });

        it("with a server are refused, and the next ones come", async () => {
          const source = `
            const server = require("node:net").createServer().listen(0, "127.0.0.1", () => {
              process.send({ has: "server" }, server);
              process.send("next");
              server.close();
              setTimeout(() => process.disconnect(), 300);
            });`;
          const { child, next } = start(source);
          let message = await next();
          // Bun sends the message without the server when that cannot be had.
          if (message?.has === "server") message = await next();
          assert.equal(message, "next");
          assert.equal(await child.exited, 0, await child.stderr.text());
        });

        it("must be something", async () => {
          const { child, next } = start(echo);
          assert.throws(() => child.send(), { name: "TypeError", code: "ERR_MISSING_ARGS" });
          for (const wrong of [() => {}, Symbol("x"), 1n]) {
            assert.throws(() => child.send(wrong), { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
          }
          if (serialization === "json") {
            const circular = {};
            circular.circular = circular;
            for (const wrong of [circular, { big: 1n }, { toJSON() {} }]) {
              assert.throws(() => child.send(wrong), TypeError);
            }
          } else assert.throws(() => child.send({ wrong() {} }), { name: /^(Error|DataCloneError)$/ });
          child.send("none of these");
          assert.equal(await next(), "none of these");
          child.disconnect();
          await child.exited;
        });

        it("that nobody reads wait, and are given up at the end", async () => {
          const { child, next, closings } = start(
            `process.send("ready"); setTimeout(() => { for (;;) {} }, 10);`,
          );
          assert.equal(await next(), "ready");
          await delay(50);
          let count = 0;
          while (child.send("x".repeat(50_000))) assert.ok(++count < 1000, "no end");
          for (let more = 0; more < 100; more++) assert.equal(child.send("more"), false);
          child.kill("SIGKILL");
          assert.equal(await child.exited, 137);
          await delay(20);
          assert.deepEqual(closings, [undefined]);
        });
      });
    }

    const rich = needs(`${runtime}-command`);
    if (runtime === ours) {
      it(`advanced messages of ${kind} are what they were, in ${runtime}`, rich, async () => {
        const { child, next } = open(command, echo, { container, serialization: "advanced" });
        const circular = { name: "circular" };
        circular.self = circular;
        const values = [
          new Date(5),
          new Map([[{ a: 1 }, new Set(["x", undefined])]]),
          new Uint8Array([1, 2, 255]),
          new Float64Array([0.5, Number.NaN]),
          new Uint8Array(300_000).fill(7),
          { big: 2n ** 70n, none: undefined, minus: -0 },
          /x+/giu,
          new TypeError("wrong"),
        ];
        for (const value of [...values, circular]) child.send(value);
        for (const value of values) assert.deepEqual(await next(), value);
        const received = await next();
        assert.equal(received.self, received);
        child.disconnect();
        assert.equal(await child.exited, 0);
      });
    } else {
      it(`advanced messages of ${kind} are refused from ${runtime}, which has other ones`, rich, async () => {
        const seen = [];
        const { child, messages, closings } = open(
          command,
          "process.send('hello'); setTimeout(() => {}, 50)",
          {
            container,
            serialization: "advanced",
            onExit: (_, __, ___, error) => seen.push(error),
          },
        );
        await child.exited;
        await delay(20);
        assert.deepEqual([messages.length, closings.length, child.exitCode], [0, 1, 0]);
        assert.equal(closings[0].code, "ERR_IPC_FORMAT");
        assert.match(closings[0].message, /use serialization: "json"/);
        assert.deepEqual(seen, closings, "onExit tells it too");
      });
    }
  }

  describe(`the channel of ${kind}`, needs("node-command"), () => {
    const start = (source, options) => open(runtimes.node, source, { container, ...options });
    const options = `container: ${JSON.stringify(container)}`;
    const node = JSON.stringify(runtimes.node);

    it("carries JSON unless one says otherwise", async () => {
      const { child, next } = start(
        "process.send([process.env.NODE_CHANNEL_SERIALIZATION_MODE ?? null, new Date(0)])",
      );
      assert.deepEqual(await next(), [null, "1970-01-01T00:00:00.000Z"]);
      await child.exited;
    });

    it("is told of by variables, behind the other descriptors, and is nothing in stdio", async () => {
      const read = "env | grep ^NODE_CHANNEL | sort; ls /proc/self/fd | sort -n | tr '\\n' ' '";
      for (const [stdio, fd] of [
        [["ignore", "pipe", "inherit"], 3],
        [["ignore", "pipe", "inherit", "ignore", "pipe"], 5],
      ]) {
        for (const env of [undefined, { PATH: process.env.PATH, NODE_CHANNEL_FD: "77" }]) {
          const child = spawn({ cmd: ["sh", "-c", read], ipc() {}, stdio, env, container });
          const [variable, mode, descriptors] = (await child.stdout.text()).split("\n");
          assert.deepEqual(
            [variable, mode],
            [`NODE_CHANNEL_FD=${fd}`, "NODE_CHANNEL_SERIALIZATION_MODE=json"],
          );
          assert.ok(descriptors.split(" ").includes(String(fd)), descriptors);
          const shown = child.stdio;
          for (const extra of shown) if (extra !== null) fs.closeSync(extra);
          assert.equal(shown.length, fd + 1);
          assert.equal(shown[fd], null);
          await child[Symbol.asyncDispose]();
        }
      }
      assert.equal(process.env.NODE_CHANNEL_FD, undefined);
    });

    it("is not there unless one asks for it", async () => {
      const child = spawn({
        cmd: ["sh", "-c", "env | grep -c ^NODE_CHANNEL"],
        onDisconnect() {},
        serialization: "json",
        container,
      });
      assert.equal(await child.stdout.text(), "0\n");
      assert.equal(child.connected, false);
      assert.equal(child.disconnect(), undefined);
      assert.throws(() => child.send("x"), closed);
      await child.exited;
    });

    it("puts together what comes in pieces", async () => {
      const source = `
        const fs = require("node:fs");
        const bytes = Buffer.from('"ä🍎"\\n{"a":1}\\n[2]\\n');
        (async () => {
          for (const byte of bytes) {
            fs.writeSync(3, Buffer.of(byte));
            await new Promise((resolve) => setTimeout(resolve, 2));
          }
        })();`;
      const { child, next } = start(source);
      assert.deepEqual([await next(), await next(), await next()], ["ä🍎", { a: 1 }, [2]]);
      await child.exited;
    });

    it("is closed for what is no message, which ends nothing else", async () => {
      for (const garbage of ["no json\n", "\n", "[1,\n"]) {
        const written = JSON.stringify(`"good"\n${garbage}"more"\n`);
        const source = `require("node:fs").writeSync(3, ${written}); setTimeout(() => process.exit(4), 50)`;
        const { child, messages, closings } = start(source);
        assert.equal(await child.exited, 4);
        await delay(20);
        assert.deepEqual(messages, ["good"]);
        assert.equal(closings.length, 1);
        assert.equal(closings[0].code, "ERR_IPC_FORMAT");
        assert.equal(closings[0].cause.name, "SyntaxError");
      }
    });

    it("is closed at the command's end, though it has left it to another", async () => {
      const closings = [];
      const child = spawn({
        cmd: ["sh", "-c", "sleep 0.5 >/dev/null & exit 6"],
        ipc() {},
        onDisconnect: (error) => closings.push(error),
        container,
      });
      assert.equal(await child.exited, 6);
      await delay(20);
      assert.deepEqual(closings, [undefined]);
    });

    it("keeps the asynchronous context of the call", async () => {
      const storage = new AsyncLocalStorage();
      const seen = [];
      await storage.run("context", async () => {
        const child = spawn({
          cmd: [runtimes.node, "-e", "process.send(1)"],
          ipc: () => seen.push(storage.getStore()),
          onDisconnect: () => seen.push(storage.getStore()),
          container,
        });
        await child.exited;
      });
      await delay(20);
      assert.deepEqual(seen, ["context", "context"]);
    });

    it("keeps the program alive while the command runs, and not after unref", async () => {
      const source = `
        const child = spawn([${node}, "-e", "setTimeout(() => process.send('late'), 200)"], { ipc: say, ${options} });`;
      assert.equal(await script(source, { timeout: 10_000 }), "late");
      const began = Date.now();
      const unref = `
        const child = spawn([${node}, "-e", "process.on('message', () => {}); setTimeout(() => {}, 20000)"], { ipc() {}, stdout: "ignore", stderr: "ignore", ${options} });
        child.unref(); child.send("x"); say("end");`;
      assert.equal(await script(unref, { timeout: 15_000 }), "end");
      assert.ok(Date.now() - began < 10_000, "it ended before the command");
    });

    it("makes what a callback throws an uncaught exception, and goes on", async () => {
      const source = `
        const caught = [];
        process.on("uncaughtException", (error) => caught.push(error.message));
        const child = spawn([${node}, "-e", "process.send(1); process.send(2)"], {
          ipc(message) { throw new Error("message " + message); },
          onDisconnect() { throw new Error("disconnect"); },
          ${options}
        });
        await child.exited;
        await delay(20);
        say(caught);`;
      assert.deepEqual((await scriptResult(source)).said, [["message 1", "message 2", "disconnect"]]);
    });
  });
}
