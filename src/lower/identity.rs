//! Who the child is: signals, the lifeline, ids.

use std::fmt::Write as _;

use container_spawn_child::op::{Op, Slot};

use crate::config::{Container, IdMap, User};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::{Builder, ParentOp, SlotSource};

/// First of all: init and the payload both start from here.
pub fn signals(plan: &mut Builder) {
    plan.child(Op::ResetSignals);
}

/// The end of the lifeline that hangs up. The child's copy of the other end would keep it alive.
pub fn lifeline(plan: &mut Builder) -> Result<Slot, Failure> {
    let other_end = plan.slot_from(SlotSource::LifelineWrite)?;
    plan.child(Op::Close(other_end));
    plan.slot_from(SlotSource::LifelineRead)
}

/// The id maps. A map of one id, the caller's own, may be written by the child itself; any other is the parent's to
/// write, while the child waits.
pub fn user(plan: &mut Builder, container: &Container, host: &Host) {
    plan.origin("container.namespace.user");
    match &container.user {
        None => {}
        Some(User::SelfMap) => {
            // Without this an ordinary user's gid_map is refused: a group may be what keeps a file from its members.
            write_file(plan, "/proc/self/setgroups", "deny");
            write_file(plan, "/proc/self/uid_map", &format!("0 {} 1", host.euid));
            write_file(plan, "/proc/self/gid_map", &format!("0 {} 1", host.egid));
        }
        Some(User::Custom { uid_map, gid_map }) => {
            plan.gate(ParentOp::WriteMaps { uid_map: uid_map.clone(), gid_map: gid_map.clone() });
            // What is set up from here on belongs to the container's root, where it has one.
            if has_root(gid_map) {
                plan.child(Op::SetGid(0));
            }
            if has_root(uid_map) {
                plan.child(Op::SetUid(0));
            }
        }
    }
}

fn has_root(map: &[IdMap]) -> bool {
    map.iter().any(|line| line.inside == 0)
}

fn write_file(plan: &mut Builder, path: &str, data: &str) {
    let (path, data) = (plan.format(format_args!("{path}")), plan.format(format_args!("{data}")));
    plan.child(Op::WriteFile { path, data });
}

/// An id map as the kernel reads it.
pub fn map_text(map: &[IdMap]) -> String {
    map.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{} {} {}", line.inside, line.outside, line.length);
        text
    })
}
