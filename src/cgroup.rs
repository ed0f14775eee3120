//! Resource limits. A backend does not act: it lowers a limit to steps that carry their undo.
//!
//! Two axes, as in the kernel's world: who makes the group (a *manager*: this process, through cgroupfs, or systemd,
//! as a transient scope), and which *version* of the hierarchy carries a controller. A hybrid machine has both
//! versions at once, each controller in one of them, so a container may have several groups.
//!
//! What runs later, on groups that are there, is in [`live`], [`stats`] and [`update`].

mod choice;
mod control;
mod delegation;
mod live;
mod name;
mod oom;
mod scope;
mod stats;
mod turns;
mod update;
mod v1;
mod v2;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use container_spawn_child::op::{Op, Slot};

use crate::config::{CgroupDirectory, Limit};
use crate::error::Failure;
use crate::host::{Host, V2};
use crate::plan::{Builder, ParentOp, Stage};
use crate::systemd::Instance;

pub use control::{Control, write};
pub use delegation::{LEAF, Lock, enable, left};
pub use live::{Group, Groups, kill, remove};
pub use name::sweep;
pub use oom::watch as watch_oom;
pub use scope::{Scope, attach as attach_to_scope, start as start_scope};
pub use stats::{Cpu, DeviceIo, Memory, Oom, Pids, Pressure, Pressures, Stall, Stats, oom_kills};

use choice::Choice;

/// The version 1 hierarchies that take part in a limit. The freezer comes first, since whoever is in it must be let go
/// before the other groups of a dead parent's container can be emptied.
pub const V1_CONTROLLERS: [&str; 8] =
    ["freezer", "cpu", "cpuacct", "memory", "pids", "blkio", "cpuset", "hugetlb"];

/// How the child gets into the groups that a limit needs.
#[derive(Default)]
pub struct Joined {
    /// Files to which it writes its own id.
    tasks: Vec<Slot>,
    /// The scope, and the group in it, to which systemd moves it while it waits.
    attached: Option<(Scope, PathBuf)>,
}

impl Joined {
    /// Does it get there by steps of its own, and not with the clone?
    pub fn is_late(&self) -> bool {
        !self.tasks.is_empty() || self.attached.is_some()
    }
}

/// The parent's share: make the groups and set their limits, before anybody is in them.
pub fn prepare(plan: &mut Builder, limit: &Limit, host: &Host) -> Result<Joined, Failure> {
    match choice::choose(limit, host)? {
        Choice::Cgroupfs => prepare_groups(plan, limit, host),
        Choice::Systemd(instance) => prepare_in_scope(plan, limit, host, instance),
    }
}

fn prepare_in_scope(
    plan: &mut Builder,
    limit: &Limit,
    host: &Host,
    instance: Instance,
) -> Result<Joined, Failure> {
    let Some(v2) = &host.cgroups().v2 else {
        return Err(Failure::own("ERR_INTERNAL", "systemd was chosen without cgroup version 2"));
    };
    let scope = scope::lower(limit, v2, host, instance)?;
    let passed_on = match instance {
        Instance::System => v2.mount.clone(),
        Instance::User => v2.user_manager(host).unwrap_or_else(|| v2.mount.clone()),
    };
    let mut available = V2::controllers(&passed_on, host);
    available.retain(|name| scope::PASSED_ON.contains(&name.as_str()));
    let place = v2::Place {
        group: scope.directory.clone(),
        available,
        lacks: passed_on,
        may_move: false,
        is_ours: true,
    };
    plan.origin("container.limit");
    plan.parent(ParentOp::StartScope(scope.clone()));
    let needed = control::controllers(limit);
    let group = v2::group(plan, &needed.iter().collect::<Vec<_>>(), place, limit, host, &name::unique())?;
    make(plan, &group, v2::controls(limit, &group.controllers, host)?);
    let mut joined = Joined::default();
    if scope::may_enter(&scope, v2, host) {
        enter_v2(plan, &group, &mut joined, host)?;
    } else {
        joined.attached = Some((scope, group.directory));
    }
    Ok(joined)
}

fn prepare_groups(plan: &mut Builder, limit: &Limit, host: &Host) -> Result<Joined, Failure> {
    let name = name::unique();
    let needed = control::controllers(limit);
    let cgroups = host.cgroups();
    let (in_v1, in_v2): (Vec<_>, Vec<_>) =
        needed.iter().partition(|needed| cgroups.v1_controller(needed.v1_name()).is_some());
    let mut joined = Joined::default();
    if choice::is_v1(cgroups) {
        let groups = v1::groups(&in_v1, limit, host, &name)?;
        if groups.is_empty() && in_v2.is_empty() {
            return Err(choice::unavailable(
                "this user may not make a group in any hierarchy of cgroup version 1",
                "run as root, or drop container.limit",
            ));
        }
        for group in groups {
            let controls = v1::controls(limit, &group, host)?;
            make(plan, &group, controls);
            joined.tasks.push(open(plan, &group, host)?);
        }
        if in_v2.is_empty() {
            return Ok(joined);
        }
    }
    let place = v2::place(&in_v2, limit, host)?;
    let group = v2::group(plan, &in_v2, place, limit, host, &name)?;
    let mut controls = v2::controls(limit, &group.controllers, host)?;
    controls.retain(|control| group.has(control.controller()));
    make(plan, &group, controls);
    enter_v2(plan, &group, &mut joined, host)?;
    Ok(joined)
}

fn enter_v2(plan: &mut Builder, group: &Group, joined: &mut Joined, host: &Host) -> Result<(), Failure> {
    let slot = open(plan, group, host)?;
    if plan.is_into_cgroup() {
        let summary =
            "a process is in one group of the version 2 hierarchy, and cgroup and container.limit name two";
        let failure = Failure::own("ERR_INVALID_ARG_VALUE", summary).asked_by("cgroup");
        return Err(failure.hinting("leave cgroup out, and give its path as container.limit.parent"));
    }
    if host.clone_into_cgroup {
        plan.into_cgroup(slot);
    } else {
        joined.tasks.push(slot);
    }
    Ok(())
}

fn make(plan: &mut Builder, group: &Group, controls: Vec<Control>) {
    let option = controls.iter().find(|control| control.required).map(|control| control.option.clone());
    plan.origin(option.unwrap_or("container.limit".into()));
    plan.parent(ParentOp::MakeCgroup(group.clone()));
    for control in controls {
        plan.origin(control.option.clone());
        plan.parent(ParentOp::WriteControl { directory: group.directory.clone(), control });
    }
    plan.origin("container.limit");
}

fn open(plan: &mut Builder, group: &Group, host: &Host) -> Result<Slot, Failure> {
    let to = plan.slot()?;
    let directory = group.directory.clone();
    plan.parent(ParentOp::OpenCgroup { directory, file: entrance(group.version, host), to, foreign: false });
    Ok(to)
}

/// What is opened to join: of version 2 the directory, which the child is cloned into. Where that cannot be had, and in
/// version 1, the file that takes the child's own id: through `tasks` at once; through `cgroup.procs` it costs 10 ms, an
/// RCU grace period.
fn entrance(version: u8, host: &Host) -> Option<&'static str> {
    match version {
        1 => Some("tasks"),
        _ if host.clone_into_cgroup => None,
        _ => Some("cgroup.procs"),
    }
}

/// The parent's share of joining a group that somebody else has made.
pub fn prepare_existing(
    plan: &mut Builder,
    existing: &CgroupDirectory,
    host: &Host,
) -> Result<Joined, Failure> {
    plan.origin("cgroup");
    let directory = match existing {
        CgroupDirectory::Path(path) => PathBuf::from(OsStr::from_bytes(path.to_bytes())),
        CgroupDirectory::Fd(fd) => PathBuf::from(format!("/proc/self/fd/{fd}")),
    };
    let version = if host.is_cgroup_v2(&directory) { 2 } else { 1 };
    let to = plan.slot()?;
    let file = entrance(version, host);
    plan.parent(ParentOp::OpenCgroup { directory, file, to, foreign: true });
    if file.is_some() {
        return Ok(Joined { tasks: vec![to], attached: None });
    }
    plan.into_cgroup(to);
    Ok(Joined::default())
}

/// The child's share.
pub fn join(plan: &mut Builder, option: &'static str, joined: Joined) {
    plan.enter(Stage::Cgroup, option);
    let myself = plan.text(c"0");
    for slot in joined.tasks {
        plan.child(Op::WriteSlot { slot, data: myself });
    }
    if let Some((scope, group)) = joined.attached {
        plan.gate(ParentOp::AttachToScope { scope, group });
    }
}
