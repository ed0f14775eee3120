// Pid 1 of a container: reaps, reports, forwards, and dies with what it should die with.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { childrenOf, delay, mark, sleepers, state, within } from "../helpers/processes.mjs";
import { lines, output, sh, spawn } from "../helpers/run.mjs";

leaveNothing();

const withInit = { namespace: { user: true, pid: true, mount: true } };
const bare = { namespace: { user: true, pid: { init: false }, mount: true } };
const noPid = { namespace: { user: true } };
const kinds = {
  "with init": withInit,
  "without init": bare,
  "without a pid namespace": noPid,
  "without a container": undefined,
};

const shell = (script, options) => spawn({ cmd: ["/bin/sh", "-c", script], stderr: "pipe", ...options });

describe("exit status", needs("userns"), () => {
  for (const [kind, container] of Object.entries(kinds)) {
    it(`codes are exact ${kind}`, async () => {
      for (const code of [0, 1, 7, 126, 127, 128, 137, 255]) {
        const { child, code: resolved } = await sh(`exit ${code}`, { container });
        assert.deepEqual([resolved, child.exitCode, child.signalCode], [code, code, null]);
      }
    });
  }

  for (const kind of ["with init", "without a pid namespace", "without a container"]) {
    it(`signals are exact ${kind}`, async () => {
      const signals = {
        SIGHUP: 1,
        SIGINT: 2,
        SIGABRT: 6,
        SIGKILL: 9,
        SIGSEGV: 11,
        SIGPIPE: 13,
        SIGTERM: 15,
        SIGUSR2: 12,
      };
      for (const [name, number] of Object.entries(signals)) {
        const { child, code } = await sh(`ulimit -c 0; kill -${number} $$; sleep 5`, {
          container: kinds[kind],
        });
        assert.deepEqual([child.signalCode, child.exitCode, code], [name, null, 128 + number]);
      }
    });

    it(`a real-time signal is a number ${kind}`, async () => {
      const { child, code } = await sh("kill -35 $$; sleep 5", { container: kinds[kind] });
      assert.deepEqual([child.signalCode, child.exitCode, code], [35, null, 163]);
    });
  }

  it("is the command's own, also when an orphan is left behind", async () => {
    const text = mark();
    const { code } = await sh(`(setsid sleep ${text} &) ; exit 3`, {
      container: withInit,
      stdout: "ignore",
      stderr: "ignore",
    });
    assert.equal(code, 3);
    assert.ok(await within(1000, () => sleepers(text).length === 0), "the orphan died with the container");
  });
});

describe("orphans", needs("userns"), () => {
  // Five processes whose parent ends before them, and that then end themselves.
  const orphans = "for i in 1 2 3 4 5; do (sh -c 'sleep 0.5' &) ; done; exec cat";
  const start = (container) => shell(orphans, { container, stdin: "pipe" });
  const zombies = (pid) => childrenOf(pid).filter((child) => state(child) === "Z").length;

  it("are reaped by init", async () => {
    const child = start(withInit);
    const { pid } = child.container;
    // The command alone is left.
    assert.ok(await within(10_000, () => childrenOf(pid).length === 6), "the control: they are init's");
    assert.ok(await within(10_000, () => childrenOf(pid).length === 1), "they are gone");
    assert.equal(zombies(pid), 0);
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });

  it("stay zombies without init, which shows that the look-up sees them", async () => {
    const child = start(bare);
    assert.ok(await within(10_000, () => zombies(child.container.pid) === 5));
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });
});

describe("pid 1", needs("userns"), () => {
  it("is the command with init: false", async () => {
    assert.equal(await output("echo $$", { container: bare }), "1");
  });

  it("is not the command otherwise", async () => {
    assert.notEqual(await output("echo $$", { container: withInit }), "1");
    assert.notEqual(await output("echo $$", { container: { namespace: { user: true, pid: {} } } }), "1");
    assert.notEqual(
      await output("echo $$", { container: { namespace: { user: true, pid: { init: true } } } }),
      "1",
    );
  });

  it("cannot be killed or stopped by the command", async () => {
    assert.equal(
      await output("kill -9 1; kill -STOP 1; sleep 0.05; echo alive", { container: withInit }),
      "alive",
    );
  });

  it("is neither the parent's program nor has its environment", async () => {
    process.env.CONTAINER_SPAWN_CANARY = "secret of the parent";
    const script = "sleep 0.05; cat /proc/1/cmdline /proc/1/comm /proc/1/environ; readlink /proc/1/exe";
    const { stdout } = await sh(script, { container: withInit, env: { PATH: process.env.PATH } });
    delete process.env.CONTAINER_SPAWN_CANARY;
    assert.match(stdout, /init/, "the control: it could be looked at");
    assert.doesNotMatch(stdout, /secret of the parent|node|bun/);
  });
});

describe("kill", needs("userns"), () => {
  const trap = `trap "exit 42" TERM; echo ready; while :; do sleep 0.02; done`;
  for (const [kind, container] of Object.entries(kinds)) {
    it(`SIGTERM reaches a trap ${kind}`, async () => {
      const child = shell(trap, { container });
      await lines(child).until("ready");
      child.kill();
      assert.deepEqual([await child.exited, child.exitCode, child.signalCode], [42, 42, null]);
    });
  }

  for (const kind of ["with init", "without a pid namespace", "without a container"]) {
    it(`SIGTERM ends a command without a trap ${kind}`, async () => {
      const child = spawn({ cmd: ["sleep", "60"], container: kinds[kind] });
      child.kill("SIGTERM");
      assert.deepEqual([await child.exited, child.exitCode, child.signalCode], [143, null, "SIGTERM"]);
    });

    it(`other signals come through ${kind}`, async () => {
      const script = `trap "echo usr1" USR1; trap "echo hup" HUP; trap "exit 9" INT; echo ready; while :; do sleep 0.02; done`;
      const child = shell(script, { container: kinds[kind] });
      const heard = lines(child);
      await heard.until("ready");
      child.kill("SIGUSR1");
      await heard.until("usr1");
      child.kill(1);
      await heard.until("hup");
      child.kill("SIGINT");
      assert.equal(await child.exited, 9);
    });

    it(`SIGSTOP and SIGCONT reach the command, and a stop is not an exit ${kind}`, async () => {
      const text = mark();
      const child = spawn({ cmd: ["sleep", text], container: kinds[kind] });
      const is = (letter) => within(2000, () => sleepers(text).some((pid) => state(pid) === letter));
      assert.ok(await is("S"), "the control: it sleeps");
      child.kill("SIGSTOP");
      assert.ok(await is("T"), "the command is stopped");
      const ended = await Promise.race([child.exited, delay(100).then(() => "still running")]);
      assert.deepEqual([ended, child.exitCode, child.signalCode], ["still running", null, null]);
      child.kill("SIGCONT");
      assert.ok(await is("S"), "the command goes on");
      child.kill();
      assert.equal(await child.exited, 143);
    });
  }

  it("SIGTERM to a pid 1 without a handler is dropped by the kernel, and SIGKILL is not", async () => {
    const child = spawn({ cmd: ["sleep", "60"], container: bare });
    child.kill("SIGTERM");
    assert.equal(await Promise.race([child.exited, delay(150).then(() => "alive")]), "alive");
    child.kill("SIGKILL");
    assert.deepEqual([await child.exited, child.signalCode], [137, "SIGKILL"]);
  });

  it("SIGKILL to a stopped container ends it", async () => {
    const text = mark();
    const child = spawn({ cmd: ["sleep", text], container: withInit });
    child.kill("SIGSTOP");
    child.kill("SIGKILL");
    assert.equal(await child.exited, 137);
    assert.deepEqual(sleepers(text), []);
  });
});

describe("the whole tree ends with the container", needs("userns"), () => {
  const tree = (text) =>
    `setsid sleep ${text} & setsid sh -c 'setsid sleep ${text} & exec sleep ${text}' & (sleep ${text} &)
     trap "" TERM; echo ready; while :; do sleep 0.05; done`;

  for (const [kind, container] of Object.entries({ "with init": withInit, "without init": bare })) {
    it(`by SIGKILL, ${kind}`, async () => {
      const text = mark();
      const child = shell(tree(text), { container });
      await lines(child).until("ready");
      assert.ok(
        await within(2000, () => sleepers(text).length === 4),
        `the control: ${sleepers(text).length} of 4 run`,
      );
      child.kill("SIGKILL");
      assert.equal(await child.exited, 137);
      assert.ok(await within(500, () => sleepers(text).length === 0), `${sleepers(text).length} are left`);
    });
  }

  it("and by the command's own end", async () => {
    const text = mark();
    const child = shell(`setsid sleep ${text} & echo ready; read line; exit 5`, {
      container: withInit,
      stdin: "pipe",
    });
    await lines(child).until("ready");
    assert.ok(await within(2000, () => sleepers(text).length === 1));
    child.stdin.write("go on\n");
    assert.equal(await child.exited, 5);
    assert.ok(await within(500, () => sleepers(text).length === 0));
  });

  it("while without a pid namespace a process that left its session lives on, which the look-up sees", async () => {
    const text = mark();
    const { code } = await sh(`setsid sleep ${text} >/dev/null 2>&1 &`, { container: noPid });
    assert.equal(code, 0);
    assert.ok(await within(2000, () => sleepers(text).length === 1));
    for (const pid of sleepers(text)) process.kill(pid, "SIGKILL");
    assert.ok(await within(2000, () => sleepers(text).length === 0));
  });
});
