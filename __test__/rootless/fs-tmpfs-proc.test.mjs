// tmpfs and proc mounts, and the order of entries.
import assert from "node:assert/strict";
import fs from "node:fs";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode } from "../helpers/modes.mjs";
import { output, run, sh } from "../helpers/run.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

inEachMode("tmpfs", (container) => {
  it("is empty, writable, and private", async () => {
    const to = tempTree({ covered: "by it" });
    const options = { container: container({ fs: [{ type: "tmpfs", to }] }) };
    assert.equal(await output(`ls -A ${to}; echo x > ${to}/file; cat ${to}/file`, options), "x");
    assert.deepEqual(contents(to), { covered: "by it" });
  });

  for (const size of [1024 * 1024, "1M", "1024K"]) {
    it(`holds no more than its size (${size})`, async () => {
      const options = { container: container({ fs: [{ type: "tmpfs", to: "/mnt", size }] }) };
      const script =
        "head -c 900000 /dev/zero > /mnt/fits && head -c 2000000 /dev/zero > /mnt/big; stat -c %s /mnt/fits";
      const { stdout, stderr } = await sh(script, options);
      assert.match(stderr, /No space left on device/);
      assert.equal(stdout, "900000\n", "the control: less than the size fits");
    });
  }

  it("has the mode that was asked for, whatever the umask", async () => {
    const before = process.umask(0o077);
    try {
      for (const mode of [0o700, 0o755, 0o1777]) {
        const options = { container: container({ fs: [{ type: "tmpfs", to: "/mnt", mode }] }) };
        assert.equal(await output("stat -c %a /mnt", options), mode.toString(8));
      }
    } finally {
      process.umask(before);
    }
  });

  it("may be read-only", async () => {
    const { stderr } = await sh("echo x > /mnt/file", {
      container: container({ fs: [{ type: "tmpfs", to: "/mnt", readonly: true }] }),
    });
    assert.match(stderr, /Read-only file system/);
  });

  it("accepts the seed's spelling", async () => {
    const entry = { type: "tmpfs", to: "/mnt", options: { tmpfs: { size: 1024 * 1024 } } };
    assert.match(
      await output("grep ' /mnt ' /proc/self/mountinfo", { container: container({ fs: [entry] }) }),
      /size=1024k/,
    );
  });
});

inEachMode("proc", (container) => {
  it("shows the processes of the container's pid namespace", async () => {
    const to = tempDir();
    const options = { container: container({ namespace: { pid: true }, fs: [{ type: "proc", to }] }) };
    const count = await output(`ls ${to} | grep -c '^[0-9]*$'; readlink ${to}/self > /dev/null`, options);
    assert.ok(Number(count) <= 6, `${count} processes`);
    const [flags] = (await output(`grep ' ${to} ' /proc/self/mountinfo`, options))
      .split(" - ")[0]
      .split(" ")
      .slice(5);
    for (const flag of ["nosuid", "nodev"]) assert.ok(flags.split(",").includes(flag), flags);
  });

  it("may be mounted on /proc itself, beside the automatic one", async () => {
    const options = {
      container: container({ namespace: { pid: true }, fs: [{ type: "proc", to: "/proc" }] }),
    };
    assert.ok(Number(await output("ls /proc | grep -c '^[0-9]*$'", options)) <= 6);
  });
});

inEachMode("entries", (container) => {
  it("are mounted in the order written", async () => {
    const from = tempTree({ file: "bound" });
    const bind = { type: "bind", from, to: "/mnt/inner" };
    const tmpfs = { type: "tmpfs", to: "/mnt" };
    assert.equal(
      await output("cat /mnt/inner/file", { container: container({ fs: [tmpfs, bind] }) }),
      "bound",
    );
    const base = tempTree({ inner: null });
    const under = [{ type: "bind", from: base, to: "/mnt" }, bind, tmpfs];
    assert.equal(await output("ls -A /mnt", { container: container({ fs: under }) }), "");
  });

  it("may be many, each mounted on what the one before it made", async () => {
    const entries = [{ type: "tmpfs", to: "/mnt" }];
    for (let index = 0; index < 40; index++)
      entries.push({ type: "tmpfs", to: `/mnt/${index}/nested`, size: "64K" });
    assert.equal(
      await output("ls /mnt | wc -l; grep -c ' /mnt/[0-9]*/nested ' /proc/self/mountinfo", {
        container: container({ fs: entries }),
      }),
      "40\n40",
    );
  });

  it("leave the host's mounts alone", async () => {
    const before = fs.readFileSync("/proc/self/mountinfo", "utf8");
    const child = run(["sleep", "0.1"], {
      container: container({
        namespace: { pid: true },
        fs: [
          { type: "tmpfs", to: "/mnt" },
          { type: "proc", to: "/mnt/proc" },
        ],
      }),
    });
    assert.equal(fs.readFileSync("/proc/self/mountinfo", "utf8"), before);
    assert.equal((await child).code, 0);
    assert.equal(fs.readFileSync("/proc/self/mountinfo", "utf8"), before);
  });
});
