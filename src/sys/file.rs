//! What `std` and `nix` do not have of files.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use container_spawn_child::syscall::call;

use super::owned;

/// `getxattr(2)`: the first bytes of an attribute, if it is there.
pub fn extended_attribute(path: &Path, name: &str) -> Option<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let name = CString::new(name).ok()?;
    let mut value = vec![0u8; 64];
    let arguments =
        [path.as_ptr() as usize, name.as_ptr() as usize, value.as_mut_ptr() as usize, value.len(), 0, 0];
    // SAFETY: the strings are NUL-terminated, and the buffer is valid for its length.
    let length = unsafe { call(libc::SYS_getxattr, arguments) }.ok()?;
    value.truncate(length);
    Some(value)
}

/// `eventfd(2)`, non-blocking.
pub fn event_counter() -> io::Result<OwnedFd> {
    let flags = (libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) as usize;
    // SAFETY: no pointers.
    owned(unsafe { call(libc::SYS_eventfd2, [0, flags, 0, 0, 0, 0]) })
}
