// `stdout.lines()`: what is a line, when it comes, and what becomes of the stream.
import assert from "node:assert/strict";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay } from "../helpers/processes.mjs";
import { inBothVariants, thrown } from "../helpers/variants.mjs";

leaveNothing();

async function all(iterable) {
  const lines = [];
  for await (const line of iterable) lines.push(line);
  return lines;
}

inBothVariants("lines", ({ spawn }) => {
  const given = (text) => spawn(["cat"], { stdin: text }).stdout;

  it("are what stands between newlines", async () => {
    for (const [text, lines] of [
      ["", []],
      ["\n", [""]],
      ["a", ["a"]],
      ["a\n", ["a"]],
      ["a\nb", ["a", "b"]],
      ["\n\na\n\n", ["", "", "a", ""]],
      ["a\r\nb\r\n", ["a", "b"]],
      ["a\rb\n\r\n\r", ["a\rb", "", "\r"]],
      ["ä€😀\0\t\n", ["ä€😀\0\t"]],
    ]) {
      assert.deepEqual(await all(given(text).lines()), lines, JSON.stringify(text));
    }
  });

  it("are whole where a character, or a line's end, falls between two chunks", async () => {
    const bytes = Buffer.from("€\r\n😀\r\n");
    async function* byByte() {
      for (const byte of bytes) {
        yield Uint8Array.of(byte);
        await delay(5);
      }
    }
    const child = spawn(["cat"], { stdin: byByte() });
    assert.deepEqual(await all(child.stdout.lines()), ["€", "😀"]);
  });

  it("have a mark where a byte is no UTF-8", async () => {
    assert.deepEqual(await all(given(Buffer.from([97, 0xff, 98, 10, 0xe2, 0x82])).lines()), [
      "a\ufffdb",
      "\ufffd",
    ]);
  });

  it("may be many, and long", async () => {
    const many = await all(spawn(["seq", "100000"]).stdout.lines());
    assert.equal(many.length, 100_000);
    assert.deepEqual([many[0], many[54_321], many[99_999]], ["1", "54322", "100000"]);
    const long = "x".repeat(5_000_000);
    const lengths = (await all(given(`${long}\n${long}`).lines())).map((line) => line.length);
    assert.deepEqual(lengths, [5_000_000, 5_000_000]);
  });

  it("come as they are written", async () => {
    const child = spawn(["sh", "-c", "while read line; do echo got $line; done"], { stdin: "pipe" });
    const lines = child.stdout.lines();
    for (const word of ["one", "two", "three"]) {
      child.stdin.write(`${word}\n`);
      assert.deepEqual(await lines.next(), { value: `got ${word}`, done: false });
    }
    child.stdin.end();
    assert.deepEqual(await lines.next(), { value: undefined, done: true });
  });

  it("make the command wait while nobody takes them", async () => {
    const child = spawn(["sh", "-c", "yes 0123456789 | head -n 100000; echo end >&2"], { stderr: "pipe" });
    const lines = child.stdout.lines();
    await lines.next();
    const said = child.stderr.text();
    assert.equal(await Promise.race([said, delay(150).then(() => "waiting")]), "waiting");
    assert.equal((await all(lines)).length, 99_999);
    assert.equal(await said, "end\n");
  });

  it("that are left early end the command by SIGPIPE", async () => {
    const child = spawn(["yes"]);
    for await (const line of child.stdout.lines()) {
      assert.equal(line, "y");
      break;
    }
    assert.equal(await child.exited, 141);
    assert.equal(child.stdout.locked, false);
  });

  it("are the stream's only reading", async () => {
    const isUsed = (error) => error instanceof TypeError && error.code === "ERR_INVALID_STATE";
    const child = spawn(["seq", "3"]);
    const lines = child.stdout.lines();
    await lines.next();
    assert.equal(child.stdout.locked, true);
    assert.ok(isUsed(thrown(() => child.stdout.lines())));
    await assert.rejects(child.stdout.text(), isUsed);
    assert.deepEqual(await all(lines), ["2", "3"]);
    assert.equal(child.stdout.locked, false);
    assert.ok(isUsed(thrown(() => child.stdout.lines())));
    const read = spawn(["echo"]);
    await read.stdout.text();
    assert.ok(isUsed(thrown(() => read.stdout.lines())));
  });

  it("leave the stream itself one of chunks", async () => {
    const [chunk] = await all(spawn(["echo", "text"]).stdout);
    assert.ok(chunk instanceof Uint8Array);
  });

  it("are there of stderr, too", async () => {
    const child = spawn(["sh", "-c", "echo one >&2; echo two >&2"], { stderr: "pipe" });
    assert.deepEqual(await all(child.stderr.lines()), ["one", "two"]);
  });
});
