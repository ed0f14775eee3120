// What the machine's root can prove about mounts: propagation, set-user-id programs, device nodes, the old root.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { payload } from "../helpers/payload.mjs";
import { output, run, sh } from "../helpers/run.mjs";
import { script } from "../helpers/script.mjs";
import { tempDir, tempTree } from "../helpers/temp.mjs";
import { userland } from "../helpers/userland.mjs";

leaveNothing();

describe("propagation", needs("root", "unshare"), () => {
  it("is cut: on a machine with shared mounts nothing arrives from a container", async () => {
    const source = `
      const info = () => fs.readFileSync("/proc/self/mountinfo", "utf8");
      const before = info();
      const { execFileSync } = await import("node:child_process");
      // The control: here, a mount in a namespace of its own does arrive, unless somebody cuts the propagation.
      execFileSync("unshare", ["-m", "--propagation", "unchanged", "mount", "-t", "tmpfs", "control", "/mnt"]);
      const arrived = info() !== before;
      execFileSync("umount", ["/mnt"]);
      const during = [];
      for (const namespace of [{}, { pid: true }, { user: true, pid: true }]) {
        const child = spawn({
          cmd: ["/bin/sh", "-c", "mount -t tmpfs late /mnt/late; read line"], stdin: "pipe", stdout: "ignore", stderr: "ignore",
          container: { namespace, fs: [{ type: "tmpfs", to: "/mnt" }, { type: "tmpfs", to: "/mnt/late" }, { type: "bind", from: "/usr", to: "/opt" }, { type: "proc", to: "/mnt/proc" }] },
        });
        await delay(50);
        during.push(info() === before);
        child.stdin.end();
        await child.exited;
      }
      for (const root of [{ from: "host", readonly: true }, { from: "host", overlay: true }]) {
        const child = spawn({ cmd: ["true"], container: { root } });
        during.push(info() === before);
        await child.exited;
      }
      say({ shared: /shared:/.test(before), arrived, during, after: info() === before });`;
    const wrapper = [
      "unshare",
      "-m",
      "--propagation",
      "private",
      "sh",
      "-c",
      'mount --make-rshared / && exec "$@"',
      "sh",
    ];
    const seen = await script(source, { wrapper });
    assert.deepEqual(seen, {
      shared: true,
      arrived: true,
      during: [true, true, true, true, true],
      after: true,
    });
  });
});

describe("nosuid", needs("root", "setpriv"), () => {
  it("holds on a bind: a set-user-id program gives nothing, unless suid is asked for", async () => {
    const from = tempDir();
    const mounted = (extra) => ({ type: "bind", from, to: "/mnt", ...extra });
    fs.copyFileSync(fs.realpathSync("/usr/bin/id"), `${from}/id`);
    fs.chmodSync(`${from}/id`, 0o4755);
    const control = spawnSync(
      "setpriv",
      ["--reuid", "65534", "--regid", "65534", "--clear-groups", `${from}/id`, "-u"],
      { encoding: "utf8" },
    );
    assert.equal(control.stdout, "0\n", "the control: the program works where it lies");
    const options = (entry) => ({
      uid: 65534,
      gid: 65534,
      container: { fs: [entry], security: { noNewPrivileges: false } },
    });
    assert.equal(await output("/mnt/id -u", options(mounted({}))), "65534");
    assert.equal(
      await output("/mnt/id -u", options(mounted({ suid: true }))),
      "0",
      "the control: nosuid is what held",
    );
  });
});

describe("nodev", needs("root"), () => {
  it("holds on a tmpfs: a device node opens nothing, unless dev is asked for", async () => {
    const script = "mknod /mnt/null c 1 3 && echo x > /mnt/null && echo open";
    const shut = await sh(script, { container: { fs: [{ type: "tmpfs", to: "/mnt" }] } });
    assert.equal(shut.stdout, "");
    assert.match(shut.stderr, /Permission denied/);
    const open = await sh(script, { container: { fs: [{ type: "tmpfs", to: "/mnt", dev: true }] } });
    assert.equal(open.stdout, "open\n", open.stderr);
  });
});

describe("the classic way out of a chroot", needs("root", "payload", "unshare"), () => {
  const root = () => {
    const directory = tempTree({ marker: "inside" });
    fs.copyFileSync(payload("probe"), `${directory}/probe`);
    fs.chmodSync(`${directory}/probe`, 0o755);
    return directory;
  };

  it("works in a chroot: the control", () => {
    const directory = root();
    const seen = execFileSync("chroot", [directory, "/probe", "escape"], { encoding: "utf8" }).split("\n");
    assert.ok(seen.includes("etc") && !seen.includes("marker"), seen.join(" "));
  });

  for (const namespace of [{}, { pid: true }, { user: true, pid: true }]) {
    it(`leads nowhere in a container (${JSON.stringify(namespace)})`, async () => {
      const { stdout, stderr } = await run(["/probe", "escape"], { container: { namespace, root: root() } });
      const seen = stdout.split("\n");
      assert.ok(seen.includes("marker") && !seen.includes("etc"), `${stdout}${stderr}`);
    });
  }
});

describe("the host's mounts", needs("root", "unshare"), () => {
  it("do not come along into a root of one's own", async () => {
    const root = tempTree({ proc: null });
    const container = { namespace: { pid: true }, root, fs: [...userland, { type: "proc", to: "/proc" }] };
    const info = await output("cat /proc/self/mountinfo", { container });
    for (const line of info.split("\n"))
      assert.match(line.split(" ")[4], /^\/(usr|bin|sbin|lib|lib64|proc)?(\/|$)/, line);
    assert.equal(
      await output("cd / && ls -A", { container }).then((names) =>
        names
          .split("\n")
          .filter((name) => /old|put/.test(name))
          .join(),
      ),
      "",
    );
  });
});
