// Everything that stdin can be read from: what arrives, when it ends, and what becomes of the source.
import assert from "node:assert/strict";
import fs from "node:fs";
import { PassThrough, Readable } from "node:stream";
import { it } from "node:test";
import { descriptorTargets } from "../helpers/descriptors.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { delay, within } from "../helpers/processes.mjs";
import { tempTree } from "../helpers/temp.mjs";
import { inBothVariants, thrown } from "../helpers/variants.mjs";

leaveNothing();

const large = Buffer.alloc(1_000_000, "0123456789abcde\n");

/** A stream of these chunks, which waits before each. */
function streamOf(...chunks) {
  return new ReadableStream({
    async pull(controller) {
      await delay(1);
      if (chunks.length === 0) controller.close();
      else controller.enqueue(chunks.shift());
    },
  });
}

async function* slowly(...chunks) {
  for (const chunk of chunks) {
    await delay(1);
    yield chunk;
  }
}

const sources = {
  "a string": () => "häl\nlo",
  "an empty string": () => "",
  "a Buffer": () => Buffer.from("häl\nlo"),
  "an Uint8Array": () => new TextEncoder().encode("häl\nlo"),
  "a part of a buffer": () => Buffer.from("xxhäl\nloxx").subarray(2, 9),
  "a DataView": () => new DataView(new TextEncoder().encode("häl\nlo").buffer),
  "an ArrayBuffer": () => new TextEncoder().encode("häl\nlo").buffer,
  "a Blob": () => new Blob(["häl", "\nlo"]),
  "a File": () => new File(["häl\nlo"], "name"),
  "a Response": () => new Response("häl\nlo"),
  "a Response of a stream": () => new Response(streamOf(Buffer.from("häl\nlo"))),
  "a Response without a body": () => new Response(null),
  "a Request": () => new Request("http://localhost/", { method: "POST", body: "häl\nlo" }),
  "a ReadableStream": () => streamOf(Buffer.from("hä"), Buffer.from("l\nlo")),
  "a ReadableStream of strings": () => streamOf("hä", "l\nlo"),
  "a Readable": () => Readable.from([Buffer.from("hä"), Buffer.from("l\nlo")]),
  "a Readable with an encoding": () => Readable.from([Buffer.from("häl\nlo")]).setEncoding("utf8"),
  "a generator": () => slowly("hä", Buffer.from("l\nlo")),
  "a generator of nothing": () => slowly(),
  "an async iterable": () => ({ [Symbol.asyncIterator]: () => slowly("häl\nlo") }),
};

const isEmpty = (name) => /empty|without a body|of nothing/.test(name);

inBothVariants("stdin", ({ spawn }) => {
  for (const [name, make] of Object.entries(sources)) {
    it(`is read from ${name}`, async () => {
      const child = spawn(["cat"], { stdin: make() });
      assert.equal(child.stdin, undefined);
      assert.equal(await child.stdout.text(), isEmpty(name) ? "" : "häl\nlo");
      assert.equal(await child.exited, 0);
    });
  }

  it("is read whole from what is large", async () => {
    const many = {
      bytes: large,
      text: large.toString(),
      Blob: new Blob([large]),
      Response: new Response(large),
      Readable: Readable.from(
        Array.from({ length: 10 }, (_, index) => large.subarray(index * 1e5, (index + 1) * 1e5)),
      ),
      generator: slowly(large.subarray(0, 999_999), large.subarray(999_999)),
      "another process": spawn(["cat"], { stdin: large }).stdout,
    };
    for (const [name, stdin] of Object.entries(many)) {
      const bytes = await spawn(["cat"], { stdin }).stdout.bytes();
      assert.ok(large.equals(bytes), `${name}: ${bytes.length} bytes`);
    }
  });

  it("takes words that it does not know as text, and those in stdio, too", async () => {
    for (const text of ["pipe\n", "ignored", "inheri"]) {
      assert.equal(await spawn(["cat"], { stdin: text }).stdout.text(), text);
      assert.equal(await spawn(["cat"], { stdio: [text] }).stdout.text(), text);
    }
  });

  it("may be a Blob that is used again", async () => {
    const stdin = new Blob(["again"]);
    for (let round = 0; round < 3; round++) {
      assert.equal(await spawn(["cat"], { stdin }).stdout.text(), "again");
    }
  });

  it("may not be used up", async () => {
    const response = new Response("x");
    await response.text();
    const locked = streamOf();
    locked.getReader();
    const destroyed = new PassThrough();
    destroyed.destroy();
    for (const [stdin, code] of [
      [response, "ERR_BODY_ALREADY_USED"],
      [locked, "ERR_INVALID_STATE"],
      [destroyed, "ERR_INVALID_STATE"],
    ]) {
      const error = thrown(() => spawn(["cat"], { stdin }));
      assert.ok(error instanceof TypeError);
      assert.deepEqual([error.code, error.option], [code, "stdin"]);
    }
  });

  it("may not be anything else", () => {
    for (const stdin of [
      true,
      {},
      [],
      [Buffer.from("x")],
      new Map(),
      () => {},
      Symbol("x"),
      1n,
      new Date(),
    ]) {
      const error = thrown(() => spawn(["cat"], { stdin }));
      assert.ok(error instanceof TypeError);
      assert.deepEqual([error.code, error.option], ["ERR_INVALID_ARG_TYPE", "stdin"]);
    }
  });
});

inBothVariants("a source that the command does not read to its end", ({ spawn }) => {
  it("is cancelled, destroyed or ended, and that is no error", async () => {
    const seen = [];
    const stream = new ReadableStream({
      pull: (controller) => controller.enqueue(large),
      cancel: () => seen.push("stream cancelled"),
    });
    const readable = new Readable({
      read() {
        this.push(large);
      },
      destroy(_, callback) {
        seen.push("readable destroyed");
        callback();
      },
    });
    async function* generator() {
      try {
        for (;;) yield large;
      } finally {
        seen.push("generator ended");
      }
    }
    for (const stdin of [stream, readable, generator()]) {
      const errors = [];
      const child = spawn(["head", "-c", "10"], { stdin, onExit: (...args) => errors.push(args[3]) });
      assert.equal((await child.stdout.text()).length, 10);
      assert.equal(await child.exited, 0);
      await within(1000, () => errors.length === 1);
      assert.deepEqual(errors, [undefined]);
    }
    assert.ok(await within(1000, () => seen.length === 3), String(seen));
    assert.deepEqual(seen, ["stream cancelled", "readable destroyed", "generator ended"]);
  });

  it("is let go though it gives nothing for ever", async () => {
    let isCancelled = false;
    const stream = new ReadableStream({ cancel: () => (isCancelled = true) });
    const silent = new PassThrough();
    assert.equal(await spawn(["true"], { stdin: stream }).exited, 0);
    assert.equal(await spawn(["true"], { stdin: silent }).exited, 0);
    assert.ok(await within(1000, () => isCancelled && silent.destroyed));
  });
});

inBothVariants("a source that fails", ({ spawn, run }) => {
  const failing = {
    "a ReadableStream": (error) =>
      new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from("begin ")),
        pull: (controller) => controller.error(error),
      }),
    "a Readable": (error) =>
      Readable.from(
        (async function* () {
          yield "begin ";
          throw error;
        })(),
      ),
    "a generator": (error) =>
      (async function* () {
        yield "begin ";
        throw error;
      })(),
    "a stream of something else": () => Readable.from([{ no: "bytes" }]),
  };
  for (const [name, make] of Object.entries(failing)) {
    it(`ends the input and is told to onExit: ${name}`, async () => {
      const error = new Error("the source's own");
      const told = Promise.withResolvers?.() ?? resolvers();
      const child = spawn(["cat"], { stdin: make(error), onExit: (...args) => told.resolve(args[3]) });
      assert.ok(["", "begin "].includes(await child.stdout.text()));
      assert.equal(await child.exited, 0);
      const seen = await told.promise;
      if (name.endsWith("else")) assert.ok(seen instanceof TypeError);
      else assert.equal(seen, error);
    });
  }

  it("rejects run", async () => {
    const error = new Error("the source's own");
    await assert.rejects(run(["cat"], { input: failing["a generator"](error) }), error);
  });
});

function resolvers() {
  const result = {};
  result.promise = new Promise((resolve) => {
    result.resolve = resolve;
  });
  return result;
}

inBothVariants("a file for stdin", ({ spawn, spawnSync }) => {
  const directory = tempTree({ file: "in the file", "with space/ü": "there" });

  it("is the command's stdin itself", async () => {
    for (const file of [`${directory}/file`, new URL(`file://${directory}/file`)]) {
      const child = spawn(["sh", "-c", "readlink /proc/self/fd/0; cat"], { stdin: { file } });
      assert.equal(child.stdin, undefined);
      assert.equal(await child.stdout.text(), `${directory}/file\nin the file`);
    }
    assert.equal(String(spawnSync(["cat"], { stdin: { file: `${directory}/file` } }).stdout), "in the file");
    assert.equal(
      await spawn(["cat"], { stdio: [{ file: `${directory}/with space/ü` }] }).stdout.text(),
      "there",
    );
  });

  it("may be relative to this process's directory, whatever cwd says", async () => {
    const here = process.cwd();
    process.chdir(directory);
    try {
      assert.equal(await spawn(["cat"], { stdin: { file: "file" }, cwd: "/" }).stdout.text(), "in the file");
    } finally {
      process.chdir(here);
    }
  });

  it("that is missing is an error that names it, and nothing is left open", () => {
    for (const call of [spawn, spawnSync]) {
      const error = thrown(() => call(["cat"], { stdin: { file: "/no/such" } }));
      const { name, code, errno, syscall, path, option } = error;
      assert.deepEqual(
        { name, code, errno, syscall, path, option },
        { name: "SpawnError", code: "ENOENT", errno: -2, syscall: "open", path: "/no/such", option: "stdin" },
      );
      assert.equal(
        error.message,
        "ENOENT: open /no/such as stdin: no such file or directory\n  option  stdin",
      );
    }
    thrown(() => spawn(["/no/such"], { stdin: { file: `${directory}/file` } }));
    assert.ok(!descriptorTargets().includes(`${directory}/file`));
  });

  it("must be named as a file can be", () => {
    for (const [stdin, option, code] of [
      [{ file: 5 }, "stdin.file", "ERR_INVALID_ARG_TYPE"],
      [{ file: "" }, "stdin.file", "ERR_INVALID_ARG_VALUE"],
      [{ file: "a\0b" }, "stdin.file", "ERR_INVALID_ARG_VALUE"],
      [{ file: new URL("http://localhost/x") }, "stdin.file", "ERR_INVALID_ARG_VALUE"],
      [{ file: "/x", append: 1 }, "stdin.append", "ERR_INVALID_ARG_TYPE"],
      [{ file: "/x", append: true }, "stdin.append", "ERR_INVALID_ARG_VALUE"],
      [{ file: "/x", apend: true }, "stdin.apend", "ERR_UNKNOWN_OPTION"],
    ]) {
      const error = thrown(() => spawn(["cat"], { stdin }));
      assert.deepEqual([error.option, error.code], [option, code]);
    }
  });

  it("may be a BunFile, or a part of one", needs("bun"), async () => {
    const { Bun } = globalThis;
    const file = Bun.file(`${directory}/file`);
    const child = spawn(["sh", "-c", "readlink /proc/self/fd/0; cat"], { stdin: file });
    assert.equal(await child.stdout.text(), `${directory}/file\nin the file`);
    assert.equal(await spawn(["cat"], { stdin: file.slice(3, 6) }).stdout.text(), "the");
    assert.equal(String(spawnSync(["cat"], { stdin: file }).stdout), "in the file");
    const fd = fs.openSync(`${directory}/file`, "r");
    assert.equal(await spawn(["cat"], { stdin: Bun.file(fd) }).stdout.text(), "in the file");
    fs.closeSync(fd);
    const error = thrown(() => spawn(["cat"], { stdin: Bun.file("/no/such") }));
    assert.deepEqual([error.code, error.path], ["ENOENT", "/no/such"]);
  });
});
