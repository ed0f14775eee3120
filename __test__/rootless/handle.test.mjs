// The Subprocess: what it has, when, and in which order. As Bun's, for what exists here.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { has } from "../helpers/must.mjs";
import { delay, state, within } from "../helpers/processes.mjs";
import { lines, output, run, sh, spawn } from "../helpers/run.mjs";
import { script, scriptResult, start } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const kinds = { "a plain command": undefined };
if (has("userns")) kinds["a container"] = { namespace: { user: true, pid: true, mount: true } };

for (const [kind, container] of Object.entries(kinds)) {
  const shell = (script, options) =>
    spawn({ cmd: ["/bin/sh", "-c", script], stderr: "pipe", container, ...options });

  describe(`exit of ${kind}`, () => {
    it("is null until it happens, and then a code or a signal", async () => {
      const child = shell("read line; exit 7", { stdin: "pipe" });
      assert.ok(Number.isInteger(child.pid) && child.pid > 0);
      assert.notEqual(state(child.pid), null, "there is such a process");
      assert.deepEqual(
        [child.exitCode, child.signalCode, child.killed, child.exitReason],
        [null, null, false, null],
      );
      const { exited } = child;
      assert.ok(exited instanceof Promise);
      assert.equal(child.exited, exited, "one promise");
      child.stdin.end();
      assert.equal(await exited, 7);
      assert.deepEqual(
        [child.exitCode, child.signalCode, child.killed, child.exitReason],
        [7, null, true, "exited"],
      );
      assert.equal(await child.exited, 7);
    });

    it("by a signal is 128 more, and has no code", async () => {
      const child = shell("exec sleep 60");
      assert.equal(child.kill("SIGKILL"), undefined);
      assert.equal(child.killed, false, "killed tells that it has ended, not that it was told to");
      assert.equal(await child.exited, 137);
      assert.deepEqual(
        [child.exitCode, child.signalCode, child.killed, child.exitReason],
        [null, "SIGKILL", true, "signaled"],
      );
    });

    it("resolves though a grandchild still holds the pipe", async () => {
      const child = shell("echo early; (sleep 0.5; echo late) & exit 4");
      const began = Date.now();
      assert.equal(await child.exited, 4);
      assert.ok(Date.now() - began < 400, "at once");
      const text = await child.stdout.text();
      assert.ok(text === "early\nlate\n" || (container && text === "early\n"), text);
    });

    it("calls onExit once, after exited has settled", async () => {
      const order = [];
      await new Promise((resolve) => {
        const child = shell("exit 5", {
          onExit(...args) {
            order.push(["onExit", args[0] === child, ...args.slice(1, 3)]);
            resolve();
          },
        });
        child.exited.then((code) => order.push(["exited", code]));
      });
      await delay(20);
      assert.deepEqual(order, [
        ["exited", 5],
        ["onExit", true, 5, null],
      ]);
    });

    it("calls onExit with a signal", async () => {
      const seen = await new Promise((resolve) => {
        shell("kill -TERM $$; sleep 1", { onExit: (_, ...rest) => resolve(rest.slice(0, 2)) }).stdout.text();
      });
      assert.deepEqual(seen, [null, "SIGTERM"]);
    });

    it("has resources to tell of afterwards, in Bun's shape", async () => {
      const child = shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; read line", { stdin: "pipe" });
      assert.equal(child.resourceUsage(), undefined);
      child.stdin.end();
      await child.exited;
      const usage = child.resourceUsage();
      assert.deepEqual(Object.keys(usage).sort(), [
        "contextSwitches",
        "cpuTime",
        "maxRSS",
        "messages",
        "ops",
        "shmSize",
        "signalCount",
        "swapCount",
      ]);
      const { user, system, total } = usage.cpuTime;
      assert.deepEqual([typeof user, typeof system, total], ["bigint", "bigint", user + system]);
      assert.ok(total > 1000n && total < 60_000_000n, `${total} µs`);
      assert.ok(usage.maxRSS > 100_000, `${usage.maxRSS} bytes`);
      for (const part of [usage.contextSwitches, usage.messages, usage.ops])
        for (const value of Object.values(part)) assert.equal(typeof value, "number");
      assert.deepEqual(Object.keys(usage.contextSwitches).sort(), ["involuntary", "voluntary"]);
    });
  });

  describe(`kill of ${kind}`, () => {
    it("takes names and numbers, and refuses what is neither", async () => {
      const child = shell("exec sleep 60");
      assert.equal(child.kill(0), undefined);
      for (const wrong of ["SIGFOO", "sigterm", -1, 999, 1.5, Number.NaN, {}]) {
        assert.throws(
          () => child.kill(wrong),
          (error) => error instanceof TypeError && /^ERR_/.test(error.code),
          String(wrong),
        );
      }
      assert.equal(child.exitCode, null, "none of these did anything");
      child.kill(2);
      assert.equal(await child.exited, 130);
      assert.equal(child.signalCode, "SIGINT");
    });

    it("after the end does nothing", async () => {
      const child = shell("exit 1");
      await child.exited;
      for (const signal of [undefined, 0, 9, "SIGTERM"]) assert.equal(child.kill(signal), undefined);
      assert.deepEqual([child.exitCode, child.signalCode], [1, null]);
      assert.throws(() => child.kill("SIGFOO"), TypeError);
    });

    it("is what asyncDispose does, and it waits", async () => {
      const child = shell("trap 'sleep 0.1; exit 3' TERM; echo ready; while :; do sleep 0.02; done");
      await lines(child).until("ready");
      await child[Symbol.asyncDispose]();
      assert.equal(child.exitCode, 3);
      await child[Symbol.asyncDispose]();
    });
  });

  describe(`output of ${kind}`, () => {
    it("is read as text, JSON and bytes", async () => {
      assert.equal(await shell("printf 'h\\303\\244\\n'").stdout.text(), "hä\n");
      assert.deepEqual(await shell(`echo '{"a": [1, 2]}'`).stdout.json(), { a: [1, 2] });
      const bytes = await shell("printf '\\000\\377\\001'").stdout.bytes();
      assert.ok(bytes instanceof Uint8Array);
      assert.deepEqual([...bytes], [0, 255, 1]);
      await assert.rejects(shell("echo no json").stdout.json(), SyntaxError);
    });

    it("is a web stream, readable is stdout, and stderr is one too when it is a pipe", async () => {
      const child = shell("echo out; echo err >&2");
      assert.ok(child.stdout instanceof ReadableStream);
      assert.equal(child.readable, child.stdout);
      const chunks = [];
      for await (const chunk of child.stdout) chunks.push(Buffer.from(chunk));
      assert.equal(Buffer.concat(chunks).toString(), "out\n");
      assert.equal(await child.stderr.text(), "err\n");
    });

    it("is empty when there is none, also read late", async () => {
      const child = shell("exit 0");
      await child.exited;
      await delay(20);
      assert.equal(await child.stdout.text(), "");
      assert.deepEqual([...(await child.stderr.bytes())], []);
    });

    it("is complete when it is read after the exit", async () => {
      const child = shell("head -c 60000 /dev/zero");
      await child.exited;
      assert.equal((await child.stdout.bytes()).length, 60_000);
    });

    it("cannot be read twice", async () => {
      const child = shell("echo once");
      assert.equal(await child.stdout.text(), "once\n");
      await assert.rejects(
        async () => child.stdout.text(),
        (error) => error instanceof TypeError && error.code === "ERR_INVALID_STATE",
      );
    });

    it("waits in the pipe while nobody reads", async () => {
      const child = shell("head -c 30000000 /dev/zero; echo end >&2");
      const said = child.stderr.text();
      assert.equal(await Promise.race([said, delay(150).then(() => "waiting")]), "waiting");
      assert.equal((await child.stdout.bytes()).length, 30_000_000);
      assert.equal(await said, "end\n");
      assert.equal(await child.exited, 0);
    });

    it("that is cancelled ends the command by SIGPIPE", async () => {
      const child = shell("exec yes");
      await child.stdout.cancel();
      assert.equal(await child.exited, 141);
      assert.equal(child.signalCode, "SIGPIPE");
    });

    it("goes nowhere with ignore", async () => {
      const child = shell("ls -l /proc/self/fd/1 /proc/self/fd/2 >&2; cat", {
        stdout: "ignore",
        stdin: "ignore",
      });
      assert.equal(child.stdout, undefined);
      assert.match(await child.stderr.text(), /1 -> \/dev\/null/);
      assert.equal(await child.exited, 0);
      const silent = shell("echo x; echo y >&2", { stdio: ["ignore", "ignore", "ignore"] });
      assert.deepEqual([silent.stdin, silent.stdout, silent.stderr], [undefined, undefined, undefined]);
      assert.equal(await silent.exited, 0);
    });

    it("goes to a descriptor, which stays the caller's", async () => {
      const file = `${tempDir()}/file`;
      const fd = fs.openSync(file, "w");
      const child = shell("echo out; echo err >&2", { stdout: fd, stderr: fd });
      assert.equal(await child.exited, 0);
      assert.ok(typeof child.stdout === "number" || child.stdout === undefined);
      fs.writeSync(fd, "still open\n");
      fs.closeSync(fd);
      assert.equal(fs.readFileSync(file, "utf8"), "out\nerr\nstill open\n");
    });

    it("may change places: 1 to 2 and 2 to 1", async () => {
      const directory = tempDir();
      const [one, two] = ["one", "two"].map((name) => fs.openSync(`${directory}/${name}`, "w"));
      await shell("echo out; echo err >&2", { stdio: ["ignore", two, one] }).exited;
      fs.closeSync(one);
      fs.closeSync(two);
      assert.deepEqual(
        [fs.readFileSync(`${directory}/two`, "utf8"), fs.readFileSync(`${directory}/one`, "utf8")],
        ["out\n", "err\n"],
      );
    });

    it("can be opened again by its name, as /dev/stdout", async () => {
      assert.equal(
        await output("echo again > /dev/stdout; echo more > /proc/self/fd/1", { container }),
        "again\nmore",
      );
    });
  });

  describe(`input of ${kind}`, () => {
    it("is written, ended, and counted", async () => {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container });
      assert.equal(child.writable, child.stdin);
      assert.equal(await child.stdin.write("häl"), 4);
      assert.equal(await child.stdin.write(new Uint8Array([108, 111])), 2);
      assert.equal(await child.stdin.write(new Uint8Array([33, 10, 99]).subarray(0, 2)), 2);
      assert.equal(await child.stdin.write(new TextEncoder().encode("end").buffer), 3);
      await child.stdin.flush();
      await child.stdin.end();
      assert.equal(await child.stdout.text(), "hällo!\nend");
      assert.equal(await child.exited, 0);
    });

    it("is empty with ignore, which is the default", async () => {
      for (const stdin of [undefined, "ignore", null]) {
        const child = spawn({ cmd: ["wc", "-c"], stdin, container });
        assert.equal(child.stdin, undefined);
        assert.equal((await child.stdout.text()).trim(), "0");
      }
    });

    it("of 8 MiB goes through, and write waits for the reader", async () => {
      const chunk = Buffer.alloc(1024 * 1024, "abcdefgh");
      const child = spawn({ cmd: ["sh", "-c", "sleep 0.1; exec cat"], stdin: "pipe", container });
      const received = child.stdout.bytes();
      let waited = 0;
      for (let index = 0; index < 8; index++) {
        const wrote = child.stdin.write(chunk);
        if (wrote instanceof Promise) waited++;
        assert.equal(await wrote, chunk.length);
      }
      await child.stdin.end();
      const bytes = await received;
      assert.ok(waited > 0, "at least once");
      assert.equal(bytes.length, 8 * chunk.length);
      assert.ok(Buffer.from(bytes).equals(Buffer.concat(Array(8).fill(chunk))));
    });

    it("keeps its order when nobody awaits", async () => {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container });
      let expected = "";
      for (let index = 0; index < 2000; index++) {
        const line = `${index} ${"x".repeat(500)}\n`;
        expected += line;
        const wrote = child.stdin.write(line);
        if (wrote instanceof Promise) wrote.catch(() => {});
      }
      child.stdin.end();
      assert.equal(await child.stdout.text(), expected);
    });

    it("is copied: what the caller does with the buffer afterwards changes nothing", async () => {
      const child = spawn({ cmd: ["sh", "-c", "sleep 0.1; exec cat"], stdin: "pipe", container });
      const buffer = Buffer.alloc(2 * 1024 * 1024, "a");
      const wrote = child.stdin.write(buffer);
      buffer.fill("b");
      const text = child.stdout.text();
      await wrote;
      await child.stdin.end();
      assert.ok(!(await text).slice(0, 1000).includes("b"), "the beginning");
    });

    it("that nobody reads any more rejects with EPIPE", async () => {
      const child = shell("exec 0<&-; echo closed; sleep 60", { stdin: "pipe" });
      await lines(child).until("closed");
      await assert.rejects(async () => child.stdin.write(Buffer.alloc(1024 * 1024)), { code: "EPIPE" });
      child.kill("SIGKILL");
      await child.exited;
    });

    it("after the exit does no harm", async () => {
      const child = shell("exit 0", { stdin: "pipe" });
      await child.exited;
      try {
        await child.stdin.write("late");
        await child.stdin.end();
      } catch (error) {
        assert.equal(error.code, "EPIPE");
      }
    });

    it("comes from a descriptor", async () => {
      const file = `${tempDir()}/file`;
      fs.writeFileSync(file, "from a file");
      const fd = fs.openSync(file, "r");
      const child = spawn({ cmd: ["cat"], stdin: fd, container });
      assert.equal(await child.stdout.text(), "from a file");
      fs.closeSync(fd);
    });
  });

  describe(`more of stdio of ${kind}`, () => {
    it("has null for the first three, as Bun does", async () => {
      const child = shell("true");
      assert.deepEqual([...child.stdio].slice(0, 3), [null, null, null]);
      await child.exited;
    });

    it("may be an array, which wins", async () => {
      const child = spawn({
        cmd: ["cat"],
        stdio: ["pipe", "pipe", "ignore"],
        stdout: "ignore",
        stdin: "ignore",
        container,
      });
      child.stdin.write("through");
      child.stdin.end();
      assert.equal(await child.stdout.text(), "through");
    });

    it("has further descriptors", async () => {
      const file = `${tempDir()}/file`;
      const fd = fs.openSync(file, "w+");
      const child = shell("echo three >&3; echo five >&5; test ! -e /proc/self/fd/6", {
        stdio: ["ignore", "pipe", "pipe", fd, "ignore", fd],
      });
      assert.equal(await child.exited, 0, await child.stderr.text());
      fs.closeSync(fd);
      assert.equal(fs.readFileSync(file, "utf8"), "three\nfive\n");
    });
  });

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
      const seen = await output(
        "env -0 | tr '\\0' '\\n' | grep -E 'NUMBER|GONE|EMPTY|UNICODE|SPACE|HOME'; true",
        { env, container },
      );
      assert.deepEqual(seen.split("\n").sort(), ["EMPTY=", "NUMBER=5", "UNICODE=ü😀", "WITH SPACE=x"]);
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

  describe(`the parent of ${kind}`, () => {
    const options = `container: ${JSON.stringify(container)}`;

    it("ends by itself once everything is done", async () => {
      const source = `
        const child = spawn({ cmd: ["cat"], stdin: "pipe", ${options} });
        child.stdin.write("x"); child.stdin.end();
        say([await child.stdout.text(), await child.exited]);`;
      assert.deepEqual(await script(source, { timeout: 10_000 }), ["x", 0]);
    });

    it("is kept by a running command, and lives to see its end", async () => {
      const source = `spawn({ cmd: ["sleep", "0.3"], onExit: () => say("seen"), ${options} });`;
      assert.equal(await script(source, { timeout: 10_000 }), "seen");
    });

    it("is kept by a command that nobody listens to", async () => {
      const began = Date.now();
      await script(
        `spawn({ cmd: ["sleep", "0.4"], stdout: "ignore", ${options} }); say("end of the program");`,
        { timeout: 10_000 },
      );
      assert.ok(Date.now() - began >= 400);
    });

    it("is not kept after unref, and is again after ref", async () => {
      const unref = start(
        `const child = spawn({ cmd: ["sleep", "20"], stdout: "ignore", stderr: "ignore", ${options} }); child.unref(); say(child.pid);`,
      );
      const began = Date.now();
      const { code, said, stderr } = await unref.ended;
      assert.equal(code, 0, stderr);
      assert.ok(Date.now() - began < 5000, "it ends long before the command");
      try {
        process.kill(said[0], "SIGKILL");
      } catch {
        // a container has ended with its parent
      }
      assert.ok(await within(2000, () => state(said[0]) === null));
      const again = `const child = spawn({ cmd: ["sleep", "0.3"], stdout: "ignore", onExit: () => say("seen"), ${options} }); child.unref(); child.ref();`;
      assert.equal(await script(again, { timeout: 10_000 }), "seen");
    });

    it("gives its own output with inherit", async () => {
      const source = `await spawn({ cmd: ["sh", "-c", "cat; echo out; echo err >&2"], stdio: ["inherit", "inherit", "inherit"], ${options} }).exited;`;
      const program = start(source, { stdio: ["pipe", "pipe", "pipe"] });
      program.process.stdin.end("in\n");
      const { stdout, stderr, code } = await program.ended;
      assert.deepEqual([stdout, stderr, code], ["in\nout\n", "err\n", 0]);
      const byDefault = await scriptResult(
        `await spawn({ cmd: ["sh", "-c", "echo err >&2"], ${options} }).exited;`,
      );
      assert.equal(byDefault.stderr, "err\n", "stderr is inherited unless one says otherwise");
    });

    it("survives a handle that is dropped and collected", async () => {
      const source = `
        const codes = [];
        for (let index = 0; index < 50; index++) spawn({ cmd: ["sh", "-c", "exit " + index], onExit: (_, code) => codes.push(code), ${options} });
        for (let round = 0; round < 20; round++) { globalThis.gc?.(); globalThis.Bun?.gc(true); await delay(5); }
        while (codes.length < 50) await delay(5);
        say(codes.sort((a, b) => a - b));`;
      assert.deepEqual(
        await script(source, { timeout: 20_000 }),
        Array.from({ length: 50 }, (_, index) => index),
      );
    });
  });

  it(`200 of ${kind} at once end as they should`, async () => {
    const all = Array.from({ length: 200 }, (_, index) => sh(`echo ${index}; exit ${index}`, { container }));
    (await Promise.all(all)).forEach(({ stdout, code }, index) => {
      assert.deepEqual([stdout, code], [`${index}\n`, index]);
    });
  });
}
