//! What to do about an error, on this machine. Each hint names the command, sysctl, option or package that helps; a
//! failure that we have nothing to say about gets none.

use container_spawn_child::op::Op;
use container_spawn_child::syscall::Errno;

use crate::config::{Bound, Config, Container, FsEntry, FsKind, RootFrom};
use crate::error::Failure;
use crate::plan::ParentOp;

/// The sysctls that decide over user namespaces.
pub struct Sysctls {
    /// Of `/proc/sys/user/max_*_namespaces`, those that are asked for and zero.
    pub switched_off: Vec<&'static str>,
    /// `/proc/sys/kernel/unprivileged_userns_clone` (Debian).
    pub unprivileged_userns_clone: Option<u64>,
    /// `/proc/sys/kernel/apparmor_restrict_unprivileged_userns` (Ubuntu).
    pub apparmor_restrict: Option<u64>,
    /// `/proc/self/attr/apparmor/current`, where that confines us.
    pub apparmor_profile: Option<String>,
    /// Are we root?
    pub root: bool,
}

impl Sysctls {
    /// This machine's, as far as `namespaces` (`CLONE_NEW*`) are concerned.
    pub fn live(namespaces: u64) -> Sysctls {
        let read = |path: &str| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
        Sysctls {
            switched_off: asked_limits(namespaces)
                .into_iter()
                .filter(|name| read(&format!("/proc/sys/user/{name}")) == Some(0))
                .collect(),
            unprivileged_userns_clone: read("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restrict: read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            apparmor_profile: std::fs::read_to_string("/proc/self/attr/apparmor/current")
                .ok()
                .map(|profile| profile.trim().to_owned())
                .filter(|profile| !profile.is_empty() && profile != "unconfined"),
            root: nix::unistd::geteuid().is_root(),
        }
    }
}

/// For a refused clone.
pub fn clone(failure: Failure, namespaces: u64, config: &Config) -> Failure {
    let errno = failure.errno.unwrap_or_default();
    let in_user_namespace = namespaces & libc::CLONE_NEWUSER as u64 != 0;
    match refused_clone(errno, in_user_namespace, namespaces, &Sysctls::live(namespaces)) {
        Some(hint) => failure.hinting(hint),
        None => killed(failure, config),
    }
}

/// For a clone that the version 2 group has refused.
pub fn clone_into(failure: Failure) -> Failure {
    let hint = match failure.errno.unwrap_or_default() {
        libc::EAGAIN => {
            "the number of processes is at its limit: pids.max of the group or of one above it, or ulimit -u"
        }
        libc::EBUSY => {
            "the group is frozen, or it passes controllers on to groups below it and then takes no processes"
        }
        libc::EACCES => {
            "this takes the right to write to cgroup.procs of the lowest group that is above both it and this process's own"
        }
        libc::ENOENT | libc::ENODEV => "the group has been removed",
        _ => return failure,
    };
    failure.hinting(hint)
}

/// The table for [`clone`].
fn refused_clone(errno: Errno, user: bool, namespaces: u64, sysctls: &Sysctls) -> Option<String> {
    let any = namespaces != 0;
    Some(match errno {
        libc::EPERM | libc::EACCES if user && sysctls.unprivileged_userns_clone == Some(0) => {
            "this kernel lets only root make user namespaces: sysctl kernel.unprivileged_userns_clone=1".into()
        }
        libc::EPERM | libc::EACCES if user && sysctls.apparmor_restrict == Some(1) => {
            "AppArmor refuses user namespaces to programs without a profile: \
             sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile for this program with `userns,`"
                .into()
        }
        libc::EPERM | libc::EACCES if user && sysctls.apparmor_profile.is_some() => format!(
            "this process is confined by the AppArmor profile {}: see dmesg for what it refuses, and allow it there (userns, capability)",
            sysctls.apparmor_profile.as_deref().unwrap_or_default()
        ),
        libc::EPERM if user => "a seccomp filter (Docker's default, say) or a chroot refuses user namespaces to this process".into(),
        libc::EPERM if sysctls.root => {
            "this process is root without CAP_SYS_ADMIN; give it the capability, or add container.namespace.user: true".into()
        }
        libc::EPERM if any => {
            "only root may make these namespaces by themselves; add container.namespace.user: true".into()
        }
        libc::ENOSPC => match sysctls.switched_off.first() {
            Some(name) => format!("this kind of namespace is switched off: sysctl user.{name}=15000"),
            None => {
                let limits: Vec<_> =
                    asked_limits(namespaces).iter().map(|name| format!("user.{name}")).collect();
                format!("too many namespaces, or nested 32 deep: see sysctl {}", limits.join(" "))
            }
        },
        libc::EINVAL if any => "this kernel does not have one of these kinds of namespaces".into(),
        libc::EAGAIN => "the number of processes is at its limit: see ulimit -u and the cgroup's pids.max".into(),
        libc::ENOSYS => "this kernel has no clone3, or a seccomp filter hides it".into(),
        _ => return None,
    })
}

/// The sysctls that limit how many of these namespaces a user may have.
fn asked_limits(namespaces: u64) -> Vec<&'static str> {
    let limits = [
        (libc::CLONE_NEWUSER, "max_user_namespaces"),
        (libc::CLONE_NEWPID, "max_pid_namespaces"),
        (libc::CLONE_NEWNS, "max_mnt_namespaces"),
        (libc::CLONE_NEWNET, "max_net_namespaces"),
        (libc::CLONE_NEWUTS, "max_uts_namespaces"),
        (libc::CLONE_NEWIPC, "max_ipc_namespaces"),
        (libc::CLONE_NEWCGROUP, "max_cgroup_namespaces"),
    ];
    limits.iter().filter(|(flag, _)| namespaces & (*flag as u32 as u64) != 0).map(|(_, name)| *name).collect()
}

/// For a child that was killed on its way.
pub fn killed(failure: Failure, config: &Config) -> Failure {
    let memory = config.container.as_ref().and_then(|container| container.limit.as_ref()?.memory);
    match memory {
        Some(Bound::At(bytes)) => failure.hinting(format!(
            "container.limit.memory is {bytes} bytes, too little to start in; a shell needs about 1 MiB, Node 64 MiB"
        )),
        _ => failure,
    }
}

/// For a step of the child's.
pub fn child(failure: Failure, op: &Op, config: &Config) -> Failure {
    let errno = failure.errno.unwrap_or_default();
    let Some(container) = &config.container else { return plain(failure, op) };
    match for_step(op, errno, &failure.option, container) {
        Some(hint) => failure.hinting(hint),
        None if errno == libc::ENOMEM => killed(failure, config),
        None => plain(failure, op),
    }
}

fn plain(failure: Failure, op: &Op) -> Failure {
    match (op, failure.errno.unwrap_or_default()) {
        (Op::Exec(_), libc::ENOEXEC) => failure.hinting("not a program: a script needs a first line such as #!/bin/sh"),
        (Op::Exec(_) | Op::NotFound, libc::EACCES) => {
            failure.hinting("a file that is executed must be a regular file with an x bit (chmod +x), on a mount without noexec")
        }
        (Op::Exec(_), libc::E2BIG) => failure.hinting("one argument or variable may have 128 KiB, all together a quarter of ulimit -s"),
        (Op::SetUid(_) | Op::SetGid(_), libc::EPERM) => failure.hinting("only root may change ids"),
        (Op::ControllingTerminal, libc::EPERM) => failure.hinting(TERMINAL_IN_USE),
        _ => failure,
    }
}

const TERMINAL_IN_USE: &str =
    "another process has this terminal: wait for its end, or give this one a terminal of its own";

/// The table for [`child`].
fn for_step(op: &Op, errno: Errno, option: &str, container: &Container) -> Option<String> {
    let in_user_namespace = container.user.is_some();
    let hint = match (op, errno) {
        (Op::StartPayload, libc::EAGAIN)
            if container.limit.as_ref().is_some_and(|limit| limit.pids.is_some()) =>
        {
            "container.limit.pids is too small to start in: the container's own pid 1 counts, too"
        }
        (Op::StartPayload, libc::EAGAIN) => {
            "the number of processes is at its limit: see ulimit -u and pids.max of the cgroups that this process is in"
        }
        (Op::SetUid(_) | Op::SetGid(_), libc::EINVAL) => "this id is not mapped in container.namespace.user",
        (Op::WriteFile { .. }, libc::EPERM | libc::EACCES) if option == "container.namespace.user" => {
            "the kernel refused the id map; under AppArmor see sysctl kernel.apparmor_restrict_unprivileged_userns"
        }
        (Op::MakeDirectory { .. } | Op::MakeTarget { .. }, libc::EACCES | libc::EPERM | libc::EROFS) => {
            "the mount point does not exist and cannot be made there: make it beforehand, or mount somewhere that you may write"
        }
        (Op::OpenIn { .. }, libc::ELOOP) => {
            "a symbolic link into /proc (a magic link) is not followed inside a container"
        }
        (Op::OpenIn { .. }, libc::ENOENT) if option.ends_with(".to") => {
            "a symbolic link on this path leads nowhere inside the container's root"
        }
        (Op::FsCreate(_) | Op::FsMount { .. }, libc::EPERM) if option == "container.namespace.pid" => {
            "the kernel does not let a user namespace mount /proc where the visible one is partly covered, as in Docker: \
             run this process with --security-opt systempaths=unconfined, or without container.namespace.pid"
        }
        (Op::FsCreate(_) | Op::FsMount { .. }, libc::EPERM) if is_proc_without_pid(container, option) => {
            "in a user namespace /proc can only be mounted together with a pid namespace of its own: add container.namespace.pid: true"
        }
        (Op::FsCreate(_), libc::ELOOP) => "the directories of an overlay must not contain one another",
        (Op::FsCreate(_), libc::EINVAL | libc::EPERM | libc::EXDEV) if in_user_namespace => {
            "an overlay in a user namespace needs Linux 5.11, upper and work on one file system that supports it (not on \
             another overlay), and lower directories without mounts below them"
        }
        (Op::FsCreate(_), libc::EINVAL | libc::EXDEV) => {
            "upper and work must be on one file system that an overlay can write to (not on another overlay or NFS)"
        }
        (Op::FsOpen { .. }, libc::ENODEV) => "this kernel has no such file system: modprobe overlay",
        (Op::CloneTree { .. } | Op::CloneTreeOf { .. }, libc::EINVAL) if in_user_namespace => {
            "in a user namespace a directory with mounts below it can only be bound with them: recursive: true"
        }
        (Op::CloneTree { .. } | Op::Open { .. }, libc::ENOENT) => {
            "the source must exist; optional: true skips a bind whose source does not"
        }
        (Op::ControllingTerminal, libc::EPERM) => TERMINAL_IN_USE,
        (Op::ChangeDirectory(_), libc::EACCES) if option == "cwd" => {
            "the container's user may not enter this directory (this process's own, unless cwd is given): give another cwd"
        }
        (Op::Unshare(_), libc::EPERM) => "this takes CAP_SYS_ADMIN; add container.namespace.user: true",
        (Op::Same { .. }, _) => {
            "what this descriptor names is not where its path leads any more: was it removed, or mounted over?"
        }
        (Op::PivotRoot, libc::EINVAL) => "pivot_root does not work from an initramfs",
        (
            Op::PrivateMounts
            | Op::FsOpen { .. }
            | Op::CloneTree { .. }
            | Op::SetAttributes { .. }
            | Op::Attach { .. },
            libc::EPERM,
        ) if !in_user_namespace => "mounting needs CAP_SYS_ADMIN; add container.namespace.user: true",
        (Op::ExecInit(_), _) => {
            "the container's init could not be executed from memory: see sysctl vm.memfd_noexec"
        }
        (Op::Exec(_) | Op::NotFound, libc::ENOENT) if has_new_root(container) => {
            "the look-up is inside the new root; its files, the ELF interpreter included, must be in it or be bound into it"
        }
        _ => return None,
    };
    Some(hint.into())
}

/// `option` is `container.fs[2]`, and that is a `/proc`.
fn is_proc_without_pid(container: &Container, option: &str) -> bool {
    let entries = container.mount.iter().flat_map(|mount| &mount.fs);
    let is_it =
        |entry: &FsEntry| entry.kind == FsKind::Proc && option == format!("container.fs[{}]", entry.index);
    container.user.is_some() && container.pid.is_none() && entries.into_iter().any(is_it)
}

fn has_new_root(container: &Container) -> bool {
    let root = container.mount.as_ref().and_then(|mount| mount.root.as_ref());
    root.is_some_and(|root| matches!(root.from, RootFrom::Directory(_)))
}

/// For a step of the parent's.
pub fn parent(failure: Failure, op: &ParentOp) -> Failure {
    let hint = match (op, failure.errno.unwrap_or_default()) {
        (ParentOp::MakeCgroup(group), libc::EACCES | libc::EPERM | libc::EROFS) if group.version == 1 => {
            "only root may make cgroups in a version 1 hierarchy that is mounted read-write; run as root, or drop container.limit"
        }
        (ParentOp::EnableControllers { .. }, libc::EBUSY) => {
            "a group with processes in it cannot have groups with limits below it: move them out, or name another \
             container.limit.parent"
        }
        (ParentOp::EnableControllers { .. }, libc::EACCES | libc::EPERM | libc::EROFS) => {
            "this group is not this user's to divide: leave container.limit.manager and parent out, or run this program in a \
             service with Delegate=yes"
        }
        (ParentOp::MakeCgroup(_), libc::EACCES | libc::EPERM | libc::EROFS) => {
            "this user may not make groups here: leave container.limit.parent and manager out, or have the group given to this user"
        }
        (ParentOp::MakeCgroup(_), libc::ENOSPC | libc::EAGAIN) => {
            "the number of cgroups is at its limit: see cgroup.max.descendants in the groups above"
        }
        (ParentOp::WriteControl { .. }, libc::EINVAL | libc::ERANGE) => {
            "the kernel does not take this value for the limit"
        }
        (ParentOp::WriteControl { control, .. }, libc::ENOENT) if control.file.starts_with("hugetlb.") => {
            "this machine has no huge pages of this size: ls /sys/kernel/mm/hugepages"
        }
        (ParentOp::WriteControl { .. }, libc::ENOENT) => "this kernel has no such control file",
        (ParentOp::WriteControl { .. }, libc::ENODEV) => {
            "this device cannot be limited: it must be a whole disk (lsblk)"
        }
        (ParentOp::WriteControl { .. }, libc::EBUSY) => "the group uses more than this already",
        _ => return failure,
    };
    failure.hinting(hint)
}

/// For an id map that the kernel refused.
pub fn id_map(failure: Failure) -> Failure {
    match failure.errno.unwrap_or_default() {
        libc::EPERM => failure.hinting(
            "mapping ids other than your own takes root (CAP_SETUID, CAP_SETGID); namespace.user: true maps your own",
        ),
        libc::EINVAL => failure.hinting("the ids must be mapped in this process's own user namespace: see /proc/self/uid_map"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Sysctls {
        Sysctls {
            switched_off: Vec::new(),
            unprivileged_userns_clone: None,
            apparmor_restrict: None,
            apparmor_profile: None,
            root: false,
        }
    }

    #[test]
    fn a_refused_clone_names_what_refuses() {
        let asked = (libc::CLONE_NEWUSER | libc::CLONE_NEWNET) as u64;
        let said =
            |errno, user, sysctls: &Sysctls| refused_clone(errno, user, asked, sysctls).unwrap_or_default();
        let debian = Sysctls { unprivileged_userns_clone: Some(0), ..open() };
        assert!(said(libc::EPERM, true, &debian).contains("kernel.unprivileged_userns_clone=1"));
        let ubuntu = Sysctls { apparmor_restrict: Some(1), ..open() };
        assert!(said(libc::EACCES, true, &ubuntu).contains("apparmor_restrict_unprivileged_userns=0"));
        let confined = Sysctls { apparmor_profile: Some("job (enforce)".into()), ..open() };
        assert!(said(libc::EPERM, true, &confined).contains("AppArmor profile job (enforce)"));
        assert!(said(libc::EPERM, true, &open()).contains("seccomp"));
        assert!(said(libc::EPERM, false, &open()).contains("namespace.user: true"));
        assert!(said(libc::EPERM, false, &Sysctls { root: true, ..open() }).contains("CAP_SYS_ADMIN"));
        let off = Sysctls { switched_off: vec!["max_net_namespaces"], ..open() };
        assert!(said(libc::ENOSPC, true, &off).contains("user.max_net_namespaces=15000"));
        assert!(
            said(libc::ENOSPC, true, &open()).contains("user.max_user_namespaces user.max_net_namespaces")
        );
        assert!(said(libc::EAGAIN, true, &open()).contains("ulimit -u"));
        assert!(refused_clone(libc::EIO, true, asked, &open()).is_none());
    }
}
