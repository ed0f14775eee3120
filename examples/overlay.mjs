// A directory that a command may change as it likes: what it writes goes to another one. Needs no privileges.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpawnError, spawn } from "container-spawn";

const directory = mkdtempSync(join(tmpdir(), "container-spawn-overlay-"));
const [lower, upper, work, data] = ["lower", "upper", "work", "data"].map((name) => join(directory, name));
for (const path of [lower, upper, work, data]) mkdirSync(path);
writeFileSync(join(lower, "notes.txt"), "as it was\n");

try {
  const child = spawn({
    cmd: ["sh", "-c", "echo changed > notes.txt; echo new > more.txt; head -- *"],
    cwd: data,
    container: {
      namespace: { user: true, mount: true },
      fs: [{ type: "overlayfs", to: data, lower: [lower], upper, work }],
    },
  });
  console.log(`The command sees:\n${await child.stdout.text()}`);
  console.log(`It ended with ${await child.exited}. On the host:`);
  console.log(`  lower/notes.txt   ${readFileSync(join(lower, "notes.txt"), "utf8").trim()}`);
  console.log(`  upper             ${readdirSync(upper).join(" ")}`);
  console.log(`  data              ${readdirSync(data).join(" ") || "empty"}`);
} catch (error) {
  if (!(error instanceof SpawnError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
