//! One loop that runs steps, and one error exit.

use core::ffi::{c_char, c_void};
use core::sync::atomic::Ordering;

use crate::op::{Kind, Op, Slot, Step, Text, VOID};
use crate::shared::{NO_FAILURE, Shared, bell, futex_wait, futex_wake, reached};
use crate::syscall::{CloneArgs, Errno, call, clone_legacy, clone3};

/// Everything a child needs, made by the parent before the clone and unchanged until the child has exec'ed.
pub struct Program<'a> {
    /// All steps of all lanes; their index is the number that an error names.
    pub steps: &'a [Step],
    /// Steps `0..payload` are the set-up child's.
    pub payload: u32,
    /// Steps `payload..init` are the payload's, the rest is init's. Without an init both are the length of `steps`
    /// and one child runs everything.
    pub init: u32,
    /// NUL-terminated strings, back to back.
    pub arena: &'a [u8],
    /// The command's arguments, NULL-terminated.
    pub argv: *const *const c_char,
    /// The command's environment, NULL-terminated.
    pub envp: *const *const c_char,
    /// Init's arguments, NULL-terminated; its second is [`Shared::payload`].
    pub init_argv: *const *const c_char,
    /// The words that both sides write.
    pub shared: &'a Shared,
    /// Where the payload's stack begins, and its size. The set-up child is suspended on its own.
    pub payload_stack: (*mut u8, usize),
}

/// Where the set-up child starts.
///
/// # Safety
/// `program` is a `*const Program`, valid and unchanged until this child has exec'ed or died.
pub unsafe extern "C" fn enter_setup(program: *mut c_void) -> ! {
    // SAFETY: the caller's contract.
    let program = unsafe { &*program.cast::<Program>() };
    run(program, 0, program.payload);
    run(program, program.init, program.steps.len() as u32);
    exit()
}

/// Where the payload starts. Same contract as [`enter_setup`].
unsafe extern "C" fn enter_payload(program: *mut c_void) -> ! {
    // SAFETY: the set-up child passes on what it was given, and is suspended meanwhile.
    let program = unsafe { &*program.cast::<Program>() };
    run(program, program.payload, program.init);
    exit()
}

/// The loop. Returns when the steps are done; a failing step ends the child.
fn run(program: &Program, from: u32, to: u32) {
    let mut machine = Machine { program, shared: program.shared, refused: libc::ENOENT };
    let steps = program.steps.iter().enumerate().skip(from as usize).take(to.saturating_sub(from) as usize);
    for (index, step) in steps {
        program.shared.step.store(index as u32, Ordering::Relaxed);
        if step.op.reads().into_iter().flatten().any(|slot| machine.fd(slot) as i32 == VOID) {
            machine.make_void(&step.op);
            continue;
        }
        if let Err(errno) = machine.step(&step.op) {
            if step.tolerated.contains(&errno) {
                machine.make_void(&step.op);
                continue;
            }
            // A failing StartPayload that is the payload's failure has been recorded by the payload.
            if program.shared.failed.load(Ordering::Acquire) == NO_FAILURE {
                program.shared.fail(index as u32, errno);
            }
            exit()
        }
    }
}

/// The number is never seen: a child that ends before exec has recorded why.
fn exit() -> ! {
    loop {
        // SAFETY: ends this process only (`exit_group` of a `CLONE_VM` child leaves the parent's threads alone).
        let _ = unsafe { call(libc::SYS_exit_group, [127, 0, 0, 0, 0, 0]) };
    }
}

struct Machine<'a> {
    program: &'a Program<'a>,
    shared: &'a Shared,
    /// The error of the look-up along PATH so far.
    refused: Errno,
}

impl Machine<'_> {
    fn fd(&self, slot: Slot) -> usize {
        self.shared.slots.get(slot.0 as usize).map_or(-1, |s| s.load(Ordering::Relaxed)) as usize
    }

    fn fill(&self, slot: Slot, fd: usize) {
        if let Some(place) = self.shared.slots.get(slot.0 as usize) {
            place.store(fd as i32, Ordering::Relaxed);
        }
    }

    fn make_void(&self, op: &Op) {
        if let Some(slot) = op.fills() {
            self.fill(slot, VOID as usize);
        }
    }

    fn text(&self, text: Text) -> usize {
        self.program.arena.as_ptr().wrapping_add(text.0 as usize) as usize
    }

    /// The bytes of a string without its NUL.
    fn bytes(&self, text: Text) -> &[u8] {
        let rest = self.program.arena.get(text.0 as usize..).unwrap_or(&[]);
        let length = rest.iter().position(|&b| b == 0).unwrap_or(rest.len());
        rest.get(..length).unwrap_or(&[])
    }

    #[rustfmt::skip]
    fn step(&mut self, op: &Op) -> Result<(), Errno> {
        match *op {
            Op::ResetSignals => reset_signals(),
            Op::Close(slot) => close(self.fd(slot)),
            Op::Gate(number) => self.gate(number),
            Op::WriteFile { path, data } => self.write_file(path, data),
            Op::WriteSlot { slot, data } => write(self.fd(slot), self.bytes(data)),
            Op::Unshare(flags) => sys(libc::SYS_unshare, [flags as usize, 0, 0, 0, 0]),
            Op::Hostname(name) => sys(libc::SYS_sethostname, [self.text(name), self.bytes(name).len(), 0, 0, 0]),
            Op::Domainname(name) => sys(libc::SYS_setdomainname, [self.text(name), self.bytes(name).len(), 0, 0, 0]),
            Op::LoopbackUp => loopback_up(),
            Op::PrivateMounts => {
                sys(libc::SYS_mount, [0, c"/".as_ptr() as usize, 0, (libc::MS_REC | libc::MS_PRIVATE) as usize, 0])
            }
            Op::CloneTree { path, recursive, to } => {
                self.fill(to, clone_tree(libc::AT_FDCWD as usize, self.text(path), recursive)?);
                Ok(())
            }
            Op::CloneTreeOf { from, recursive, to } => {
                self.fill(to, clone_tree(self.fd(from), c"".as_ptr() as usize, recursive)?);
                Ok(())
            }
            Op::Open { path, kind, to } => {
                self.fill(to, open_path(libc::AT_FDCWD as usize, self.text(path), kind, 0)?);
                Ok(())
            }
            Op::OpenIn { root, path, kind, to } => {
                let within = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
                self.fill(to, open_path(self.fd(root), self.text(path), kind, within)?);
                Ok(())
            }
            Op::Same { here, there } => {
                let (here, there) = (stat(self.fd(here))?, stat(self.fd(there))?);
                if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino) { Ok(()) } else { Err(libc::ESTALE) }
            }
            Op::MakeDirectory { parent, name, mode } => {
                sys(libc::SYS_mkdirat, [self.fd(parent), self.text(name), mode as usize, 0, 0])
            }
            Op::MakeTarget { parent, name, like } => {
                make_target(self.fd(parent), self.text(name), is_directory(self.fd(like))?)
            }
            Op::FsOpen { filesystem, to } => {
                self.fill(to, get(libc::SYS_fsopen, [self.text(filesystem), FSOPEN_CLOEXEC, 0, 0, 0])?);
                Ok(())
            }
            Op::FsString { context, key, value } => {
                fsconfig(self.fd(context), FSCONFIG_SET_STRING, self.text(key), self.text(value))
            }
            Op::FsFlag { context, key } => fsconfig(self.fd(context), FSCONFIG_SET_FLAG, self.text(key), 0),
            Op::FsLayer { context, key, layer } => {
                let mut path = PathBuffer::new();
                path.push_fd(self.fd(layer));
                fsconfig(self.fd(context), FSCONFIG_SET_STRING, self.text(key), path.as_ptr())
            }
            Op::FsLowerLayers { context, first, count } => self.lower_layers(context, first, count),
            Op::FsCreate(context) => fsconfig(self.fd(context), FSCONFIG_CMD_CREATE, 0, 0),
            Op::FsMount { context, attributes, to } => {
                let mount = get(libc::SYS_fsmount, [self.fd(context), FSMOUNT_CLOEXEC, attributes as usize, 0, 0])?;
                self.fill(to, mount);
                Ok(())
            }
            Op::SetAttributes { mount, recursive, attributes } => {
                set_attributes(self.fd(mount), recursive, attributes)
            }
            Op::Attach { mount, target } => {
                let empty = c"".as_ptr() as usize;
                let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
                sys(libc::SYS_move_mount, [self.fd(mount), empty, self.fd(target), empty, flags])
            }
            Op::Detach(slot) => {
                let mut path = PathBuffer::new();
                path.push_fd(self.fd(slot));
                sys(libc::SYS_umount2, [path.as_ptr(), libc::MNT_DETACH as usize, 0, 0, 0])
            }
            Op::EnterDirectory(slot) => sys(libc::SYS_fchdir, [self.fd(slot), 0, 0, 0, 0]),
            Op::PivotRoot => {
                let here = c".".as_ptr() as usize;
                sys(libc::SYS_pivot_root, [here, here, 0, 0, 0])
            }
            Op::DetachOldRoot => {
                sys(libc::SYS_umount2, [c".".as_ptr() as usize, libc::MNT_DETACH as usize, 0, 0, 0])
            }
            Op::ChangeDirectory(path) => sys(libc::SYS_chdir, [self.text(path), 0, 0, 0, 0]),
            Op::NoNewPrivileges => sys(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0]),
            Op::NotDumpable => sys(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as usize, 0, 0, 0, 0]),
            Op::StartPayload => self.start_payload(),
            Op::DieWithParent => {
                sys(libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as usize, libc::SIGKILL as usize, 0, 0, 0])
            }
            Op::ParentIsAlive(lifeline) => parent_is_alive(self.fd(lifeline)),
            Op::Raise { slot, above } => {
                let high = get(libc::SYS_fcntl, [self.fd(slot), libc::F_DUPFD_CLOEXEC as usize, above as usize, 0, 0])?;
                self.fill(slot, high);
                Ok(())
            }
            Op::Give { slot, to } => sys(libc::SYS_dup3, [self.fd(slot), to as usize, 0, 0, 0]),
            Op::Inherit(fd) => inherit(fd as usize),
            Op::NewSession => sys(libc::SYS_setsid, [0; 5]),
            Op::ControllingTerminal => sys(libc::SYS_ioctl, [0, libc::TIOCSCTTY as usize, 0, 0, 0]),
            Op::DropGroups => sys(libc::SYS_setgroups, [0; 5]),
            Op::SetGid(id) => sys(libc::SYS_setresgid, [id as usize, id as usize, id as usize, 0, 0]),
            Op::SetUid(id) => sys(libc::SYS_setresuid, [id as usize, id as usize, id as usize, 0, 0]),
            Op::CloseFrom(first) => close_from(first as usize),
            Op::UnblockSignals => {
                let none = 0u64;
                let set = core::ptr::from_ref(&none) as usize;
                sys(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, set, 0, size_of::<u64>(), 0])
            }
            Op::Exec(path) => self.exec(path),
            Op::NotFound => Err(self.refused),
            Op::ExecInit(program) => self.exec_init(program),
        }
    }

    fn gate(&self, number: u32) -> Result<(), Errno> {
        self.shared.doorbell.store(bell::GATE, Ordering::Release);
        futex_wake(&self.shared.doorbell);
        loop {
            let open = self.shared.gates_open.load(Ordering::Acquire);
            if open > number {
                return Ok(());
            }
            let _ = futex_wait(&self.shared.gates_open, open, None);
        }
    }

    fn write_file(&self, path: Text, data: Text) -> Result<(), Errno> {
        let flags = (libc::O_WRONLY | libc::O_CLOEXEC) as usize;
        let fd = get(libc::SYS_openat, [libc::AT_FDCWD as usize, self.text(path), flags, 0, 0])?;
        let result = write(fd, self.bytes(data));
        let _ = close(fd);
        result
    }

    fn lower_layers(&self, context: Slot, first: Slot, count: u16) -> Result<(), Errno> {
        let mut path = PathBuffer::new();
        for offset in 0..count {
            if offset > 0 {
                path.push(b':');
            }
            path.push_fd(self.fd(Slot(first.0.wrapping_add(offset))));
        }
        fsconfig(self.fd(context), FSCONFIG_SET_STRING, c"lowerdir".as_ptr() as usize, path.as_ptr())
    }

    fn start_payload(&self) -> Result<(), Errno> {
        let (stack, size) = self.program.payload_stack;
        let args = CloneArgs {
            flags: (libc::CLONE_VM | libc::CLONE_VFORK) as u64,
            exit_signal: libc::SIGCHLD as u64,
            stack: stack as u64,
            stack_size: size as u64,
            ..CloneArgs::default()
        };
        let program = core::ptr::from_ref(self.program).cast_mut().cast::<c_void>();
        // SAFETY: the stack is the payload's alone; enter_payload does not return; we are suspended until the payload
        // has exec'ed or died, so nothing it reads changes.
        let pid = match unsafe { clone3(&args, enter_payload, program) } {
            // SAFETY: as above.
            Err(libc::ENOSYS) => unsafe { clone_legacy(&args, enter_payload, program) },
            other => other,
        }?;
        // SAFETY: only this child writes it, and the parent does not read it.
        decimal(pid, unsafe { &mut *self.shared.payload.get() });
        let started = self.shared.reached.load(Ordering::Acquire) & reached::PAYLOAD != 0;
        let failed = self.shared.failed.load(Ordering::Acquire) != NO_FAILURE;
        // A payload that is neither started nor failed was killed during its steps.
        if started && !failed { Ok(()) } else { Err(libc::ECHILD) }
    }

    fn exec(&mut self, path: Text) -> Result<(), Errno> {
        self.shared.reached.fetch_or(reached::PAYLOAD, Ordering::AcqRel);
        let args = [self.text(path), self.program.argv as usize, self.program.envp as usize, 0, 0];
        let error = match sys(libc::SYS_execve, args) {
            Ok(()) => libc::EIO,
            Err(errno) => errno,
        };
        self.shared.reached.fetch_and(!reached::PAYLOAD, Ordering::AcqRel);
        if error == libc::EACCES {
            self.refused = libc::EACCES;
        }
        Err(error)
    }

    fn exec_init(&self, program: Slot) -> Result<(), Errno> {
        self.shared.reached.fetch_or(reached::INIT, Ordering::AcqRel);
        let none: [*const c_char; 1] = [core::ptr::null()];
        let empty = c"".as_ptr() as usize;
        let argv = self.program.init_argv as usize;
        let flags = libc::AT_EMPTY_PATH as usize;
        let result = sys(libc::SYS_execveat, [self.fd(program), empty, argv, none.as_ptr() as usize, flags]);
        self.shared.reached.fetch_and(!reached::INIT, Ordering::AcqRel);
        result
    }
}

const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
const RESOLVE_IN_ROOT: u64 = 0x10;
const OPEN_TREE_CLONE: usize = 1;
const FSOPEN_CLOEXEC: usize = 1;
const FSMOUNT_CLOEXEC: usize = 1;
const FSCONFIG_SET_FLAG: usize = 0;
const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_CMD_CREATE: usize = 6;
const MOVE_MOUNT_F_EMPTY_PATH: usize = 0x04;
const MOVE_MOUNT_T_EMPTY_PATH: usize = 0x40;
const CLOSE_RANGE_CLOEXEC: usize = 4;
const SIGNALS: usize = 64;

/// A call that returns a number.
fn get(number: libc::c_long, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: every caller is in this file and passes pointers into the program, or to its own stack frame.
    unsafe { call(number, [a, b, c, d, e, 0]) }
}

/// A call that returns nothing.
fn sys(number: libc::c_long, args: [usize; 5]) -> Result<(), Errno> {
    get(number, args).map(|_| ())
}

fn close(fd: usize) -> Result<(), Errno> {
    sys(libc::SYS_close, [fd, 0, 0, 0, 0])
}

/// Control files take their value in one write; a short one would be half a value.
fn write(fd: usize, data: &[u8]) -> Result<(), Errno> {
    let written = get(libc::SYS_write, [fd, data.as_ptr() as usize, data.len(), 0, 0])?;
    if written == data.len() { Ok(()) } else { Err(libc::EIO) }
}

fn reset_signals() -> Result<(), Errno> {
    // The kernel's struct sigaction: handler, flags, restorer, mask; all zero is SIG_DFL.
    let default = [0usize; 4];
    for signal in 1..=SIGNALS {
        let action = default.as_ptr() as usize;
        // SIGKILL and SIGSTOP answer EINVAL, and have no disposition to reset.
        let _ = sys(libc::SYS_rt_sigaction, [signal, action, 0, size_of::<u64>(), 0]);
    }
    Ok(())
}

fn loopback_up() -> Result<(), Errno> {
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

fn clone_tree(directory: usize, path: usize, recursive: bool) -> Result<usize, Errno> {
    let mut flags = OPEN_TREE_CLONE | libc::O_CLOEXEC as usize | libc::AT_EMPTY_PATH as usize;
    if recursive {
        flags |= libc::AT_RECURSIVE as usize;
    }
    get(libc::SYS_open_tree, [directory, path, flags, 0, 0])
}

fn open_path(directory: usize, path: usize, kind: Kind, resolve: u64) -> Result<usize, Errno> {
    let mut flags = libc::O_PATH | libc::O_CLOEXEC;
    if kind == Kind::Directory {
        flags |= libc::O_DIRECTORY;
    }
    // struct open_how: flags, mode, resolve.
    let how = [flags as u64, 0, resolve];
    get(libc::SYS_openat2, [directory, path, how.as_ptr() as usize, size_of_val(&how), 0])
}

fn stat(fd: usize) -> Result<libc::stat, Errno> {
    let mut stat = core::mem::MaybeUninit::<libc::stat>::zeroed();
    let flags = libc::AT_EMPTY_PATH as usize;
    sys(libc::SYS_newfstatat, [fd, c"".as_ptr() as usize, stat.as_mut_ptr() as usize, flags, 0])?;
    // SAFETY: zeroed, then filled by the kernel.
    Ok(unsafe { stat.assume_init() })
}

fn is_directory(fd: usize) -> Result<bool, Errno> {
    Ok(stat(fd)?.st_mode & libc::S_IFMT == libc::S_IFDIR)
}

fn make_target(parent: usize, name: usize, directory: bool) -> Result<(), Errno> {
    if directory {
        return sys(libc::SYS_mkdirat, [parent, name, 0o755, 0, 0]);
    }
    let flags = libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_WRONLY | libc::O_CLOEXEC;
    close(get(libc::SYS_openat, [parent, name, flags as usize, 0o644, 0])?)
}

fn fsconfig(context: usize, command: usize, key: usize, value: usize) -> Result<(), Errno> {
    sys(libc::SYS_fsconfig, [context, command, key, value, 0])
}

fn set_attributes(mount: usize, recursive: bool, attributes: u32) -> Result<(), Errno> {
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
fn parent_is_alive(lifeline: usize) -> Result<(), Errno> {
    let mut poll = libc::pollfd { fd: lifeline as i32, events: 0, revents: 0 };
    let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let poll = core::ptr::from_mut(&mut poll);
    let timeout = core::ptr::from_ref(&now) as usize;
    match get(libc::SYS_ppoll, [poll as usize, 1, timeout, 0, 0])? {
        0 => Ok(()),
        _ => Err(libc::ESRCH),
    }
}

fn inherit(fd: usize) -> Result<(), Errno> {
    sys(libc::SYS_fcntl, [fd, libc::F_SETFD as usize, 0, 0, 0])?;
    let flags = get(libc::SYS_fcntl, [fd, libc::F_GETFL as usize, 0, 0, 0])?;
    let blocking = flags & !(libc::O_NONBLOCK as usize);
    if blocking == flags {
        Ok(())
    } else {
        sys(libc::SYS_fcntl, [fd, libc::F_SETFL as usize, blocking, 0, 0])
    }
}

fn close_from(first: usize) -> Result<(), Errno> {
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

/// A NUL-terminated decimal number.
fn number(text: &[u8]) -> Option<usize> {
    let mut value: usize = 0;
    for (position, &byte) in text.iter().enumerate() {
        match byte {
            0 => return if position > 0 { Some(value) } else { None },
            b'0'..=b'9' => value = value.wrapping_mul(10).wrapping_add((byte & 0x0f) as usize),
            _ => return None,
        }
    }
    None
}

/// Write `value` as a NUL-terminated decimal number.
fn decimal(mut value: usize, to: &mut [u8; 16]) {
    let mut digits = [0u8; 16];
    let mut count = 0usize;
    for place in digits.iter_mut() {
        *place = b'0'.wrapping_add((value % 10) as u8);
        value /= 10;
        count = count.wrapping_add(1);
        if value == 0 {
            break;
        }
    }
    *to = [0; 16];
    for (place, digit) in to.iter_mut().zip(digits.iter().take(count).rev()) {
        *place = *digit;
    }
}

/// Room for what `FSCONFIG_SET_STRING` takes: 256 bytes with the NUL.
struct PathBuffer {
    bytes: [u8; 257],
    length: usize,
}

impl PathBuffer {
    fn new() -> Self {
        PathBuffer { bytes: [0; 257], length: 0 }
    }

    /// What does not fit makes the value too long for the kernel, which then refuses it.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length)
            && self.length < 256
        {
            *place = byte;
            self.length = self.length.wrapping_add(1);
        }
    }

    fn push_fd(&mut self, fd: usize) {
        let mut digits = [0u8; 16];
        decimal(fd, &mut digits);
        for &byte in b"/proc/self/fd/".iter().chain(digits.iter().take_while(|&&digit| digit != 0)) {
            self.push(byte);
        }
    }

    fn as_ptr(&self) -> usize {
        self.bytes.as_ptr() as usize
    }
}
