/** Directories that live as long as a test file. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

export const PREFIX = "container-spawn-test-";
const made = new Set();

/** A new empty directory below the system's temporary one, readable by every user. */
export function tempDir() {
  const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), PREFIX));
  fs.chmodSync(directory, 0o755);
  made.add(directory);
  return directory;
}

/** Creates the files of `{ "path/in/directory": "content" }`; a `null` makes a directory. */
export function fill(directory, files) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(directory, name);
    fs.mkdirSync(content === null ? file : path.dirname(file), { recursive: true });
    if (content !== null) fs.writeFileSync(file, content);
  }
  return directory;
}

/** A new directory with these files. */
export const tempTree = (files) => fill(tempDir(), files);

/** Every name below `directory`, with its kind and its content: equal before and after means untouched. */
export function contents(directory) {
  const found = {};
  const walk = (at, name) => {
    // An overlay's work directory can be opened by nobody but root.
    if (process.geteuid() !== 0 && (fs.statSync(at).mode & 0o700) === 0) return;
    for (const entry of fs.readdirSync(at, { withFileTypes: true })) {
      const file = path.join(at, entry.name);
      const key = name ? `${name}/${entry.name}` : entry.name;
      if (entry.isDirectory()) {
        found[key] = "directory";
        walk(file, key);
      } else if (entry.isSymbolicLink()) found[key] = `-> ${fs.readlinkSync(file)}`;
      else if (entry.isFile()) found[key] = fs.readFileSync(file, "latin1");
      else found[key] = "special";
    }
  };
  walk(directory, "");
  return found;
}

/** An overlay's work directory has mode 0: it must be opened before it can be emptied. */
function openUp(directory) {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inner = path.join(directory, entry.name);
    fs.chmodSync(inner, 0o700);
    openUp(inner);
  }
}

/** Removes what `tempDir` made. */
export function removeTempDirs() {
  for (const directory of made) {
    openUp(directory);
    fs.rmSync(directory, { recursive: true, force: true });
  }
  made.clear();
}
