import api from "./index.js";

export const { SpawnError, explain, spawn } = api;
export default api;
