// Output into files, and descriptors from 3 up.
import assert from "node:assert/strict";
import fs from "node:fs";
import { it } from "node:test";
import { descriptorTargets } from "../helpers/descriptors.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { tempDir } from "../helpers/temp.mjs";
import { inBothVariants, thrown } from "../helpers/variants.mjs";

leaveNothing();

const read = (file) => fs.readFileSync(file, "utf8");
const shell = (script) => ["sh", "-c", script];

inBothVariants("output into a file", ({ spawn, spawnSync, run }) => {
  it("makes it, or empties it first, or appends to it", async () => {
    const file = `${tempDir()}/file`;
    for (const [text, append, expected] of [
      ["one\n", undefined, "one\n"],
      ["2\n", undefined, "2\n"],
      ["three\n", true, "2\nthree\n"],
      ["four\n", false, "four\n"],
    ]) {
      const child = spawn(["printf", "%s", text], { stdout: { file, append } });
      assert.equal(child.stdout, undefined);
      assert.equal(await child.exited, 0);
      assert.equal(read(file), expected);
    }
    const { mode } = fs.statSync(file);
    assert.equal(mode & 0o777, 0o666 & ~process.umask());
  });

  it("is the same in spawnSync and run, whose results then have none", async () => {
    const directory = tempDir();
    const [one, two] = [`${directory}/one`, new URL(`file://${directory}/two`)];
    const done = spawnSync(shell("echo out; echo err >&2"), { stdout: { file: one }, stderr: { file: two } });
    assert.deepEqual(
      [done.stdout, done.stderr, read(one), read(two)],
      [undefined, undefined, "out\n", "err\n"],
    );
    const { stdout, stderr } = await run(shell("echo more; echo err >&2"), {
      stdout: { file: one, append: true },
    });
    assert.deepEqual([stdout, stderr, read(one)], [undefined, "err\n", "out\nmore\n"]);
  });

  it("of both streams into one file is complete", async () => {
    const file = `${tempDir()}/file`;
    const script = "for each in 1 2 3; do echo out$each; echo err$each >&2; done";
    await spawn(shell(script), { stdout: { file }, stderr: { file } }).exited;
    assert.equal(read(file), "out1\nerr1\nout2\nerr2\nout3\nerr3\n");
    await spawn(shell(script), { stdio: ["ignore", { file, append: true }, { file, append: true }] }).exited;
    assert.equal(read(file).length, 60);
  });

  it("leaves no descriptor of it here, and the command none but its own", async () => {
    const file = `${tempDir()}/file`;
    const child = spawn(shell("exec 9>&1; ls -l /proc/self/fd >&2"), { stdout: { file }, stderr: "pipe" });
    const listed = await child.stderr.text();
    assert.equal(listed.split(file).length - 1, 1, `as 9 only: ${listed}`);
    assert.ok(!descriptorTargets().includes(file));
  });

  it("that cannot be opened is an error that names it", () => {
    const error = thrown(() => spawn(["true"], { stdout: { file: "/no/such/directory/file" } }));
    assert.deepEqual(
      [error.name, error.code, error.option, error.path, error.syscall],
      ["SpawnError", "ENOENT", "stdout", "/no/such/directory/file", "open"],
    );
    assert.equal(thrown(() => spawn(["true"], { stderr: { file: "/" } })).code, "EISDIR");
  });

  it("is not touched by options that are refused, nor before an abort", () => {
    const file = `${tempDir()}/file`;
    fs.writeFileSync(file, "kept");
    thrown(() => spawn(["true"], { stdout: { file }, timeout: -1 }));
    thrown(() => spawn(["true"], { stdout: { file }, signal: AbortSignal.abort() }));
    assert.equal(read(file), "kept");
  });

  it("may be a BunFile", needs("bun"), async () => {
    const file = `${tempDir()}/file`;
    fs.writeFileSync(file, "what was there before");
    const child = spawn(shell("echo out; echo err >&2"), {
      stdout: globalThis.Bun.file(file),
      stderr: globalThis.Bun.file(file),
    });
    assert.deepEqual([await child.exited, child.stdout, child.stderr], [0, undefined, undefined]);
    assert.equal(read(file), "out\nerr\n");
  });
});

inBothVariants("a descriptor from 3 up", ({ spawn, spawnSync }) => {
  // Our end does not block: what the command has not written yet is not there.
  const readAll = async (child, fd) => {
    await child.exited;
    const bytes = Buffer.alloc(1000);
    return bytes.toString("utf8", 0, fs.readSync(fd, bytes));
  };

  it("that is a pipe goes both ways, and its end here is a number, the same each time", async () => {
    const child = spawn(shell("head -c 5 <&3 >&3; echo ' answered' >&4; readlink /proc/self/fd/3"), {
      stdio: ["ignore", "pipe", "inherit", "pipe", "pipe"],
    });
    const [, , , three, four] = child.stdio;
    assert.deepEqual([typeof three, typeof four], ["number", "number"]);
    assert.deepEqual(child.stdio, [null, null, null, three, four]);
    fs.writeSync(three, "hello");
    assert.match(await child.stdout.text(), /^socket:/);
    assert.deepEqual([await readAll(child, three), await readAll(child, four)], ["hello", " answered\n"]);
    fs.closeSync(three);
    fs.closeSync(four);
  });

  it("is Bun's socket-fd: the caller's from the beginning", async () => {
    const child = spawn(shell("echo to you >&3; cat <&3"), {
      stdio: ["ignore", "pipe", "ignore", "socket-fd"],
    });
    const fd = child.stdio[3];
    await child[Symbol.asyncDispose]();
    assert.ok(fs.fstatSync(fd).isSocket(), "disposal has not closed it");
    fs.closeSync(fd);
  });

  it("that nobody took goes at disposal", async () => {
    const sockets = () => descriptorTargets().filter((target) => target.startsWith("socket:")).length;
    const before = sockets();
    const child = spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    assert.equal(sockets(), before + 2);
    await child[Symbol.asyncDispose]();
    assert.equal(sockets(), before);
    assert.deepEqual(child.stdio, [null, null, null, null, null]);
  });

  it("may be ignored, a descriptor or a file", async () => {
    const file = `${tempDir()}/file`;
    fs.writeFileSync(file, "text in the file");
    const fd = fs.openSync(file, "r");
    const child = spawn(shell("test ! -s /dev/fd/3 && head -c 4 <&4 && printf TEXT >&5"), {
      stdio: ["ignore", "pipe", "inherit", null, fd, { file }],
    });
    assert.equal(await child.stdout.text(), "text");
    assert.equal(await child.exited, 0);
    fs.closeSync(fd);
    assert.deepEqual(child.stdio, [null, null, null, null, fd, null]);
    assert.equal(read(file), "TEXT in the file");
  });

  it("may be nothing else", () => {
    const wrong = (entry) => ({ stdio: ["ignore", "ignore", "ignore", entry] });
    for (const entry of ["inherit", "text", true, {}, Buffer.from("x"), new Blob(["x"])]) {
      for (const call of [spawn, spawnSync]) {
        const error = thrown(() => call(["true"], wrong(entry)));
        assert.deepEqual([error.code, error.option], ["ERR_INVALID_ARG_TYPE", "stdio[3]"], String(entry));
      }
    }
    for (const entry of ["pipe", "socket-fd"]) {
      assert.equal(thrown(() => spawnSync(["true"], wrong(entry))).option, "stdio[3]");
    }
  });
});
