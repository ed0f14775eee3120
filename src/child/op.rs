//! The vocabulary: what a child can be told to do. One variant is one system call, or one call with what makes it
//! whole (open + write + close of a `/proc` file).
//!
//! Ops hold no pointers: strings are [`Text`] offsets into the program's arena, file descriptors are [`Slot`]s,
//! numbered places that the parent fills before the clone or that an earlier op fills. So a program is plain data
//! that can be compared, printed and tested without running it.

use crate::syscall::Errno;

/// Offset of a NUL-terminated string in the program's arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text(pub u32);

/// A numbered place that holds a file descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(pub u16);

/// How many slots there are: an overlay over a whole host tree takes one or two for each subtree.
pub const SLOTS: usize = 1024;

/// What a path is expected to be when it is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A directory; anything else is ENOTDIR.
    Directory,
    /// Anything.
    Any,
}

/// One thing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    /// Every disposition to SIG_DFL. `CLONE_CLEAR_SIGHAND` leaves ignored signals ignored, and Node and Bun ignore
    /// SIGPIPE; an ignored SIGCHLD would take the exit statuses of init's children away.
    ResetSignals,
    /// `close(2)`.
    Close(Slot),
    /// Tell the parent that gate `number` is reached, and wait until it has done what only it can do.
    Gate(u32),
    /// Open, write, close: a control file of `/proc`, whose `write` is the operation.
    WriteFile {
        /// Absolute path.
        path: Text,
        /// What to write, in one `write(2)`.
        data: Text,
    },
    /// `write(2)` to a file that the parent has opened.
    WriteSlot {
        /// The open file.
        slot: Slot,
        /// What to write, in one `write(2)`.
        data: Text,
    },
    /// `unshare(2)`, for namespaces that cannot be made by the clone.
    Unshare(i32),
    /// `sethostname(2)`.
    Hostname(Text),
    /// `setdomainname(2)`.
    Domainname(Text),
    /// Bring `lo` up in a new network namespace: without it even 127.0.0.1 is unreachable.
    LoopbackUp,
    /// Make every mount below `/` private: on most hosts they are shared, and ours would appear there.
    PrivateMounts,
    /// `open_tree(2)` with `OPEN_TREE_CLONE`: a detached copy of what is mounted at `path`.
    CloneTree {
        /// Path as the parent sees it.
        path: Text,
        /// With everything mounted below it.
        recursive: bool,
        /// Where the copy goes.
        to: Slot,
    },
    /// The same, of what an open file descriptor names.
    CloneTreeOf {
        /// An `O_PATH` or ordinary descriptor.
        from: Slot,
        /// With everything mounted below it.
        recursive: bool,
        /// Where the copy goes.
        to: Slot,
    },
    /// `openat2(2)` with `O_PATH` on a host path.
    Open {
        /// Path as the parent sees it.
        path: Text,
        /// What it must be.
        kind: Kind,
        /// Where the descriptor goes.
        to: Slot,
    },
    /// `openat2(2)` with `O_PATH`, `RESOLVE_IN_ROOT` and `RESOLVE_NO_MAGICLINKS`: no link in a hostile tree leads out.
    OpenIn {
        /// The directory that is `/` for this look-up.
        root: Slot,
        /// Path below it.
        path: Text,
        /// What it must be.
        kind: Kind,
        /// Where the descriptor goes.
        to: Slot,
    },
    /// Fail with ESTALE unless both descriptors name the same file. A mount of another mount namespace cannot be
    /// copied, so what a descriptor of the parent's names is opened again by its path, and this is the proof.
    Same {
        /// Opened here.
        here: Slot,
        /// The parent's.
        there: Slot,
    },
    /// `mkdirat(2)`.
    MakeDirectory {
        /// Parent directory.
        parent: Slot,
        /// A single name.
        name: Text,
        /// Permission bits.
        mode: u32,
    },
    /// A place to mount on: a directory or, for a mount that is a file, an empty file (`O_EXCL | O_NOFOLLOW`).
    MakeTarget {
        /// Parent directory.
        parent: Slot,
        /// A single name.
        name: Text,
        /// What will be mounted there.
        like: Slot,
    },
    /// `fsopen(2)`.
    FsOpen {
        /// `tmpfs`, `overlay`, `proc`.
        filesystem: Text,
        /// Where the context goes.
        to: Slot,
    },
    /// `fsconfig(2)`, `FSCONFIG_SET_STRING`: one value that is never parsed for separators.
    FsString {
        /// The context.
        context: Slot,
        /// Parameter name.
        key: Text,
        /// Its value.
        value: Text,
    },
    /// `fsconfig(2)`, `FSCONFIG_SET_FLAG`.
    FsFlag {
        /// The context.
        context: Slot,
        /// Parameter name.
        key: Text,
    },
    /// An overlay layer, named as `/proc/self/fd/N`: exactly the directory that was opened, and free of the
    /// characters (`,` `:` `\`) that overlayfs would take apart.
    FsLayer {
        /// The context.
        context: Slot,
        /// `lowerdir+`, `upperdir` or `workdir`.
        key: Text,
        /// The opened directory.
        layer: Slot,
    },
    /// All lower layers in one value, for kernels before 6.5, which have no `lowerdir+`.
    FsLowerLayers {
        /// The context.
        context: Slot,
        /// The topmost layer; the others are in the slots after it.
        first: Slot,
        /// How many.
        count: u16,
    },
    /// `fsconfig(2)`, `FSCONFIG_CMD_CREATE`: here the file system looks at its parameters.
    FsCreate(Slot),
    /// `fsmount(2)`: a detached mount.
    FsMount {
        /// The context.
        context: Slot,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
        /// Where the mount goes.
        to: Slot,
    },
    /// `mount_setattr(2)`: `MOUNT_ATTR_*` to add.
    SetAttributes {
        /// The mount.
        mount: Slot,
        /// With all mounts below it.
        recursive: bool,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
    },
    /// `move_mount(2)`: attach a detached mount on an opened place.
    Attach {
        /// The mount.
        mount: Slot,
        /// The place.
        target: Slot,
    },
    /// `umount2(2)` with `MNT_DETACH` of the mount whose root is open here.
    Detach(Slot),
    /// `fchdir(2)`.
    EnterDirectory(Slot),
    /// `pivot_root(".", ".")`: the old root is stacked on the new one, reachable by nobody's path but `.`.
    PivotRoot,
    /// `umount2(".", MNT_DETACH)`: the old root is gone.
    DetachOldRoot,
    /// `chdir(2)`.
    ChangeDirectory(Text),
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges,
    /// `PR_SET_DUMPABLE` 0: until init's exec, pid 1 still maps the parent's memory, and a payload that is root in the
    /// same namespaces could read it through `/proc/1/mem`.
    NotDumpable,
    /// Clone the payload, suspended until it has exec'ed, and let it run its own steps.
    StartPayload,
    /// `PR_SET_PDEATHSIG` SIGKILL. The supervisor thread is the parent: it lives as long as the process.
    DieWithParent,
    /// Fail if the parent is gone already: a death before `DieWithParent` sends no signal.
    ParentIsAlive(Slot),
    /// `fcntl(F_DUPFD_CLOEXEC)`: move a descriptor out of the way of the numbers that are about to be overwritten.
    Raise {
        /// The descriptor, replaced.
        slot: Slot,
        /// The lowest number it may get.
        above: i32,
    },
    /// `dup3(2)` without CLOEXEC: the command gets this descriptor.
    Give {
        /// What it gets.
        slot: Slot,
        /// Under which number.
        to: i32,
    },
    /// Let the command have the parent's own descriptor. Node sets CLOEXEC on its fds 0 to 2; Bun makes its stdout
    /// non-blocking, which few programs expect.
    Inherit(i32),
    /// `setsid(2)`: no controlling terminal to push input into (TIOCSTI).
    NewSession,
    /// `TIOCSCTTY` on fd 0: a session leader's terminal, which SIGINT and SIGWINCH come from.
    ControllingTerminal,
    /// `setgroups(0)`.
    DropGroups,
    /// `setresgid(2)`.
    SetGid(u32),
    /// `setresuid(2)`.
    SetUid(u32),
    /// Every descriptor from this one on closes at exec; by `close_range(2)`, or one by one where that is missing.
    CloseFrom(i32),
    /// `rt_sigprocmask(2)`: nothing blocked.
    UnblockSignals,
    /// `execve(2)`. Returns only if it failed.
    Exec(Text),
    /// What remains when no `Exec` along `PATH` worked: EACCES if one was refused, else ENOENT.
    NotFound,
    /// `execveat(2)` of init, from its sealed memory file.
    ExecInit(Slot),
}

impl Op {
    /// The slots that it reads, where one of them can be void: see [`VOID`].
    pub fn reads(&self) -> [Option<Slot>; 2] {
        match *self {
            Op::CloneTreeOf { from, .. } => [Some(from), None],
            Op::MakeTarget { parent, like, .. } => [Some(parent), Some(like)],
            Op::FsLayer { context, layer, .. } => [Some(context), Some(layer)],
            Op::FsString { context, .. } | Op::FsFlag { context, .. } | Op::FsCreate(context) => {
                [Some(context), None]
            }
            Op::FsMount { context, .. } => [Some(context), None],
            Op::SetAttributes { mount, .. } => [Some(mount), None],
            Op::Attach { mount, target } => [Some(mount), Some(target)],
            _ => [None, None],
        }
    }

    /// The slot that means nothing if this is not done.
    pub fn fills(&self) -> Option<Slot> {
        match *self {
            Op::CloneTree { to, .. }
            | Op::CloneTreeOf { to, .. }
            | Op::Open { to, .. }
            | Op::OpenIn { to, .. }
            | Op::FsOpen { to, .. }
            | Op::FsMount { to, .. } => Some(to),
            Op::FsLayer { context, .. } | Op::FsCreate(context) => Some(context),
            _ => None,
        }
    }
}

/// What a slot holds whose filling was allowed to fail, and did. A step that reads it is not done, and what that step
/// would have filled is void too: what is optional takes no branch.
pub const VOID: i32 = -2;

/// A step: what to do, and which errors mean that it was done already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// What to do.
    pub op: Op,
    /// Errors after which the program goes on; zeros are unused places.
    pub tolerated: [Errno; 4],
}
