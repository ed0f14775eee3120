// A directory as the new root.
import assert from "node:assert/strict";
import fs from "node:fs";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode } from "../helpers/modes.mjs";
import { has } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { run, spawnError } from "../helpers/run.mjs";
import { contents, fill, tempDir, tempTree } from "../helpers/temp.mjs";
import { interpreterOf, librariesOf, userland } from "../helpers/userland.mjs";

leaveNothing();

/** A root that holds our static program and these files. */
function staticRoot(files = {}) {
  const root = tempTree(files);
  fs.copyFileSync(payload("probe"), `${root}/probe`);
  fs.chmodSync(`${root}/probe`, 0o755);
  return root;
}

async function out(cmd, options) {
  const { stdout, stderr, code } = await run(cmd, options);
  assert.equal(code, 0, `exit code ${code}: ${stdout}${stderr}`);
  return stdout;
}

if (has("payload")) {
  inEachMode("a root with one static program", (container) => {
    it("is all that the command sees", async () => {
      const root = staticRoot({ marker: "inside" });
      const listed = await out(["/probe", "ls", "/"], { container: container({ root }) });
      assert.deepEqual(listed.trim().split("\n").sort(), [".", "..", "marker", "probe"]);
      assert.equal(await out(["/probe", "cat", "/marker"], { container: container({ root }) }), "inside");
    });

    it("has the old root gone, and nothing mounted that was not asked for", async () => {
      const root = staticRoot({ proc: null });
      const options = {
        container: container({ namespace: { pid: true }, root, fs: [{ type: "proc", to: "/proc" }] }),
      };
      const info = (await out(["/probe", "cat", "/proc/self/mountinfo"], options)).trim().split("\n");
      const points = info.map((line) => line.split(" ")[4]);
      assert.deepEqual([...new Set(points)].sort(), ["/", "/proc"], info.join("\n"));
      for (const way of ["/proc/self/root/..", "/../..", "/proc/self/cwd/..", "/proc/self/root"]) {
        const listed = (await out(["/probe", "ls", way], options)).trim().split("\n").sort();
        assert.deepEqual(listed, [".", "..", "probe", "proc"], way);
      }
    });

    it("is found from cwd inside it, and the default is its /", async () => {
      const root = staticRoot({ "sub/deep": null });
      const options = { container: container({ root }) };
      assert.equal(await out(["/probe", "pwd"], options), "/\n");
      assert.equal(await out(["/probe", "pwd"], { cwd: "/sub/deep", ...options }), "/sub/deep\n");
      const error = spawnError(
        { cmd: ["/probe", "pwd"], cwd: "/etc", ...options },
        { code: "ENOENT", option: "cwd", path: "/etc" },
      );
      assert.match(error.message, /cwd/);
    });

    it("works with every stdio, though it has no /dev", async () => {
      const root = staticRoot();
      const options = { container: container({ namespace: { pid: true }, root }) };
      const { child } = await run(["/probe", "pwd"], {
        ...options,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
      assert.equal(child.exitCode, 0);
    });

    it("may be written to, and keeps what the command wrote", async () => {
      const root = staticRoot();
      await out(["/probe", "write", "/file", "written"], { container: container({ root }) });
      assert.equal(fs.readFileSync(`${root}/file`, "utf8"), "written");
    });

    it("read-only cannot be written to", async () => {
      const root = staticRoot({ file: "kept" });
      const before = contents(root);
      const options = { container: container({ root: { from: root, readonly: true } }) };
      assert.equal(await out(["/probe", "cat", "/file"], options), "kept");
      for (const path of ["/file", "/new"]) {
        const { code, stderr } = await run(["/probe", "write", path, "changed"], options);
        assert.deepEqual([code, stderr], [1, `errno 30 ${path}\n`]);
      }
      assert.deepEqual(contents(root), before);
    });

    it("read-only leaves the mounts of fs as they were asked for", async () => {
      const root = staticRoot({ mnt: null, data: null });
      const from = tempDir();
      const options = {
        container: container({
          root: { from: root, readonly: true },
          fs: [
            { type: "bind", from, to: "/data" },
            { type: "tmpfs", to: "/mnt" },
          ],
        }),
      };
      await out(["/probe", "write", "/data/file", "x"], options);
      await out(["/probe", "write", "/mnt/file", "x"], options);
      assert.deepEqual(contents(from), { file: "x" });
    });

    it("takes mounts on targets that it lacks, and does not keep these", async () => {
      const root = staticRoot({ data: null });
      const before = contents(root);
      const from = tempTree({ file: "bound" });
      const options = {
        container: container({
          root,
          fs: [
            { type: "bind", from, to: "/new/deep" },
            { type: "tmpfs", to: "/data/tmp" },
          ],
        }),
      };
      assert.equal(await out(["/probe", "cat", "/new/deep/file"], options), "bound");
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.deepEqual(contents(root), before);
    });

    it("accepts the seed's spelling, where `to` has the root's own path", async () => {
      const root = staticRoot({ data: null });
      const from = tempTree({ file: "bound" });
      const fs_ = [
        { type: "tmpfs", to: `${root}/data` },
        { type: "bind", from, to: `${root}/data/sub` },
      ];
      const options = { container: container({ root, fs: fs_ }) };
      assert.equal(await out(["/probe", "cat", "/data/sub/file"], options), "bound");
    });

    it("may itself be what fs mounts, in both spellings", async () => {
      const tree = staticRoot({ marker: "the tree" });
      for (const [root, to] of [
        [tempDir(), "/"],
        ["/mnt", "/mnt"],
      ]) {
        const fs_ = [
          { type: "bind", from: tree, to },
          { type: "tmpfs", to: to === "/" ? "/data" : `${to}/data` },
        ];
        const options = { container: container({ root, fs: fs_ }) };
        assert.equal(await out(["/probe", "cat", "/marker"], options), "the tree");
        const listed = (await out(["/probe", "ls", "/"], options)).trim().split("\n").sort();
        assert.deepEqual(listed, [".", "..", "data", "marker", "probe"]);
      }
    });

    it("that is missing, or no directory, is an error that names it", () => {
      const directory = tempTree({ file: "x" });
      const cases = [
        [`${directory}/missing`, "ENOENT"],
        [`${directory}/file`, "ENOTDIR"],
      ];
      for (const [root, code] of cases) {
        const error = spawnError(
          { cmd: ["/probe", "pwd"], container: container({ root }) },
          { code, path: root },
        );
        assert.match(error.option, /^container\.root/);
      }
    });

    it("without the command is an error that names the command", () => {
      const error = spawnError(
        { cmd: ["/bin/sh"], container: container({ root: staticRoot() }) },
        { code: "ENOENT", path: "/bin/sh" },
      );
      assert.match(error.option, /^cmd/);
    });

    it("an overlay takes the writes, and forgets or keeps them", async () => {
      const root = staticRoot({ file: "below", "sub/deep": "deep" });
      const before = contents(root);
      const thrownAway = { container: container({ root: { from: root, overlay: true } }) };
      await out(["/probe", "write", "/new", "written"], thrownAway);
      const { code } = await run(["/probe", "cat", "/new"], thrownAway);
      assert.equal(code, 1, "the next one does not see it");

      const overlay = tempDir();
      const kept = { container: container({ root: { from: root, overlay } }) };
      await out(["/probe", "write", "/new", "written"], kept);
      await out(["/probe", "write", "/file", "changed"], kept);
      assert.equal(await out(["/probe", "cat", "/new", "/file", "/sub/deep"], kept), "writtenchangeddeep");
      assert.notDeepEqual(contents(overlay), {});
      assert.deepEqual(contents(root), before);
    });
  });
}

inEachMode("a root with the host's programs bound into it", (container) => {
  it("runs them", async () => {
    const root = tempDir();
    const options = { container: container({ root, fs: [...userland, { type: "tmpfs", to: "/tmp" }] }) };
    assert.equal(
      await out(
        ["sh", "-c", "echo hello > /tmp/file; cat /tmp/file; test ! -e /etc/passwd && echo alone"],
        options,
      ),
      "hello\nalone\n",
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(contents(root), {});
  });

  it("cannot be left by the host's programs either", async () => {
    const root = tempTree({ marker: "root" });
    const options = {
      container: container({
        namespace: { pid: true },
        root,
        fs: [...userland, { type: "proc", to: "/proc" }],
      }),
    };
    const script =
      "cd /; cd ../../..; ls; ls /proc/1/root/; cat /proc/self/mountinfo | cut -d' ' -f5 | grep -vE '^/(usr|bin|lib|lib64|proc|sbin)?(/|$)'; true";
    const names = new Set((await out(["sh", "-c", script], options)).trim().split("\n"));
    for (const name of names) assert.match(name, /^(usr|bin|sbin|lib|lib64|proc|marker)$/);
    assert.ok(names.has("marker"));
  });
});

inEachMode("a root that lacks what the command needs", (container) => {
  const shell = fs.realpathSync("/bin/sh");

  it("names the missing interpreter of a program", () => {
    const root = tempTree({ bin: null });
    fs.copyFileSync(shell, `${root}/bin/sh`);
    const error = spawnError(
      { cmd: ["/bin/sh", "-c", "true"], container: container({ root }) },
      { code: "ENOENT" },
    );
    assert.ok(error.message.includes(interpreterOf(shell)), error.message);
  });

  it("names the missing library of a program", () => {
    const interpreter = interpreterOf(shell);
    const root = tempTree({ bin: null });
    fill(root, { [interpreter]: "" });
    fs.copyFileSync(fs.realpathSync(interpreter), `${root}${interpreter}`);
    fs.chmodSync(`${root}${interpreter}`, 0o755);
    fs.copyFileSync(shell, `${root}/bin/sh`);
    const error = spawnError({ cmd: ["/bin/sh", "-c", "true"], container: container({ root }) });
    const [library] = librariesOf(shell);
    assert.ok(error.message.includes(library), `${library} in: ${error.message}`);
  });

  it("names the missing interpreter of a script", () => {
    const root = tempTree({ script: "#!/opt/missing/lua -x\n" });
    fs.chmodSync(`${root}/script`, 0o755);
    const error = spawnError({ cmd: ["/script"], container: container({ root }) }, { code: "ENOENT" });
    assert.ok(error.message.includes("/opt/missing/lua"), error.message);
  });

  it("runs the command once all of it is there", async () => {
    const root = tempTree({ bin: null });
    fs.copyFileSync(shell, `${root}/bin/sh`);
    const fs_ = userland.filter(({ to }) => to !== "/bin");
    const { stdout, code } = await run(["/bin/sh", "-c", "echo runs"], {
      container: container({ root, fs: fs_ }),
    });
    assert.deepEqual([stdout, code], ["runs\n", 0]);
  });
});
