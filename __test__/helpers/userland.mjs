/** The host's programs and libraries, as entries of `fs` for a root of one's own; and what a program needs to start. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";

export const userland = ["/usr", "/bin", "/sbin", "/lib", "/lib64"].map((path) => ({
  type: "bind",
  from: path,
  to: path,
  readonly: true,
  optional: true,
}));

/** The program that the kernel starts first for a dynamic executable, read from its header. */
export function interpreterOf(program) {
  const bytes = fs.readFileSync(program);
  const [headers, size, count] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ];
  for (let index = 0; index < count; index++) {
    const at = headers + index * size;
    const PT_INTERP = 3;
    if (bytes.readUInt32LE(at) !== PT_INTERP) continue;
    const [offset, length] = [Number(bytes.readBigUInt64LE(at + 8)), Number(bytes.readBigUInt64LE(at + 32))];
    return bytes.toString("latin1", offset, offset + length - 1);
  }
  throw new Error(`${program} has no interpreter`);
}

/** The names of the libraries that it needs, as its loader lists them. */
export function librariesOf(program) {
  const listed = execFileSync(interpreterOf(program), ["--list", program], { encoding: "utf8" });
  return [...listed.matchAll(/^\s*(\S+) => /gm)].map((match) => match[1]);
}
