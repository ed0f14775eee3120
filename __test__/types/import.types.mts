// An ES module sees the same names.

import { explain, SpawnError, spawn } from "container-spawn";

import api = require("container-spawn");

import { is } from "./expect.js";

const child = spawn(["true"], { stdout: "pipe" });
is<string>()(await child.stdout.text());
is<string>()(String(explain(["true"])));
is<boolean>()(new Error("x") instanceof SpawnError);
is<typeof spawn>()(api.spawn);
