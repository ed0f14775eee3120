// Bind mounts: read-write, recursively read-only, of directories, files and descriptors.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode, ownMounts } from "../helpers/modes.mjs";
import { needs } from "../helpers/must.mjs";
import { output, sh, spawnError } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

/** What mountinfo says inside about the topmost mount on `to`: [options, file system, superblock options]. */
export async function mounted(to, container) {
  const info = await output(`grep ' ${to} ' /proc/self/mountinfo | tail -n 1`, { container });
  const [left, right] = info.split(" - ");
  return [left.split(" ")[5].split(","), right.split(" ")[0], right.split(" ")[2].split(",")];
}

inEachMode("a bind mount", (container) => {
  it("shows the source, and writes go to it", async () => {
    const from = tempTree({ file: "from outside", "sub/deep": "deep" });
    const options = { container: container({ fs: [{ type: "bind", from, to: "/mnt" }] }) };
    assert.equal(
      await output("cat /mnt/file /mnt/sub/deep; echo inside > /mnt/new; rm /mnt/file", options),
      "from outsidedeep",
    );
    assert.deepEqual(contents(from), { "new": "inside\n", sub: "directory", "sub/deep": "deep" });
  });

  it("read-only refuses every write, and reads go on", async () => {
    const from = tempTree({ file: "kept", "sub/deep": "kept" });
    const before = contents(from);
    const options = { container: container({ fs: [{ type: "bind", from, to: "/mnt", readonly: true }] }) };
    const script = `cat /mnt/file; for path in /mnt/new /mnt/file /mnt/sub/new; do (echo x > $path) 2>&1; done; rm -f /mnt/file 2>&1; true`;
    const seen = await output(script, options);
    assert.match(seen, /^kept/);
    assert.equal(seen.match(/Read-only file system/g)?.length, 4, seen);
    assert.deepEqual(contents(from), before);
    assert.ok((await mounted("/mnt", options.container))[0].includes("ro"));
  });

  it("readonly: false, undefined and missing mean the same", async () => {
    const from = tempDir();
    for (const readonly of [{}, { readonly: false }, { readonly: undefined }]) {
      const options = { container: container({ fs: [{ type: "bind", from, to: "/mnt", ...readonly }] }) };
      await output("echo x > /mnt/file", options);
    }
  });

  it("of a file, over a file", async () => {
    const from = `${tempTree({ source: "the source" })}/source`;
    const to = `${tempTree({ target: "the target" })}/target`;
    const entry = { type: "bind", from, to };
    assert.equal(
      await output(`cat ${to}; echo changed > ${to}`, { container: container({ fs: [entry] }) }),
      "the source",
    );
    assert.deepEqual(
      [fs.readFileSync(from, "utf8"), fs.readFileSync(to, "utf8")],
      ["changed\n", "the target"],
    );
    const { code, stderr } = await sh(`echo x > ${to}`, {
      container: container({ fs: [{ ...entry, readonly: true }] }),
    });
    assert.notEqual(code, 0);
    assert.match(stderr, /Read-only file system/);
  });

  it("of an optional source that is missing is left out", async () => {
    const to = tempTree({ file: "what was there" });
    const entry = { type: "bind", from: `${tempDir()}/missing`, to };
    const options = { container: container({ fs: [{ ...entry, optional: true }] }) };
    assert.equal(await output(`cat ${to}/file`, options), "what was there");
    const from = tempTree({ file: "the source" });
    const there = { container: container({ fs: [{ ...entry, from, optional: true }] }) };
    assert.equal(
      await output(`cat ${to}/file`, there),
      "the source",
      "the control: it is mounted when it is there",
    );
  });

  it("of a missing source is an error that names it, and the command never runs", () => {
    const directory = tempDir();
    const from = `${directory}/missing`;
    const fs_ = [
      { type: "tmpfs", to: "/mnt" },
      { type: "bind", from, to: "/mnt/x" },
    ];
    const error = spawnError(
      { cmd: ["touch", `${directory}/ran`], container: container({ fs: fs_ }) },
      { code: "ENOENT", errno: -2, path: from, option: "container.fs[1]" },
    );
    assert.ok(error.message.includes(from), error.message);
    assert.ok(!fs.existsSync(`${directory}/ran`));
  });

  it("of a descriptor shows what was opened, whatever its name leads to now", async () => {
    const directory = tempTree({ "public/file": "public", "secret/file": "secret" });
    const from = fs.openSync(`${directory}/public`, "r");
    try {
      fs.renameSync(`${directory}/public`, `${directory}/moved`);
      fs.symlinkSync(`${directory}/secret`, `${directory}/public`);
      const options = { container: container({ fs: [{ type: "bind", from, to: "/mnt", readonly: true }] }) };
      assert.equal(await output("cat /mnt/file", options), "public");
      const byName = {
        container: container({ fs: [{ type: "bind", from: `${directory}/public`, to: "/mnt" }] }),
      };
      assert.equal(await output("cat /mnt/file", byName), "secret", "the control: the name leads elsewhere");
    } finally {
      fs.closeSync(from);
    }
  });

  it("of a descriptor that is not open is an error", () => {
    const error = spawnError({
      cmd: ["true"],
      container: container({ fs: [{ type: "bind", from: 987, to: "/mnt" }] }),
    });
    assert.equal(error.code, "EBADF");
    assert.equal(error.option, "container.fs[0]");
  });

  it("takes names with spaces, commas, colons, backslashes and other bytes", async () => {
    for (const name of ["a b", "a,b=c", "a:b", "a\\b", "a'\"$b", "ü€😀", "a\tb"]) {
      const from = tempTree({ [`${name}/file`]: name });
      const to = tempTree({ [`${name}/other`]: "covered" });
      const fs_ = [{ type: "bind", from: `${from}/${name}`, to: `${to}/${name}` }];
      const { stdout, code } = await sh('cat "$TO/file"', {
        env: { ...process.env, TO: `${to}/${name}` },
        container: container({ fs: fs_ }),
      });
      assert.deepEqual([stdout, code], [name, 0]);
    }
  });

  it("takes a relative source, from where the process is", async () => {
    const from = tempTree({ file: "relative" });
    const before = process.cwd();
    process.chdir(from);
    try {
      assert.equal(
        await output("cat /mnt/file", {
          container: container({ fs: [{ type: "bind", from: ".", to: "/mnt" }] }),
        }),
        "relative",
      );
    } finally {
      process.chdir(before);
    }
  });

  it("takes a path that is longer than the buffers of old", async () => {
    const name = `${"n".repeat(200)}/`.repeat(10);
    const from = tempTree({ [`${name}file`]: "deep" });
    assert.equal(
      await output("cat /mnt/file", {
        container: container({ fs: [{ type: "bind", from: `${from}/${name}`, to: "/mnt" }] }),
      }),
      "deep",
    );
  });
});

inEachMode("mount flags", (container) => {
  const from = tempDir();
  const entries = { bind: { type: "bind", from, to: "/mnt" }, tmpfs: { type: "tmpfs", to: "/mnt" } };
  for (const [kind, entry] of Object.entries(entries)) {
    it(`of ${kind}: nosuid and nodev unless opted out, exec unless forbidden`, async () => {
      const [plain] = await mounted("/mnt", container({ fs: [entry] }));
      assert.ok(
        plain.includes("nosuid") && plain.includes("nodev") && !plain.includes("noexec"),
        String(plain),
      );
      const [open] = await mounted("/mnt", container({ fs: [{ ...entry, suid: true, dev: true }] }));
      assert.ok(!open.includes("nosuid") && !open.includes("nodev"), String(open));
      const [shut] = await mounted("/mnt", container({ fs: [{ ...entry, exec: false }] }));
      assert.ok(shut.includes("noexec") && shut.includes("nosuid"), String(shut));
      const [readonly] = await mounted("/mnt", container({ fs: [{ ...entry, readonly: true }] }));
      assert.ok(
        readonly.includes("ro") && readonly.includes("nosuid") && readonly.includes("nodev"),
        String(readonly),
      );
    });
  }
});

describe("a bind mount of a source with mounts below it", needs("userns", "unshare"), () => {
  // A tmpfs is mounted on the source's directory "sub" before the program begins.
  const nested = (entry, command, namespace) => {
    const from = tempTree({ sub: null });
    return script(
      `const { sh } = await helper("run");
       const result = await sh(given.command, { container: { namespace: given.namespace, fs: [{ type: "bind", from: given.from, to: "/mnt", ...given.entry }] } });
       say([result.code, result.stdout, result.stderr]);`,
      {
        given: { from, entry, command, namespace },
        wrapper: [
          ...ownMounts,
          "sh",
          "-c",
          'mount -t tmpfs below "$0/sub" && echo below > "$0/sub/file" && exec "$@"',
          from,
        ],
      },
    );
  };

  for (const namespace of [{}, { user: true }]) {
    const mode = namespace.user ? "in a user namespace" : "without one";
    it(`shows them, ${mode}`, async () => {
      const [code, stdout, stderr] = await nested({}, "cat /mnt/sub/file; echo x > /mnt/sub/new", namespace);
      assert.deepEqual([code, stdout], [0, "below\n"], stderr);
    });

    it(`read-only holds for them too, ${mode}`, async () => {
      const [code, stdout, stderr] = await nested(
        { readonly: true },
        "cat /mnt/sub/file; echo x > /mnt/sub/new",
        namespace,
      );
      assert.notEqual(code, 0);
      assert.equal(stdout, "below\n");
      assert.match(stderr, /Read-only file system/);
    });
  }

  it("recursive: false shows the directory without them", async () => {
    const [code, stdout, stderr] = await nested({ recursive: false }, "ls /mnt/sub; echo end", {});
    assert.deepEqual([code, stdout], [0, "end\n"], stderr);
  });
});
