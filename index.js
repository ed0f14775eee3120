"use strict";

const { SpawnError } = require("./lib/errors.js");
const { RunError } = require("./lib/run-error.js");
const { run } = require("./lib/run.js");
const { explain, spawn } = require("./lib/spawn.js");
const { spawnSync } = require("./lib/sync.js");
const { Terminal } = require("./lib/terminal.js");

module.exports = { RunError, SpawnError, Terminal, explain, run, spawn, spawnSync };
