//! What the child tells the parent. Both have the same memory until exec, so there is no pipe to read.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use crate::op::SLOTS;
use crate::syscall::{Errno, call};

/// Values of [`Shared::doorbell`], on which the parent sleeps.
pub mod bell {
    /// Nothing yet.
    pub const QUIET: u32 = 0;
    /// The child waits at a gate.
    pub const GATE: u32 = 1;
    /// The supervisor runs again: the child has exec'ed or is dead.
    pub const DONE: u32 = 2;
}

/// Bits of [`Shared::reached`].
pub mod reached {
    /// The payload has gone into its exec.
    pub const PAYLOAD: u32 = 1;
    /// Init has gone into its exec.
    pub const INIT: u32 = 2;
}

/// No step has failed.
pub const NO_FAILURE: u32 = u32::MAX;

/// The words that parent and child share.
pub struct Shared {
    /// Rung for the parent: see [`bell`].
    pub doorbell: AtomicU32,
    /// How many gates the parent has opened.
    pub gates_open: AtomicU32,
    /// Index of the step that is being run: what hung, if it is killed.
    pub step: AtomicU32,
    /// Index of the step that failed, or [`NO_FAILURE`].
    pub failed: AtomicU32,
    /// Its error number.
    pub errno: AtomicI32,
    /// How far it got: see [`reached`].
    pub reached: AtomicU32,
    /// The file descriptors, by slot; -1 where there is none.
    pub slots: [AtomicI32; SLOTS],
    /// The kernel writes the child's pid here (`CLONE_PARENT_SETTID`) before the child runs.
    pub pid: AtomicI32,
    /// The kernel writes the pidfd here (`CLONE_PIDFD`).
    pub pidfd: AtomicI32,
    /// The payload's pid in decimal, NUL-terminated: init's argument.
    pub payload: UnsafeCell<[u8; 16]>,
}

// SAFETY: `payload` is written by the set-up child only, before its exec, and read by the kernel at that exec.
unsafe impl Sync for Shared {}

impl Default for Shared {
    fn default() -> Self {
        Shared {
            doorbell: AtomicU32::new(bell::QUIET),
            gates_open: AtomicU32::new(0),
            step: AtomicU32::new(0),
            failed: AtomicU32::new(NO_FAILURE),
            errno: AtomicI32::new(0),
            reached: AtomicU32::new(0),
            slots: [const { AtomicI32::new(-1) }; SLOTS],
            pid: AtomicI32::new(0),
            pidfd: AtomicI32::new(-1),
            payload: UnsafeCell::new([0; 16]),
        }
    }
}

impl Shared {
    /// Record the first failure; a later one (of the lane that noticed) does not replace it.
    pub fn fail(&self, step: u32, errno: Errno) {
        self.errno.store(errno, Ordering::Relaxed);
        self.failed.store(step, Ordering::Release);
    }
}

/// Sleep until `word` is no longer `value`, or a wake, or `timeout`. Spurious returns are the caller's to handle.
pub fn futex_wait(word: &AtomicU32, value: u32, timeout: Option<&libc::timespec>) -> Result<(), Errno> {
    let timeout = timeout.map_or(0, |t| core::ptr::from_ref(t) as usize);
    // SAFETY: `word` and `timeout` outlive the call. Not FUTEX_PRIVATE: parent and child are two processes.
    unsafe {
        call(
            libc::SYS_futex,
            [word.as_ptr() as usize, libc::FUTEX_WAIT as usize, value as usize, timeout, 0, 0],
        )
    }
    .map(|_| ())
}

/// Wake everybody who sleeps on `word`.
pub fn futex_wake(word: &AtomicU32) {
    // SAFETY: `word` outlives the call; waking nobody is not an error.
    let _ = unsafe {
        call(libc::SYS_futex, [word.as_ptr() as usize, libc::FUTEX_WAKE as usize, i32::MAX as usize, 0, 0, 0])
    };
}
