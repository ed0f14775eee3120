//! The parent's system calls: with `src/child/`, the only unsafe code of this project.
//!
//! What `nix` has is taken from `nix`; here is the rest, each as one small safe function that owns its descriptors.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::Ordering;

use container_spawn_child::interpreter::{Program, enter_setup};
use container_spawn_child::op::Slot;
use container_spawn_child::shared::Shared;
use container_spawn_child::syscall::{CloneArgs, Errno, call, clone_legacy, clone3};

/// Descriptors of ours stay clear of the numbers that a child gives to a command (0, 1, 2, …) or to init (3, 4): a
/// parent that was started with its own stdio closed would otherwise get them there.
const LOWEST_FD: usize = 16;

/// libc's constant of this name is too narrow for its value.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;

/// Not in libc; Linux 5.7.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

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

/// Is this number an open descriptor?
pub fn is_open(fd: RawFd) -> bool {
    // SAFETY: no pointers.
    unsafe { call(libc::SYS_fcntl, [fd as usize, libc::F_GETFD as usize, 0, 0, 0, 0]) }.is_ok()
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

/// A counter that wakes an epoll.
pub fn event_fd() -> io::Result<OwnedFd> {
    let flags = (libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) as usize;
    // SAFETY: no pointers.
    owned(unsafe { call(libc::SYS_eventfd2, [0, flags, 0, 0, 0, 0]) })
}

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

/// `pidfd_open(2)`.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    owned(unsafe { call(libc::SYS_pidfd_open, [pid as usize, 0, 0, 0, 0, 0]) })
}

/// `dup(2)`, close-on-exec: a descriptor of the caller's, ours to keep while it is in use.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    let arguments = [fd as usize, libc::F_DUPFD_CLOEXEC as usize, LOWEST_FD, 0, 0, 0];
    // SAFETY: no pointers; the new descriptor is ours.
    unsafe { Ok(OwnedFd::from_raw_fd(checked(call(libc::SYS_fcntl, arguments))? as RawFd)) }
}

/// `poll(2)`, for at most `timeout`; negative descriptors are passed over.
pub fn poll(entries: &mut [libc::pollfd], timeout: Option<std::time::Duration>) {
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
pub fn wait_for_hang_up(pipe: &OwnedFd, patience: std::time::Duration) -> bool {
    let mut entry = [libc::pollfd { fd: pipe.as_raw_fd(), events: 0, revents: 0 }];
    poll(&mut entry, Some(patience));
    entry.iter().all(|entry| entry.revents & libc::POLLHUP != 0)
}

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
