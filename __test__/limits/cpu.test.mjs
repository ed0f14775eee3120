// Processor time: its limit, its share, and which processors.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { allowedProcessors, control, cpuLimit } from "../helpers/cgroups.mjs";
import { finish, kinds, leaveNoGroups, probe, script, start } from "../helpers/limits.mjs";
import { needs } from "../helpers/must.mjs";
import { output, spawnError } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNoGroups();

/** Tries a measurement again that other work on the machine may have spoilt. */
async function patiently(measure, isGood) {
  let measured;
  for (let round = 0; round < 3; round++) {
    measured = await measure();
    if (isGood(measured)) break;
  }
  return measured;
}

/** Goes before what else runs on the machine, which would else take what a test expects to get. */
const FIRST = { cpuWeight: 10_000 };

describe("cpu", needs("limits", "payload"), () => {
  /** Seconds of processor time that busy processes got, as they say themselves, and as was counted for the group. */
  async function spun(ms, limit, options) {
    const { stdout, end, stats } = await finish(start(probe("spin", ms), limit, options));
    assert.deepEqual(end, [0, null, "exited"]);
    return { own: Number(stdout) / 1000, counted: stats.cpu.usage / 1e6 };
  }

  // Together they are as busy as one processor, so that a machine that has but one can run them at once.
  it("50 gives 1.8 to 2.2 s of 4 s", { timeout: 120_000 }, async () => {
    const namespaces = Object.values(kinds).slice(0, 2);
    const both = () =>
      Promise.all(namespaces.map((namespace) => spun(4000, { cpu: 50, ...FIRST }, { namespace })));
    const measured = await patiently(both, (each) => each.every(({ counted }) => counted >= 1.8));
    for (const { own, counted } of measured) {
      assert.ok(counted >= 1.8 && counted <= 2.2, JSON.stringify(measured));
      assert.ok(own > counted * 0.8 && own <= counted + 0.05, JSON.stringify(measured));
    }
  });

  it("max gives at least 3 s of 4 s: the control", { timeout: 120_000 }, async () => {
    const measured = await patiently(
      () => spun(4000, { cpu: "max", ...FIRST }),
      ({ counted }) => counted >= 3,
    );
    assert.ok(measured.counted >= 3 && measured.own >= 3, JSON.stringify(measured));
  });

  it("is of all processes of the container together", { timeout: 120_000 }, async () => {
    const { stats } = await finish(start(script('"$0" spin 2000 & "$0" spin 2000; wait'), { cpu: 50 }));
    assert.ok(stats.cpu.usage <= 1.25e6, `${stats.cpu.usage} µs`);
  });

  it("takes fractions, more than one processor, and max", async () => {
    for (const cpu of [1, 12.5, 50, 150, 400, "max"]) {
      const child = start(["cat"], { cpu }, { stdin: "pipe" });
      const percent = cpuLimit(child.container.pid);
      if (cpu === "max") assert.equal(percent, "max");
      else assert.ok(Math.abs(percent - cpu) < cpu / 50, `${percent} % for ${cpu}`);
      child.stdin.end();
      await child.exited;
    }
  });
});

describe("cpuWeight", needs("cpuset", "payload"), () => {
  it("divides what is not enough for all", { timeout: 120_000 }, async () => {
    const cpuset = String(allowedProcessors()[0]);
    const contend = () =>
      Promise.all(
        [100, 1000].map(async (cpuWeight) => {
          const { stdout } = await finish(start(probe("spin", 2000), { cpuWeight, cpuset }));
          return Number(stdout);
        }),
      );
    const [light, heavy] = await patiently(contend, ([some, more]) => more > some * 3);
    assert.ok(heavy > light * 3, `${heavy} ms beside ${light} ms, ten times the weight`);
  });

  it("divides evenly what weighs the same: the control", { timeout: 120_000 }, async () => {
    const cpuset = String(allowedProcessors()[0]);
    const contend = () =>
      Promise.all(
        [300, 300].map(async (cpuWeight) =>
          Number((await finish(start(probe("spin", 1000), { cpuWeight, cpuset }))).stdout),
        ),
      );
    const isEven = ([one, other]) => Math.max(one, other) < Math.min(one, other) * 2;
    const shares = await patiently(contend, isEven);
    assert.ok(isEven(shares), `${shares} ms`);
  });
});

describe("cpuset", needs("cpuset"), () => {
  const list = "sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status";

  for (const [kind, namespace] of Object.entries(kinds)) {
    it(`pins to the processors that it names, ${kind}`, async () => {
      const [first, second] = allowedProcessors();
      const inside = (cpuset) => output(list, { container: { namespace, limit: { cpuset } } });
      assert.equal(await inside(String(first)), String(first));
      assert.equal(await inside(String(second)), String(second));
      assert.match(await inside(`${first},${second}`), new RegExp(`^${first}[,-]${second}$`));
    });
  }

  it("leaves all of them without a limit: the control", async () => {
    const own = /^Cpus_allowed_list:\s*(.*)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))[1];
    assert.equal(await output(list, { container: { namespace: kinds["with no namespace"] } }), own);
  });

  it("has what it was given in its control file", async () => {
    const [first] = allowedProcessors();
    const child = start(["cat"], { cpuset: String(first) }, { stdin: "pipe" });
    assert.equal(control(child.container.pid, "cpuset"), String(first));
    child.stdin.end();
    assert.equal(await child.exited, 0);
  });

  it("with a processor that is not there is an error, and the command never runs", () => {
    const marker = `${tempDir()}/ran`;
    const [first] = allowedProcessors();
    for (const cpuset of ["4000", `${first},4000`, "3990-4000"]) {
      const error = spawnError(
        { cmd: ["touch", marker], container: { limit: { cpuset } } },
        { option: "container.limit.cpuset" },
      );
      assert.match(error.message, /processor|cpuset|cpu/i);
      assert.ok(!fs.existsSync(marker));
    }
  });
});
