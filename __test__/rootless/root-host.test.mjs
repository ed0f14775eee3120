// The host's own tree as the root: read-only, or with an overlay that takes the writes.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode } from "../helpers/modes.mjs";
import { has, isRoot } from "../helpers/must.mjs";
import { output, sh } from "../helpers/run.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

inEachMode('{ from: "host", readonly: true }', (container) => {
  const options = { container: container({ root: { from: "host", readonly: true } }) };

  it("refuses writes everywhere, and reads go on", async () => {
    const mine = tempTree({ file: "mine" });
    const before = contents(mine);
    const script = `cat ${mine}/file; for path in ${mine}/file ${mine}/new ${os.tmpdir()}/new /dev/shm/new; do (echo x > $path) 2>&1; done; rm ${mine}/file 2>&1; true`;
    const seen = await output(script, options);
    assert.match(seen, /^mine/);
    assert.equal(seen.match(/Read-only file system/g)?.length, 5, seen);
    assert.deepEqual(contents(mine), before);
    if (isRoot) {
      const { stderr } = await sh("echo x > /etc/container-spawn-new", options);
      assert.match(stderr, /Read-only file system/);
      assert.ok(!fs.existsSync("/etc/container-spawn-new"));
    }
  });

  it("leaves the devices usable", async () => {
    const script = "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c";
    assert.equal(await output(script, options), "4\n4");
  });

  it("takes writable mounts on top", async () => {
    const from = tempDir();
    const fs_ = [{ type: "bind", from, to: "/mnt" }];
    await output("echo x > /mnt/file", {
      container: container({ root: { from: "host", readonly: true }, fs: fs_ }),
    });
    assert.deepEqual(contents(from), { file: "x\n" });
  });

  it("makes no name on the host, not even for a target that it lacks", async () => {
    const mine = tempDir();
    const fs_ = [{ type: "tmpfs", to: `${mine}/new` }];
    await sh("true", { container: container({ root: { from: "host" }, fs: fs_ }) });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(contents(mine), {});
  });
});

if (has("overlay")) {
  inEachMode('{ from: "host", overlay }', (container, mode) => {
    const options = { container: container({ root: { from: "host", overlay: true } }) };

    it("takes writes, and the host is unchanged", async () => {
      const mine = tempTree({ file: "mine", gone: "gone", "sub/deep": "deep" });
      const before = contents(mine);
      const script = `cd ${mine} && echo new > new && echo more >> file && rm gone && mkdir -p sub/new && cat new file && ls`;
      assert.equal(await output(script, options), "new\nminemore\nfile\nnew\nsub");
      assert.deepEqual(contents(mine), before);
    });

    it("takes writes to the system's directories too, where the user may write them", async () => {
      if (!isRoot) return;
      const name = `container-spawn-${process.pid}`;
      for (const directory of ["/etc", "/usr/bin", "/var", "/opt"].filter((each) => fs.existsSync(each))) {
        const path = `${directory}/${name}`;
        assert.equal(
          await output(`echo new > ${path} && cat ${path}`, options),
          "new",
          `${directory} ${mode.name}`,
        );
        assert.ok(!fs.existsSync(path), path);
      }
    });

    it("has working devices and runs what the host has", async () => {
      assert.equal(
        await output("echo x > /dev/null && head -c 4 /dev/zero | wc -c && ls / > /dev/null", options),
        "4",
      );
    });

    it("kept in a directory, is there the next time", async () => {
      const mine = tempTree({ file: "mine" });
      const before = contents(mine);
      const kept = { container: container({ root: { from: "host", overlay: tempDir() } }) };
      assert.equal(
        await output(`echo changed > ${mine}/file; echo new > ${mine}/new; cat ${mine}/file`, kept),
        "changed",
      );
      assert.equal(await output(`cat ${mine}/file ${mine}/new`, kept), "changed\nnew");
      assert.deepEqual(contents(mine), before);
    });
  });
}
