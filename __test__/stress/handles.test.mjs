// The stress programs of handles and their streams in small; `npm run stress` runs them in full.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { leaveNothing } from "../helpers/leftovers.mjs";

leaveNothing();

/** Runs one of them in a process of its own; it must end well. */
async function program(name, ...args) {
  const file = fileURLToPath(new URL(`${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args.map(String)], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  }
  const end = await new Promise((resolve, reject) => {
    child.on("error", reject).on("close", (...how) => resolve(how));
  });
  assert.deepEqual(end, [0, null], output);
}

const most = { timeout: 120_000 };

describe("in small:", () => {
  it(
    "128 MiB out of a command and into one, paused in between, and 150 outputs read in any order",
    most,
    async () => {
      await program("streams", 128, 200, 150);
    },
  );

  it("200 containers at once, and 100 one after the other, leave the event loop free", most, async () => {
    // How late a timer may come here is generous: other programs run beside the tests.
    await program("storm", 200, 100, 100, 2000);
  });

  it("1500 kills at the end of processes reach nobody else", most, async () => {
    await program("kills", 1500);
  });

  it("25 Workers are terminated while their commands run", most, async () => {
    await program("workers", 25);
  });

  it("600 handles are dropped", most, async () => {
    await program("dropped", 600);
  });
});
