/** What the tests of the handle are run with: a plain command, and a container where there can be one. */
import { has } from "./must.mjs";

/** Container options by the words that name them. */
export const kinds = { "a plain command": undefined };
if (has("userns")) kinds["a container"] = { namespace: { user: true, pid: true, mount: true } };
