//! Version 1 hierarchies: one group in each, below the one that this process is in.

use std::path::{Path, PathBuf};

use super::control::{
    Control, Needed, PERIOD, check_cpus, controller_of, device_number, or_max, quota, v1_name,
};
use super::{Group, V1_CONTROLLERS};
use crate::config::{Bound, IoLimit, Limit};
use crate::error::Failure;
use crate::host::{Host, V1Controller};

/// Those without which a container with limits could not be counted, stopped or killed as a whole. They come along where
/// they can be had.
const COMPANIONS: [&str; 6] = ["cpu", "cpuacct", "memory", "pids", "blkio", "freezer"];

/// The groups that a limit needs, and those that come along. Hierarchies with several controllers are there once.
pub fn groups(needed: &[&Needed], limit: &Limit, host: &Host, name: &str) -> Result<Vec<Group>, Failure> {
    let mut groups: Vec<Group> = Vec::new();
    let mut nowhere = None;
    for controller in V1_CONTROLLERS {
        let Some(hierarchy) = host.cgroups().v1_controller(controller) else { continue };
        let is_needed = needed.iter().any(|needed| needed.v1_name() == controller);
        let parent = match parent(hierarchy, limit, host) {
            Err(failure) if is_needed => return Err(failure),
            // What only comes along need not be in every hierarchy, but somewhere.
            Err(failure) => {
                nowhere = Some(failure);
                continue;
            }
            Ok(parent) => parent,
        };
        let comes_along = COMPANIONS.contains(&controller) && host.may_write(&parent);
        if !is_needed && !comes_along {
            continue;
        }
        let directory = parent.join(name);
        match groups.iter_mut().find(|group| group.directory == directory) {
            Some(group) => group.controllers.push(controller.into()),
            None => groups.push(Group { directory, version: 1, controllers: vec![controller.into()] }),
        }
    }
    match nowhere.filter(|_| groups.is_empty()) {
        Some(failure) => Err(failure),
        None => Ok(groups),
    }
}

fn parent(hierarchy: &V1Controller, limit: &Limit, host: &Host) -> Result<PathBuf, Failure> {
    let Some(parent) = &limit.parent else { return Ok(hierarchy.own.clone()) };
    // A directory of one hierarchy means the group of this path in each.
    let mounts = host.cgroups().v1.iter().map(|hierarchy| &hierarchy.mount);
    let inside = mounts.filter_map(|mount| Path::new(parent).strip_prefix(mount).ok()).next();
    let group = match inside {
        Some(path) => hierarchy.mount.join(path),
        None => match parent.strip_prefix('/') {
            Some(path) => hierarchy.mount.join(path),
            None => hierarchy.own.join(parent),
        },
    };
    if host.exists(&group) {
        return Ok(group);
    }
    let summary = format!("there is no cgroup {} in the hierarchy of {}", group.display(), hierarchy.name);
    let hint = format!("mkdir {}, in the hierarchy of each controller", group.display());
    let failure = Failure::call("mkdir", libc::ENOENT, "").saying(summary).about(group.display().to_string());
    Err(failure.asked_by("container.limit.parent").hinting(hint))
}

/// What is written to the files of a group.
pub fn controls(limit: &Limit, group: &Group, host: &Host) -> Result<Vec<Control>, Failure> {
    let mut controls = Vec::new();
    refuse_raw_files(limit, group)?;
    for controller in &group.controllers {
        match controller.as_str() {
            "cpu" => cpu(limit, &mut controls),
            "cpuset" => cpuset(limit, group, host, &mut controls)?,
            "memory" => memory(limit, group, host, &mut controls)?,
            "pids" => {
                controls.extend(limit.pids.map(|most| Control::new("pids", "pids.max", or_max(most, "max"))));
            }
            "blkio" => {
                for device in &limit.io {
                    io(device, host, &mut controls)?;
                }
            }
            "hugetlb" => {
                for (size, most) in &limit.hugetlb {
                    let file = format!("hugetlb.{size}.limit_in_bytes");
                    controls.push(Control::new("hugetlb", file, or_max(*most, "-1")));
                }
            }
            _ => {}
        }
    }
    Ok(controls)
}

fn cpu(limit: &Limit, controls: &mut Vec<Control>) {
    if let Some(bound) = limit.cpu {
        let quota = match bound {
            Bound::At(percent) => quota(percent).to_string(),
            Bound::Max => "-1".into(),
        };
        controls.push(Control::new("cpu", "cpu.cfs_period_us", PERIOD));
        controls.push(Control::new("cpu", "cpu.cfs_quota_us", quota));
    }
    if let Some(weight) = limit.cpu_weight {
        // The kernel's own conversion: a group has weight 100 or 1024 shares.
        let shares = u64::from(weight).saturating_mul(1024).saturating_add(50) / 100;
        controls.push(Control::new("cpuWeight", "cpu.shares", shares.max(2)));
    }
}

/// A raw file is one of version 2, whose controller this group has instead.
fn refuse_raw_files(limit: &Limit, group: &Group) -> Result<(), Failure> {
    let is_ours = |file: &str| group.has(v1_name(controller_of(file)));
    let Some((file, _)) = limit.unified.iter().find(|(file, _)| is_ours(file)) else { return Ok(()) };
    let summary =
        format!("{file} is a file of cgroup version 2, and this machine has its controller in version 1");
    let hint = "use the other keys of container.limit, or boot with systemd.unified_cgroup_hierarchy=1";
    let failure = Failure::own("ERR_CGROUP_UNAVAILABLE", summary).asked_by("container.limit.unified");
    Err(failure.hinting(hint))
}

/// A new version 1 group has no processors and no memory nodes, and takes nobody in until it has both.
fn cpuset(limit: &Limit, group: &Group, host: &Host, controls: &mut Vec<Control>) -> Result<(), Failure> {
    let Some(cpus) = &limit.cpuset else { return Ok(()) };
    let parent = group.directory.parent().unwrap_or(&group.directory);
    check_cpus(limit, || host.text(&parent.join("cpuset.cpus")))?;
    let nodes = host.text(&parent.join("cpuset.mems")).trim().to_owned();
    controls.push(Control::new("cpuset", "cpuset.mems", nodes));
    controls.push(Control::new("cpuset", "cpuset.cpus", cpus));
    Ok(())
}

/// Version 1 does not limit swap, but memory and swap together, and not below memory alone.
fn memory(limit: &Limit, group: &Group, host: &Host, controls: &mut Vec<Control>) -> Result<(), Failure> {
    if limit.memory_high.is_some() {
        let summary = "memory.high is a file of cgroup version 2, and version 1 has no counterpart of it";
        let hint = "use container.limit.memory, or boot with systemd.unified_cgroup_hierarchy=1";
        let failure = Failure::own("ERR_CGROUP_UNAVAILABLE", summary);
        return Err(failure.asked_by("container.limit.memoryHigh").hinting(hint));
    }
    if let Some(low) = limit.memory_low {
        controls.push(Control::new("memoryLow", "memory.soft_limit_in_bytes", or_max(low, "-1")));
    }
    let Some(memory) = limit.memory else {
        return match limit.swap {
            None => Ok(()),
            Some(_) => Err(Failure::own(
                "ERR_CGROUP_UNAVAILABLE",
                "cgroup version 1 limits memory and swap together only",
            )
            .asked_by("container.limit.swap")
            .hinting("give container.limit.memory too")),
        };
    };
    controls.push(Control::new("memory", "memory.limit_in_bytes", or_max(memory, "-1")));
    let parent = group.directory.parent().unwrap_or(&group.directory);
    if !host.exists(&parent.join("memory.memsw.limit_in_bytes")) {
        return match limit.swap {
            Some(Bound::At(_)) => {
                Err(Failure::own("ERR_CGROUP_UNAVAILABLE", "this kernel does not account swap")
                    .asked_by("container.limit.swap")
                    .hinting("boot with swapaccount=1, or leave container.limit.swap out"))
            }
            _ => Ok(()),
        };
    }
    // Without a limit, memory that is written out would not count.
    let together = match (memory, limit.swap.unwrap_or(Bound::At(0))) {
        (Bound::At(memory), Bound::At(swap)) => memory.saturating_add(swap).min(i64::MAX as u64).to_string(),
        _ => "-1".into(),
    };
    let key = if limit.swap.is_some() { "swap" } else { "memory" };
    controls.push(Control::new(key, "memory.memsw.limit_in_bytes", together));
    Ok(())
}

fn io(limit: &IoLimit, host: &Host, controls: &mut Vec<Control>) -> Result<(), Failure> {
    let device = device_number(limit, host)?;
    let rates = [
        ("rbps", "read_bps", limit.rbps),
        ("wbps", "write_bps", limit.wbps),
        ("riops", "read_iops", limit.riops),
        ("wiops", "write_iops", limit.wiops),
    ];
    for (key, file, rate) in rates {
        if let Some(rate) = rate {
            let value = format!("{device} {}", or_max(rate, "0"));
            let key = format!("io[{}].{key}", limit.index);
            controls.push(Control::new(&key, format!("blkio.throttle.{file}_device"), value));
        }
    }
    Ok(())
}
