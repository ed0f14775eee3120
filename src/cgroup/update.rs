//! Changing the limits of a container that runs: all of them, or none.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::control::{self, Control, check_cpus, controllers};
use super::live::{Group, Groups};
use super::{v1, v2};
use crate::config::{Bound, Limit};
use crate::error::Failure;
use crate::host::Host;

/// Something to be written, and what was there.
struct Change {
    control: Control,
    path: PathBuf,
    before: String,
}

impl Groups {
    /// Put other limits in force. Those that are not named stay.
    pub fn update(&self, limit: &Limit, host: &Host) -> Result<(), Failure> {
        let mut done: Vec<&Change> = Vec::new();
        let changes = self.changes(limit, host)?;
        for change in &changes {
            if let Err(error) = control::write(&change.path, &change.control.value) {
                if !change.control.required && error.kind() == io::ErrorKind::NotFound {
                    continue;
                }
                done.iter().rev().for_each(|change| put_back(change));
                return Err(failure(change, &error));
            }
            done.push(change);
        }
        Ok(())
    }

    fn changes(&self, limit: &Limit, host: &Host) -> Result<Vec<Change>, Failure> {
        let is_lacking = |name: &str| self.with(name).is_none();
        if let Some(lacking) =
            controllers(limit).iter().find(|needed| is_lacking(&needed.name) && is_lacking(needed.v1_name()))
        {
            let (name, option) = (&lacking.name, in_update(&lacking.option));
            let summary = format!("this container's groups are without the cgroup controller {name:?}");
            let hint =
                format!("ask for it when the container is started: {option}: \"max\" or another value");
            return Err(Failure::own("ERR_CGROUP_UNAVAILABLE", summary).asked_by(&option).hinting(hint));
        }
        let mut changes = Vec::new();
        for group in &self.list {
            let parent = group.directory.parent().unwrap_or(&group.directory);
            let controls = match group.version {
                2 => {
                    check_cpus(limit, || v2::processors(parent, host)).map_err(renamed)?;
                    v2::controls(limit, &[], host)
                }
                _ => v1::controls(limit, group, host),
            };
            let mut controls = controls.map_err(renamed)?;
            // What is the default of a new group is no default of a change; and on a hybrid machine a controller may be in
            // the group of the other version.
            controls.retain(|control| control.required && group.has(control.controller()));
            if group.version == 1 {
                keep_swap(limit, group, &mut controls);
            }
            changes.extend(controls.into_iter().map(|control| {
                let path = group.directory.join(&control.file);
                let before = fs::read_to_string(&path).unwrap_or_default();
                Change { control, path, before }
            }));
        }
        Ok(changes)
    }
}

/// Version 1 limits memory and swap together, and never below memory alone: the order depends on the direction, and
/// how much swap there may be is to stay as it was.
fn keep_swap(limit: &Limit, group: &Group, controls: &mut Vec<Control>) {
    const TOGETHER: &str = "memory.memsw.limit_in_bytes";
    let read = |file: &str| -> Option<u64> {
        fs::read_to_string(group.directory.join(file)).ok()?.trim().parse().ok()
    };
    let Some(position) = controls.iter().position(|control| control.file == TOGETHER) else { return };
    let mut together = controls.remove(position);
    let old = (read("memory.limit_in_bytes").unwrap_or(0), read(TOGETHER).unwrap_or(u64::MAX));
    if let (Some(Bound::At(memory)), None) = (limit.memory, limit.swap) {
        // Without a limit the kernel shows the largest number of pages that there can be.
        let unlimited = i64::MAX as u64 / 2;
        let swap = old.1.saturating_sub(old.0);
        together.value = match old.1 >= unlimited {
            true => "-1".into(),
            false => memory.saturating_add(swap).to_string(),
        };
    }
    let grows = together.value.parse::<u64>().map_or(true, |new| new > old.1);
    let position = controls.iter().position(|control| control.file == "memory.limit_in_bytes").unwrap_or(0);
    controls.insert(if grows { position } else { position.saturating_add(1) }, together);
}

/// Rates are lines, one for each device; a device without a line has no limit.
fn put_back(change: &Change) {
    let file = change.control.file.as_str();
    let device = change.control.value.split(' ').next().unwrap_or_default();
    let line = change.before.lines().find(|line| line.split(' ').next() == Some(device));
    let before = match (file, line) {
        ("io.max", None) => format!("{device} rbps=max wbps=max riops=max wiops=max"),
        (file, None) if file.starts_with("blkio.throttle.") => format!("{device} 0"),
        (_, Some(line)) if file == "io.max" || file.starts_with("blkio.throttle.") => line.to_owned(),
        _ => change.before.clone(),
    };
    // It was in force a moment ago.
    let _ = control::write(&change.path, &before);
}

/// `container.limit.memory` is `limit.memory` here.
fn in_update(option: &str) -> String {
    option.strip_prefix("container.").unwrap_or(option).to_owned()
}

fn renamed(failure: Failure) -> Failure {
    let option = in_update(&failure.option);
    failure.asked_by(&option)
}

fn failure(change: &Change, error: &io::Error) -> Failure {
    let what = format_args!("write {:?} to {}", change.control.value, change.path.display());
    let failure = Failure::io("write", error, what).about(change.path.display().to_string());
    let failure = failure.asked_by(&in_update(&change.control.option));
    match error.raw_os_error() {
        Some(libc::EBUSY) => {
            failure.hinting("the container uses more than this, and the kernel cannot take it back")
        }
        Some(libc::EINVAL | libc::ERANGE) => {
            failure.hinting("the kernel does not take this value for the limit")
        }
        _ => failure,
    }
}
