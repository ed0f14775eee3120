// A set-up that hangs is ended after `setupTimeout`, and the error names the step.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { mark, sleepers } from "../helpers/processes.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

// A file system whose daemon holds /dev/fuse open and never answers: every look-up in it waits.
const hanging = (directory) => [
  "unshare",
  "-m",
  "--propagation",
  "private",
  "sh",
  "-c",
  `exec 3<>/dev/fuse && mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none ${directory} && exec "$@"`,
  "sh",
];

const source = `
  const { snapshot } = await helper("snapshot");
  await spawn({ cmd: ["true"], container: { namespace: { pid: true, mount: true } } }).exited;
  const before = snapshot();
  const began = Date.now();
  let error = null;
  try { spawn(given.options); } catch (thrown) { error = told(thrown); }
  const took = Date.now() - began;
  await delay(50);
  const after = snapshot();
  const next = spawn({ cmd: ["echo", "next"], container: { namespace: { pid: true, mount: true } } });
  say({ error, took, before, after, next: [await next.stdout.text(), await next.exited] });
  process.exit(0);`;

const places = {
  "the source of a bind": (hung) => ({
    fs: [
      { type: "tmpfs", to: "/mnt" },
      { type: "bind", from: `${hung}/sub`, to: "/mnt/x" },
    ],
  }),
  "the target of a mount": (hung) => ({ fs: [{ type: "tmpfs", to: `${hung}/sub/target` }] }),
  "a lower layer of an overlay": (hung) => ({
    fs: [{ type: "overlayfs", to: "/mnt", lower: [`${hung}/sub`, "/usr"] }],
  }),
  "the new root": (hung) => ({ root: `${hung}/sub` }),
};

describe("a set-up that hangs in", needs("fuse", "unshare"), () => {
  for (const [place, container] of Object.entries(places)) {
    for (const namespace of [{ pid: true }, { user: true, pid: true }]) {
      it(`${place} ends after setupTimeout (${Object.keys(namespace)})`, async () => {
        const hung = tempDir();
        const marker = `${tempDir()}/ran`;
        const text = mark();
        const options = {
          cmd: ["sh", "-c", `echo > ${marker}; exec sleep ${text}`],
          container: { namespace, setupTimeout: 300, ...container(hung) },
        };
        const seen = await script(source, { given: { options }, wrapper: hanging(hung), timeout: 6000 });
        assert.ok(seen.error, "it throws");
        assert.ok(seen.took >= 250 && seen.took < 3000, `after ${seen.took} ms`);
        assert.equal(seen.error.code, "ETIMEDOUT", JSON.stringify(seen.error));
        assert.match(seen.error.message, /300 ?ms|setupTimeout/);
        assert.match(seen.error.option, /^container\./, JSON.stringify(seen.error));
        assert.match(
          seen.error.message,
          new RegExp(`^  step +${seen.error.step} of \\d+`, "m"),
          "it names the step",
        );
        assert.deepEqual(seen.after, seen.before, "nothing is left");
        assert.deepEqual(seen.next, ["next\n", 0], "the next spawn works");
        assert.deepEqual(sleepers(text), []);
      });
    }
  }

  it("the command's cwd ends too", async () => {
    const hung = tempDir();
    const options = {
      cmd: ["true"],
      cwd: `${hung}/sub`,
      container: { namespace: { pid: true, mount: true }, setupTimeout: 300 },
    };
    const seen = await script(source, { given: { options }, wrapper: hanging(hung), timeout: 6000 });
    assert.deepEqual(
      [seen.error?.code, seen.error?.option],
      ["ETIMEDOUT", "cwd"],
      JSON.stringify(seen.error),
    );
    assert.deepEqual(seen.after, seen.before);
  });

  it("does not hang explain", async () => {
    const hung = tempDir();
    const containers = Object.values(places).map((container) => container(hung));
    const source = `
      for (const container of given) explain({ cmd: ["true"], container: { namespace: { user: true }, ...container } });
      say("explained");
      process.exit(0);`;
    assert.equal(
      await script(source, { given: containers, wrapper: hanging(hung), timeout: 6000 }),
      "explained",
    );
  });

  it("works when it does not hang: the control", async () => {
    const there = tempTree({ "sub/target": null });
    const options = {
      cmd: ["true"],
      container: { namespace: { pid: true }, setupTimeout: 300, ...places["the target of a mount"](there) },
    };
    const seen = await script(source, { given: { options }, wrapper: ["unshare", "-m"], timeout: 6000 });
    assert.equal(seen.error, null);
  });
});
