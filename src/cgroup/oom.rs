//! Hearing of kills for want of memory in a version 1 group. Version 2 ends a container whole by itself
//! (`memory.oom.group`); version 1 ends one process of it, and we the others.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use super::control;
use crate::sys;

/// A counter that becomes readable when the group is out of memory: the kernel's
/// `Documentation/admin-guide/cgroup-v1/memory.rst`, section 10.
pub fn watch(group: &Path) -> io::Result<OwnedFd> {
    let counter = sys::event_counter()?;
    let control = OpenOptions::new().read(true).open(group.join("memory.oom_control"))?;
    let registration = format!("{} {}", counter.as_raw_fd(), control.as_raw_fd());
    control::write(&group.join("cgroup.event_control"), &registration)?;
    Ok(counter)
}
