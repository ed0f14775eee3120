"use strict";

const { SpawnError } = require("./lib/errors.js");
const { explain, spawn } = require("./lib/spawn.js");

module.exports = { SpawnError, explain, spawn };
