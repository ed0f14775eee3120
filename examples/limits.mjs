// Half a core and 100 MiB for a command that would take more of both. Needs root, or another owner of control groups.

import { SpawnError, spawn } from "container-spawn";

const container = { limit: { cpu: 50, memory: "100M" } };

async function run(script) {
  const begin = performance.now();
  const child = spawn({ cmd: ["sh", "-c", script], stderr: "ignore", container });
  await child.exited;
  return { child, seconds: (performance.now() - begin) / 1000 };
}

try {
  const busy = await run("timeout 2 sh -c 'while :; do :; done'");
  const used = Number(busy.child.resourceUsage().cpuTime.total) / 1e6;
  console.log(`An endless loop used ${used.toFixed(1)} s of processor time in ${busy.seconds.toFixed(1)} s.`);

  // tail keeps what it reads in memory, since the input has no second line.
  const greedy = await run("head -c 200M /dev/zero | tail -n 1 > /dev/null");
  console.log(`A command that wanted 200 MiB ended with exit code ${greedy.child.exitCode}: 128 + SIGKILL.`);
} catch (error) {
  if (!(error instanceof SpawnError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
