"use strict";

const { ChildProcess } = require("./lib/child-process/child.js");
const { exec, execFile } = require("./lib/child-process/exec.js");
const { spawn } = require("./lib/child-process/spawn.js");
const { execFileSync, execSync, spawnSync } = require("./lib/child-process/sync.js");

module.exports = { ChildProcess, exec, execFile, execFileSync, execSync, spawn, spawnSync };
