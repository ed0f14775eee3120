// Mount points: made when they are missing, and gone when the container is, in every case.
import assert from "node:assert/strict";
import fs from "node:fs";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode } from "../helpers/modes.mjs";
import { within } from "../helpers/processes.mjs";
import { lines, output, run, spawn, spawnError } from "../helpers/run.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

inEachMode("a missing target", (container) => {
  const tmpfs = (to) => ({ type: "tmpfs", to });
  /** Cleaning up ends a moment after `exited`. */
  const becomes = async (directory, expected) => {
    await within(1000, () => JSON.stringify(contents(directory)) === JSON.stringify(expected));
    assert.deepEqual(contents(directory), expected);
  };

  // 1755: what is made bears a mark, the sticky bit, by which it is known to be ours.
  it("directory is made, with its parents, and removed afterwards", async () => {
    const host = tempTree({ "kept/file": "kept" });
    const before = contents(host);
    const options = {
      container: container({ fs: [tmpfs(`${host}/new/deep/er`), tmpfs(`${host}/kept/inside`)] }),
    };
    const script = `echo x > ${host}/new/deep/er/file && ls ${host}/kept && stat -c %a ${host}/new`;
    assert.equal(await output(script, options), "file\ninside\n1755");
    await becomes(host, before);
  });

  it("file is made for the bind of a file, and removed afterwards", async () => {
    const host = tempDir();
    const from = `${tempTree({ source: "the source" })}/source`;
    const options = { container: container({ fs: [{ type: "bind", from, to: `${host}/new/file` }] }) };
    assert.equal(await output(`cat ${host}/new/file`, options), "the source");
    await becomes(host, {});
    assert.equal(fs.readFileSync(from, "utf8"), "the source");
  });

  it("that exists already stays", async () => {
    const host = tempTree({ there: null, file: "content" });
    const before = contents(host);
    const from = `${tempTree({ source: "the source" })}/source`;
    const entries = [tmpfs(`${host}/there`), { type: "bind", from, to: `${host}/file` }];
    await output(`echo x > ${host}/there/x; echo x > ${host}/file`, {
      container: container({ fs: entries }),
    });
    await becomes(host, before);
  });

  it("below a writable bind leaves no litter in the source", async () => {
    const work = tempTree({ "project/file": "mine" });
    const before = contents(work);
    const entries = [
      { type: "bind", from: work, to: "/mnt" },
      tmpfs("/mnt/project/cache"),
      tmpfs("/mnt/new/deep"),
    ];
    await output("echo x > /mnt/project/cache/x; echo x > /mnt/new/deep/x", {
      container: container({ fs: entries }),
    });
    await becomes(work, before);
  });

  it("is removed after a set-up that fails later", async () => {
    const host = tempDir();
    const missing = `${tempDir()}/missing`;
    const entries = [
      tmpfs(`${host}/new/one`),
      tmpfs(`${host}/two`),
      { type: "bind", from: missing, to: `${host}/three` },
    ];
    spawnError({ cmd: ["true"], container: container({ fs: entries }) }, { code: "ENOENT", path: missing });
    await becomes(host, {});
    const command = spawnError({
      cmd: ["/no/such/command"],
      container: container({ fs: entries.slice(0, 2) }),
    });
    assert.equal(command.code, "ENOENT");
    await becomes(host, {});
  });

  it("is removed after the container is killed", async () => {
    const host = tempDir();
    const child = spawn({
      cmd: ["sleep", "60"],
      container: container({ namespace: { pid: true }, fs: [tmpfs(`${host}/new/one`)] }),
    });
    assert.deepEqual(contents(host), { "new": "directory", "new/one": "directory" });
    child.kill("SIGKILL");
    await child.exited;
    await becomes(host, {});
  });

  it("shared by two containers serves both until the last ends", async () => {
    const host = tempDir();
    const start = () =>
      spawn({
        cmd: [
          "/bin/sh",
          "-c",
          `echo mine > ${host}/new/shared/file; echo ready; read line; cat ${host}/new/shared/file; grep -c ' ${host}/new/shared ' /proc/self/mountinfo`,
        ],
        stdin: "pipe",
        stderr: "pipe",
        container: container({ fs: [tmpfs(`${host}/new/shared`)] }),
      });
    const [first, second] = [start(), start()];
    const [firstLines, secondLines] = [lines(first), lines(second)];
    await firstLines.until("ready");
    await secondLines.until("ready");
    first.stdin.write("go\n");
    assert.equal(await firstLines.next(), "mine");
    assert.equal(await first.exited, 0);
    // Long enough for a removal that should not happen: rmdir of a mount point elsewhere succeeds, and unmounts it.
    await new Promise((resolve) => setTimeout(resolve, 100));
    second.stdin.write("go\n");
    assert.deepEqual([await secondLines.next(), await secondLines.next()], ["mine", "1"]);
    assert.equal(await second.exited, 0);
    await becomes(host, {});
  });

  it("shared by many containers at once is gone at the end", async () => {
    const host = tempDir();
    const options = () => ({ container: container({ fs: [tmpfs(`${host}/a/b`), tmpfs(`${host}/a/c`)] }) });
    const all = Array.from({ length: 20 }, () =>
      run(["/bin/sh", "-c", `echo x > ${host}/a/b/x && echo y > ${host}/a/c/y`], options()),
    );
    for (const { code, stderr } of await Promise.all(all)) assert.equal(code, 0, stderr);
    await becomes(host, {});
  });

  it("that cannot be made is an error that names it", () => {
    const host = tempTree({ file: "not a directory" });
    const to = `${host}/file/below`;
    const error = spawnError(
      { cmd: ["true"], container: container({ fs: [tmpfs(to)] }) },
      { code: "ENOTDIR" },
    );
    assert.match(error.option, /^container\.fs\[0\]/);
    assert.ok(error.path.startsWith(`${host}/file`), error.path);
  });

  it("of the wrong kind is an error", () => {
    const host = tempTree({ file: "a file", directory: null });
    const cases = [
      tmpfs(`${host}/file`),
      { type: "bind", from: host, to: `${host}/file` },
      { type: "bind", from: `${host}/file`, to: `${host}/directory` },
    ];
    for (const entry of cases) {
      const error = spawnError({ cmd: ["true"], container: container({ fs: [entry] }) });
      assert.match(error.option, /^container\.fs\[0\]/);
    }
  });
});
