// Without a limit no control group is touched, and nobody is asked to.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { expectedManager } from "../helpers/cgroups.mjs";
import { leaveNoGroups } from "../helpers/limits.mjs";
import { has, needs } from "../helpers/must.mjs";
import { spawn } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

/** The lines of system calls that a program with containers makes, from before it loads the product. */
async function traced(containers) {
  const log = path.join(tempDir(), "log");
  const calls = "openat,open,openat2,mkdir,mkdirat,rmdir,unlinkat,connect,newfstatat,statx,access,faccessat2";
  const wrapper = ["strace", "-f", "-qq", "-s", "200", "-e", `trace=${calls}`, "-o", log];
  // The runtime looks for its own memory limit when it starts, which is none of our doing.
  const source = `
    fs.existsSync("/the-beginning");
    for (const container of given) {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", stderr: "inherit", container });
      child.kill(0);
      child.stdin.end();
      await child.exited;
      if (container !== undefined) await child.container.kill();
    }
    fs.existsSync("/the-end");
    say("done");`;
  assert.equal(await script(source, { given: containers, wrapper, timeout: 100_000 }), "done");
  const lines = fs.readFileSync(log, "utf8").split("\n");
  const place = (mark) => lines.findIndex((line) => line.includes(mark));
  assert.ok(place("/the-beginning") >= 0 && place("/the-end") > place("/the-beginning"));
  return lines.slice(place("/the-beginning"), place("/the-end"));
}

const namespace = has("userns") ? { user: true, pid: true, mount: true, cgroup: true } : { pid: true };
const touching = (lines) =>
  lines.filter((line) => /\/sys\/fs\/cgroup|systemd|dbus|\/run\/user|bus_socket/.test(line));

describe("without a limit", needs("strace"), () => {
  it("no control group is touched", { timeout: 120_000 }, async () => {
    const lines = await traced([
      { namespace },
      { namespace, limit: {} },
      { namespace, limit: { memory: undefined } },
    ]);
    assert.ok(
      lines.some((line) => line.includes("openat")),
      "it saw something",
    );
    assert.deepEqual(touching(lines), []);
  });

  it("and with one it is: the control", { ...needs("limits"), timeout: 120_000 }, async () => {
    const lines = touching(await traced([{ namespace, limit: { pids: 20 } }]));
    const expected = expectedManager === "systemd" ? /connect\(/ : /mkdir/;
    assert.ok(
      lines.some((line) => expected.test(line)),
      lines.join("\n"),
    );
  });

  it("the product itself touches none when it is loaded", { timeout: 120_000 }, async () => {
    const log = path.join(tempDir(), "log");
    const api = new URL("../../index.js", import.meta.url).pathname;
    const source = `
      const fs = require("node:fs");
      fs.existsSync("/the-beginning");
      const { spawnSync } = require(${JSON.stringify(api)});
      spawnSync(["true"]);
      fs.existsSync("/the-end");`;
    const file = path.join(tempDir(), "program.cjs");
    fs.writeFileSync(file, source);
    const cmd = [
      "strace",
      "-f",
      "-qq",
      "-s",
      "200",
      "-e",
      "trace=%file,connect",
      "-o",
      log,
      process.execPath,
      file,
    ];
    assert.equal(await spawn({ cmd }).exited, 0);
    const text = fs.readFileSync(log, "utf8");
    const between = text.slice(text.indexOf("/the-beginning"), text.indexOf("/the-end"));
    assert.match(between, /\.node/, "it was loaded there");
    assert.deepEqual(touching(between.split("\n")), []);
  });

  it("the container is in the group of this process, and says that it has none", async () => {
    for (const limit of [undefined, null, false, {}, { memory: undefined, cpu: undefined, io: [] }]) {
      const child = spawn({ cmd: ["cat"], stdin: "pipe", container: { namespace: {}, limit } });
      const { cgroup, isolation } = child.container;
      assert.deepEqual(
        [cgroup, isolation.cgroups, isolation.cgroupManager, isolation.cgroupVersion],
        [null, [], null, null],
      );
      assert.equal(
        fs.readFileSync(`/proc/${child.container.pid}/cgroup`, "utf8"),
        fs.readFileSync("/proc/self/cgroup", "utf8"),
      );
      child.stdin.end();
      await child.exited;
    }
  });
});
