// The streams of `container-spawn/child_process`: Node streams, with back-pressure in both directions.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { Duplex, Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, it } from "node:test";
import { apis, events, ours, output, table, text } from "../helpers/child-process.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay, within } from "../helpers/processes.mjs";

leaveNothing();

const sh = (api, source, options) => api.spawn("/bin/sh", ["-c", source], options);
const MIB = 1024 * 1024;

async function length(stream) {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return bytes;
}

table("output", [
  [
    "comes as Buffers, or as text that no chunk cuts",
    async (api) => {
      const raw = sh(api, "printf 'h\\303\\244'");
      const chunks = await raw.stdout.toArray();
      const split = sh(api, "printf 'h\\303'; sleep 0.1; printf '\\244'");
      const strings = await split.stdout.setEncoding("utf8").toArray();
      return [chunks.every(Buffer.isBuffer), Buffer.concat(chunks).toString(), strings.join("")];
    },
    [true, "hä", "hä"],
  ],
  ["of 20 MiB is all there", (api) => length(sh(api, `head -c ${20 * MIB} /dev/zero`).stdout), 20 * MIB],
  [
    "that nobody reads stops the command",
    async (api) => {
      const child = sh(api, `head -c ${20 * MIB} /dev/zero; echo end >&2`);
      const said = text(child.stderr);
      const early = await Promise.race([said, delay(300).then(() => "waiting")]);
      return [early, await length(child.stdout), await said];
    },
    ["waiting", 20 * MIB, "end\n"],
  ],
  [
    "that is paused stops the command, and goes on",
    async (api) => {
      const child = sh(api, `head -c ${20 * MIB} /dev/zero; echo end >&2`);
      const said = text(child.stderr);
      let bytes = 0;
      child.stdout.once("data", () => child.stdout.pause());
      child.stdout.on("data", (chunk) => {
        bytes += chunk.length;
      });
      const early = await Promise.race([said, delay(300).then(() => "waiting")]);
      const few = bytes < 2 * MIB;
      child.stdout.resume();
      await events(child);
      return [early, few, bytes];
    },
    ["waiting", true, 20 * MIB],
  ],
  [
    "that is destroyed ends the command",
    async (api) => {
      const child = api.spawn("yes", { stdio: ["pipe", "pipe", "ignore"] });
      child.stdout.destroy();
      const [, code] = (await events(child)).at(-1);
      return code === 0;
    },
    false,
  ],
  [
    "begun to be read at exit is complete",
    (api) =>
      new Promise((resolve) => {
        const child = sh(api, "echo one; echo two");
        child.on("exit", () => text(child.stdout).then(resolve));
      }),
    "one\ntwo\n",
  ],
  [
    "by readable and read",
    async (api) => {
      const child = sh(api, "echo one; sleep 0.05; echo two");
      let all = "";
      child.stdout.on("readable", () => {
        for (let chunk = child.stdout.read(); chunk !== null; chunk = child.stdout.read()) all += chunk;
      });
      await events(child);
      return all;
    },
    "one\ntwo\n",
  ],
]);

table("input", [
  [
    "of 20 MiB through a slow command is whole, and waits for it",
    async (api) => {
      const child = sh(api, "sleep 0.1; exec cat");
      const chunk = Buffer.alloc(MIB, "abcdefgh");
      const hash = createHash("sha256");
      const received = (async () => {
        for await (const part of child.stdout) hash.update(part);
        return hash.digest("hex");
      })();
      let waits = 0;
      for (let index = 0; index < 20; index++) {
        if (child.stdin.write(chunk)) continue;
        waits++;
        await new Promise((resolve) => child.stdin.once("drain", resolve));
      }
      child.stdin.end();
      const expected = createHash("sha256");
      for (let index = 0; index < 20; index++) expected.update(chunk);
      return [(await received) === expected.digest("hex"), waits > 0];
    },
    [true, true],
  ],
  [
    "in an encoding, and as views of all kinds",
    async (api) => {
      const child = api.spawn("cat");
      child.stdin.write("68c3a4", "hex");
      child.stdin.write(new Uint8Array([33]));
      child.stdin.end(Buffer.from("."));
      return output(child);
    },
    "hä!.",
  ],
  [
    "in many small pieces keeps its order",
    async (api) => {
      const child = api.spawn("cat");
      let expected = "";
      for (let index = 0; index < 3000; index++) {
        child.stdin.write(`${index}\n`);
        expected += `${index}\n`;
      }
      child.stdin.end();
      return `${await output(child)}\n` === expected;
    },
    true,
  ],
  [
    "that nobody reads any more is an error of stdin",
    async (api) => {
      const child = sh(api, "exec 0<&-; echo closed; exec sleep 60");
      await new Promise((resolve) => child.stdout.once("data", resolve));
      const error = new Promise((resolve) => child.stdin.on("error", resolve));
      const called = new Promise((resolve) => child.stdin.write(Buffer.alloc(MIB), resolve));
      const { name, message, code, errno, syscall } = await error;
      const told = [name, message, code, errno, syscall, (await called).code, child.stdin.destroyed];
      child.kill("SIGKILL");
      await events(child);
      return told;
    },
    ["Error", "write EPIPE", "EPIPE", -32, "write", "EPIPE", true],
  ],
  [
    "that waits when the command ends is over",
    async (api) => {
      const child = sh(api, "sleep 0.1");
      const seen = [];
      // Whether that nobody reads is seen before the end is a matter of moments.
      child.stdin.on("error", () => {});
      child.stdin.on("close", () => seen.push("close"));
      child.stdin.write(Buffer.alloc(4 * MIB), (error) => seen.push(error instanceof Error));
      await events(child);
      await delay(20);
      return [seen.sort(), child.stdin.destroyed];
    },
    [["close", true], true],
  ],
  [
    "by pipeline, from one command to the next",
    async (api) => {
      const first = sh(api, `head -c ${5 * MIB} /dev/zero`);
      const second = api.spawn("wc", ["-c"]);
      const counted = text(second.stdout);
      await pipeline(first.stdout, second.stdin);
      return (await counted).trim();
    },
    String(5 * MIB),
  ],
]);

table("a pipe from 3 up", [
  [
    "goes both ways, and can be ended in one",
    async (api) => {
      const child = sh(api, "tr a-z A-Z <&3 >&3", { stdio: ["ignore", "inherit", "inherit", "pipe"] });
      const answer = text(child.stdio[3]);
      const closed = events(child);
      child.stdio[3].write("one ");
      child.stdio[3].end("two");
      return [await answer, (await closed).at(-1)];
    },
    ["ONE TWO", ["close", 0, null]],
  ],
  [
    "of 5 MiB, read while it is written",
    async (api) => {
      const child = sh(api, "cat <&3 >&3", { stdio: ["ignore", "ignore", "inherit", "pipe"] });
      const bytes = length(child.stdio[3]);
      child.stdio[3].end(Buffer.alloc(5 * MIB));
      return bytes;
    },
    5 * MIB,
  ],
  [
    "keeps its number",
    async (api) => {
      const stdio = ["ignore", "ignore", "inherit", "ignore", "pipe"];
      const child = sh(api, "echo four >&4", { stdio });
      return [child.stdio.map(Boolean), await text(child.stdio[4])];
    },
    [[false, false, false, false, true], "four\n"],
  ],
  [
    "that the command closes on what is being written is an error",
    async (api) => {
      const child = sh(api, "exec 3>&-; sleep 0.2", { stdio: ["ignore", "ignore", "inherit", "pipe"] });
      const error = new Promise((resolve) => child.stdio[3].on("error", resolve));
      child.stdio[3].write(Buffer.alloc(4 * MIB));
      const closed = await events(child);
      // Whether reading or writing finds out first is a matter of moments.
      return [["EPIPE", "ECONNRESET"].includes((await error).code), closed.length];
    },
    [true, 3],
  ],
  [
    "that the command leaves unread is an error",
    async (api) => {
      const child = sh(api, "sleep 0.1", { stdio: ["ignore", "ignore", "inherit", "pipe"] });
      const error = new Promise((resolve) => child.stdio[3].on("error", resolve));
      child.stdio[3].write("x");
      await events(child);
      return (await error).message;
    },
    "read ECONNRESET",
  ],
  [
    "that the command closes has ended",
    async (api) => {
      const child = sh(api, "echo x >&3; exec 3>&-; sleep 0.1", {
        stdio: ["ignore", "ignore", "inherit", "pipe"],
      });
      const seen = [];
      for (const event of ["end", "finish", "close", "error"]) {
        child.stdio[3].on(event, () => seen.push(event));
      }
      child.stdio[3].resume();
      await events(child);
      return seen;
    },
    ["end", "finish", "close"],
  ],
]);

describe("a stream of one command for another", () => {
  it("as its input, with everything that is in it", async () => {
    const first = sh(ours, "echo one; sleep 0.2; echo two", { stdio: ["ignore", "pipe", "inherit"] });
    const ended = events(first);
    const second = ours.spawn("cat", { stdio: [first.stdout, "pipe", "inherit"] });
    assert.equal(second.stdin, null);
    assert.equal(await output(second), "one\ntwo");
    assert.ok(first.stdout.destroyed, "it is at its end here");
    assert.deepEqual((await ended).at(-1), ["close", 0, null]);
  });

  it("as its output", async () => {
    const second = ours.spawn("cat", { stdio: ["pipe", "pipe", "inherit"] });
    const first = sh(ours, "echo one; echo two", { stdio: ["ignore", second.stdin, "inherit"] });
    const [seen, all] = await Promise.all([events(first), output(second)]);
    assert.deepEqual([seen.at(-1), all], [["close", 0, null], "one\ntwo"]);
  });

  it("as both its outputs", async () => {
    const second = ours.spawn("sort", { stdio: ["pipe", "pipe", "inherit"] });
    const first = sh(ours, "echo b; echo a >&2", { stdio: ["ignore", second.stdin, second.stdin] });
    const [, all] = await Promise.all([events(first), output(second)]);
    assert.equal(all, "a\nb");
  });

  it("whose end has come is empty input", async () => {
    const first = ours.spawn("true");
    await new Promise((resolve) => first.on("exit", resolve));
    const second = ours.spawn("cat", { stdio: [first.stdout, "pipe", "inherit"] });
    assert.equal(await output(second), "");
  });

  it("to a synchronous one", () => {
    const first = sh(ours, "echo for both", { stdio: ["ignore", "pipe", "inherit"] });
    const { stdout } = ours.spawnSync("cat", { stdio: [first.stdout, "pipe", "inherit"], encoding: "utf8" });
    assert.equal(stdout, "for both\n");
    return events(first);
  });

  it("that is closed already is refused", async () => {
    const first = ours.spawn("true");
    first.stdout.destroy();
    assert.throws(() => ours.spawn("cat", { stdio: [first.stdout] }), { code: "ERR_INVALID_ARG_VALUE" });
    await events(first);
  });
});

describe("the streams", () => {
  it("are what Node calls them", async () => {
    for (const api of Object.values(apis)) {
      const child = api.spawn("true", { stdio: ["pipe", "pipe", "pipe", "pipe"] });
      assert.ok(child.stdin instanceof Writable);
      assert.ok(child.stdout instanceof Readable && child.stderr instanceof Readable);
      assert.ok(child.stdio[3] instanceof Duplex);
      for (const stream of child.stdio) assert.equal(stream.ref().unref().ref(), stream);
      await events(child);
    }
  });

  it("close their descriptors with the child, read or not", async () => {
    const count = () => fs.readdirSync("/proc/self/fd").length;
    const before = count();
    for (let round = 0; round < 20; round++) {
      const child = sh(ours, "echo x; echo y >&2", { stdio: ["pipe", "pipe", "pipe", "pipe"] });
      await events(child);
    }
    assert.ok(await within(2000, () => count() <= before), `${count()} of ${before}`);
  });
});
