// The two stress programs in small; `npm run stress` runs them in full.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { leaveNothing } from "../helpers/leftovers.mjs";
import { needs } from "../helpers/must.mjs";

leaveNothing();

/** Runs one of them in a process of its own. */
function program(name, ...args) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args.map(String)], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", reject).on("close", (code, signal) => resolve({ code, signal, output }));
  });
}

describe("in small:", needs("userns"), () => {
  it("300 containers and 50 failures of each kind leave nothing behind", { timeout: 120_000 }, async () => {
    const { code, signal, output } = await program("leaks", 300, 50);
    assert.deepEqual([code, signal], [0, null], output);
  });

  it("500 starts beside a Worker that allocates", { timeout: 120_000 }, async () => {
    const { code, signal, output } = await program("worker-gc", 500);
    assert.deepEqual([code, signal], [0, null], output);
  });
});
