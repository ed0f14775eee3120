// The three examples of the design's first document, as written there, with Bun.spawn replaced by spawn.
// Only the placeholder paths ("/path/to/…", "./cpu-intensive-task") have been given something to lead to.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { isRoot, needs } from "../helpers/must.mjs";
import { spawn } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

describe("the seed's examples run as written", () => {
  it("basic container functionality", needs("userns"), async () => {
    const proc = spawn({
      cmd: ["echo", "hello"],
      container: {
        namespace: {
          user: true,
          pid: true,
          network: true,
          mount: true,
        },
      },
    });
    assert.equal(await proc.stdout.text(), "hello\n");
    assert.equal(await proc.exited, 0);
  });

  it("container with overlayfs", needs("userns", "overlay", "root"), async () => {
    const path = tempTree({ "lower/file": "", upper: null, work: null });
    const dataWasThere = fs.existsSync("/data");
    const proc = spawn({
      cmd: ["/bin/sh", "-c", "ls /data"],
      container: {
        namespace: { user: true, mount: true },
        fs: [
          {
            type: "overlayfs",
            to: "/data",
            options: {
              overlayfs: {
                lower_dirs: [`${path}/lower`],
                upper_dir: `${path}/upper`,
                work_dir: `${path}/work`,
              },
            },
          },
        ],
      },
    });
    assert.equal(await proc.stdout.text(), "file\n");
    assert.equal(await proc.exited, 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(fs.existsSync("/data"), dataWasThere);
  });

  it(
    "container with overlayfs, for a user who may not make /data on the host, on a directory of theirs",
    needs("userns", "overlay"),
    async () => {
      const path = tempTree({ "lower/file": "", upper: null, work: null });
      const to = `${tempDir()}/data`;
      const proc = spawn({
        cmd: ["/bin/sh", "-c", `ls ${to}; echo new > ${to}/new`],
        container: {
          namespace: { user: true, mount: true },
          fs: [
            {
              type: "overlayfs",
              to,
              options: {
                overlayfs: {
                  lower_dirs: [`${path}/lower`],
                  upper_dir: `${path}/upper`,
                  work_dir: `${path}/work`,
                },
              },
            },
          ],
        },
      });
      assert.equal(await proc.stdout.text(), "file\n");
      assert.equal(await proc.exited, 0);
      assert.deepEqual(contents(`${path}/upper`), { "new": "new\n" });
      if (isRoot) return;
      const options = {
        cmd: ["ls", "/data"],
        container: { namespace: { user: true, mount: true }, fs: [{ type: "tmpfs", to: "/data" }] },
      };
      if (!fs.existsSync("/data"))
        assert.throws(
          () => spawn(options),
          (error) => error.code === "EACCES" && /^container\.fs\[0\]/.test(error.option),
        );
    },
  );

  it("container with resource limits (requires root)", needs("cgroup-v1"), async () => {
    const directory = tempTree({
      "cpu-intensive-task": "#!/bin/sh\ni=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo done\n",
    });
    fs.chmodSync(`${directory}/cpu-intensive-task`, 0o755);
    const source = `
      const proc = spawn({
        cmd: ["./cpu-intensive-task"],
        container: {
          limit: {
            cpu: 50,     // 50% of one CPU core
            memory: 100 * 1024 * 1024,  // 100MB
          }
        }
      });
      say([await proc.stdout.text(), await proc.exited]);`;
    assert.deepEqual(await script(source, { cwd: directory }), ["done\n", 0]);
  });
});
