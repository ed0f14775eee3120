// Mistakes in the options: each is named by its path, all of them at once, and nothing happens.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { explain, failure, output, spawn } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const container = (options) => ({ cmd: ["true"], container: options });
const namespace = (options) => container({ namespace: options });
const entry = (options) => container({ fs: [options] });
const limit = (options) => container({ limit: options });
const bind = { type: "bind", from: "/usr", to: "/mnt" };
const overlay = { type: "overlayfs", to: "/mnt", lower: ["/usr"] };

/** Asserts that these options are refused with this class and code, and that the message names the option. */
function refused(options, name, path, code) {
  const error = failure(options);
  assert.equal(error.name, name, `${error.name} for ${path}: ${error.message}`);
  assert.ok(error instanceof (name === "RangeError" ? RangeError : TypeError));
  assert.match(error.code, code ?? /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE|UNKNOWN_OPTION)$/);
  assert.ok(error.message.includes(path), `${path} in: ${error.message}`);
  return error;
}

const TYPE = /^ERR_INVALID_ARG_TYPE$/;
const types = [
  [{}, "cmd"],
  [{ cmd: "true" }, "cmd"],
  [{ cmd: [1] }, "cmd[0]"],
  [{ cmd: ["true", {}] }, "cmd[1]"],
  [{ cmd: ["true"], cwd: 5 }, "cwd"],
  [{ cmd: ["true"], argv0: 5 }, "argv0"],
  [{ cmd: ["true"], env: "A=b" }, "env"],
  [{ cmd: ["true"], stdio: "pipe" }, "stdio"],
  [{ cmd: ["true"], stdout: {} }, "stdout"],
  [{ cmd: ["true"], stdin: true }, "stdin"],
  [{ cmd: ["true"], onExit: "function" }, "onExit"],
  [{ cmd: ["true"], uid: "0" }, "uid"],
  [{ cmd: ["true"], detached: "yes" }, "detached"],
  [container("x"), "container"],
  [container([]), "container"],
  [container(() => {}), "container"],
  [namespace("all"), "container.namespace"],
  [namespace({ user: "invalid" }), "container.namespace.user"],
  [namespace({ pid: 1 }), "container.namespace.pid"],
  [namespace({ pid: { init: "no" } }), "container.namespace.pid.init"],
  [namespace({ mount: {} }), "container.namespace.mount"],
  [namespace({ network: "lo" }), "container.namespace.network"],
  [namespace({ ipc: 0 }), "container.namespace.ipc"],
  [namespace({ cgroup: "x" }), "container.namespace.cgroup"],
  [namespace({ uts: { hostname: 5 } }), "container.namespace.uts.hostname"],
  [namespace({ time: { boottime: "5" } }), "container.namespace.time.boottime"],
  [container({ fs: {} }), "container.fs"],
  [container({ fs: "x" }), "container.fs"],
  [entry("/mnt"), "container.fs[0]"],
  [entry(null), "container.fs[0]"],
  [entry({ to: "/mnt" }), "container.fs[0].type"],
  [entry({ type: "tmpfs" }), "container.fs[0].to"],
  [entry({ type: "bind", to: "/mnt" }), "container.fs[0].from"],
  [entry({ ...bind, readonly: "yes" }), "container.fs[0].readonly"],
  [entry({ ...bind, optional: 1 }), "container.fs[0].optional"],
  [entry({ ...bind, suid: "no" }), "container.fs[0].suid"],
  [entry({ ...overlay, lower: "/usr" }), "container.fs[0].lower"],
  [entry({ ...overlay, lower: ["/usr", 5] }), "container.fs[0].lower[1]"],
  [entry({ ...overlay, upper: 5, work: "/x" }), "container.fs[0].upper"],
  [entry({ type: "tmpfs", to: "/mnt", mode: "755" }), "container.fs[0].mode"],
  [container({ root: 5 }), "container.root"],
  [container({ root: {} }), "container.root.from"],
  [container({ root: { from: "host", readonly: 1 } }), "container.root.readonly"],
  [container({ root: { from: "host", overlay: 1 } }), "container.root.overlay"],
  [limit(5), "container.limit"],
  [limit({ cpu: "50" }), "container.limit.cpu"],
  [limit({ memory: {} }), "container.limit.memory"],
  [container({ setupTimeout: "1s" }), "container.setupTimeout"],
  [container({ security: true }), "container.security"],
  [container({ security: { noNewPrivileges: "yes" } }), "container.security.noNewPrivileges"],
  [namespace({ pid: Symbol("x") }), "container.namespace.pid"],
  [namespace({ pid: 1n }), "container.namespace.pid"],
  [namespace({ pid: new Date() }), "container.namespace.pid"],
];

const ranges = [
  [{ cmd: ["true"], uid: -1 }, "uid"],
  [{ cmd: ["true"], uid: 2 ** 32 }, "uid"],
  [{ cmd: ["true"], uid: 1.5 }, "uid"],
  [{ cmd: ["true"], gid: Number.NaN }, "gid"],
  [{ cmd: ["true"], stdout: -1 }, "stdout"],
  [{ cmd: ["true"], stdout: 1.5 }, "stdout"],
  [namespace({ time: { boottime: Number.NaN } }), "container.namespace.time.boottime"],
  [namespace({ time: { monotonic: Number.POSITIVE_INFINITY } }), "container.namespace.time.monotonic"],
  [namespace({ time: { monotonic: 1e30 } }), "container.namespace.time.monotonic"],
  [entry({ type: "tmpfs", to: "/mnt", size: -1 }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", size: Number.NaN }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", size: 1.5 }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", size: 1e300 }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", size: Number.POSITIVE_INFINITY }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", mode: -1 }), "container.fs[0].mode"],
  [entry({ type: "tmpfs", to: "/mnt", mode: 0o10000 }), "container.fs[0].mode"],
  [entry({ ...bind, from: -1 }), "container.fs[0].from"],
  [entry({ ...bind, from: 1.5 }), "container.fs[0].from"],
  [limit({ cpu: 0 }), "container.limit.cpu"],
  [limit({ cpu: -5 }), "container.limit.cpu"],
  [limit({ cpu: Number.NaN }), "container.limit.cpu"],
  [limit({ cpu: Number.POSITIVE_INFINITY }), "container.limit.cpu"],
  [limit({ memory: -1 }), "container.limit.memory"],
  [limit({ memory: 0 }), "container.limit.memory"],
  [limit({ memory: 1e300 }), "container.limit.memory"],
  [limit({ ram: -1000 }), "container.limit"],
  [container({ setupTimeout: -1 }), "container.setupTimeout"],
  [container({ setupTimeout: Number.NaN }), "container.setupTimeout"],
];

const values = [
  [{ cmd: [] }, "cmd"],
  [{ cmd: [""] }, "cmd[0]"],
  [{ cmd: ["true"], stdout: "pip" }, "stdout"],
  [entry({ type: "tmpf", to: "/mnt" }), "container.fs[0].type"],
  [entry({ ...bind, to: "" }), "container.fs[0].to"],
  [entry({ ...bind, to: "relative" }), "container.fs[0].to"],
  [entry({ ...bind, to: "./relative" }), "container.fs[0].to"],
  [entry({ ...bind, from: "" }), "container.fs[0].from"],
  [entry({ ...overlay, lower: [] }), "container.fs[0].lower"],
  [entry({ ...overlay, lower: [""] }), "container.fs[0].lower[0]"],
  [entry({ ...overlay, upper: "/a", work: "/b", ephemeral: true }), "container.fs[0]"],
  [entry({ type: "tmpfs", to: "/mnt", size: "1X" }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", size: "" }), "container.fs[0].size"],
  [entry({ type: "tmpfs", to: "/mnt", size: "-1K" }), "container.fs[0].size"],
  [limit({ memory: "lots" }), "container.limit.memory"],
  [limit({ memory: "99999999999999T" }), "container.limit.memory"],
  [container({ root: "" }), "container.root"],
  [namespace({ uts: { hostname: "h".repeat(65) } }), "container.namespace.uts.hostname"],
  [namespace({ uts: { domainname: "d".repeat(65) } }), "container.namespace.uts.domainname"],
  [limit({ memory: "1G", ram: "2G" }), "container.limit"],
];

const nul = "a\0b";
const nuls = [
  [{ cmd: [nul] }, "cmd[0]"],
  [{ cmd: ["true", nul] }, "cmd[1]"],
  [{ cmd: ["true"], argv0: nul }, "argv0"],
  [{ cmd: ["true"], cwd: nul }, "cwd"],
  [{ cmd: ["true"], env: { A: nul } }, "env"],
  [{ cmd: ["true"], env: { [nul]: "A" } }, "env"],
  [entry({ ...bind, from: nul }), "container.fs[0].from"],
  [entry({ ...bind, to: `/${nul}` }), "container.fs[0].to"],
  [entry({ ...overlay, lower: ["/usr", nul] }), "container.fs[0].lower[1]"],
  [entry({ ...overlay, upper: nul, work: "/x" }), "container.fs[0].upper"],
  [entry({ ...overlay, upper: "/x", work: nul }), "container.fs[0].work"],
  [container({ root: nul }), "container.root"],
  [container({ root: { from: nul } }), "container.root.from"],
  [container({ root: { from: "host", overlay: nul } }), "container.root.overlay"],
  [namespace({ uts: { hostname: nul } }), "container.namespace.uts.hostname"],
  [namespace({ uts: { domainname: nul } }), "container.namespace.uts.domainname"],
];

const typos = [
  [{ cmd: ["true"], contaner: {} }, "contaner", "container"],
  [{ cmd: ["true"], stdot: "pipe" }, "stdot", "stdout"],
  [container({ namepsace: {} }), "container.namepsace", "namespace"],
  [container({ limits: {} }), "container.limits", "limit"],
  [namespace({ netwrok: true }), "container.namespace.netwrok", "network"],
  [namespace({ User: true }), "container.namespace.User", "user"],
  [namespace({ uts: { hostnme: "x" } }), "container.namespace.uts.hostnme", "hostname"],
  [namespace({ pid: { inti: true } }), "container.namespace.pid.inti", "init"],
  [namespace({ time: { boottim: 1 } }), "container.namespace.time.boottim", "boottime"],
  [entry({ ...bind, readOnly: true }), "container.fs[0].readOnly", "readonly"],
  [entry({ ...bind, too: "/x" }), "container.fs[0].too", "to"],
  [entry({ ...overlay, lowers: ["/x"] }), "container.fs[0].lowers", "lower"],
  [entry({ type: "overlay", to: "/mnt", lower: ["/x"] }), "container.fs[0].type", "overlayfs"],
  [container({ root: { from: "host", readonl: true } }), "container.root.readonl", "readonly"],
  [limit({ memroy: "1G" }), "container.limit.memroy", "memory"],
  [container({ security: { noNewPrivs: true } }), "container.security.noNewPrivs", "noNewPrivileges"],
];

describe("refused with the option's path:", () => {
  it("values of a wrong type", () => {
    for (const [options, path] of types) refused(options, "TypeError", path, TYPE);
  });

  it("numbers out of range", () => {
    for (const [options, path] of ranges) refused(options, "RangeError", path, /^ERR_OUT_OF_RANGE$/);
  });

  it("values that mean nothing", () => {
    for (const [options, path] of values) {
      const error = failure(options);
      assert.ok(error instanceof TypeError || error instanceof RangeError, error.stack);
      assert.match(error.code, /^ERR_(INVALID_ARG_VALUE|OUT_OF_RANGE)$/, `${path}: ${error.message}`);
      assert.ok(error.message.includes(path), `${path} in: ${error.message}`);
    }
  });

  it("NUL bytes, wherever they are", () => {
    for (const [options, path] of nuls) refused(options, "TypeError", path, /^ERR_INVALID_ARG_VALUE$/);
  });

  it("keys that do not exist, with the nearest that does", () => {
    for (const [options, path, nearest] of typos) {
      const error = failure(options);
      assert.ok(error instanceof TypeError, error.stack);
      assert.ok(error.message.includes(path), `${path} in: ${error.message}`);
      assert.match(error.message, new RegExp(`did you mean.*\\b${nearest}\\b`, "i"), error.message);
    }
  });

  it("a key that is like none", () => {
    const { message } = refused(container({ xyzzy: 1 }), "TypeError", "container.xyzzy");
    assert.doesNotMatch(message, /did you mean/i);
  });

  it("options of kinds of entry that do not have them", () => {
    refused(entry({ type: "tmpfs", to: "/mnt", from: "/usr" }), "TypeError", "container.fs[0].from");
    refused(entry({ ...bind, size: 5 }), "TypeError", "container.fs[0].size");
    refused(entry({ type: "proc", to: "/proc", lower: ["/x"] }), "TypeError", "container.fs[0].lower");
  });
});

describe("mistakes", () => {
  it("are reported all together", () => {
    const { message } = failure({
      cmd: ["true", 5],
      cwd: "a\0b",
      container: {
        namespace: { netwrok: true, pid: "x" },
        fs: [bind, { type: "tmpfs", to: "rel", size: -1 }],
        limit: { cpu: 0 },
      },
    });
    for (const path of [
      "cmd[1]",
      "cwd",
      "container.namespace.netwrok",
      "container.namespace.pid",
      "container.fs[1].to",
      "container.fs[1].size",
      "container.limit.cpu",
    ]) {
      assert.ok(message.includes(path), `${path} in: ${message}`);
    }
    assert.ok(!message.includes("fs[0]"), message);
  });

  it("are found by explain as they are by spawn", () => {
    const options = namespace({ netwrok: true });
    assert.throws(
      () => explain(options),
      (error) => error.message === failure(options).message,
    );
  });

  it("keep everything from happening", () => {
    const marker = `${tempDir()}/ran`;
    failure({
      cmd: ["touch", marker],
      container: { namespace: { user: true }, fs: [{ type: "tmpfs", to: `${marker}-target`, sise: 1 }] },
    });
    assert.ok(!fs.existsSync(marker) && !fs.existsSync(`${marker}-target`));
  });

  it("in spawn(cmd, options) are found too", () => {
    assert.throws(() => spawn("true"), TypeError);
    assert.throws(() => spawn(["true"], { contaner: {} }), /did you mean/i);
    assert.throws(() => spawn(["true"], "options"), TypeError);
    assert.throws(() => spawn(), TypeError);
    assert.throws(() => spawn(null), TypeError);
  });
});

describe("accepted:", () => {
  it("null is not a value, undefined is no value", async () => {
    const none = {
      namespace: undefined,
      fs: undefined,
      root: undefined,
      limit: undefined,
      security: undefined,
      setupTimeout: undefined,
    };
    assert.equal(
      await output("echo fine", {
        cwd: undefined,
        env: undefined,
        argv0: undefined,
        uid: undefined,
        onExit: undefined,
        container: none,
      }),
      "fine",
    );
    assert.equal(await output("echo fine", { container: undefined }), "fine");
  });

  it("explain takes the same in every spelling and gives one plan", () => {
    const canonical = { lower: ["/usr", "/etc"], upper: "/tmp/u", work: "/tmp/w" };
    const seed = {
      options: { overlayfs: { lower_dirs: canonical.lower, upper_dir: "/tmp/u", work_dir: "/tmp/w" } },
    };
    const plan = (extra) => String(explain(entry({ type: "overlayfs", to: "/mnt", ...extra })));
    assert.equal(plan(seed), plan(canonical));
    const bound = (extra) => String(explain(entry({ ...bind, ...extra })));
    assert.equal(bound({ options: { bind: { readonly: true } } }), bound({ readonly: true }));
    assert.equal(
      String(explain(limit({ ram: "64M" }))).replaceAll("ram", "memory"),
      String(explain(limit({ memory: 64 * 1024 * 1024 }))),
    );
  });

  it("targets are normalised: no way up, no doubled slashes", () => {
    const plan = (to) => String(explain(entry({ ...bind, to })));
    for (const to of ["/a/b/../c", "//a///c", "/a/c/", "/a/./c/.", "/../../a/c"])
      assert.equal(plan(to), plan("/a/c"));
  });
});

describe("every option is read", () => {
  /** A proxy, all the way down, that counts how often each property was read. */
  function counted(value, path, counts) {
    if (typeof value !== "object" || value === null) return value;
    return new Proxy(value, {
      get(target, key, receiver) {
        const found = Reflect.get(target, key, receiver);
        if (typeof key === "symbol") return found;
        const name = `${path}.${key}`;
        counts[name] = (counts[name] ?? 0) + 1;
        return Object.hasOwn(target, key) ? counted(found, name, counts) : found;
      },
    });
  }

  it("exactly once", async () => {
    const counts = {};
    const options = {
      cmd: ["/bin/sh", "-c", "echo $A"],
      cwd: "/",
      env: { A: "value", PATH: process.env.PATH },
      stdio: ["ignore", "pipe", "pipe"],
      argv0: "shell",
      container: {
        namespace: { user: false },
        limit: {},
        security: { noNewPrivileges: true },
        setupTimeout: 5000,
        fs: [],
      },
    };
    const child = spawn(counted(options, "options", counts));
    assert.equal(await child.stdout.text(), "value\n");
    await child.stderr.text();
    for (const [name, count] of Object.entries(counts)) {
      // An array's length is how it is walked; a method is not an option.
      if (/\.(length|constructor|toJSON|then)$/.test(name)) continue;
      assert.equal(count, 1, `${name} was read ${count} times`);
    }
    for (const name of [
      "cmd",
      "cmd.0",
      "cwd",
      "env.A",
      "argv0",
      "container",
      "container.namespace.user",
      "container.setupTimeout",
    ]) {
      assert.equal(counts[`options.${name}`], 1, name);
    }
  });

  it("in nested entries of fs as well", () => {
    const counts = {};
    const options = {
      cmd: ["true"],
      container: {
        namespace: { user: true, time: { boottime: 1 } },
        fs: [{ ...bind, readonly: true }, { ...overlay }],
        root: { from: "host" },
      },
    };
    explain(counted(options, "options", counts));
    for (const name of [
      "container.fs.0.from",
      "container.fs.0.readonly",
      "container.fs.1.lower.0",
      "container.root.from",
      "container.namespace.time.boottime",
    ]) {
      assert.equal(counts[`options.${name}`], 1, name);
    }
  });

  it("and what a getter throws comes through", () => {
    const thrown = new Error("from the getter");
    const options = {
      cmd: ["true"],
      container: {
        get namespace() {
          throw thrown;
        },
      },
    };
    assert.throws(
      () => spawn(options),
      (error) => error === thrown,
    );
  });
});

describe("a polluted Object.prototype", () => {
  it("changes nothing", async () => {
    const source = `
      const { run } = await helper("run");
      const child = () => run(["/bin/sh", "-c", "readlink /proc/self/ns/user; pwd; echo $POLLUTED"], { cwd: given });
      const before = (await child()).stdout;
      Object.assign(Object.prototype, {
        container: { namespace: { user: true } }, namespace: { user: true }, user: true, root: "/no/such/root", cwd: "/", readonly: true,
        argv0: "polluted", stdout: "ignore", stdin: "pipe", uid: 12345, env: { POLLUTED: "yes" }, fs: [{ type: "tmpfs", to: given }], POLLUTED: "yes", init: false,
      });
      const plain = (await child()).stdout;
      const contained = spawn({ cmd: ["/bin/sh", "-c", "readlink /proc/self/ns/user; pwd; echo $POLLUTED"], stdout: "pipe", cwd: given, container: { security: {} } });
      const text = await contained.stdout.text();
      for (const key of Object.keys(Object.prototype)) delete Object.prototype[key];
      say([before, plain, text]);`;
    const directory = tempDir();
    const [before, plain, contained] = await script(source, { given: directory });
    assert.equal(plain, before);
    assert.equal(contained, before);
    assert.match(before, new RegExp(`\\n${directory}\\n\\n$`));
  });
});
