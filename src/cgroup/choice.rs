//! Who makes the group, and where: on version 1 this process; on version 2 the first that works of this process, in a
//! group that is its own to divide, and systemd.

use crate::config::{Limit, Manager};
use crate::error::Failure;
use crate::host::{Cgroups, Host, Standing};
use crate::systemd::Instance;

use super::V1_CONTROLLERS;

/// A manager.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// This process.
    Cgroupfs,
    /// systemd: the machine's or the user's.
    Systemd(Instance),
}

/// Are controllers of ours in version 1 hierarchies?
pub fn is_v1(cgroups: &Cgroups) -> bool {
    V1_CONTROLLERS.iter().any(|name| cgroups.v1_controller(name).is_some())
}

/// Choose, or say what would help.
pub fn choose(limit: &Limit, host: &Host) -> Result<Choice, Failure> {
    let cgroups = host.cgroups();
    if limit.manager == Some(Manager::Systemd) {
        return systemd_by_name(host);
    }
    if is_v1(cgroups) || limit.manager == Some(Manager::Cgroupfs) {
        return Ok(Choice::Cgroupfs);
    }
    let Some(v2) = &cgroups.v2 else {
        let hint =
            "mount the cgroup file system (mount -t cgroup2 cgroup2 /sys/fs/cgroup), or drop container.limit";
        return Err(unavailable("no cgroup hierarchy is mounted that a limit can be put in", hint));
    };
    match limit.parent.as_deref().map(|parent| !parent.starts_with('/') && parent.ends_with(".slice")) {
        Some(true) => return systemd_by_name(host),
        Some(false) => return Ok(Choice::Cgroupfs),
        None => {}
    }
    match (v2.standing(host), systemd(host)) {
        (Standing::Root | Standing::Delegated, _) => Ok(Choice::Cgroupfs),
        (_, Some(instance)) => Ok(Choice::Systemd(instance)),
        (Standing::Writable, None) => Ok(Choice::Cgroupfs),
        (Standing::Foreign, None) => {
            let summary = format!(
                "this process may not make a cgroup in {}, and there is no systemd that would",
                v2.own.display()
            );
            Err(unavailable(&summary, remedy(host)))
        }
    }
}

fn systemd(host: &Host) -> Option<Instance> {
    match host.euid {
        _ if !host.has_systemd() => None,
        0 => Some(Instance::System),
        _ => host.has_user_systemd().then_some(Instance::User),
    }
}

fn systemd_by_name(host: &Host) -> Result<Choice, Failure> {
    if is_v1(host.cgroups()) {
        let hint = "boot with systemd.unified_cgroup_hierarchy=1, or leave container.limit.manager out";
        let summary =
            "limits are made through systemd on cgroup version 2 only, and this machine has version 1";
        return Err(unavailable(summary, hint).asked_by("container.limit.manager"));
    }
    systemd(host).map(Choice::Systemd).ok_or_else(|| {
        let summary = if host.has_systemd() {
            format!("the user {} has no systemd that runs", host.euid)
        } else {
            "systemd does not run this machine".to_owned()
        };
        unavailable(&summary, remedy(host)).asked_by("container.limit.manager")
    })
}

/// What an ordinary user can do, or have done, to get limits.
fn remedy(host: &Host) -> &'static str {
    match (host.has_systemd(), host.euid) {
        (true, 0) => {
            "run this program as a service or scope with Delegate=yes (systemd-run --scope -p Delegate=yes …)"
        }
        (true, _) => {
            "have systemd run for this user (loginctl enable-linger, or log in), \
             or run this program in a service with Delegate=yes and User= this user"
        }
        (false, 0) => {
            "this process sees its cgroup read-only, as in a container: mount /sys/fs/cgroup read-write into it"
        }
        (false, _) => {
            "have root make a cgroup for this program and give it to this user: chown its directory, \
                       cgroup.procs and cgroup.subtree_control"
        }
    }
}

/// No group can be made.
pub fn unavailable(summary: &str, hint: &str) -> Failure {
    Failure::own("ERR_CGROUP_UNAVAILABLE", summary).asked_by("container.limit").hinting(hint)
}
