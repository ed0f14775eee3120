//! A transient scope of systemd's, for whoever may not make groups: systemd makes the group and puts the child into it,
//! while the child waits at a gate.
//!
//! What systemd has a property for is given to it as well as written to the file: it writes its own idea of a unit again
//! whenever it is reloaded, and a limit that it does not know of would be gone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::control::{Control, Needed, check_cpus, controllers};
use super::live::{Group, Unit};
use super::name::sweep;
use super::v2;
use crate::config::{Bound, IoLimit, Limit};
use crate::error::Failure;
use crate::host::{Host, V2};
use crate::systemd::{Instance, Refused, Systemd, Value};

/// How long systemd may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The scope of one container.
#[derive(Clone, PartialEq, Debug)]
pub struct Scope {
    /// Its name, and whose systemd it is.
    pub unit: Unit,
    /// What it is made with.
    pub properties: Vec<(String, Value)>,
    /// What is written to its files.
    pub controls: Vec<Control>,
    /// The controllers that the limit needs.
    needed: Vec<Needed>,
    /// Where version 2 is mounted.
    mount: PathBuf,
}

/// Compile.
pub fn lower(limit: &Limit, host: &Host, instance: Instance, name: &str) -> Result<Scope, Failure> {
    let Some(v2) = &host.cgroups().v2 else {
        return Err(Failure::own("ERR_INTERNAL", "systemd was chosen without cgroup version 2"));
    };
    let needed = controllers(limit);
    if instance == Instance::User
        && let Some(group) = v2.user_manager(host)
    {
        let available = V2::controllers(&group, host);
        if let Some(lacking) = needed.iter().find(|needed| !available.contains(&needed.name)) {
            return Err(v2::lacking_controller(lacking, &group, host));
        }
    }
    check_cpus(limit, &host.text(Path::new("/sys/devices/system/cpu/online")))?;
    let with_memory = ["memory".to_owned()];
    Ok(Scope {
        properties: properties(limit)?,
        controls: v2::controls(limit, &with_memory, host)?,
        unit: Unit { instance, name: format!("{name}.scope") },
        needed,
        mount: v2.mount.clone(),
    })
}

fn properties(limit: &Limit) -> Result<Vec<(String, Value)>, Failure> {
    let mut properties = vec![
        ("Description".to_owned(), Value::Str("a container of container-spawn".into())),
        // All controllers that there are; and what is below the scope is ours.
        ("Delegate".to_owned(), Value::Bool(true)),
        // A scope that fails would stay in the list for somebody to look at.
        ("CollectMode".to_owned(), Value::Str("inactive-or-failed".into())),
    ];
    if let Some(slice) = &limit.parent {
        if !slice.ends_with(".slice") {
            let summary = format!("{slice} is no slice, and systemd makes groups in slices only");
            let failure = Failure::own("ERR_INVALID_ARG_VALUE", summary).asked_by("container.limit.parent");
            return Err(failure.hinting("name one as jobs.slice, or say manager: \"cgroupfs\""));
        }
        properties.push(("Slice".into(), Value::Str(slice.clone())));
    }
    properties.extend(limit_properties(limit));
    Ok(properties)
}

/// The properties for a limit, see systemd.resource-control(5).
pub fn limit_properties(limit: &Limit) -> Vec<(String, Value)> {
    let amount = |bound: Bound<u64>| match bound {
        Bound::At(value) => value,
        Bound::Max => u64::MAX,
    };
    let processor = |bound: Bound<f64>| match bound {
        // Per second, so a percent of one core is 10 ms.
        Bound::At(percent) => (percent * 10_000.0).round() as u64,
        Bound::Max => u64::MAX,
    };
    // As in the files: without swap, unless it is given.
    let swap = limit.swap.or(limit.memory.map(|_| Bound::At(0)));
    let numbers = [
        ("CPUQuotaPerSecUSec", limit.cpu.map(processor)),
        ("CPUWeight", limit.cpu_weight.map(u64::from)),
        ("MemoryMax", limit.memory.map(amount)),
        ("MemoryHigh", limit.memory_high.map(amount)),
        ("MemoryLow", limit.memory_low.map(amount)),
        ("MemorySwapMax", swap.map(amount)),
        ("TasksMax", limit.pids.map(amount)),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::U64(value?))));
    let processors = limit.cpuset.iter().map(|cpus| ("AllowedCPUs".to_owned(), Value::Bytes(mask(&cpus.0))));
    type Rate = fn(&IoLimit) -> Option<Bound<u64>>;
    let rates: [(&str, Rate); 4] = [
        ("IOReadBandwidthMax", |limit| limit.rbps),
        ("IOWriteBandwidthMax", |limit| limit.wbps),
        ("IOReadIOPSMax", |limit| limit.riops),
        ("IOWriteIOPSMax", |limit| limit.wiops),
    ];
    let rates = rates.into_iter().filter_map(|(name, rate)| {
        let of = |limit: &IoLimit| Some((device_path(limit), amount(rate(limit)?)));
        let limits: Vec<_> = limit.io.iter().filter_map(of).collect();
        (!limits.is_empty()).then(|| (name.to_owned(), Value::DeviceLimits(limits)))
    });
    numbers.chain(processors).chain(rates).collect()
}

fn device_path(limit: &IoLimit) -> String {
    if limit.device.starts_with('/') { limit.device.clone() } else { format!("/dev/block/{}", limit.device) }
}

fn mask(ranges: &[(u32, u32)]) -> Vec<u8> {
    let mut mask = Vec::new();
    for cpu in ranges.iter().flat_map(|(first, last)| *first..=*last) {
        let (byte, bit) = (cpu as usize / 8, cpu % 8);
        if mask.len() <= byte {
            mask.resize(byte.saturating_add(1), 0u8);
        }
        if let Some(place) = mask.get_mut(byte) {
            *place |= 1 << bit;
        }
    }
    mask
}

/// Have it made around a process, and put all limits in force. The group that it is in then is to be cleaned up after
/// also when that fails.
pub fn start(scope: &Scope, pid: i32, host: &Host) -> (Option<Group>, Result<(), Failure>) {
    let mut properties: Vec<(&str, Value)> =
        scope.properties.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    properties.push(("PIDs", Value::U32s(vec![pid as u32])));
    let started = Systemd::connect(scope.unit.instance, PATIENCE)
        .and_then(|mut systemd| systemd.start_scope(&scope.unit.name, &properties));
    let group = group_of(scope, pid);
    if let Err(refused) = started {
        return (group, Err(failure(scope, &refused)));
    }
    let Some(group) = group else {
        let summary = format!("systemd has made {}, but the process is not in it", scope.unit.name);
        let failure = Failure::own("ERR_CGROUP_UNAVAILABLE", summary);
        return (None, Err(failure.hinting("is this process in a pid namespace other than systemd's?")));
    };
    if let Some(parent) = group.directory.parent() {
        sweep(parent);
    }
    let written = scope.controls.iter().try_for_each(|control| write(control, &group, scope, host));
    (Some(group), written)
}

/// The group that the process has come to, if that is the scope's.
fn group_of(scope: &Scope, pid: i32) -> Option<Group> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let directory = scope.mount.join(path);
    if directory.file_name()?.to_str()? != scope.unit.name {
        return None;
    }
    let controllers = fs::read_to_string(directory.join("cgroup.controllers")).unwrap_or_default();
    let controllers = controllers.split_whitespace().map(str::to_owned).collect();
    Some(Group { directory, version: 2, controllers })
}

fn write(control: &Control, group: &Group, scope: &Scope, host: &Host) -> Result<(), Failure> {
    let path = group.directory.join(&control.file);
    let Err(error) = fs::write(&path, &control.value) else { return Ok(()) };
    if error.kind() == io::ErrorKind::NotFound {
        return match scope.needed.iter().find(|needed| needed.name == control.controller()) {
            Some(needed) if control.required && !group.has(&needed.name) => {
                Err(v2::lacking_controller(needed, &group.directory, host))
            }
            _ if !control.required => Ok(()),
            _ => Err(failed(control, &path, &error)),
        };
    }
    if control.required { Err(failed(control, &path, &error)) } else { Ok(()) }
}

fn failed(control: &Control, path: &Path, error: &io::Error) -> Failure {
    let what = format_args!("write {:?} to {}", control.value, path.display());
    Failure::io("write", error, what).about(path.display().to_string()).asked_by(&control.option)
}

fn failure(scope: &Scope, refused: &Refused) -> Failure {
    let summary = format!("systemd did not make the scope {}: {refused}", scope.unit.name);
    let failure = Failure::own("ERR_CGROUP_UNAVAILABLE", summary);
    match scope.unit.instance {
        Instance::User => failure.hinting("does `systemctl --user status` work? loginctl enable-linger has systemd run for this user"),
        Instance::System => failure.hinting("does `systemctl status` work? manager: \"cgroupfs\" does without systemd"),
    }
}
