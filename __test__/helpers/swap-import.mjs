/** Lets the modules of a package import `swapped.mjs` where they ask for `node:child_process`. */
import fs from "node:fs";
import module from "node:module";

const MODULE = "node:child_process";
const swapped = new URL("./swapped.mjs", import.meta.url);

/** Call it before the package is imported. */
export function swapImports(packageName) {
  const folder = `/node_modules/${packageName}/`;
  if (process.versions.bun !== undefined) swapInBun(folder);
  else swapInNode(folder);
}

function swapInNode(folder) {
  const isMeant = (specifier, parent) => specifier === MODULE && parent?.includes(folder);
  const answer = { url: swapped.href, shortCircuit: true };
  if (module.registerHooks !== undefined) {
    module.registerHooks({
      resolve: (specifier, context, next) =>
        isMeant(specifier, context.parentURL) ? answer : next(specifier, context),
    });
    return;
  }
  // Hooks of older versions run in a thread of their own, and come as a module.
  const source = `
    export const resolve = (specifier, context, next) =>
      specifier === ${JSON.stringify(MODULE)} && context.parentURL?.includes(${JSON.stringify(folder)})
        ? ${JSON.stringify(answer)} : next(specifier, context);`;
  module.register(`data:text/javascript,${encodeURIComponent(source)}`);
}

// Bun asks no plugin for its own modules, but for the text of those that import them.
function swapInBun(folder) {
  Bun.plugin({
    name: "swap-import",
    setup(build) {
      build.onLoad({ filter: new RegExp(`${folder}.*\\.js$`) }, ({ path }) => ({
        contents: fs.readFileSync(path, "utf8").replace(`'${MODULE}'`, JSON.stringify(swapped.pathname)),
        loader: "js",
      }));
    },
  });
}
