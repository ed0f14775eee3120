//! Pseudo-terminals.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr;

use container_spawn_child::syscall::{Errno, call};

use super::{checked, open, owned};

/// A pseudo-terminal: (ours, the command's). The command's end is opened through ours, never by a path, which a
/// hostile `/dev` could have replaced.
pub fn pseudo_terminal(columns: u16, rows: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    const TIOCGPTPEER: usize = 0x5441;
    let ours = open(c"/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY)?;
    let unlocked = 0i32;
    ioctl(&ours, libc::TIOCSPTLCK as usize, ptr::from_ref(&unlocked) as usize)?;
    resize_terminal(&ours, columns, rows)?;
    let flags = (libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC) as usize;
    let theirs = owned(ioctl_raw(&ours, TIOCGPTPEER, flags))?;
    Ok((ours, theirs))
}

/// Tell the terminal its size; its foreground process group gets SIGWINCH if that changes something.
pub fn resize_terminal(terminal: &OwnedFd, columns: u16, rows: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    ioctl(terminal, libc::TIOCSWINSZ as usize, ptr::from_ref(&size) as usize)
}

/// The terminal's modes: (input, output, control, local) flags, see termios(3).
pub fn terminal_modes(terminal: &OwnedFd) -> io::Result<[u32; 4]> {
    let modes = kernel_modes(terminal)?;
    Ok([modes.input, modes.output, modes.control, modes.local])
}

/// Set them.
pub fn set_terminal_modes(terminal: &OwnedFd, [input, output, control, local]: [u32; 4]) -> io::Result<()> {
    let modes = KernelModes { input, output, control, local, ..kernel_modes(terminal)? };
    ioctl(terminal, libc::TCSETS as usize, ptr::from_ref(&modes) as usize)
}

/// The kernel's `struct termios`, which is not libc's.
#[repr(C)]
#[derive(Default)]
struct KernelModes {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line: u8,
    characters: [u8; 19],
}

fn kernel_modes(terminal: &OwnedFd) -> io::Result<KernelModes> {
    let mut modes = KernelModes::default();
    ioctl(terminal, libc::TCGETS as usize, ptr::from_mut(&mut modes) as usize)?;
    Ok(modes)
}

fn ioctl(fd: &OwnedFd, request: usize, argument: usize) -> io::Result<()> {
    checked(ioctl_raw(fd, request, argument)).map(|_| ())
}

fn ioctl_raw(fd: &OwnedFd, request: usize, argument: usize) -> Result<usize, Errno> {
    // SAFETY: every caller in this file passes what its request expects.
    unsafe { call(libc::SYS_ioctl, [fd.as_raw_fd() as usize, request, argument, 0, 0, 0]) }
}
