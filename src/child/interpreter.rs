//! One loop that runs steps, and one error exit.

use core::ffi::{c_char, c_void};
use core::sync::atomic::Ordering;

use crate::calls::*;
use crate::op::{Op, Slot, Step, Text, VOID};
use crate::shared::{NO_FAILURE, Shared, bell, futex_wait, futex_wake, reached};
use crate::syscall::{CloneArgs, Errno, call, clone_legacy, clone3};
use crate::text::{PathBuffer, decimal};

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
