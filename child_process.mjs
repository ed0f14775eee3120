import api from "./child_process.js";

export const { ChildProcess, exec, execFile, execFileSync, execSync, spawn, spawnSync } = api;
export default api;
