//! Resource limits. A backend does not act: it lowers a limit to steps that carry their undo.
//!
//! Two axes, as in the kernel: who makes the group (a *manager*: this process, through cgroupfs), and which *version*
//! of the hierarchy carries the controllers.

mod name;
mod v1;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use container_spawn_child::op::{Op, Slot};

use crate::config::{CgroupDirectory, Limit};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::{Builder, ParentOp};

pub use name::{sweep, unique as unique_name};

/// What a version of the hierarchy must know.
trait Version {
    /// The directory of a new group, and its control files' content, for each controller that the limit needs.
    fn groups(&self, limit: &Limit, name: &str) -> Result<Vec<Group>, Failure>;
}

/// A group to be made.
struct Group {
    directory: PathBuf,
    /// (option, file, content)
    controls: Vec<(&'static str, PathBuf, String)>,
}

enum AnyVersion<'a> {
    V1(v1::V1<'a>),
}

impl Version for AnyVersion<'_> {
    fn groups(&self, limit: &Limit, name: &str) -> Result<Vec<Group>, Failure> {
        match self {
            AnyVersion::V1(v1) => v1.groups(limit, name),
        }
    }
}

/// Groups that the child will join.
pub struct Joined {
    tasks: Vec<Slot>,
}

/// The parent's share: make the groups and set their limits, before anybody is in them.
pub fn prepare(plan: &mut Builder, limit: &Limit, host: &Host) -> Result<Joined, Failure> {
    let cgroups = host.cgroups();
    let version = if cgroups.v1.is_empty() {
        let summary = "no cgroup hierarchy that a limit can be put in";
        let failure = Failure::own("ERR_CGROUP_UNAVAILABLE", summary).asked_by("container.limit");
        return Err(failure.hinting(match cgroups.v2 {
            Some(_) => {
                "this machine has cgroup v2 only, which this version of container-spawn does not use yet"
            }
            None => "mount the cgroup file systems (mount -t cgroup -o cpu, memory), or drop container.limit",
        }));
    } else {
        AnyVersion::V1(v1::V1 { cgroups, host })
    };
    let mut tasks = Vec::new();
    for group in version.groups(limit, &unique_name())? {
        let option = group.controls.first().map_or("container.limit", |(option, ..)| *option);
        plan.origin(option);
        plan.parent(ParentOp::MakeCgroup(group.directory.clone()));
        for (option, file, value) in group.controls {
            plan.origin(option);
            plan.parent(ParentOp::WriteControl { file, value });
        }
        let to = plan.slot()?;
        plan.parent(ParentOp::OpenCgroup { directory: group.directory, version: 1, to, foreign: false });
        tasks.push(to);
    }
    Ok(Joined { tasks })
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
    plan.parent(ParentOp::OpenCgroup { directory, version, to, foreign: true });
    if version == 1 {
        return Ok(Joined { tasks: vec![to] });
    }
    plan.into_cgroup(to);
    Ok(Joined { tasks: Vec::new() })
}

/// The child's share. It writes its own id to `tasks`: through `cgroup.procs` the same costs 10 ms, an RCU grace period.
pub fn join(plan: &mut Builder, joined: &Joined) {
    let myself = plan.text(c"0");
    for slot in &joined.tasks {
        plan.child(Op::WriteSlot { slot: *slot, data: myself });
    }
}
