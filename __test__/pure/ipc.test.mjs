// How messages are written and read, and the options that ask for them.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { explain, failure } from "../helpers/run.mjs";

leaveNothing();

describe("the formats of messages", () => {
  for (const name of ["json", process.versions.bun === undefined ? "v8" : "jsc"]) {
    const { Decoder, encode } = createRequire(import.meta.url)(`../../lib/ipc/${name}.js`);
    // What Bun's begins with, once.
    const greeting = name === "jsc" ? Buffer.of(1, 2, 0, 0, 0) : Buffer.alloc(0);
    const decoded = (chunks, limit = 1000) => {
      const decoder = new Decoder(limit);
      return chunks.flatMap((chunk) => [...decoder.decode(chunk)]);
    };

    it(`can be cut anywhere: ${name}`, () => {
      const values = ["ä🍎", { a: [1, null] }, "", "x".repeat(300), 5];
      const bytes = Buffer.concat([greeting, ...values.map(encode)]);
      for (const size of [1, 2, 3, 7, 100, bytes.length]) {
        const chunks = [];
        for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
        assert.deepEqual(decoded(chunks), values, `pieces of ${size}`);
      }
    });

    it(`are not waited for without a limit: ${name}`, () => {
      const message = encode("x".repeat(2000));
      const tooLong = { name: "RangeError", message: /more than 1000 bytes/ };
      assert.throws(() => decoded([greeting, message.subarray(0, 1100)]), tooLong);
      assert.equal(decoded([greeting, message], 10_000)[0].length, 2000);
    });
  }
});

describe("the options of a channel", () => {
  it("are checked", () => {
    for (const [options, code, option] of [
      [{ ipc: 5 }, "ERR_INVALID_ARG_TYPE", "ipc"],
      [{ ipc: "x" }, "ERR_INVALID_ARG_TYPE", "ipc"],
      [{ onDisconnect: true }, "ERR_INVALID_ARG_TYPE", "onDisconnect"],
      [{ ipc() {}, serialization: "xml" }, "ERR_INVALID_ARG_VALUE", "serialization"],
      [{ ipc() {}, serialization: 5 }, "ERR_INVALID_ARG_TYPE", "serialization"],
    ]) {
      const error = failure({ cmd: ["true"], ...options });
      assert.ok(error instanceof TypeError);
      assert.deepEqual([error.code, error.option], [code, option]);
    }
  });

  it("may be absent in every way", () => {
    for (const none of [undefined, null, false]) {
      const plan = explain(["true"], { ipc: none, onDisconnect: none, serialization: none });
      assert.doesNotMatch(String(plan), /stdio\[3\]/);
    }
  });

  it("are explained", () => {
    assert.match(String(explain(["true"], { ipc() {} })), /stdio\[3\]/);
  });
});
