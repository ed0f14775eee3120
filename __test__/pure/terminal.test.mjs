// What may be asked of a terminal.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { failure, spawnSync, Terminal } from "../helpers/run.mjs";

leaveNothing();

const ECHO = 0o10;

describe("a terminal", () => {
  it("takes text and bytes of every kind, and nothing else", () => {
    const terminal = new Terminal();
    assert.equal(terminal.write("ä"), 2);
    assert.equal(terminal.write(""), 0);
    assert.equal(terminal.write(new Uint16Array(2)), 4);
    assert.equal(terminal.write(new ArrayBuffer(3)), 3);
    assert.equal(terminal.write(new SharedArrayBuffer(3)), 3);
    for (const wrong of [undefined, null, 5, {}, []]) {
      assert.throws(() => terminal.write(wrong), { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
    }
    terminal.close();
  });

  it("has modes that can be set", () => {
    const terminal = new Terminal();
    for (const flags of ["inputFlags", "outputFlags", "localFlags", "controlFlags"]) {
      assert.ok(terminal[flags] > 0, flags);
      for (const wrong of [-1, 1.5, "1", 2 ** 32, Number.NaN]) {
        assert.throws(
          () => {
            terminal[flags] = wrong;
          },
          { name: "RangeError", code: "ERR_OUT_OF_RANGE" },
        );
      }
    }
    terminal.localFlags &= ~ECHO;
    assert.equal(terminal.localFlags & ECHO, 0);
    terminal.close();
    assert.equal(terminal.localFlags, 0);
  });

  it("has a size from 1 to 65535", () => {
    const terminal = new Terminal({ cols: 1, rows: 65535 });
    for (const wrong of [0, -1, 65536, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      for (const use of [
        () => terminal.resize(wrong, 1),
        () => terminal.resize(1, wrong),
        () => new Terminal({ cols: wrong }),
        () => new Terminal({ rows: wrong }),
      ]) {
        assert.throws(use, { name: "RangeError", code: "ERR_OUT_OF_RANGE" });
      }
    }
    for (const wrong of ["80", {}, undefined]) {
      assert.throws(() => terminal.resize(wrong, 1), { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
    }
    terminal.close();
  });

  it("is asked for strictly", () => {
    for (const [options, code, option] of [
      [{ cols: "80" }, "ERR_INVALID_ARG_TYPE", "cols"],
      [{ name: 5 }, "ERR_INVALID_ARG_TYPE", "name"],
      [{ name: "a\0b" }, "ERR_INVALID_ARG_VALUE", "name"],
      [{ data: 5 }, "ERR_INVALID_ARG_TYPE", "data"],
      [{ exit: "x" }, "ERR_INVALID_ARG_TYPE", "exit"],
      [{ drain: {} }, "ERR_INVALID_ARG_TYPE", "drain"],
      [{ colums: 5 }, "ERR_UNKNOWN_OPTION", "colums"],
    ]) {
      assert.throws(() => new Terminal(options), { code, option });
      const error = failure({ cmd: ["true"], terminal: options });
      assert.deepEqual([error.code, error.option], [code, `terminal.${option}`]);
    }
    for (const wrong of [5, "x", true, []]) {
      assert.throws(() => new Terminal(wrong), { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
      const error = failure({ cmd: ["true"], terminal: wrong });
      assert.deepEqual([error.code, error.option], ["ERR_INVALID_ARG_TYPE", "terminal"]);
    }
    assert.throws(() => Terminal({}), TypeError);
    const error = failure({
      cmd: ["true"],
      terminal: { cols: 0, rows: 0, x: 1 },
      stdout: "pipe",
      stdio: undefined,
    });
    assert.deepEqual(error.problems.map((problem) => problem.option).sort(), [
      "stdout",
      "terminal.cols",
      "terminal.rows",
      "terminal.x",
    ]);
  });

  it("takes no other place than that of the standard streams", () => {
    for (const [options, option] of [
      [{ stdin: "pipe" }, "stdin"],
      [{ stdout: "ignore" }, "stdout"],
      [{ stderr: 2 }, "stderr"],
      [{ stdio: ["inherit"] }, "stdio[0]"],
    ]) {
      const error = failure({ cmd: ["true"], terminal: {}, ...options });
      assert.deepEqual([error.code, error.option], ["ERR_INVALID_ARG_VALUE", option]);
    }
  });

  it("of Bun's own is not taken for one of ours", needs("bun"), () => {
    const terminal = new globalThis.Bun.Terminal({});
    assert.equal(failure({ cmd: ["true"], terminal }).code, "ERR_INVALID_ARG_TYPE");
    terminal.close();
  });

  it("needs somebody to read it, so spawnSync refuses it", () => {
    assert.throws(() => spawnSync(["true"], { terminal: {} }), {
      name: "TypeError",
      code: "ERR_INVALID_ARG_TYPE",
      option: "terminal",
    });
  });
});
