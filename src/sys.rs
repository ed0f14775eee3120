//! The parent's system calls: with `src/child/`, the only unsafe code of this project.
//!
//! What `nix` has is taken from `nix`; here is the rest, each as one small safe function that owns its descriptors.
#![allow(unsafe_code)]

mod clone;
mod file;
mod poll;
mod process;
mod terminal;

use std::ffi::{CStr, CString, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use container_spawn_child::syscall::{Errno, call};

pub use clone::{
    Stack, block_all_signals, clone_and_wait, dumpable, kill_unborn, pid_at_gate, restore_signals,
    set_dumpable,
};
pub use file::{event_counter, extended_attribute};
pub use poll::{epoll, epoll_control, epoll_wait, poll, wait_for_hang_up};
pub use process::{Ended, keep_exit_statuses, pidfd_open, queue_signal, reap, send_signal, wait};
pub use terminal::{pseudo_terminal, resize_terminal, set_terminal_modes, terminal_modes};

/// Descriptors of ours stay clear of the numbers that a child gives to a command (0, 1, 2, …) or to init (3, 4): a
/// parent that was started with its own stdio closed would otherwise get them there.
const LOWEST_FD: usize = 16;

fn checked(result: Result<usize, Errno>) -> io::Result<usize> {
    result.map_err(io::Error::from_raw_os_error)
}

fn owned(result: Result<usize, Errno>) -> io::Result<OwnedFd> {
    let fd = checked(result)?;
    // SAFETY: the kernel has just made this descriptor for us.
    let fd = unsafe { OwnedFd::from_raw_fd(fd as RawFd) };
    if (fd.as_raw_fd() as usize) < LOWEST_FD { raise(&fd) } else { Ok(fd) }
}

fn raise(fd: &OwnedFd) -> io::Result<OwnedFd> {
    let arguments = [fd.as_raw_fd() as usize, libc::F_DUPFD_CLOEXEC as usize, LOWEST_FD, 0, 0, 0];
    // SAFETY: no pointers; the new descriptor is ours.
    unsafe { Ok(OwnedFd::from_raw_fd(checked(call(libc::SYS_fcntl, arguments))? as RawFd)) }
}

/// This process's environment as it is, `KEY=value`. To be called by the thread that changes it, as Node's main thread
/// does: like everybody's, this copy takes no lock that C code would know.
pub fn environment() -> Vec<CString> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let mut variables = Vec::new();
    // SAFETY: an array of NUL-terminated strings that ends with a null pointer, or a null pointer after clearenv(3).
    unsafe {
        let mut place = environ;
        while !place.is_null() && !(*place).is_null() {
            variables.push(CStr::from_ptr(*place).to_owned());
            place = place.add(1);
        }
    }
    variables
}

/// A pipe: (read end, write end), both close-on-exec.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0i32; 2];
    // SAFETY: `ends` is what pipe2 fills.
    checked(unsafe {
        call(libc::SYS_pipe2, [ends.as_mut_ptr() as usize, libc::O_CLOEXEC as usize, 0, 0, 0, 0])
    })?;
    let [read, write] = ends;
    Ok((owned(Ok(read as usize))?, owned(Ok(write as usize))?))
}

/// A connected pair of stream sockets, close-on-exec.
pub fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0i32; 2];
    let kind = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC) as usize;
    let arguments = [libc::AF_UNIX as usize, kind, 0, ends.as_mut_ptr() as usize, 0, 0];
    // SAFETY: `ends` is what socketpair fills.
    checked(unsafe { call(libc::SYS_socketpair, arguments) })?;
    let [ours, theirs] = ends;
    Ok((owned(Ok(ours as usize))?, owned(Ok(theirs as usize))?))
}

/// `shutdown(2)` of our side of a socket: the other reads to an end of file.
pub fn shutdown_writes(socket: &OwnedFd) -> io::Result<()> {
    let arguments = [socket.as_raw_fd() as usize, libc::SHUT_WR as usize, 0, 0, 0, 0];
    // SAFETY: no pointers.
    checked(unsafe { call(libc::SYS_shutdown, arguments) }).map(|_| ())
}

/// Ask for a larger pipe: a default one gives a third of the throughput. The per-user budget
/// (`pipe-user-pages-soft`) may be used up; then the pipe stays as it is.
pub fn enlarge_pipe(pipe: &OwnedFd, bytes: usize) {
    let arguments = [pipe.as_raw_fd() as usize, libc::F_SETPIPE_SZ as usize, bytes, 0, 0, 0];
    // SAFETY: no pointers.
    let _ = unsafe { call(libc::SYS_fcntl, arguments) };
}

/// Make reads and writes return EAGAIN instead of waiting.
pub fn set_nonblocking(fd: BorrowedFd) -> io::Result<()> {
    let fd = fd.as_raw_fd() as usize;
    // SAFETY: no pointers.
    let flags = checked(unsafe { call(libc::SYS_fcntl, [fd, libc::F_GETFL as usize, 0, 0, 0, 0]) })?;
    let flags = flags | libc::O_NONBLOCK as usize;
    // SAFETY: no pointers.
    checked(unsafe { call(libc::SYS_fcntl, [fd, libc::F_SETFL as usize, flags, 0, 0, 0]) }).map(|_| ())
}

/// `read(2)`.
pub fn read(fd: BorrowedFd, buffer: &mut [u8]) -> io::Result<usize> {
    let arguments = [fd.as_raw_fd() as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0];
    // SAFETY: the buffer is valid for its length.
    checked(unsafe { call(libc::SYS_read, arguments) })
}

/// `write(2)`.
pub fn write(fd: BorrowedFd, data: &[u8]) -> io::Result<usize> {
    let arguments = [fd.as_raw_fd() as usize, data.as_ptr() as usize, data.len(), 0, 0, 0];
    // SAFETY: the data is valid for its length.
    checked(unsafe { call(libc::SYS_write, arguments) })
}

/// `open(2)` with `O_CLOEXEC`.
pub fn open(path: &CStr, flags: i32) -> io::Result<OwnedFd> {
    let flags = (flags | libc::O_CLOEXEC) as usize;
    // SAFETY: the path is NUL-terminated.
    owned(unsafe {
        call(libc::SYS_openat, [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags, 0, 0, 0])
    })
}

/// A file in memory that nobody can change any more, executable where the kernel asks for that to be said.
pub fn sealed_program(name: &CStr, content: &[u8]) -> io::Result<OwnedFd> {
    const MFD_CLOEXEC: usize = 1;
    const MFD_ALLOW_SEALING: usize = 2;
    const MFD_EXEC: usize = 16;
    let flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    let create = |flags| {
        // SAFETY: the name is NUL-terminated.
        owned(unsafe { call(libc::SYS_memfd_create, [name.as_ptr() as usize, flags, 0, 0, 0, 0]) })
    };
    let file = match create(flags | MFD_EXEC) {
        // MFD_EXEC is Linux 6.3; before, every memfd is executable.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => create(flags)?,
        other => other?,
    };
    let mut rest = content;
    while !rest.is_empty() {
        let written = write(borrow(&file), rest)?;
        rest = rest.get(written..).unwrap_or(&[]);
    }
    let seals = (libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE) as usize;
    // SAFETY: no pointers.
    checked(unsafe {
        call(libc::SYS_fcntl, [file.as_raw_fd() as usize, libc::F_ADD_SEALS as usize, seals, 0, 0, 0])
    })?;
    Ok(file)
}

/// `AsFd::as_fd`, named for what it does.
pub fn borrow(fd: &OwnedFd) -> BorrowedFd<'_> {
    std::os::fd::AsFd::as_fd(fd)
}

/// `dup(2)`, close-on-exec: a descriptor of the caller's, ours to keep while it is in use.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    let arguments = [fd as usize, libc::F_DUPFD_CLOEXEC as usize, LOWEST_FD, 0, 0, 0];
    // SAFETY: no pointers; the new descriptor is ours.
    unsafe { Ok(OwnedFd::from_raw_fd(checked(call(libc::SYS_fcntl, arguments))? as RawFd)) }
}
