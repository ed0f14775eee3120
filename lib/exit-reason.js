"use strict";

/**
 * Why a process ended that nobody of us has ended. "oom": the kernel's OOM killer has killed something in its container,
 * and it did not get over that.
 */
function exitReason(status, stats) {
  if (status !== 0 && stats?.oom?.kills > 0) return "oom";
  return (status & 0x7f) === 0 ? "exited" : "signaled";
}

module.exports = { exitReason };
