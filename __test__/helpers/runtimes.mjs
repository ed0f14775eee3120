/** Programs that run JavaScript, whichever runs the tests. */
import fs from "node:fs";
import { fileURLToPath } from "node:url";

const isBun = process.versions.bun !== undefined;
const packaged = fileURLToPath(new URL("../../node_modules/bun/bin/bun.exe", import.meta.url));

/** Their commands. What is not installed is left to the search along PATH. */
export const runtimes = {
  node: isBun ? "node" : process.execPath,
  bun: isBun ? process.execPath : fs.existsSync(packaged) ? packaged : "bun",
};
