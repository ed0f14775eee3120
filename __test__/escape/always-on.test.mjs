// What holds for every command in a container, without being asked for.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { output, run, sh } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const containers = {
  "with init": { namespace: { user: true, pid: true, mount: true } },
  "without init": { namespace: { user: true, pid: { init: false } } },
  "without a pid namespace": { namespace: { user: true } },
  "that asks for nothing": {},
};
const all = { ...containers, "that is not one (a plain command)": undefined };

/** The fields of /proc/self/status of a command. */
async function statusOf(container, options) {
  const text = await output("cat /proc/self/status", { container, ...options });
  return Object.fromEntries(text.split("\n").map((line) => line.split(":\t").map((part) => part.trim())));
}

const NONE = "0000000000000000";

describe("descriptors", needs("userns", "bash"), () => {
  // Numbers from 100 on, below them a hole: a runtime that marks what it inherited stops there.
  const wrapper = [
    "bash",
    "-c",
    'for n in {100..299}; do eval "exec $n</etc/hostname"; done; exec "$@"',
    "bash",
  ];
  const source = `
    const { run } = await helper("run");
    if (process.versions.bun) {
      // Bun marks everything that it inherited; this takes the marks off again.
      const { dlopen } = await import("bun:ffi");
      const libc = fs.readFileSync("/proc/self/maps", "utf8").match(/\\/\\S*\\/(libc\\.so\\.6|ld-musl-\\S+)/)[0];
      const { symbols } = dlopen(libc, { fcntl: { args: ["int", "int", "int"], returns: "int" } });
      const F_SETFD = 2;
      for (let fd = 100; fd < 300; fd++) symbols.fcntl(fd, F_SETFD, 0);
    }
    const flags = (fd) => parseInt(/flags:\\s*(\\d+)/.exec(fs.readFileSync("/proc/self/fdinfo/" + fd, "utf8"))[1], 8);
    const open = fs.readdirSync("/proc/self/fd").filter((fd) => fd > 2 && fs.existsSync("/proc/self/fdinfo/" + fd));
    const inheritable = open.filter((fd) => (flags(fd) & 0o2000000) === 0).length;
    const inside = {};
    for (const [kind, container] of Object.entries(given)) {
      const { stdout } = await run(["ls", "/proc/self/fd"], { container: container ?? undefined });
      inside[kind] = stdout.trim().split("\\n");
    }
    say({ inheritable, inside });`;

  it("above 2 do not reach the command, though the parent has 200 that could", async () => {
    const given = Object.fromEntries(
      Object.entries(all).map(([kind, container]) => [kind, container ?? null]),
    );
    const { inheritable, inside } = await script(source, { given, wrapper });
    assert.ok(
      inheritable >= 200,
      `the control: ${inheritable} descriptors of the parent are not close-on-exec`,
    );
    // The fourth is the one with which ls reads the directory.
    for (const [kind, fds] of Object.entries(inside)) assert.deepEqual(fds, ["0", "1", "2", "3"], kind);
  });

  it("above 2 reach it when stdio says so, and only these", async () => {
    const file = `${tempDir()}/file`;
    fs.writeFileSync(file, "content");
    for (const [kind, container] of Object.entries(all)) {
      const fd = fs.openSync(file, "r");
      const stdio = ["ignore", "pipe", "pipe", "ignore", fd];
      const { stdout } = await run(["ls", "/proc/self/fd"], { stdio, container });
      assert.deepEqual(stdout.trim().split("\n"), ["0", "1", "2", "3", "4", "5"], kind);
      const read = await sh("cat <&4", { stdio, container });
      assert.equal(read.stdout, "content", `${kind}: ${read.stderr}`);
      fs.closeSync(fd);
    }
  });
});

describe("signals", needs("userns", "env-signals"), () => {
  it("are neither blocked nor ignored in the command, though they are in the parent", async () => {
    const wrapper = ["env", "--block-signal=TERM,USR2,CHLD", "--ignore-signal=INT,PIPE,HUP,QUIT"];
    const source = `
      const { sh } = await helper("run");
      const read = (text) => /SigBlk:\\s*(\\S+)\\nSigIgn:\\s*(\\S+)/.exec(text).slice(1);
      const inside = {};
      for (const [kind, container] of Object.entries(given)) {
        const { stdout } = await sh("exec cat /proc/self/status", { container: container ?? undefined });
        inside[kind] = read(stdout);
      }
      say({ outside: read(fs.readFileSync("/proc/self/status", "utf8")), inside });`;
    const given = Object.fromEntries(
      Object.entries(all).map(([kind, container]) => [kind, container ?? null]),
    );
    const { outside, inside } = await script(source, { given, wrapper });
    assert.notDeepEqual(outside, [NONE, NONE], "the control: the parent blocks or ignores some");
    for (const [kind, masks] of Object.entries(inside)) assert.deepEqual(masks, [NONE, NONE], kind);
  });

  it("an ignored SIGCHLD in the parent loses no exit", async () => {
    const source = `
      process.on("exit", () => {});
      const codes = [];
      for (const container of given) {
        const child = spawn({ cmd: ["sh", "-c", "exit 3"], container: container ?? undefined });
        codes.push(await Promise.race([child.exited, delay(5000).then(() => "never")]));
      }
      say(codes);
      process.exit(0);`;
    const wrapper = ["env", "--ignore-signal=CHLD"];
    const codes = await script(source, {
      wrapper,
      given: [null, { namespace: { user: true } }, containers["with init"]],
    });
    assert.ok(!codes.includes("never"), `exit codes: ${codes}`);
    assert.equal(codes[2], 3, "init reports it in any case");
  });
});

describe("no_new_privs", needs("userns"), () => {
  for (const [kind, container] of Object.entries(containers)) {
    it(`is set in a container ${kind}, unless it is opted out of`, async () => {
      assert.equal((await statusOf(container)).NoNewPrivs, "1");
      assert.equal((await statusOf({ ...container, security: { noNewPrivileges: true } })).NoNewPrivs, "1");
      assert.equal((await statusOf({ ...container, security: { noNewPrivileges: false } })).NoNewPrivs, "0");
    });
  }

  it("is not set on a plain command", async () => {
    assert.equal((await statusOf(undefined)).NoNewPrivs, "0");
  });
});

describe("groups and capabilities", needs("userns"), () => {
  it("setgroups is denied in a user namespace with the default map", async () => {
    for (const kind of ["with init", "without init", "without a pid namespace"]) {
      assert.equal(await output("cat /proc/self/setgroups", { container: containers[kind] }), "deny");
    }
  });

  it("root's other groups do not reach the command", needs("root", "setpriv"), async () => {
    const source = `
      const { sh } = await helper("run");
      const groups = async (options) => /^Groups:[ \\t]*(.*?)[ \\t]*$/m.exec((await sh("cat /proc/self/status", options)).stdout)[1];
      const container = { namespace: { pid: true, mount: true } };
      say({
        plain: await groups({}),
        contained: await groups({ container }),
        "another uid": await groups({ container, uid: 65534, gid: 65534 }),
        "another uid, plain": await groups({ uid: 65534, gid: 65534 }),
      });`;
    const seen = await script(source, { wrapper: ["setpriv", "--groups", "4,27,998"] });
    assert.equal(seen.plain, "4 27 998", "the control: a plain command has the parent's groups");
    assert.equal(seen.contained, "");
    assert.equal(seen["another uid"], "");
    assert.equal(seen["another uid, plain"], "");
  });

  it(
    "no capability is inheritable or ambient in a user namespace, though the parent's are",
    needs("root", "setpriv"),
    async () => {
      const source = `
      const { sh } = await helper("run");
      const caps = (text) => [/CapInh:\\s*(\\S+)/.exec(text)[1], /CapAmb:\\s*(\\S+)/.exec(text)[1]];
      const seen = [caps(fs.readFileSync("/proc/self/status", "utf8"))];
      for (const container of given) seen.push(caps((await sh("cat /proc/self/status", { container })).stdout));
      say(seen);`;
      const wrapper = ["setpriv", "--inh-caps", "+net_raw,+kill", "--ambient-caps", "+net_raw,+kill"];
      const given = Object.values(containers).filter(({ namespace }) => namespace?.user);
      const [outside, ...inside] = await script(source, { wrapper, given });
      assert.notDeepEqual(outside, [NONE, NONE], "the control: the parent has some");
      assert.ok(inside.length > 0);
      for (const each of inside) assert.deepEqual(each, [NONE, NONE]);
    },
  );
});

describe("the environment", needs("userns"), () => {
  it("is the one given, and nothing of the parent's", async () => {
    for (const [kind, container] of Object.entries(all)) {
      const { stdout } = await run(["/usr/bin/env"], {
        env: { ONLY: "this", EMPTY: "", GONE: undefined },
        container,
      });
      assert.deepEqual(stdout.trim().split("\n").sort(), ["EMPTY=", "ONLY=this"], kind);
    }
  });
});

describe("the working directory", needs("userns"), () => {
  it("may not be a way out of a root by a descriptor's name", async () => {
    const root = tempDir();
    fs.mkdirSync(`${root}/proc`);
    const { userland } = await import("../helpers/userland.mjs");
    const container = {
      namespace: { user: true, pid: true },
      root,
      fs: [...userland, { type: "proc", to: "/proc" }],
    };
    const handle = fs.openSync("/", "r");
    try {
      for (let fd = 0; fd < 64; fd++) {
        let seen;
        try {
          const { stdout } = await run(["ls"], { cwd: `/proc/self/fd/${fd}`, container });
          seen = stdout;
        } catch (error) {
          assert.ok(error.code, error.stack);
          continue;
        }
        assert.doesNotMatch(seen, /^(etc|home|boot)$/m, `cwd=/proc/self/fd/${fd} is the host's root`);
      }
    } finally {
      fs.closeSync(handle);
    }
    assert.match(
      fs.readdirSync("/").join("\n"),
      /^etc$/m,
      "the control: the host's root has what is looked for",
    );
  });

  it("of the parent is kept without a root", async () => {
    const directory = tempDir();
    const before = process.cwd();
    process.chdir(directory);
    try {
      for (const container of Object.values(all))
        assert.equal(await output("pwd -P", { container }), directory);
    } finally {
      process.chdir(before);
    }
  });
});
