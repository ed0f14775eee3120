// The plan: what spawn would do, without doing it.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { explain } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const everything = (directory) => ({
  cmd: ["/bin/sh", "-c", "echo hello"],
  cwd: "/work",
  stdin: "pipe",
  container: {
    namespace: {
      user: true,
      pid: true,
      mount: true,
      network: true,
      uts: { hostname: "box", domainname: "test" },
      ipc: true,
      cgroup: true,
      time: { monotonic: 1, boottime: 2 },
    },
    root: { from: "/no/such/root", readonly: true },
    fs: [
      { type: "bind", from: "/no/such/source", to: "/source", readonly: true },
      { type: "tmpfs", to: "/scratch", size: "1M", mode: 0o700 },
      {
        type: "overlayfs",
        to: "/layers",
        lower: [`${directory}/a`, `${directory}/b`],
        upper: `${directory}/u`,
        work: `${directory}/w`,
      },
      { type: "proc", to: "/proc" },
    ],
  },
});

describe("explain", () => {
  it("numbers the steps from the first on, and says who does each of them, in words", () => {
    const { steps } = explain(everything(tempDir()));
    assert.ok(steps.length > 10);
    const first = steps[0].index;
    steps.forEach((step, position) => {
      assert.equal(step.index, first + position);
      assert.ok(["parent", "child", "payload", "init"].includes(step.lane), step.lane);
      assert.ok(step.stage && typeof step.stage === "string");
      assert.ok(step.text && typeof step.text === "string");
      assert.ok(step.option === null || typeof step.option === "string");
    });
  });

  it("has a step for every option that was given", () => {
    const { steps } = explain(everything(tempDir()));
    const options = steps.map((step) => step.option ?? "");
    for (const wanted of [
      "cmd",
      "cwd",
      "container.root",
      "container.fs[0]",
      "container.fs[1]",
      "container.fs[2]",
      "container.fs[3]",
      "container.namespace.uts.hostname",
      "container.namespace.uts.domainname",
      "container.namespace.network",
      "container.namespace.time",
    ]) {
      assert.ok(
        options.some((option) => option.startsWith(wanted)),
        `${wanted} among ${options.join(" ")}`,
      );
    }
  });

  it("keeps the order in which fs was written", () => {
    const positions = [0, 1, 2, 3].map((entry) =>
      explain(everything(tempDir())).steps.findLastIndex((step) =>
        step.option?.startsWith(`container.fs[${entry}]`),
      ),
    );
    assert.deepEqual(
      [...positions].sort((a, b) => a - b),
      positions,
    );
  });

  it("prints one line for each step, with its number", () => {
    const plan = explain(everything(tempDir()));
    const printed = String(plan).split("\n");
    for (const step of plan.steps) {
      assert.ok(
        printed.some(
          (line) => new RegExp(`^\\s*${step.index}\\b`).test(line) && line.includes(step.text.split("\n")[0]),
        ),
        `step ${step.index} in:\n${plan}`,
      );
    }
  });

  it("does nothing", () => {
    const directory = tempDir();
    const options = everything(directory);
    options.container.fs.push({ type: "tmpfs", to: `${directory}/target` });
    delete options.container.root;
    const before = fs.readFileSync("/proc/self/mountinfo", "utf8");
    explain({ ...options, cmd: ["/no/such/command"] });
    assert.deepEqual(fs.readdirSync(directory), []);
    assert.equal(fs.readFileSync("/proc/self/mountinfo", "utf8"), before);
  });

  it("needs no privilege, for limits neither", () => {
    const plan = explain({
      cmd: ["true"],
      container: { namespace: { pid: true, mount: true }, limit: { memory: "1G", cpu: 150 } },
    });
    const options = plan.steps.map((step) => step.option ?? "");
    assert.ok(
      options.some((option) => option.startsWith("container.limit.memory")),
      options.join(" "),
    );
    assert.ok(
      options.some((option) => option.startsWith("container.limit.cpu")),
      options.join(" "),
    );
  });

  it("gives the same plan for the same options", () => {
    const directory = tempDir();
    assert.equal(String(explain(everything(directory))), String(explain(everything(directory))));
  });

  it("of a plain command is short, and makes private nothing", () => {
    const plan = String(explain({ cmd: ["true"] }));
    assert.doesNotMatch(plan, /mount|namespace|cgroup/i);
  });

  it("makes propagation private before the first mount", () => {
    const { steps } = explain(everything(tempDir()));
    const isPrivate = steps.findIndex((step) => /private/i.test(step.text));
    const mounts = steps.findIndex(
      (step) => step.lane === "child" && /move_mount|^mount (?!.*private)|fsmount|fsopen/i.test(step.text),
    );
    assert.ok(
      isPrivate >= 0 && mounts > isPrivate,
      `${isPrivate} before ${mounts}:\n${explain(everything(tempDir()))}`,
    );
  });
});
