//! A step in words, and the system call and path that an error of it names. One exhaustive `match` each: a forgotten
//! case does not compile.

use std::fmt;
use std::path::PathBuf;

use container_spawn_child::op::{Op, Slot, Text};

use super::{ParentOp, Plan, SlotSource};
use crate::cgroup::{Group, Scope};
use crate::systemd::Instance;

/// A child's step in words.
pub struct Described<'a> {
    /// Where its strings are.
    pub plan: &'a Plan,
    /// The step.
    pub op: &'a Op,
}

impl Described<'_> {
    /// The system call that fails when this step fails.
    pub fn syscall(&self) -> &'static str {
        match self.op {
            Op::ResetSignals => "rt_sigaction",
            Op::Close(_) => "close",
            Op::Gate(_) => "futex",
            Op::WriteFile { .. } | Op::WriteSlot { .. } => "write",
            Op::Unshare(_) => "unshare",
            Op::Hostname(_) => "sethostname",
            Op::Domainname(_) => "setdomainname",
            Op::LoopbackUp => "ioctl",
            Op::PrivateMounts => "mount",
            Op::CloneTree { .. } | Op::CloneTreeOf { .. } => "open_tree",
            Op::Open { .. } | Op::OpenIn { .. } => "openat2",
            Op::Same { .. } => "newfstatat",
            Op::MakeDirectory { .. } | Op::MakeTarget { .. } => "mkdirat",
            Op::FsOpen { .. } => "fsopen",
            Op::FsString { .. }
            | Op::FsFlag { .. }
            | Op::FsLayer { .. }
            | Op::FsLowerLayers { .. }
            | Op::FsCreate(_) => "fsconfig",
            Op::FsMount { .. } => "fsmount",
            Op::SetAttributes { .. } => "mount_setattr",
            Op::Attach { .. } => "move_mount",
            Op::Detach(_) | Op::DetachOldRoot => "umount2",
            Op::EnterDirectory(_) => "fchdir",
            Op::PivotRoot => "pivot_root",
            Op::ChangeDirectory(_) => "chdir",
            Op::NoNewPrivileges | Op::NotDumpable | Op::DieWithParent => "prctl",
            Op::StartPayload => "clone3",
            Op::ParentIsAlive(_) => "ppoll",
            Op::ControllingTerminal => "ioctl",
            Op::Raise { .. } | Op::Inherit(_) => "fcntl",
            Op::Give { .. } => "dup3",
            Op::NewSession => "setsid",
            Op::DropGroups => "setgroups",
            Op::SetGid(_) => "setresgid",
            Op::SetUid(_) => "setresuid",
            Op::CloseFrom(_) => "close_range",
            Op::UnblockSignals => "rt_sigprocmask",
            Op::Exec(_) | Op::NotFound => "execve",
            Op::ExecInit(_) => "execveat",
        }
    }

    /// The step in an error message: without the slot that it would have filled.
    pub fn attempt(&self) -> String {
        let text = self.to_string();
        text.split(" -> ").next().unwrap_or_default().to_owned()
    }

    /// The path that the step is about, where there is one.
    pub fn path(&self) -> Option<String> {
        let text = match self.op {
            Op::WriteFile { path, .. }
            | Op::CloneTree { path, .. }
            | Op::Open { path, .. }
            | Op::OpenIn { path, .. }
            | Op::ChangeDirectory(path)
            | Op::Exec(path) => path,
            Op::MakeDirectory { name, .. } | Op::MakeTarget { name, .. } => name,
            _ => return None,
        };
        Some(self.text(text))
    }

    fn text(&self, text: &Text) -> String {
        self.plan.text(*text).to_string_lossy().into_owned()
    }

    /// What a slot holds, in words, if the parent fills it.
    fn slot(&self, slot: Slot) -> String {
        let opened = self.plan.parent.iter().find_map(|step| match &step.op {
            ParentOp::OpenCgroup { directory, file, to, .. } if *to == slot => {
                Some(file.map_or(directory.clone(), |file| directory.join(file)))
            }
            _ => None,
        });
        if let Some(path) = opened {
            return path.display().to_string();
        }
        let source = self.plan.slots.iter().find(|(filled, _)| *filled == slot).map(|(_, source)| source);
        match source {
            Some(SlotSource::Stdio(index)) => format!("stdio[{index}]"),
            Some(SlotSource::Caller(fd)) => format!("fd {fd}"),
            Some(SlotSource::Null) => "/dev/null".into(),
            Some(SlotSource::LifelineRead | SlotSource::LifelineWrite) => "lifeline".into(),
            Some(SlotSource::StatusWrite) => "status pipe".into(),
            Some(SlotSource::InitProgram) => "init".into(),
            None => format!("#{}", slot.0),
        }
    }
}

impl fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let text = |place: &Text| self.text(place);
        let slot = |place: &Slot| self.slot(*place);
        match self.op {
            Op::ResetSignals => write!(f, "every signal to its default"),
            Op::Close(fd) => write!(f, "close our copy of the {}'s other end", slot(fd)),
            Op::Gate(number) => write!(f, "wait for the parent at gate {number}"),
            Op::WriteFile { path, data } => write!(f, "write {:?} to {}", text(data), text(path)),
            Op::WriteSlot { slot: file, data } => write!(f, "write {:?} to {}", text(data), slot(file)),
            Op::Unshare(flags) => write!(f, "unshare {}", namespace_names(*flags as u32 as u64)),
            Op::Hostname(name) => write!(f, "sethostname {}", text(name)),
            Op::Domainname(name) => write!(f, "setdomainname {}", text(name)),
            Op::LoopbackUp => write!(f, "bring lo up"),
            Op::PrivateMounts => write!(f, "make every mount private"),
            Op::CloneTree { path, recursive, to } => {
                write!(f, "open_tree {}{} -> {}", text(path), recursively(*recursive), slot(to))
            }
            Op::CloneTreeOf { from, recursive, to } => {
                write!(f, "open_tree {}{} -> {}", slot(from), recursively(*recursive), slot(to))
            }
            Op::Open { path, to, .. } => write!(f, "open {} -> {}", text(path), slot(to)),
            Op::OpenIn { root, path, to, .. } => {
                write!(f, "open {} in root {} -> {}", text(path), slot(root), slot(to))
            }
            Op::Same { here, there } => write!(f, "see that {} is {}", slot(here), slot(there)),
            Op::MakeDirectory { parent, name, mode } => {
                write!(f, "mkdir {} in {} (mode {mode:o})", text(name), slot(parent))
            }
            Op::MakeTarget { parent, name, like } => {
                write!(f, "make mount point {} in {} for {}", text(name), slot(parent), slot(like))
            }
            Op::FsOpen { filesystem, to } => write!(f, "fsopen {} -> {}", text(filesystem), slot(to)),
            Op::FsString { context, key, value } => {
                write!(f, "fsconfig {} {}={}", slot(context), text(key), text(value))
            }
            Op::FsFlag { context, key } => write!(f, "fsconfig {} {}", slot(context), text(key)),
            Op::FsLayer { context, key, layer } => {
                write!(f, "fsconfig {} {}={}", slot(context), text(key), slot(layer))
            }
            Op::FsLowerLayers { context, first, count } => {
                write!(
                    f,
                    "fsconfig {} lowerdir={} and {} more",
                    slot(context),
                    slot(first),
                    count.saturating_sub(1)
                )
            }
            Op::FsCreate(context) => write!(f, "fsconfig {} create", slot(context)),
            Op::FsMount { context, attributes, to } => {
                write!(f, "fsmount {} {} -> {}", slot(context), attribute_names(*attributes), slot(to))
            }
            Op::SetAttributes { mount, recursive, attributes } => {
                write!(
                    f,
                    "mount_setattr {} {}{}",
                    slot(mount),
                    attribute_names(*attributes),
                    recursively(*recursive)
                )
            }
            Op::Attach { mount, target } => write!(f, "move_mount {} to {}", slot(mount), slot(target)),
            Op::Detach(mount) => write!(f, "unmount {}", slot(mount)),
            Op::EnterDirectory(directory) => write!(f, "fchdir {}", slot(directory)),
            Op::PivotRoot => write!(f, "pivot_root . ."),
            Op::DetachOldRoot => write!(f, "unmount the old root"),
            Op::ChangeDirectory(path) => write!(f, "chdir {}", text(path)),
            Op::NoNewPrivileges => write!(f, "no new privileges"),
            Op::NotDumpable => write!(f, "not dumpable until init's exec"),
            Op::StartPayload => write!(f, "clone the payload"),
            Op::DieWithParent => write!(f, "SIGKILL when the parent dies"),
            Op::ParentIsAlive(_) => write!(f, "the parent is still alive"),
            Op::Raise { slot: fd, above } => write!(f, "move {} above {above}", slot(fd)),
            Op::Give { slot: fd, to } => write!(f, "fd {to} = {}", slot(fd)),
            Op::Inherit(fd) => write!(f, "fd {fd} = the parent's"),
            Op::NewSession => write!(f, "setsid"),
            Op::ControllingTerminal => write!(f, "fd 0 is the controlling terminal"),
            Op::DropGroups => write!(f, "drop supplementary groups"),
            Op::SetGid(id) => write!(f, "setresgid {id}"),
            Op::SetUid(id) => write!(f, "setresuid {id}"),
            Op::CloseFrom(fd) => write!(f, "close every fd from {fd} on at exec"),
            Op::UnblockSignals => write!(f, "unblock every signal"),
            Op::Exec(path) => write!(f, "execve {}", text(path)),
            Op::NotFound => write!(f, "give up the look-up along PATH"),
            Op::ExecInit(_) => write!(f, "execveat init"),
        }
    }
}

impl ParentOp {
    /// The system call that fails when this step fails.
    pub fn syscall(&self) -> &'static str {
        match self {
            ParentOp::MountPoint { .. } => "mkdirat",
            ParentOp::CheckRoot => "openat",
            ParentOp::MakeCgroup(_) => "mkdir",
            ParentOp::OpenCgroup { .. } => "open",
            ParentOp::EnableControllers { .. }
            | ParentOp::WriteControl { .. }
            | ParentOp::WriteMaps { .. } => "write",
            ParentOp::StartScope(_) | ParentOp::AttachToScope { .. } => "sendmsg",
        }
    }

    /// The path that the step is about.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            ParentOp::MountPoint { to: path, .. }
            | ParentOp::OpenCgroup { directory: path, .. }
            | ParentOp::AttachToScope { group: path, .. }
            | ParentOp::StartScope(Scope { directory: path, .. })
            | ParentOp::MakeCgroup(Group { directory: path, .. }) => Some(path.clone()),
            ParentOp::EnableControllers { group, .. } => Some(group.join("cgroup.subtree_control")),
            ParentOp::WriteControl { directory, control } => Some(directory.join(&control.file)),
            ParentOp::CheckRoot | ParentOp::WriteMaps { .. } => None,
        }
    }
}

impl fmt::Display for ParentOp {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ParentOp::MountPoint { to, .. } => {
                write!(f, "make mount point {}, if it is missing on the host", to.display())
            }
            ParentOp::CheckRoot => write!(f, "look for what the command needs in the new root"),
            ParentOp::EnableControllers { group, required, companions, may_move } => {
                let names = [required.as_slice(), companions.as_slice()].concat().join(" ");
                let moving = if *may_move { ", moving its processes to a leaf if need be" } else { "" };
                write!(f, "pass {names} on below {}{moving}", group.display())
            }
            ParentOp::MakeCgroup(group) => write!(f, "mkdir {}", group.directory.display()),
            ParentOp::OpenCgroup { directory, .. } => write!(f, "open the cgroup {}", directory.display()),
            ParentOp::WriteControl { directory, control } => {
                let file = directory.join(&control.file);
                let optional = match (control.is_late(), control.required) {
                    (true, _) => ", once the command runs",
                    (false, false) => ", if it is there",
                    (false, true) => "",
                };
                write!(f, "write {:?} to {}{optional}", control.value, file.display())
            }
            ParentOp::WriteMaps { uid_map, gid_map } => {
                write!(f, "write uid_map ({} lines) and gid_map ({} lines)", uid_map.len(), gid_map.len())
            }
            ParentOp::StartScope(scope) => {
                write!(f, "have {} make {}, if it is not there", whose(scope), scope.directory.display())
            }
            ParentOp::AttachToScope { scope, group } => {
                write!(f, "have {} move the child to {}", whose(scope), group.display())
            }
        }
    }
}

fn whose(scope: &Scope) -> &'static str {
    match scope.instance {
        Instance::System => "systemd",
        Instance::User => "the user's systemd",
    }
}

fn recursively(recursive: bool) -> &'static str {
    if recursive { ", recursively" } else { "" }
}

/// `CLONE_NEW*` in words.
pub fn namespace_names(flags: u64) -> String {
    let known = [
        (libc::CLONE_NEWUSER, "user"),
        (libc::CLONE_NEWPID, "pid"),
        (libc::CLONE_NEWNS, "mount"),
        (libc::CLONE_NEWNET, "network"),
        (libc::CLONE_NEWUTS, "uts"),
        (libc::CLONE_NEWIPC, "ipc"),
        (libc::CLONE_NEWCGROUP, "cgroup"),
        (libc::CLONE_NEWTIME, "time"),
    ];
    let names: Vec<_> =
        known.iter().filter(|(flag, _)| flags & (*flag as u32 as u64) != 0).map(|(_, name)| *name).collect();
    names.join(" ")
}

fn attribute_names(attributes: u32) -> String {
    let known = [
        (libc::MOUNT_ATTR_RDONLY, "ro"),
        (libc::MOUNT_ATTR_NOSUID, "nosuid"),
        (libc::MOUNT_ATTR_NODEV, "nodev"),
        (libc::MOUNT_ATTR_NOEXEC, "noexec"),
    ];
    let names: Vec<_> =
        known.iter().filter(|(flag, _)| u64::from(attributes) & *flag != 0).map(|(_, name)| *name).collect();
    names.join(",")
}
