/** The two ways to have the right to mount: every file-system test runs in both, where this machine allows it. */
import { describe } from "node:test";
import { has } from "./must.mjs";

const all = [
  { name: "in a user namespace", need: "userns", namespace: { user: true } },
  { name: "as the machine's root", need: "root", namespace: {} },
];

/** `describe(name)` once per mode; `body(container)` gets a function that completes container options. */
export function inEachMode(name, body) {
  for (const mode of all) {
    if (!has(mode.need)) continue;
    describe(`${name}, ${mode.name}`, () => {
      const container = ({ namespace, ...options } = {}) => ({
        namespace: { ...mode.namespace, ...namespace },
        ...options,
      });
      body(container, mode);
    });
  }
}

/** Commands that end by executing their arguments with the right to mount, where no mount can reach the machine's. */
export const ownMounts = has("root")
  ? ["unshare", "-m", "--propagation", "private"]
  : ["unshare", "-Urm", "--propagation", "private"];
