//! Config and host to plan: which system calls, in which order. Pure: it reads facts and writes steps.
//!
//! The order is canonical, and reads as a table of contents.

mod host_overlay;
mod identity;
mod mounts;
mod names;
mod overlay;
mod payload;
mod root;

pub use identity::map_text;
pub use payload::DEFAULT_PATH;

use container_spawn_child::op::Op;

use crate::cgroup::{self, Joined};
use crate::config::{Config, Container};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::{Builder, Plan, Stage};

/// Compile.
pub fn lower(config: &Config, host: &Host) -> Result<Plan, Failure> {
    let mut plan = Builder::default();
    match &config.container {
        None => lower_plain(&mut plan, config, host)?,
        Some(container) => lower_container(&mut plan, config, container, host)?,
    }
    Ok(plan.finish())
}

fn lower_plain(plan: &mut Builder, config: &Config, host: &Host) -> Result<(), Failure> {
    let cgroups = cgroups(plan, config, host)?;
    plan.enter(Stage::Identity, "");
    identity::signals(plan);
    join(plan, cgroups);
    payload::lower(plan, config, None, None, host)?;
    plan.without_init();
    Ok(())
}

fn lower_container(
    plan: &mut Builder,
    config: &Config,
    container: &Container,
    host: &Host,
) -> Result<(), Failure> {
    let cgroups = cgroups(plan, config, host)?;
    let mounts = container.mount.as_ref();
    if let Some(mount) = mounts {
        mounts::mount_points(plan, container, mount);
    }
    let late_cgroup_namespace = container.cgroup && cgroups.iter().any(|(_, joined)| joined.is_late());
    namespaces(plan, container, late_cgroup_namespace);

    plan.enter(Stage::Identity, "");
    identity::signals(plan);
    let lifeline = identity::lifeline(plan)?;
    identity::user(plan, container, host);
    join(plan, cgroups);
    if late_cgroup_namespace {
        plan.origin("container.namespace.cgroup");
        plan.child(Op::Unshare(libc::CLONE_NEWCGROUP));
    }
    names::lower(plan, container, host)?;

    let root = match mounts {
        Some(mount) => Some(mounts::lower(plan, container, mount, host)?),
        None => None,
    };
    if container.pid.as_ref().is_some_and(|pid| pid.init) {
        payload::start(plan);
        payload::lower(plan, config, Some(container), root, host)?;
        payload::init(plan, container, lifeline)?;
    } else {
        payload::dies_with_parent(plan, lifeline);
        payload::lower(plan, config, Some(container), root, host)?;
        plan.without_init();
    }
    Ok(())
}

/// The groups to be in: one of the caller's, and those that carry limits.
fn cgroups(plan: &mut Builder, config: &Config, host: &Host) -> Result<Vec<(&'static str, Joined)>, Failure> {
    let mut joined = Vec::new();
    if let Some(existing) = &config.cgroup {
        joined.push(("cgroup", cgroup::prepare_existing(plan, existing, host)?));
    }
    if let Some(limit) = config.container.as_ref().and_then(|container| container.limit.as_ref()) {
        joined.push(("container.limit", cgroup::prepare(plan, limit, host)?));
    }
    Ok(joined)
}

fn join(plan: &mut Builder, cgroups: Vec<(&'static str, Joined)>) {
    for (option, joined) in cgroups {
        cgroup::join(plan, option, joined);
    }
}

/// What the clone makes. A time namespace is entered at exec, and a cgroup namespace takes for its root the group that the
/// child is in when it is made: a child that is not cloned into its group makes it itself, as it does the other.
fn namespaces(plan: &mut Builder, container: &Container, late_cgroup_namespace: bool) {
    plan.enter(Stage::Clone, "");
    let wanted = [
        (container.user.is_some(), libc::CLONE_NEWUSER, "container.namespace.user"),
        (container.pid.is_some(), libc::CLONE_NEWPID, "container.namespace.pid"),
        (container.mount.is_some(), libc::CLONE_NEWNS, "container.namespace.mount"),
        (container.network, libc::CLONE_NEWNET, "container.namespace.network"),
        (container.uts.is_some(), libc::CLONE_NEWUTS, "container.namespace.uts"),
        (container.ipc, libc::CLONE_NEWIPC, "container.namespace.ipc"),
        (container.cgroup && !late_cgroup_namespace, libc::CLONE_NEWCGROUP, "container.namespace.cgroup"),
    ];
    for (_, flag, option) in wanted.into_iter().filter(|(asked, ..)| *asked) {
        plan.namespace(flag, option);
    }
}
