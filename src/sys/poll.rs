//! Waiting for descriptors.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use container_spawn_child::syscall::call;

use super::{checked, owned};

/// A new `epoll(7)` instance.
pub fn epoll() -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { call(libc::SYS_epoll_create1, [libc::EPOLL_CLOEXEC as usize, 0, 0, 0, 0, 0]) })
}

/// `epoll_ctl(2)`.
pub fn epoll_control(
    epoll: &OwnedFd,
    operation: i32,
    fd: BorrowedFd,
    events: u32,
    key: u64,
) -> io::Result<()> {
    let mut event = libc::epoll_event { events, u64: key };
    let pointer = ptr::from_mut(&mut event) as usize;
    let arguments = [epoll.as_raw_fd() as usize, operation as usize, fd.as_raw_fd() as usize, pointer, 0, 0];
    // SAFETY: `event` outlives the call.
    checked(unsafe { call(libc::SYS_epoll_ctl, arguments) }).map(|_| ())
}

/// `epoll_wait(2)`: the (events, key) pairs that are ready. `timeout` in ms, -1 for none.
pub fn epoll_wait(epoll: &OwnedFd, timeout: i32) -> Vec<(u32, u64)> {
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
    let arguments = [
        epoll.as_raw_fd() as usize,
        events.as_mut_ptr() as usize,
        events.len(),
        timeout as isize as usize,
        0,
        size_of::<u64>(),
    ];
    // SAFETY: `events` is valid for its length; no signal mask is passed.
    let ready = unsafe { call(libc::SYS_epoll_pwait, arguments) }.unwrap_or(0);
    events.iter().take(ready).map(|event| (event.events, event.u64)).collect()
}

/// `poll(2)`, for at most `timeout`; negative descriptors are passed over.
pub fn poll(entries: &mut [libc::pollfd], timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as _,
        tv_nsec: timeout.subsec_nanos() as _,
    });
    let pointer = timeout.as_ref().map_or(0, |timeout| ptr::from_ref(timeout) as usize);
    // SAFETY: the entries and the timeout outlive the call; no signal mask is passed.
    let _ =
        unsafe { call(libc::SYS_ppoll, [entries.as_mut_ptr() as usize, entries.len(), pointer, 0, 0, 0]) };
}

/// Wait until nobody can write to a pipe any more. `false`: somebody still can, after `patience`.
pub fn wait_for_hang_up(pipe: &OwnedFd, patience: Duration) -> bool {
    let mut entry = [libc::pollfd { fd: pipe.as_raw_fd(), events: 0, revents: 0 }];
    poll(&mut entry, Some(patience));
    entry.iter().all(|entry| entry.revents & libc::POLLHUP != 0)
}
