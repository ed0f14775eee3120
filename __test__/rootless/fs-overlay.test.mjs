// overlayfs: layers, names that look like options, and where writes go.
import assert from "node:assert/strict";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { inEachMode } from "../helpers/modes.mjs";
import { has, kernelIsAtLeast } from "../helpers/must.mjs";
import { output, sh, spawnError } from "../helpers/run.mjs";
import { contents, tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

if (has("overlay")) {
  inEachMode("overlayfs", (container) => {
    const options = (entry) => ({
      container: container({ fs: [{ type: "overlayfs", to: "/mnt", ...entry }] }),
    });

    it("lets the first of many lowers win", async () => {
      const lower = [
        tempTree({ same: "first", "only-1": "1" }),
        tempTree({ same: "second", "only-2": "2", shared: "second" }),
        tempTree({ same: "third", "only-3": "3", shared: "third" }),
      ];
      const script = "cd /mnt && cat same shared only-1 only-2 only-3";
      assert.equal(await output(script, options({ lower })), "firstsecond123");
      assert.equal(
        await output(script, options({ lower: lower.toReversed?.() ?? [...lower].reverse() })),
        "thirdthird123",
      );
    });

    it("takes a hundred lowers, or before Linux 6.5 says how many", async () => {
      const root = tempTree(
        Object.fromEntries(
          Array.from({ length: 100 }, (_, index) => [`layer-${index}/file-${index}`, `${index}`]),
        ),
      );
      const lower = Array.from({ length: 100 }, (_, index) => `${root}/layer-${index}`);
      if (!kernelIsAtLeast(6, 5)) {
        const error = spawnError({ cmd: ["true"], ...options({ lower }) }, { code: "ERR_TOO_MANY_LAYERS" });
        assert.match(error.message, /this kernel takes \d+\n/);
        return;
      }
      assert.equal(
        await output("ls /mnt | wc -l; cat /mnt/file-0 /mnt/file-99", options({ lower })),
        "100\n099",
      );
    });

    it("without an upper cannot be written to", async () => {
      const lower = [tempTree({ a: "a" }), tempTree({ b: "b" })];
      const { stderr, code } = await sh("echo x > /mnt/new", options({ lower }));
      assert.notEqual(code, 0);
      assert.match(stderr, /Read-only file system/);
    });

    it("takes one lower and no upper, which the kernel alone refuses", async () => {
      const lower = [tempTree({ file: "alone", "sub/deep": "deep" })];
      assert.equal(await output("cat /mnt/file /mnt/sub/deep", options({ lower })), "alonedeep");
      const { stderr } = await sh("echo x > /mnt/new", options({ lower }));
      assert.match(stderr, /Read-only file system/);
      assert.deepEqual(contents(lower[0]), { file: "alone", sub: "directory", "sub/deep": "deep" });
    });

    it("sends writes to upper and leaves the lowers alone", async () => {
      const lower = [tempTree({ base: "base", gone: "gone", "sub/deep": "deep" })];
      const before = contents(lower[0]);
      const parts = tempTree({ upper: null, work: null });
      const entry = { lower, upper: `${parts}/upper`, work: `${parts}/work` };
      const script =
        "cd /mnt && echo new > new && echo more >> base && rm gone && echo x > sub/x && cat base";
      assert.equal(await output(script, options(entry)), "basemore");
      const written = contents(`${parts}/upper`);
      assert.deepEqual(
        [written.new, written.base, written.gone, written["sub/x"]],
        ["new\n", "basemore\n", "special", "x\n"],
      );
      assert.deepEqual(contents(lower[0]), before);
      assert.equal(
        await output("cd /mnt && ls && cat new", options(entry)),
        "base\nnew\nsub\nnew",
        "the upper is used again",
      );
    });

    it("ephemeral takes writes and forgets them", async () => {
      const lower = [tempTree({ base: "base" })];
      const before = contents(lower[0]);
      const script = "cd /mnt && echo new > new && echo changed > base && cat new base && ls";
      for (let round = 0; round < 2; round++) {
        assert.equal(await output(script, options({ lower, ephemeral: true })), "new\nchanged\nbase\nnew");
      }
      assert.deepEqual(contents(lower[0]), before);
    });

    for (const name of [
      "a:b",
      "a,upperdir=VICTIM",
      "a\\b",
      "a b",
      "a\\:b,c",
      ":",
      ",",
      "\\",
      "lower\\,x",
      "ü😀",
    ]) {
      it(`takes a lower, upper and work called ${JSON.stringify(name)}`, async () => {
        const victim = tempTree({ untouched: "yes" });
        const odd = name.replace("VICTIM", victim.replaceAll("/", "_"));
        const layers = tempTree({
          [`l1/${odd}/file`]: "one",
          [`l2/${odd}/other`]: "two",
          [`u/${odd}`]: null,
          [`w/${odd}`]: null,
        });
        const lower = [`${layers}/l1/${odd}`, `${layers}/l2/${odd}`];
        const entry = { lower, upper: `${layers}/u/${odd}`, work: `${layers}/w/${odd}` };
        assert.equal(await output("cat /mnt/file /mnt/other; echo new > /mnt/new", options(entry)), "onetwo");
        assert.equal(contents(`${layers}/u`)[`${odd}/new`], "new\n");
        assert.equal(await output("cat /mnt/file", options({ lower: [lower[0]] })), "one");
        assert.deepEqual(contents(victim), { untouched: "yes" });
      });
    }

    it("cannot be made to take another upper by the name of a lower", async () => {
      const victim = tempTree({ untouched: "yes" });
      const work = tempDir();
      // The whole path after the comma would be an option, were the paths pasted into a string.
      const lower = tempTree({ [`x,upperdir=${victim},workdir=${work}/file`]: "lower", "second/other": "2" });
      const entry = { lower: [`${lower}/x,upperdir=${victim},workdir=${work}`, `${lower}/second`] };
      const { stdout, stderr } = await sh("cat /mnt/file; echo new > /mnt/new", options(entry));
      assert.equal(stdout, "lower");
      assert.match(stderr, /Read-only file system/);
      assert.deepEqual(contents(victim), { untouched: "yes" });
    });

    it("may cover one of its own lowers", async () => {
      const directory = tempTree({ file: "below" });
      const entry = { to: directory, lower: [directory], ephemeral: true };
      assert.equal(await output(`echo new > ${directory}/new; ls ${directory}`, options(entry)), "file\nnew");
      assert.deepEqual(contents(directory), { file: "below" });
    });

    it("accepts the seed's spelling", async () => {
      const parts = tempTree({ "l1/a": "a", "l2/b": "b", upper: null, work: null });
      const overlayfs = {
        lower_dirs: [`${parts}/l1`, `${parts}/l2`],
        upper_dir: `${parts}/upper`,
        work_dir: `${parts}/work`,
      };
      assert.equal(
        await output("cat /mnt/a /mnt/b; echo x > /mnt/x", options({ options: { overlayfs } })),
        "ab",
      );
      assert.deepEqual(contents(`${parts}/upper`), { x: "x\n" });
    });

    it("names the layer that is missing", () => {
      const parts = tempTree({ l1: null, upper: null, work: null });
      const there = { lower: [`${parts}/l1`], upper: `${parts}/upper`, work: `${parts}/work` };
      const path = `${parts}/missing`;
      const cases = [
        { ...there, lower: [`${parts}/l1`, path] },
        { ...there, upper: path },
        { ...there, work: path },
      ];
      for (const entry of cases) {
        spawnError({ cmd: ["true"], ...options(entry) }, { code: "ENOENT", path, option: "container.fs[0]" });
      }
    });
  });
}
