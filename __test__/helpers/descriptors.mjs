/** What the open descriptors of this process lead to: paths, `pipe:[…]`, `socket:[…]`. */
import fs from "node:fs";

export function descriptorTargets() {
  return fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return []; // the one that listed the directory
    }
  });
}
