// Which program runs, with which arguments, in which environment and place.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { kinds } from "../helpers/kinds.mjs";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { output, run, spawn } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

for (const [kind, container] of Object.entries(kinds)) {
  describe(`command, environment and place of ${kind}`, () => {
    it("takes both call forms", async () => {
      assert.equal(await spawn(["echo", "two", "arguments"], { container }).stdout.text(), "two arguments\n");
      assert.equal(await spawn({ cmd: ["echo", "one"], container }).stdout.text(), "one\n");
      if (!container) assert.equal(await spawn(["echo", "alone"]).stdout.text(), "alone\n");
    });

    it("passes every argument on as it is", async () => {
      const args = ["", " ", "a b", "ü€😀", "\n", "$HOME", "'\"\\", "-n", "*", "x".repeat(10_000)];
      const script = 'for each in "$@"; do printf "%s\\0" "$each"; done';
      const { stdout } = await run(["/bin/sh", "-c", script, "sh", ...args], { container });
      assert.deepEqual(stdout.split("\0").slice(0, -1), args);
    });

    it("has the parent's environment, or the one given", async () => {
      process.env.CONTAINER_SPAWN_TEST = "from the parent";
      assert.equal(await output("echo $CONTAINER_SPAWN_TEST", { container }), "from the parent");
      delete process.env.CONTAINER_SPAWN_TEST;
      const env = {
        PATH: process.env.PATH,
        NUMBER: 5,
        GONE: undefined,
        EMPTY: "",
        UNICODE: "ü😀",
        "WITH SPACE": "x",
      };
      const { stdout } = await run(["/usr/bin/env"], { env, container });
      const seen = stdout
        .split("\n")
        .filter((line) => /^(NUMBER|GONE|EMPTY|UNICODE|WITH SPACE|HOME)=/.test(line));
      assert.deepEqual(seen.sort(), ["EMPTY=", "NUMBER=5", "UNICODE=ü😀", "WITH SPACE=x"]);
    });

    it("is looked up in the PATH of env", async () => {
      const directory = tempDir();
      fs.writeFileSync(`${directory}/only-here`, "#!/bin/sh\necho found\n", { mode: 0o755 });
      const env = { PATH: `/no/such/directory:${directory}:/usr/bin:/bin` };
      assert.equal(await spawn({ cmd: ["only-here"], env, container }).stdout.text(), "found\n");
      assert.throws(() => spawn({ cmd: ["only-here"], container }), { code: "ENOENT" });
    });

    it("has argv0 as its name, and is still looked up as cmd[0]", async () => {
      const child = spawn({
        cmd: ["sh", "-c", "echo $0; head -c 8 /proc/$$/cmdline; readlink /proc/$$/exe"],
        argv0: "renamed",
        container,
      });
      const text = await child.stdout.text();
      assert.ok(text.startsWith("renamed\nrenamed\0"), JSON.stringify(text));
      assert.match(text, /sh\n$/);
    });

    it("runs in cwd", async () => {
      const directory = tempDir();
      assert.equal(await output("pwd -P", { cwd: directory, container }), directory);
      assert.equal(await output("pwd -P", { cwd: "/", container }), "/");
      fs.writeFileSync(`${directory}/here`, "#!/bin/sh\necho here\n", { mode: 0o755 });
      assert.equal(
        await spawn({ cmd: ["./here"], cwd: directory, container }).stdout.text(),
        "here\n",
        "cmd[0] too is found from there",
      );
    });

    it("leads a session of its own when detached", async () => {
      const session = "set -- $(cat /proc/self/stat); shift 5; echo $1; cut -d' ' -f6 /proc/$$/stat";
      const apart = Number((await output(session, { detached: true, container })).split("\n")[1]);
      const own = Number(fs.readFileSync("/proc/self/stat", "utf8").split(" ")[5]);
      assert.notEqual(apart, own);
    });

    it("has the default action for every signal that a runtime changes", async () => {
      const text = await output("grep -E '^Sig(Blk|Ign)' /proc/self/status", { container });
      for (const line of text.split("\n")) assert.match(line, /\t0{16}$/);
    });
  });
}
