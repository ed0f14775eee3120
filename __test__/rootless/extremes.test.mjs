// Every exit code and signal, the longest and strangest arguments, a parent without standard streams, many children.
import assert from "node:assert/strict";
import { spawnSync as plainSpawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { delay, mark, sleepers, state, within } from "../helpers/processes.mjs";
import { start } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";
import { inBothVariants, thrown } from "../helpers/variants.mjs";

leaveNothing();

const SIGNALS = { last: 64, ignored: [17, 18, 23, 28], stopping: [19, 20, 21, 22], libraries: [32, 33] };
const deadly = Array.from({ length: SIGNALS.last }, (_, index) => index + 1).filter((number) => {
  return ![...SIGNALS.ignored, ...SIGNALS.stopping, ...SIGNALS.libraries].includes(number);
});

/** Calls `one` for every item, a few at a time. */
async function forEach(items, one) {
  const left = [...items];
  const lane = async () => {
    while (left.length > 0) await one(left.shift());
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

inBothVariants("the end", ({ spawn, spawnSync }) => {
  it("has each exit code from 0 to 255", async () => {
    await forEach(Array(256).keys(), async (code) => {
      const child = spawn(["sh", "-c", `exit ${code}`], { stdout: "ignore" });
      assert.deepEqual([await child.exited, child.exitCode, child.signalCode], [code, code, null]);
    });
    for (const code of [0, 1, 127, 255]) {
      assert.equal(spawnSync(["sh", "-c", `exit ${code}`]).exitCode, code);
    }
  });

  it("has each signal, that which the command sends itself and that which it is sent", async () => {
    await forEach(deadly, async (number) => {
      const itself = spawn(["sh", "-c", `ulimit -c 0; kill -${number} $$; sleep 60`], { stdout: "ignore" });
      const sent = spawn(["sh", "-c", "ulimit -c 0; exec sleep 60"], { stdout: "ignore" });
      await within(5000, () => fs.readFileSync(`/proc/${sent.pid}/comm`, "utf8") !== "sh\n");
      sent.kill(number);
      for (const child of [itself, sent]) {
        assert.equal(await child.exited, 128 + number);
        const { signalCode } = child;
        assert.equal(typeof signalCode === "number" ? signalCode : os.constants.signals[signalCode], number);
        assert.equal(child.exitCode, null);
        assert.equal(typeof signalCode, number < 32 ? "string" : "number");
      }
    });
  });

  it("is not when the command is stopped, and still comes when it goes on", async () => {
    const child = spawn(["sh", "-c", "sleep 0.2; exit 5"], { stdout: "ignore" });
    child.kill("SIGSTOP");
    await delay(400);
    assert.deepEqual([child.exitCode, child.signalCode, child.exitReason], [null, null, null]);
    child.kill("SIGCONT");
    assert.equal(await child.exited, 5);
  });
});

inBothVariants("arguments", ({ spawn }) => {
  it("are too long exactly when execve finds so", () => {
    const longest = [131_070, 131_071, 131_072, 131_073].map((length) => ["true", "x".repeat(length)]);
    const many = [1, 8, 16, 19, 20, 21, 22, 24, 40].map((count) => [
      "true",
      ...Array(count).fill("x".repeat(100_000)),
    ]);
    const codes = new Set();
    for (const cmd of [...longest, ...many]) {
      const expected = plainSpawnSync(cmd[0], cmd.slice(1)).error?.code;
      let code;
      try {
        spawn(cmd, { stdout: "ignore" });
      } catch (error) {
        code = error.code;
      }
      assert.equal(code, expected, `${cmd.length} arguments, the last of ${cmd.at(-1).length} bytes`);
      codes.add(code);
    }
    assert.deepEqual([...codes], [undefined, "E2BIG"], "the control: both happen");
  });

  it("are bytes, whatever these are", async () => {
    const all = Uint8Array.from({ length: 255 }, (_, index) => index + 1);
    for (const bytes of [all, Uint8Array.of(0xff, 0xfe), Buffer.from("\n😀\t"), Buffer.alloc(0)]) {
      const child = spawn(["printf", "%s", bytes]);
      assert.deepEqual(Buffer.from(await child.stdout.bytes()), Buffer.from(bytes));
    }
  });

  it("may name a program by bytes, and by the longest names there are", async () => {
    const directory = tempDir();
    const program = "#!/bin/sh\nprintf found\n";
    const names = [Buffer.from([0x61, 0xff, 0xfe]), Buffer.from("new\nline 😀"), Buffer.alloc(255, "n")];
    for (const name of names) {
      const file = Buffer.concat([Buffer.from(`${directory}/`), name]);
      fs.writeFileSync(file, program, { mode: 0o755 });
      assert.equal(await spawn([file]).stdout.text(), "found");
      const child = spawn([name], { env: { PATH: `${directory}:/usr/bin:/bin` } });
      assert.equal(await child.stdout.text(), "found");
    }
    const error = thrown(() => spawn([`${directory}/${"n".repeat(256)}`]));
    assert.equal(error.code, "ENAMETOOLONG");
  });

  it("may run in a directory with the longest path there is", async () => {
    const top = tempDir();
    // 4095 bytes, and the NUL that ends them.
    const rest = 4095 - Buffer.byteLength(top) - 1;
    const names = [...Array(Math.floor(rest / 201)).fill("d".repeat(200)), "e".repeat(rest % 201)].filter(
      Boolean,
    );
    const deep = path.join(top, ...names);
    fs.mkdirSync(deep, { recursive: true });
    const child = spawn(["/bin/sh", "-c", "pwd | wc -c"], { cwd: deep });
    assert.equal((await child.stdout.text()).trim(), String(Buffer.byteLength(deep) + 1));
    assert.equal(thrown(() => spawn(["true"], { cwd: `${deep}${"/d".repeat(100)}` })).code, "ENAMETOOLONG");
  });
});

inBothVariants("a parent", ({ container }) => {
  it("whose standard streams are closed mixes nothing up", async () => {
    const file = `${tempDir()}/result`;
    const source = `
      const child = spawn({ cmd: ["sh", "-c", "cat; echo out; echo err >&2"], stdin: "pipe", stderr: "pipe", container: given.container });
      child.stdin.write("in ");
      child.stdin.end();
      const result = [await child.stdout.text(), await child.stderr.text(), await child.exited];
      const inherited = spawn({ cmd: ["sh", "-c", "echo lost; echo lost >&2"], stdio: ["inherit", "inherit", "inherit"], container: given.container });
      result.push(await inherited.exited >= 0);
      fs.writeFileSync(given.file, JSON.stringify(result));`;
    for (const closed of ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"]) {
      const wrapper = ["sh", "-c", `exec "$@" ${closed}`, "sh"];
      const { code } = await start(source, { wrapper, given: { file, container } }).ended;
      assert.equal(code, 0, closed);
      const result = JSON.parse(fs.readFileSync(file, "utf8"));
      assert.deepEqual(result, ["in out\n", "err\n", 0, true], closed);
    }
  });

  it("that ends takes fifty containers with it, and leaves plain commands", async () => {
    for (const end of [
      "process.exit(3)",
      "process.kill(process.pid, 'SIGINT')",
      "throw new Error('on purpose')",
    ]) {
      const name = mark();
      const source = `
        for (let index = 0; index < 50; index++) {
          spawn({ cmd: ["sleep", given.name], stdout: "ignore", stderr: "ignore", container: given.container });
        }
        say("ready");
        setTimeout(() => { ${end}; }, 20);`;
      const program = start(source, { given: { name, container } });
      assert.equal(await program.said(), "ready");
      await program.ended;
      const left = container ? 0 : 50;
      assert.ok(
        await within(5000, () => sleepers(name).length === left),
        `${sleepers(name).length} after ${end}`,
      );
      for (const pid of sleepers(name)) process.kill(pid, "SIGKILL");
      assert.ok(await within(5000, () => sleepers(name).every((pid) => state(pid) === "Z")));
    }
  });
});
