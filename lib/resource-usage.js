"use strict";

/** What the native side counted, in Bun's shape: times in microseconds, sizes in bytes. */
function resourceUsage(counts) {
  const [utime, stime, maxRSS, , , nswap, inblock, oublock, msgsnd, msgrcv, nsignals, nvcsw, nivcsw, ixrss] =
    counts;
  const user = BigInt(Math.round(utime));
  const system = BigInt(Math.round(stime));
  return {
    contextSwitches: { voluntary: nvcsw, involuntary: nivcsw },
    cpuTime: { user, system, total: user + system },
    maxRSS,
    messages: { sent: msgsnd, received: msgrcv },
    ops: { in: inblock, out: oublock },
    shmSize: ixrss,
    signalCount: nsignals,
    swapCount: nswap,
  };
}

module.exports = { resourceUsage };
