/** The runtime's garbage collector, at will. */
import v8 from "node:v8";
import vm from "node:vm";

function nodes() {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc");
}

export const collect = globalThis.Bun ? () => globalThis.Bun.gc(true) : (globalThis.gc ?? nodes());
