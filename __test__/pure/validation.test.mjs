// Mistakes in the options: each is named by its path, all of them at once, and nothing happens.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { explain, failure, output, spawn } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";
import {
  bind,
  container,
  entry,
  limit,
  namespace,
  nuls,
  overlay,
  ranges,
  types,
  typos,
  values,
} from "./mistakes.mjs";

leaveNothing();

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
    // Every cgroup has a number of its own.
    const limited = (extra) =>
      String(explain(limit(extra))).replaceAll(/(container-spawn\.[0-9a-f.]+\.)\d+/g, "$1N");
    assert.equal(limited({ ram: "64M" }).replaceAll("ram", "memory"), limited({ memory: 64 * 1024 * 1024 }));
  });

  it("targets are normalised", () => {
    const plan = (to) => String(explain(entry({ ...bind, to })));
    for (const to of ["//a///c", "/a/c/", "/a/./c/."]) assert.equal(plan(to), plan("/a/c"));
  });
});

describe("every option is read", () => {
  /** A copy, all the way down, in which every property is a getter that counts how often it is read. */
  function counted(value, path, counts) {
    if (typeof value !== "object" || value === null) return value;
    const copy = Array.isArray(value) ? [] : {};
    for (const [key, each] of Object.entries(value)) {
      const name = `${path}.${key}`;
      const inner = counted(each, name, counts);
      const get = () => {
        counts[name] = (counts[name] ?? 0) + 1;
        return inner;
      };
      Object.defineProperty(copy, key, { get, enumerable: true, configurable: true });
    }
    return copy;
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
    for (const [name, count] of Object.entries(counts))
      assert.equal(count, 1, `${name} was read ${count} times`);
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

  it("through proxies, of objects and of arrays", async () => {
    const reads = [];
    const watched = (value) => {
      if (typeof value !== "object" || value === null) return value;
      return new Proxy(value, {
        get(target, key) {
          if (typeof key === "string" && Object.hasOwn(target, key) && key !== "length")
            reads.push(target[key]);
          return watched(target[key]);
        },
      });
    };
    const options = { cmd: ["echo", "fine"], container: { fs: [], namespace: { pid: false } } };
    assert.equal(await spawn(watched(options)).stdout.text(), "fine\n");
    assert.equal(reads.filter((value) => value === "fine").length, 1);
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
