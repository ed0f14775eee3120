import api from "./index.js";

export const { RunError, SpawnError, Terminal, explain, run, spawn, spawnSync } = api;
export default api;
