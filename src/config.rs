//! What the options mean.
//!
//! A [`Config`] has no unread option, no second spelling and no contradiction left in it: whatever can be
//! written here can be lowered to a plan. Text is already a C string, so no later stage can meet a NUL byte,
//! and paths on the host are absolute, so no later stage depends on the current directory.

use std::ffi::CString;
use std::time::Duration;

/// One process to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What is executed.
    pub command: Command,
    /// What the command finds at each of its file descriptors, from 0 on; never fewer than three.
    pub stdio: Vec<Stdio>,
    /// Whether the command leads a session of its own (`setsid(2)`).
    pub detached: bool,
    /// The user id to change to, as `setuid(2)` counts: inside the user namespace when there is one.
    pub uid: Option<u32>,
    /// The group id to change to, as `setgid(2)` counts.
    pub gid: Option<u32>,
    /// Whether fd 0 is a terminal that shall be the controlling one of the command's session.
    pub terminal: bool,
    /// An existing cgroup to run in, `cgroups(7)`. It is neither configured nor removed.
    pub cgroup: Option<CgroupDirectory>,
    /// The isolation that was asked for; without it the command is an ordinary child.
    pub container: Option<Container>,
}

/// An existing cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CgroupDirectory {
    /// By path; absolute.
    Path(CString),
    /// By a descriptor of its directory.
    Fd(i32),
}

/// A program and what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The argument vector, never empty. Its first element is `argv0` where that was given.
    pub argv: Vec<CString>,
    /// What is looked up and executed: `cmd[0]`, whatever `argv0` says, as `Bun.spawn` does. Never empty.
    pub file: CString,
    /// The whole environment, each as `KEY=value`.
    pub env: Vec<CString>,
    /// `PATH` of that environment, in which a `file` without a slash is looked up.
    pub search_path: Option<CString>,
    /// The working directory, inside the container's root when there is one; as written, since only the
    /// kernel can say what a relative path or a `..` is there.
    pub cwd: Option<CString>,
}

/// What a file descriptor of the command is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// A pipe to the parent; from 3 on a socket pair.
    Pipe,
    /// `/dev/null`.
    Ignore,
    /// The parent's descriptor of the same number.
    Inherit,
    /// This descriptor of the parent.
    Fd(i32),
}

/// The isolation around a command. Empty, it still sets `no_new_privs`.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// A user namespace and its id maps.
    pub user: Option<User>,
    /// A pid namespace.
    pub pid: Option<Pid>,
    /// A mount namespace: asked for by name, or implied by a root or by file systems.
    pub mount: Option<Mount>,
    /// A network namespace with `lo` up and nothing else.
    pub network: bool,
    /// A UTS namespace.
    pub uts: Option<Uts>,
    /// An IPC namespace.
    pub ipc: bool,
    /// A cgroup namespace.
    pub cgroup: bool,
    /// A time namespace.
    pub time: Option<Time>,
    /// Limits to put in force; none means that no cgroup is touched.
    pub limit: Option<Limit>,
    /// How long the set-up may take before it is killed.
    pub setup_timeout: Duration,
    /// `PR_SET_NO_NEW_PRIVS`: no set-user-id program gains anything.
    pub no_new_privileges: bool,
}

/// The id maps of a user namespace, `user_namespaces(7)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// One id: root inside is the caller outside. Needs no privilege.
    SelfMap,
    /// As written; more than one's own id needs privilege or `newuidmap`.
    Custom {
        /// Lines of `/proc/PID/uid_map`.
        uid_map: Vec<IdMap>,
        /// Lines of `/proc/PID/gid_map`.
        gid_map: Vec<IdMap>,
    },
}

/// One range of an id map. Ranges of one map do not overlap, and none reaches the id 4294967295, which is no
/// id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMap {
    /// First id inside the namespace.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many ids; at least 1.
    pub length: u32,
}

/// A pid namespace, `pid_namespaces(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pid {
    /// Whether a small init is pid 1, rather than the command itself.
    pub init: bool,
}

/// A UTS namespace, `uts_namespaces(7)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uts {
    /// `sethostname(2)`: 1 to 64 bytes.
    pub hostname: Option<CString>,
    /// `setdomainname(2)`: 1 to 64 bytes.
    pub domainname: Option<CString>,
}

/// A time namespace, `time_namespaces(7)`: offsets as seconds, then nanoseconds forward from there (below
/// 10⁹), which is what `/proc/PID/timens_offsets` takes; half a second back is `(-1, 500_000_000)`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Time {
    /// Added to `CLOCK_MONOTONIC`.
    pub monotonic: Option<(i64, u32)>,
    /// Added to `CLOCK_BOOTTIME`.
    pub boottime: Option<(i64, u32)>,
}

/// Limits of a control group, `cgroups(7)` and the kernel's `Documentation/admin-guide/cgroup-v2.rst`. At least one
/// field is set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limit {
    /// Percent of one core: 50 is half a core, 250 is two and a half. From 1 to 819200.
    pub cpu: Option<Bound<f64>>,
    /// Share of the processor when there is not enough for all: 1 to 10000, others have 100.
    pub cpu_weight: Option<u32>,
    /// The processors that it may run on: ascending, without overlaps, not empty.
    pub cpuset: Option<CpuList>,
    /// Bytes, from 4096 to `i64::MAX`: above it the kernel kills.
    pub memory: Option<Bound<u64>>,
    /// Bytes: above it the kernel slows down and reclaims.
    pub memory_high: Option<Bound<u64>>,
    /// Bytes: below it the kernel takes from others first.
    pub memory_low: Option<Bound<u64>>,
    /// Bytes of swap.
    pub swap: Option<Bound<u64>>,
    /// How many processes and threads.
    pub pids: Option<Bound<u64>>,
    /// Rates, by device; no device twice.
    pub io: Vec<IoLimit>,
    /// Bytes of huge pages by their size, which is as in the control files: `2MB`, `1GB`. No size twice.
    pub hugetlb: Vec<(String, Bound<u64>)>,
    /// Version 2 control files by name, as written; no file that this package itself needs (`cgroup.*`).
    pub unified: Vec<(String, String)>,
    /// Who makes the group; the first that works, if it is not said.
    pub manager: Option<Manager>,
    /// Below which group: a path in the hierarchy (absolute, or relative to our own group), or a slice of systemd's.
    pub parent: Option<String>,
}

/// A limit, or its absence: then the group is only counted by that controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound<T> {
    /// So much and no more.
    At(T),
    /// `max`.
    Max,
}

/// Ranges of processor numbers, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuList(pub Vec<(u32, u32)>);

/// How fast a block device may be read and written; at least one rate is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoLimit {
    /// Its position in `container.limit.io`, by which errors name it.
    pub index: usize,
    /// A device file (absolute), or `major:minor`.
    pub device: String,
    /// Bytes per second read, at least 1.
    pub rbps: Option<Bound<u64>>,
    /// Bytes per second written.
    pub wbps: Option<Bound<u64>>,
    /// Reads per second.
    pub riops: Option<Bound<u64>>,
    /// Writes per second.
    pub wiops: Option<Bound<u64>>,
}

/// Who makes a container's group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// This process, in the cgroup file system.
    Cgroupfs,
    /// systemd, as a transient scope.
    Systemd,
}

/// A mount namespace and what is mounted in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mount {
    /// The new root, if it is not the one that the parent sees.
    pub root: Option<Root>,
    /// Mounted in this order.
    pub fs: Vec<FsEntry>,
}

/// A root to `pivot_root(2)` into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The tree.
    pub from: RootFrom,
    /// Whether the command may not write to it.
    pub readonly: bool,
    /// Where writes go.
    pub overlay: RootOverlay,
}

/// The tree that becomes the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootFrom {
    /// A directory of the host, absolute.
    Directory(CString),
    /// The host's own tree.
    Host,
}

/// Where writes to the root go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootOverlay {
    /// To the tree itself.
    None,
    /// To memory; gone with the container.
    Ephemeral,
    /// To this directory of the host, absolute; it holds the overlay's upper and work directories.
    Kept(CString),
}

/// One file system to mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsEntry {
    /// Its position in `container.fs`, by which errors name it.
    pub index: usize,
    /// Where, inside the container's root: absolute, without `.`, `..`, doubled or trailing slashes. `/` is
    /// the root itself.
    pub to: CString,
    /// What.
    pub kind: FsKind,
    /// How.
    pub flags: MountFlags,
}

/// What a mount permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountFlags {
    /// Whether set-user-id bits and file capabilities count.
    pub suid: bool,
    /// Whether device files work.
    pub dev: bool,
    /// Whether programs can be executed.
    pub exec: bool,
    /// Whether nothing can be written; on a recursive bind, to what is mounted below it either.
    pub readonly: bool,
}

impl Default for MountFlags {
    fn default() -> Self {
        Self { suid: false, dev: false, exec: true, readonly: false }
    }
}

/// The kinds of file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FsKind {
    /// A file or directory of the host.
    Bind {
        /// Which one.
        from: BindFrom,
        /// With everything that is mounted below it.
        recursive: bool,
        /// Whether a missing source is passed over.
        optional: bool,
    },
    /// Memory, `tmpfs(5)`.
    Tmpfs {
        /// Bytes, at least 1; without it the kernel's default, half of the memory.
        size: Option<u64>,
        /// Permission bits of its root directory, at most 0o7777.
        mode: u32,
    },
    /// Layers, the kernel's `Documentation/filesystems/overlayfs.rst`.
    Overlay {
        /// 1 to 500 directories of the host, absolute, uppermost first.
        lower: Vec<CString>,
        /// Where writes go.
        upper: OverlayUpper,
    },
    /// The processes of the container's pid namespace.
    Proc,
}

/// The source of a bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindFrom {
    /// A path of the host, absolute.
    Path(CString),
    /// An open file descriptor of the parent.
    Fd(i32),
}

/// Where writes to an overlay go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverlayUpper {
    /// Nowhere: it is read-only.
    None,
    /// To memory; gone with the container.
    Ephemeral,
    /// To directories of the host, absolute. The kernel wants both on one file system, and neither inside the
    /// other.
    Dirs {
        /// What was changed.
        upper: CString,
        /// Where the kernel prepares changes.
        work: CString,
    },
}
