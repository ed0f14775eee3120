//! What a step does, where that is more than its system call: the structures that the kernel reads, and calls that belong
//! together.

use crate::op::Kind;
use crate::syscall::{Errno, call};
use crate::text::number;

pub(crate) const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
pub(crate) const RESOLVE_IN_ROOT: u64 = 0x10;
const OPEN_TREE_CLONE: usize = 1;
pub(crate) const FSOPEN_CLOEXEC: usize = 1;
pub(crate) const FSMOUNT_CLOEXEC: usize = 1;
pub(crate) const FSCONFIG_SET_FLAG: usize = 0;
pub(crate) const FSCONFIG_SET_STRING: usize = 1;
pub(crate) const FSCONFIG_CMD_CREATE: usize = 6;
pub(crate) const MOVE_MOUNT_F_EMPTY_PATH: usize = 0x04;
pub(crate) const MOVE_MOUNT_T_EMPTY_PATH: usize = 0x40;
const CLOSE_RANGE_CLOEXEC: usize = 4;
const SIGNALS: usize = 64;

/// A call that returns a number.
pub(crate) fn get(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: every caller is in this file and passes pointers into the program, or to its own stack frame.
    unsafe { call(number, [a, b, c, d, e, 0]) }
}

/// A call that returns nothing.
pub(crate) fn sys(number: libc::c_long, args: [usize; 5]) -> Result<(), Errno> {
    get(number, args).map(|_| ())
}

pub(crate) fn close(fd: usize) -> Result<(), Errno> {
    sys(libc::SYS_close, [fd, 0, 0, 0, 0])
}

/// Control files take their value in one write; a short one would be half a value.
pub(crate) fn write(fd: usize, data: &[u8]) -> Result<(), Errno> {
    let written = get(libc::SYS_write, [fd, data.as_ptr() as usize, data.len(), 0, 0])?;
    if written == data.len() { Ok(()) } else { Err(libc::EIO) }
}

pub(crate) fn reset_signals() -> Result<(), Errno> {
    // The kernel's struct sigaction: handler, flags, restorer, mask; all zero is SIG_DFL.
    let default = [0usize; 4];
    for signal in 1..=SIGNALS {
        let action = default.as_ptr() as usize;
        // SIGKILL and SIGSTOP answer EINVAL, and have no disposition to reset.
        let _ = sys(libc::SYS_rt_sigaction, [signal, action, 0, size_of::<u64>(), 0]);
    }
    Ok(())
}

pub(crate) fn loopback_up() -> Result<(), Errno> {
    #[repr(C)]
    struct InterfaceFlags {
        name: [u8; libc::IFNAMSIZ],
        flags: i16,
        rest: [u8; 22],
    }
    let mut request = InterfaceFlags { name: [0; libc::IFNAMSIZ], flags: libc::IFF_UP as i16, rest: [0; 22] };
    for (to, from) in request.name.iter_mut().zip(b"lo") {
        *to = *from;
    }
    let kind = (libc::SOCK_DGRAM | libc::SOCK_CLOEXEC) as usize;
    let socket = get(libc::SYS_socket, [libc::AF_INET as usize, kind, 0, 0, 0])?;
    let request = core::ptr::from_ref(&request) as usize;
    let result = sys(libc::SYS_ioctl, [socket, libc::SIOCSIFFLAGS as usize, request, 0, 0]);
    let _ = close(socket);
    result
}

pub(crate) fn clone_tree(directory: usize, path: usize, recursive: bool) -> Result<usize, Errno> {
    let mut flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as usize | libc::AT_EMPTY_PATH as usize;
    if recursive {
        flags |= libc::AT_RECURSIVE as usize;
    }
    get(libc::SYS_open_tree, [directory, path, flags, 0, 0])
}

pub(crate) fn open_path(directory: usize, path: usize, kind: Kind, resolve: u64) -> Result<usize, Errno> {
    let mut flags = libc::O_PATH | libc::O_CLOEXEC;
    if kind == Kind::Directory {
        flags |= libc::O_DIRECTORY;
    }
    // struct open_how: flags, mode, resolve.
    let how = [flags as u64, 0, resolve];
    get(libc::SYS_openat2, [directory, path, how.as_ptr() as usize, size_of_val(&how), 0])
}

pub(crate) fn stat(fd: usize) -> Result<libc::stat, Errno> {
    let mut stat = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let flags = libc::AT_EMPTY_PATH as usize;
    sys(libc::SYS_newfstatat, [fd, c"".as_ptr() as usize, stat.as_mut_ptr() as usize, flags, 0])?;
    // SAFETY: zeroed, then filled by the kernel.
    Ok(unsafe { stat.assume_init() })
}

pub(crate) fn is_directory(fd: usize) -> Result<bool, Errno> {
    Ok(stat(fd)?.st_mode & libc::S_IFMT == libc::S_IFDIR)
}

pub(crate) fn make_target(parent: usize, name: usize, directory: bool) -> Result<(), Errno> {
    if directory {
        return sys(libc::SYS_mkdirat, [parent, name, 0o755, 0, 0]);
    }
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_WRONLY | libc::O_CLOEXEC;
    close(get(libc::SYS_openat, [parent, name, flags as usize, 0o644, 0])?)
}

pub(crate) fn fsconfig(context: usize, command: usize, key: usize, value: usize) -> Result<(), Errno> {
    sys(libc::SYS_fsconfig, [context, command, key, value, 0])
}

pub(crate) fn set_attributes(mount: usize, recursive: bool, attributes: u32) -> Result<(), Errno> {
    let mut flags = libc::AT_EMPTY_PATH as usize;
    if recursive {
        flags |= libc::AT_RECURSIVE as usize;
    }
    // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
    let attributes = [u64::from(attributes), 0, 0, 0];
    let pointer = attributes.as_ptr() as usize;
    sys(libc::SYS_mount_setattr, [mount, c"".as_ptr() as usize, flags, pointer, size_of_val(&attributes)])
}

/// The lifeline's other end is held by the parent process only.
pub(crate) fn parent_is_alive(lifeline: usize) -> Result<(), Errno> {
    let mut poll = libc::pollfd { fd: lifeline as i32, events: 0, revents: 0 };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let poll = core::ptr::from_mut(&mut poll);
    let timeout = core::ptr::from_ref(&now) as usize;
    match get(libc::SYS_ppoll, [poll as usize, 1, timeout, 0, 0])? {
        0 => Ok(()),
        _ => Err(libc::ESRCH),
    }
}

pub(crate) fn inherit(fd: usize) -> Result<(), Errno> {
    sys(libc::SYS_fcntl, [fd, libc::F_SETFD as usize, 0, 0, 0])?;
    let flags = get(libc::SYS_fcntl, [fd, libc::F_GETFL as usize, 0, 0, 0])?;
    let blocking = flags & !(libc::O_NONBLOCK as usize);
    if blocking == flags {
        Ok(())
    } else {
        sys(libc::SYS_fcntl, [fd, libc::F_SETFL as usize, blocking, 0, 0])
    }
}

pub(crate) fn close_from(first: usize) -> Result<(), Errno> {
    match sys(libc::SYS_close_range, [first, u32::MAX as usize, CLOSE_RANGE_CLOEXEC, 0, 0]) {
        // Linux before 5.9 and 5.11, or a seccomp filter that does not know the call.
        Err(libc::ENOSYS | libc::EINVAL | libc::EPERM) => close_one_by_one(first),
        other => other,
    }
}

/// `/proc/self/fd` lists what is open. A failure here is the step's: a descriptor too many is never let through.
fn close_one_by_one(first: usize) -> Result<(), Errno> {
    let flags = (libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC) as usize;
    let path = c"/proc/self/fd".as_ptr() as usize;
    let list = get(libc::SYS_openat, [libc::AT_FDCWD as usize, path, flags, 0, 0])?;
    let mut entries = [0u8; 1024];
    loop {
        let length = get(libc::SYS_getdents64, [list, entries.as_mut_ptr() as usize, entries.len(), 0, 0])?;
        if length == 0 {
            return close(list);
        }
        let mut rest = entries.get(..length).unwrap_or(&[]);
        // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name.
        while let (Some(&low), Some(&high), Some(name)) = (rest.get(16), rest.get(17), rest.get(19..)) {
            if let Some(fd) = number(name)
                && fd >= first
            {
                sys(libc::SYS_fcntl, [fd, libc::F_SETFD as usize, libc::FD_CLOEXEC as usize, 0, 0])?;
            }
            rest = rest.get(u16::from_le_bytes([low, high]) as usize..).unwrap_or(&[]);
        }
    }
}
