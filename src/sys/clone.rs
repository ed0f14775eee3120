//! The clone, and what has to be as it was before and after it.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::Ordering;

use container_spawn_child::interpreter::{Program, enter_setup};
use container_spawn_child::op::Slot;
use container_spawn_child::shared::Shared;
use container_spawn_child::syscall::{CloneArgs, Errno, call, clone_legacy, clone3};

use super::{checked, send_signal};

/// libc's constant of this name is too narrow for its value.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// Not in libc; Linux 5.7.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// `PR_GET_DUMPABLE`.
pub fn dumpable() -> usize {
    // SAFETY: no pointers.
    unsafe { call(libc::SYS_prctl, [libc::PR_GET_DUMPABLE as usize, 0, 0, 0, 0, 0]) }.unwrap_or(1)
}

/// `PR_SET_DUMPABLE`.
pub fn set_dumpable(value: usize) {
    // SAFETY: no pointers.
    let _ = unsafe { call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, value, 0, 0, 0, 0]) };
}

/// Block every signal in this thread, and return what was blocked. Children inherit that, so no handler of the
/// parent's can run in memory that they share.
pub fn block_all_signals() -> u64 {
    set_signal_mask(u64::MAX)
}

/// Undo [`block_all_signals`].
pub fn restore_signals(mask: u64) {
    set_signal_mask(mask);
}

fn set_signal_mask(mask: u64) -> u64 {
    let mut old = 0u64;
    let (set, old_set) = (ptr::from_ref(&mask) as usize, ptr::from_mut(&mut old) as usize);
    // SAFETY: both sets outlive the call.
    let _ = unsafe {
        call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, set, old_set, size_of::<u64>(), 0, 0])
    };
    old
}

/// A child's stack, with a page below it that faults.
pub struct Stack {
    base: *mut u8,
}

// SAFETY: plain memory, used by one child at a time.
unsafe impl Send for Stack {}

impl Stack {
    const SIZE: usize = 64 * 1024;
    const GUARD: usize = 4096;

    /// Map one.
    pub fn new() -> io::Result<Stack> {
        let protection = (libc::PROT_READ | libc::PROT_WRITE) as usize;
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK) as usize;
        // SAFETY: a new mapping, nowhere in particular.
        let base =
            checked(unsafe { call(libc::SYS_mmap, [0, Self::SIZE, protection, flags, usize::MAX, 0]) })?;
        // SAFETY: the first page of that mapping.
        checked(unsafe { call(libc::SYS_mprotect, [base, Self::GUARD, libc::PROT_NONE as usize, 0, 0, 0]) })?;
        Ok(Stack { base: base as *mut u8 })
    }

    /// Where it begins above the guard page, and how large it is.
    pub fn area(&self) -> (*mut u8, usize) {
        (self.base.wrapping_add(Self::GUARD), Self::SIZE - Self::GUARD)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our mapping; the child that used it has exec'ed or is dead.
        let _ = unsafe { call(libc::SYS_munmap, [self.base as usize, Self::SIZE, 0, 0, 0, 0]) };
    }
}

/// Clone the set-up child and return once it has exec'ed or died, with its pidfd.
///
/// `CLONE_VFORK` is not an optimisation. A child that shares memory without it and is killed for want of memory in
/// its cgroup takes the parent along.
pub fn clone_and_wait(
    program: &Program,
    shared: &Shared,
    namespaces: u64,
    into_cgroup: Option<Slot>,
    stack: &Stack,
) -> Result<OwnedFd, Errno> {
    let (base, size) = stack.area();
    let mut args = CloneArgs {
        flags: namespaces
            | (libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::CLONE_PARENT_SETTID) as u64
            | CLONE_CLEAR_SIGHAND,
        pidfd: shared.pidfd.as_ptr() as u64,
        parent_tid: shared.pid.as_ptr() as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: base as u64,
        stack_size: size as u64,
        ..CloneArgs::default()
    };
    let cgroup = into_cgroup.and_then(|slot| shared.slots.get(slot.0 as usize));
    if let Some(directory) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = directory.load(Ordering::Relaxed) as u64;
    }
    let argument = ptr::from_ref(program).cast_mut().cast();
    // SAFETY: the stack is this child's alone, `enter_setup` does not return, and we are suspended until the child has
    // exec'ed or died, so `program` and `shared` outlive its use of them.
    let result = match unsafe { clone3(&args, enter_setup, argument) } {
        Err(libc::ENOSYS) if cgroup.is_none() => {
            args.flags &= !(CLONE_CLEAR_SIGHAND | libc::CLONE_PARENT_SETTID as u64);
            // SAFETY: as above.
            unsafe { clone_legacy(&args, enter_setup, argument) }
        }
        other => other,
    };
    // The old call cannot store both the pidfd and the pid.
    shared.pid.store(result? as i32, Ordering::Release);
    // SAFETY: CLONE_PIDFD has put a new descriptor there.
    Ok(unsafe { OwnedFd::from_raw_fd(shared.pidfd.load(Ordering::Acquire)) })
}

/// The pid of a child that waits at a gate. `clone3` has stored it; the old call could store the pidfd only.
pub fn pid_at_gate(shared: &Shared) -> i32 {
    let pid = shared.pid.load(Ordering::Acquire);
    if pid != 0 {
        return pid;
    }
    let pidfd = shared.pidfd.load(Ordering::Acquire);
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{pidfd}")).unwrap_or_default();
    let line = info.lines().find_map(|line| line.strip_prefix("Pid:"));
    line.and_then(|pid| pid.trim().parse().ok()).unwrap_or(0)
}

/// Send SIGKILL to a child that is still being set up, by the pidfd number that the kernel has stored.
pub fn kill_unborn(shared: &Shared) {
    let pidfd = shared.pidfd.load(Ordering::Acquire);
    if pidfd >= 0 {
        // SAFETY: the supervisor owns it and cannot close it while this child lives.
        let _ = send_signal(unsafe { BorrowedFd::borrow_raw(pidfd) }, libc::SIGKILL);
    }
}
