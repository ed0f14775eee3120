//! The version 2 hierarchy: one group, in ours or in the one that was named.

use std::path::{Path, PathBuf};

use super::Group;
use super::control::{Control, Needed, PERIOD, check_cpus, device_number, or_max, quota};
use super::scope::PASSED_ON;
use crate::config::{Bound, IoLimit, Limit};
use crate::error::Failure;
use crate::host::{Host, Standing, V2};
use crate::plan::{Builder, ParentOp};

/// Those that come along where they can be had, so that what they count can be told.
const COMPANIONS: [&str; 4] = ["cpu", "memory", "pids", "io"];

/// Where a group is made.
pub struct Place {
    /// The group above.
    pub group: PathBuf,
    /// The controllers that it can pass on.
    pub available: Vec<String>,
    /// The group that would have to have what is not among them.
    pub lacks: PathBuf,
    /// Whether processes of it may be moved to a leaf.
    pub may_move: bool,
    /// Whether we may switch on more than was asked for.
    pub is_ours: bool,
}

/// Our own group, or the one that was named.
pub fn place(needed: &[&Needed], limit: &Limit, host: &Host) -> Result<Place, Failure> {
    let Some(v2) = &host.cgroups().v2 else {
        let option = needed.first().map_or("container.limit.unified", |needed| &needed.option);
        return Err(lacking_hierarchy(needed.first().copied(), option));
    };
    let group = parent(v2, limit, host)?;
    let is_ours = group == v2.own;
    Ok(Place {
        available: V2::controllers(&group, host),
        lacks: group.clone(),
        may_move: is_ours && v2.standing(host) != Standing::Root,
        is_ours,
        group,
    })
}

/// The group, and the step that prepares the one above.
pub fn group(
    plan: &mut Builder,
    needed: &[&Needed],
    place: Place,
    limit: &Limit,
    host: &Host,
    name: &str,
) -> Result<Group, Failure> {
    let Place { group, available, lacks, may_move, is_ours } = place;
    if let Some(lacking) = needed.iter().find(|needed| !available.contains(&needed.name)) {
        return Err(lacking_controller(lacking, &lacks, host));
    }
    check_cpus(limit, || processors(&group, host))?;
    let required: Vec<String> = needed.iter().map(|needed| needed.name.clone()).collect();
    let comes_along = |name: &&str| {
        is_ours && available.iter().any(|known| known == name) && !required.iter().any(|known| known == name)
    };
    let companions: Vec<String> =
        COMPANIONS.iter().filter(|name| comes_along(name)).map(|name| (*name).to_owned()).collect();
    let controllers = required.iter().chain(&companions).cloned().collect();
    let directory = group.join(name);
    plan.origin(needed.first().map_or("container.limit".to_owned(), |needed| needed.option.clone()));
    plan.parent(ParentOp::EnableControllers { group, required, companions, may_move });
    Ok(Group { directory, version: 2, controllers })
}

fn parent(v2: &V2, limit: &Limit, host: &Host) -> Result<PathBuf, Failure> {
    let Some(parent) = &limit.parent else { return Ok(v2.own.clone()) };
    let group = match parent.strip_prefix('/') {
        Some(_) if Path::new(parent).starts_with(&v2.mount) => PathBuf::from(parent),
        Some(path) => v2.mount.join(path),
        None => v2.own.join(parent),
    };
    if host.exists(&group) {
        return Ok(group);
    }
    let summary = format!("there is no cgroup {}", group.display());
    let failure = Failure::call("mkdir", libc::ENOENT, "").saying(summary).about(group.display().to_string());
    Err(failure.asked_by("container.limit.parent").hinting(format!("mkdir {}", group.display())))
}

/// The processors that a group may give to its children.
pub fn processors(group: &Path, host: &Host) -> String {
    let effective = host.text(&group.join("cpuset.cpus.effective"));
    if effective.is_empty() { host.text(Path::new("/sys/devices/system/cpu/online")) } else { effective }
}

fn lacking_hierarchy(needed: Option<&Needed>, option: &str) -> Failure {
    let name = needed.map_or("unified", |needed| needed.v1_name());
    let summary = format!("the cgroup controller {name:?} is in no hierarchy that is mounted");
    Failure::own("ERR_CGROUP_UNAVAILABLE", summary)
        .asked_by(option)
        .hinting(format!("mount -t cgroup -o {name} cgroup /sys/fs/cgroup/{name}"))
}

/// A controller that the group above does not pass on.
pub fn lacking_controller(needed: &Needed, group: &Path, host: &Host) -> Failure {
    let name = &needed.name;
    let summary = format!("the cgroup controller {name:?} is not available in {}", group.display());
    Failure::own("ERR_CGROUP_UNAVAILABLE", summary)
        .asked_by(&needed.option)
        .hinting(how_to_get(name, group, host))
}

fn how_to_get(controller: &str, group: &Path, host: &Host) -> String {
    const KNOWN: [&str; 6] = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb"];
    if !KNOWN.contains(&controller) {
        return format!(
            "this kernel's controllers are listed in /sys/fs/cgroup/cgroup.controllers; {controller} is none of them"
        );
    }
    if host.has_systemd() && !PASSED_ON.contains(&controller) {
        return format!(
            "systemd does not pass {controller} on; root can do without systemd: container.limit.manager: \"cgroupfs\""
        );
    }
    let is_users = group.iter().any(|part| part.to_str().is_some_and(|part| part.starts_with("user@")));
    if host.has_systemd() && (is_users || host.euid != 0) {
        return format!(
            "root can have systemd pass it on: in /etc/systemd/system/user@.service.d/delegate.conf write \
             \"[Service]\" and \"Delegate=cpu cpuset io memory pids\", then systemctl daemon-reload and log in anew; \
             a service of the system's gets {controller} by Delegate=yes"
        );
    }
    let above = group.parent().unwrap_or(group).join("cgroup.subtree_control");
    format!("echo +{controller} > {}, as root, and in each group above it", above.display())
}

/// What is written to the files of a group that has these controllers.
pub fn controls(limit: &Limit, controllers: &[String], host: &Host) -> Result<Vec<Control>, Failure> {
    let mut controls = Vec::new();
    let mut add = |key: &str, file: &str, value: Option<String>| {
        controls.extend(value.map(|value| Control::new(key, file, value)));
    };
    let max = |bound: Bound<u64>| or_max(bound, "max");
    add("cpu", "cpu.max", limit.cpu.map(cpu_max));
    add("cpuWeight", "cpu.weight", limit.cpu_weight.map(|weight| weight.to_string()));
    add("cpuset", "cpuset.cpus", limit.cpuset.as_ref().map(ToString::to_string));
    add("memory", "memory.max", limit.memory.map(max));
    add("memoryHigh", "memory.high", limit.memory_high.map(max));
    add("memoryLow", "memory.low", limit.memory_low.map(max));
    add("swap", "memory.swap.max", limit.swap.map(max));
    add("pids", "pids.max", limit.pids.map(max));
    if limit.memory.is_some() && limit.swap.is_none() {
        // Else memory that is written out would not count. Without accounting of swap there is no such file.
        controls.push(Control::new("memory", "memory.swap.max", "0").optional());
    }
    let is_given = |file: &str| limit.unified.iter().any(|(given, _)| given == file);
    if controllers.iter().any(|name| name == "memory") && !is_given("memory.oom.group") {
        // Half of a container is no use to anybody.
        controls.push(Control::new("", "memory.oom.group", "1").optional());
    }
    for device in &limit.io {
        controls.push(io(device, host)?);
    }
    for (size, most) in &limit.hugetlb {
        controls.push(Control::new("hugetlb", format!("hugetlb.{size}.max"), max(*most)));
    }
    for (file, value) in &limit.unified {
        controls.push(Control::new(&format!("unified[\"{file}\"]"), file.clone(), value));
    }
    // What was asked for otherwise decides over what comes by default.
    controls.retain(|control| control.required || !is_given(&control.file));
    Ok(controls)
}

fn cpu_max(bound: Bound<f64>) -> String {
    match bound {
        Bound::At(percent) => format!("{} {PERIOD}", quota(percent)),
        Bound::Max => format!("max {PERIOD}"),
    }
}

fn io(limit: &IoLimit, host: &Host) -> Result<Control, Failure> {
    let mut line = device_number(limit, host)?;
    let rates = [("rbps", limit.rbps), ("wbps", limit.wbps), ("riops", limit.riops), ("wiops", limit.wiops)];
    for (key, rate) in rates {
        if let Some(rate) = rate {
            line.push_str(&format!(" {key}={}", or_max(rate, "max")));
        }
    }
    Ok(Control::new(&format!("io[{}]", limit.index), "io.max", line))
}
