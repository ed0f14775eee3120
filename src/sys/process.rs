//! Processes: by pidfd, never by number.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use container_spawn_child::syscall::{Errno, call};

use super::owned;

/// `pidfd_send_signal(2)`.
pub fn send_signal(pidfd: BorrowedFd, signal: i32) -> Result<(), Errno> {
    let arguments = [pidfd.as_raw_fd() as usize, signal as usize, 0, 0, 0, 0];
    // SAFETY: no pointers.
    unsafe { call(libc::SYS_pidfd_send_signal, arguments) }.map(|_| ())
}

/// `pidfd_send_signal(2)` with a value, as `sigqueue(3)`.
pub fn queue_signal(pidfd: BorrowedFd, signal: i32, value: i32) -> Result<(), Errno> {
    #[repr(C)]
    struct Queued {
        signal: i32,
        errno: i32,
        code: i32,
        padding: i32,
        pid: i32,
        uid: u32,
        value: i64,
        rest: [u64; 12],
    }
    let info = Queued {
        signal,
        errno: 0,
        code: libc::SI_QUEUE,
        padding: 0,
        pid: 0,
        uid: 0,
        value: i64::from(value),
        rest: [0; 12],
    };
    let arguments = [pidfd.as_raw_fd() as usize, signal as usize, ptr::from_ref(&info) as usize, 0, 0, 0];
    // SAFETY: `info` has siginfo_t's size (128 bytes) and outlives the call.
    unsafe { call(libc::SYS_pidfd_send_signal, arguments) }.map(|_| ())
}

/// How a child ended.
pub struct Ended {
    /// As `wait(2)` gives it.
    pub status: i32,
    /// What it and the children it waited for used.
    pub usage: libc::rusage,
}

/// Reap exactly the child that `pidfd` names. `None`: it has not ended. ECHILD: somebody else has taken the status
/// (a parent that ignores SIGCHLD).
pub fn reap(pidfd: BorrowedFd) -> Result<Option<Ended>, Errno> {
    wait_for(pidfd, libc::WNOHANG)
}

/// The same, waiting for the end. Only for a child that has been killed.
pub fn wait(pidfd: BorrowedFd) -> Result<Ended, Errno> {
    loop {
        match wait_for(pidfd, 0) {
            Ok(Some(ended)) => return Ok(ended),
            Ok(None) | Err(libc::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

fn wait_for(pidfd: BorrowedFd, options: i32) -> Result<Option<Ended>, Errno> {
    const P_PIDFD: usize = 3;
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = (libc::WEXITED | libc::__WALL | options) as usize;
    let arguments = [
        P_PIDFD,
        pidfd.as_raw_fd() as usize,
        info.as_mut_ptr() as usize,
        options,
        usage.as_mut_ptr() as usize,
        0,
    ];
    // SAFETY: `info` and `usage` are what waitid fills; the raw call has the fifth argument that libc's hides.
    unsafe { call(libc::SYS_waitid, arguments) }?;
    // SAFETY: zeroed or filled; both are plain data.
    let (info, usage) = unsafe { (info.assume_init(), usage.assume_init()) };
    // SAFETY: for a child's siginfo these fields are set; zero means that nothing has ended.
    let (pid, value) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Ok(None);
    }
    let status = if info.si_code == libc::CLD_EXITED {
        (value & 0xff) << 8
    } else {
        value | if info.si_code == libc::CLD_DUMPED { 0x80 } else { 0 }
    };
    Ok(Some(Ended { status, usage }))
}

/// Where SIGCHLD is ignored, as a shell's `trap '' CHLD` leaves it to its children, the kernel throws exit statuses away
/// before anybody can ask. The default action ignores the signal all the same, and keeps them.
pub fn keep_exit_statuses() {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: libc fills what it is given, and takes what it has filled with the handler and the flag changed.
    unsafe {
        if libc::sigaction(libc::SIGCHLD, ptr::null(), action.as_mut_ptr()) != 0 {
            return;
        }
        let mut action = action.assume_init();
        if action.sa_sigaction == libc::SIG_IGN || action.sa_flags & libc::SA_NOCLDWAIT != 0 {
            action.sa_sigaction =
                if action.sa_sigaction == libc::SIG_IGN { libc::SIG_DFL } else { action.sa_sigaction };
            action.sa_flags &= !libc::SA_NOCLDWAIT;
            libc::sigaction(libc::SIGCHLD, &action, ptr::null_mut());
        }
    }
}

/// `pidfd_open(2)`.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { call(libc::SYS_pidfd_open, [pid as usize, 0, 0, 0, 0, 0]) })
}
