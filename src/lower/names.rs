//! Host name, clock offsets, loopback.

use std::fmt::Write as _;

use container_spawn_child::op::Op;

use crate::config::{Container, Time};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::{Builder, Stage};

/// All of them.
pub fn lower(plan: &mut Builder, container: &Container, host: &Host) -> Result<(), Failure> {
    plan.enter(Stage::Names, "container.namespace.uts.hostname");
    if let Some(hostname) = container.uts.as_ref().and_then(|uts| uts.hostname.as_ref()) {
        let name = plan.text(hostname);
        plan.child(Op::Hostname(name));
    }
    if let Some(domainname) = container.uts.as_ref().and_then(|uts| uts.domainname.as_ref()) {
        plan.origin("container.namespace.uts.domainname");
        let name = plan.text(domainname);
        plan.child(Op::Domainname(name));
    }
    if let Some(time) = &container.time {
        plan.origin("container.namespace.time");
        clocks(plan, time, host)?;
    }
    if container.network {
        plan.origin("container.namespace.network");
        plan.child(Op::LoopbackUp);
    }
    Ok(())
}

fn clocks(plan: &mut Builder, time: &Time, host: &Host) -> Result<(), Failure> {
    if !host.kernel_is_at_least(6, 3) {
        // Before, only a fork enters a new time namespace, and not the exec that ours comes to; and whoever is between
        // two of them cannot vfork, as shells do for every command.
        let (major, minor) = host.kernel;
        let summary =
            format!("a time namespace is entered at exec since Linux 6.3, and this is {major}.{minor}");
        let failure = Failure::call("unshare", libc::ENOSYS, "").saying(summary);
        return Err(failure.asked_by(plan.asking()).hinting("leave container.namespace.time out"));
    }
    plan.child(Op::Unshare(libc::CLONE_NEWTIME));
    let mut offsets = String::new();
    for (clock, offset) in [("monotonic", time.monotonic), ("boottime", time.boottime)] {
        if let Some((seconds, nanoseconds)) = offset {
            let _ = writeln!(offsets, "{clock} {seconds} {nanoseconds}");
        }
    }
    if !offsets.is_empty() {
        let path = plan.text(c"/proc/self/timens_offsets");
        let data = plan.format(format_args!("{offsets}"));
        plan.child(Op::WriteFile { path, data });
    }
    Ok(())
}
