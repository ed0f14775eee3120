// What is thrown when the machine says no: which option, which step, which path, and what would help.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { explain, failure, run, spawn, spawnError } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir, tempTree } from "../helpers/temp.mjs";

leaveNothing();

const kinds = {
  "without a container": undefined,
  "in a container with init": { namespace: { user: true, pid: true, mount: true } },
  "in a container without init": { namespace: { user: true, pid: { init: false } } },
  "in a user namespace alone": { namespace: { user: true } },
};

/** A directory with one file of each sort that cannot be run, and the way to each. */
function sorts() {
  const directory = tempTree({ plain: "text", "dir/x": "", script: "#!/no/such/interpreter\n" });
  fs.chmodSync(`${directory}/script`, 0o755);
  return directory;
}

describe("a command that cannot be run throws", needs("userns"), () => {
  for (const [kind, container] of Object.entries(kinds)) {
    it(`when no directory of PATH has it, ${kind}`, () => {
      const error = spawnError(
        { cmd: ["no-such-command-1"], container },
        { code: "ENOENT", errno: -2, path: "no-such-command-1", option: /^cmd/ },
      );
      assert.ok(error.message.includes("no-such-command-1"));
      assert.match(error.message, /PATH/);
    });

    it(`when the path does not exist, ${kind}`, () => {
      const error = spawnError(
        { cmd: ["/no/such/command", "argument"], container },
        { code: "ENOENT", errno: -2, path: "/no/such/command", option: /^cmd/ },
      );
      assert.ok(error.message.includes("/no/such/command"));
    });

    it(`when it is not executable, or a directory, ${kind}`, () => {
      const directory = sorts();
      for (const name of ["plain", "dir"]) {
        spawnError(
          { cmd: [`${directory}/${name}`], container },
          { code: "EACCES", errno: -13, path: `${directory}/${name}`, option: /^cmd/ },
        );
      }
    });

    it(`when a script's interpreter is missing, and names that, ${kind}`, () => {
      const path = `${sorts()}/script`;
      const error = spawnError({ cmd: [path], container }, { code: "ENOENT" });
      assert.ok(error.message.includes("/no/such/interpreter"), error.message);
    });

    it(`when cwd is missing, a file, or shut: it is cwd that is named, ${kind}`, () => {
      const directory = tempTree({ file: "", "shut/x": "" });
      const cases = [
        [`${directory}/missing`, "ENOENT", -2],
        [`${directory}/file`, "ENOTDIR", -20],
      ];
      if (process.geteuid() !== 0 && container === undefined) {
        fs.chmodSync(`${directory}/shut`, 0o000);
        cases.push([`${directory}/shut`, "EACCES", -13]);
      }
      for (const [cwd, code, errno] of cases) {
        const error = spawnError(
          { cmd: ["true"], cwd, container },
          { code, errno, path: cwd, option: "cwd" },
        );
        assert.ok(error.message.includes(cwd), error.message);
        assert.doesNotMatch(error.message, /\btrue\b.*not found/);
      }
      fs.chmodSync(`${directory}/shut`, 0o755);
    });

    it(`when a descriptor of stdio is not open, ${kind}`, () => {
      for (const options of [
        { stdout: 987 },
        { stdin: 987 },
        { stdio: ["ignore", "ignore", "ignore", 987] },
      ]) {
        spawnError(
          { cmd: ["true"], ...options, container },
          { code: "EBADF", errno: -9, option: /^std(io\[\d\]|in|out|err)/ },
        );
      }
    });

    it(`when its arguments are too long, ${kind}`, () => {
      spawnError({ cmd: ["true", "x".repeat(131_072)], container }, { code: "E2BIG", errno: -7 });
    });
  }

  it("an argument of the greatest length goes through", async () => {
    const longest = "x".repeat(131_071);
    const { stdout } = await run(["/bin/sh", "-c", 'printf %s "$1" | wc -c', "sh", longest], {
      container: kinds["in a container with init"],
    });
    assert.equal(stdout, "131071\n");
  });
});

describe("what an error tells", needs("userns"), () => {
  const missing = "/no/such/source";
  const options = {
    cmd: ["true"],
    container: {
      namespace: { user: true, pid: true },
      fs: [
        { type: "tmpfs", to: "/mnt" },
        { type: "bind", from: missing, to: "/mnt/x" },
      ],
    },
  };

  it("what, where, and which option, in the form that is documented", () => {
    const error = spawnError(options, {
      name: "SpawnError",
      code: "ENOENT",
      errno: -2,
      path: missing,
      option: "container.fs[1]",
    });
    assert.equal(typeof error.syscall, "string");
    assert.equal(typeof error.step, "number");
    const [what, ...rest] = error.message.split("\n");
    assert.match(what, /^ENOENT: .*\/no\/such\/source.*: no such file or directory$/);
    assert.match(rest.join("\n"), /^ {2}option +container\.fs\[1\]$/m);
    assert.match(rest.join("\n"), /^ {2}step +\d+ of \d+, /m);
    assert.match(error.stack, /errors\.test\.mjs/, "the stack leads to the caller");
  });

  it("a step, which is the one that explain shows under that number", () => {
    const error = spawnError(options);
    const plan = explain(options);
    const step = plan.steps.find(({ index }) => index === error.step);
    assert.ok(step, `there is no step ${error.step}`);
    assert.match(step.option, /^container\.fs\[1\]/);
    const [, number, total] = /step +(\d+) of (\d+)/.exec(error.message);
    assert.equal(Number(number), error.step);
    assert.ok(
      Number(total) === plan.steps.length || Number(total) === plan.steps.length - 1,
      `${total} of ${plan.steps.length}`,
    );
    assert.ok(
      String(plan)
        .split("\n")
        .some((line) => new RegExp(`^\\s*${number}\\b`).test(line)),
      String(plan),
    );
  });

  it("is thrown before the command's first instruction", () => {
    const marker = `${tempDir()}/ran`;
    for (const container of [
      options.container,
      { namespace: { user: true }, root: "/no/such/root" },
      {
        namespace: { user: true },
        fs: [{ type: "overlayfs", to: "/mnt", lower: ["/no/such/lower", "/usr"] }],
      },
      { namespace: { user: true, time: { boottime: -1e9 } } },
    ]) {
      spawnError({ cmd: ["touch", marker], container });
    }
    assert.ok(!fs.existsSync(marker));
  });

  it("a time offset before the clock's beginning is named", () => {
    const error = spawnError({
      cmd: ["true"],
      container: { namespace: { user: true, time: { boottime: -1e9 } } },
    });
    assert.match(error.option, /^container\.namespace\.time/);
  });

  it("no failed start leaves a child, and the next one works", async () => {
    for (let round = 0; round < 20; round++) {
      failure({ cmd: ["/no/such/command"], stdin: "pipe", stderr: "pipe", container: options.container });
      spawnError(options);
    }
    const { stdout } = await run(["echo", "works"], { container: { namespace: { user: true, pid: true } } });
    assert.equal(stdout, "works\n");
  });
});

describe("where user namespaces are refused", needs("userns", "unshare"), () => {
  const wrapper = [
    "unshare",
    "-Ur",
    "sh",
    "-c",
    'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
    "sh",
  ];

  it("the error names the setting, and no weaker container runs", async () => {
    const marker = `${tempDir()}/ran`;
    const source = `
      const errors = [];
      for (const namespace of [{ user: true }, { user: true, pid: true, mount: true }]) {
        try { spawn({ cmd: ["touch", given], container: { namespace } }); errors.push("ran"); } catch (error) { errors.push(told(error)); }
      }
      say(errors);`;
    for (const error of await script(source, { wrapper, given: marker })) {
      assert.equal(error.code, "ENOSPC", JSON.stringify(error));
      assert.match(error.option, /^container\.namespace/);
      assert.match(error.message, /max_user_namespaces/);
      assert.match(error.hint, /user\.max_user_namespaces/);
    }
    assert.ok(!fs.existsSync(marker));
  });

  it("a limit on another namespace is named too", async () => {
    const limited = [
      "unshare",
      "-Ur",
      "sh",
      "-c",
      'echo 0 > /proc/sys/user/max_net_namespaces && exec "$@"',
      "sh",
    ];
    const source = `
      try { spawn({ cmd: ["true"], container: { namespace: { user: true, network: true } } }); say("ran"); } catch (error) { say(told(error)); }`;
    const error = await script(source, { wrapper: limited });
    assert.equal(error.code, "ENOSPC", JSON.stringify(error));
    assert.match(error.hint, /user\.max_net_namespaces/);
  });

  it("a plain command still runs", async () => {
    assert.equal(await script('say(await spawn({ cmd: ["true"] }).exited);', { wrapper }), 0);
  });
});

describe("running out of descriptors", needs("userns"), () => {
  it("is an error or a success at every number of free ones, and loses none", {
    timeout: 60_000,
  }, async () => {
    const source = `
      const count = () => fs.readdirSync("/proc/self/fd").length;
      await spawn({ cmd: ["true"], container: { namespace: { user: true, pid: true } } }).exited;
      await delay(50);
      const before = count();
      const held = [];
      try { for (;;) held.push(fs.openSync("/dev/null")); } catch {}
      const outcomes = {};
      for (let free = 0; free <= 40; free++) {
        try {
          const child = spawn({ cmd: ["true"], stdin: "pipe", stderr: "pipe", container: { namespace: { user: true, pid: true, mount: true }, fs: [{ type: "tmpfs", to: "/mnt" }] } });
          const code = await Promise.race([child.exited, delay(5000).then(() => "hang")]);
          child.stdin.end();
          await Promise.all([child.stdout.text(), child.stderr.text()]);
          outcomes[code] = (outcomes[code] ?? 0) + 1;
        } catch (error) { outcomes[error.code] = (outcomes[error.code] ?? 0) + 1; }
        if (held.length) fs.closeSync(held.pop());
      }
      for (const fd of held) fs.closeSync(fd);
      await delay(100);
      say({ outcomes, left: count() - before });
      process.exit(0);`;
    const { outcomes, left } = await script(source, {
      wrapper: ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"],
    });
    assert.deepEqual(Object.keys(outcomes).sort(), ["0", "EMFILE"], JSON.stringify(outcomes));
    assert.equal(left, 0);
  });
});

describe("a bad option and a bad machine at once", () => {
  it("is a bad option: nothing was tried", () => {
    const error = failure({
      cmd: ["/no/such/command"],
      cwd: "/no/such/cwd",
      container: { namespace: { pid: "yes" } },
    });
    assert.ok(error instanceof TypeError, error.stack);
    assert.match(error.message, /container\.namespace\.pid/);
  });

  it("spawn itself is what throws, never `exited`", () => {
    assert.throws(() => spawn({ cmd: ["/no/such/command"] }));
  });
});
