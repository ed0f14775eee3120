// Id maps of one's own choice, which only root may write.
import assert from "node:assert/strict";
import fs from "node:fs";
import { describe, it } from "node:test";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";
import { output, sh, spawnError } from "../helpers/run.mjs";
import { tempDir } from "../helpers/temp.mjs";

leaveNothing();

const range = [{ inside: 0, outside: 100_000, length: 65_536 }];
const user = { uid_map: range, gid_map: range };

describe("a map of a range", needs("root", "userns"), () => {
  it("is what the command has, and its root is an ordinary user outside", async () => {
    const directory = tempDir();
    fs.chmodSync(directory, 0o777);
    const container = { namespace: { user, pid: true, mount: true } };
    const seen = await output(
      `cat /proc/self/uid_map /proc/self/gid_map; id -u; id -g; echo x > ${directory}/file`,
      { container },
    );
    const [uids, gids, uid, gid] = seen.split("\n").map((line) => line.trim().split(/\s+/).join(" "));
    assert.deepEqual([uids, gids, uid, gid], ["0 100000 65536", "0 100000 65536", "0", "0"]);
    const { uid: owner, gid: group } = fs.statSync(`${directory}/file`);
    assert.deepEqual([owner, group], [100_000, 100_000]);
  });

  it("keeps it from the kernel's settings, which the default map of root does not", async () => {
    const script = "exec 3>> /proc/sys/kernel/core_pattern && echo open";
    const kept = await sh(script, { container: { namespace: { user, pid: true, mount: true } } });
    assert.equal(kept.stdout, "");
    const own = await sh(script, { container: { namespace: { user: true, pid: true, mount: true } } });
    assert.equal(own.stdout, "open\n", "the control: as documented, this is isolation and not confinement");
  });

  it("may have several parts, and uid and gid choose among them", async () => {
    const parts = [
      { inside: 0, outside: 200_000, length: 10 },
      { inside: 1000, outside: 300_000, length: 5 },
    ];
    const container = { namespace: { user: { uid_map: parts, gid_map: parts } } };
    assert.equal(await output("id -u; id -g", { container, uid: 1004, gid: 1001 }), "1004\n1001");
    spawnError({ cmd: ["true"], container, uid: 500, gid: 0 }, { code: "EINVAL", option: "uid" });
  });

  it("works with every other namespace, a root, and mounts", async () => {
    const namespace = { user, pid: true, network: true, uts: { hostname: "box" }, ipc: true, cgroup: true };
    const container = {
      namespace,
      root: { from: "host", readonly: true },
      fs: [{ type: "tmpfs", to: "/mnt" }],
    };
    const script = "echo x > /mnt/x && cat /proc/sys/kernel/hostname && ls /proc | grep -c '^[0-9]*$'";
    const [hostname, count] = (await output(script, { container })).split("\n");
    assert.equal(hostname, "box");
    assert.ok(Number(count) <= 6, `${count} processes`);
  });
});

describe("a map of others' ids", needs("not-root", "userns"), () => {
  it("is refused to an ordinary user, and says what is allowed", () => {
    const marker = `${tempDir()}/ran`;
    const error = spawnError(
      { cmd: ["touch", marker], container: { namespace: { user } } },
      { code: "EPERM", option: "container.namespace.user" },
    );
    assert.ok(error.hint);
    assert.ok(!fs.existsSync(marker));
  });
});
