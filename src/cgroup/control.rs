//! What both versions have in common: which controllers a limit needs, and what a control file is given.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use crate::config::{Bound, CpuList, IoLimit, Limit};
use crate::error::Failure;
use crate::host::Host;

/// The kernel's default period, in µs. A shorter one makes throttling finer and switches more often.
pub const PERIOD: u64 = 100_000;

/// Something to be written to a control file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Control {
    /// Who asked.
    pub option: Cow<'static, str>,
    /// The file's name in the group's directory.
    pub file: String,
    /// Its new content.
    pub value: String,
    /// Whether the container cannot be without it; what comes by default may be lacking in this kernel.
    pub required: bool,
}

impl Control {
    /// Asked for by the option `container.limit.<key>`; by the limit as a whole without a key.
    pub fn new(key: &str, file: impl Into<String>, value: impl ToString) -> Control {
        let dot = if key.is_empty() || key.starts_with('[') { "" } else { "." };
        Control {
            option: format!("container.limit{dot}{key}").into(),
            file: file.into(),
            value: value.to_string(),
            required: true,
        }
    }

    /// Whose file it is: `memory` for `memory.max`.
    pub fn controller(&self) -> &str {
        controller_of(&self.file)
    }

    /// Whether it has to wait until the command runs. Out of memory, a group that dies whole takes everybody along who shares
    /// the memory of a member; and until it is executed, the container's pid 1 has that of this process.
    pub fn is_late(&self) -> bool {
        self.file == "memory.oom.group" && self.value.trim() == "1"
    }

    /// Comes along where the kernel has it.
    pub fn optional(mut self) -> Control {
        self.required = false;
        self
    }
}

/// Write to a control file. It is never made: the kernel would answer EACCES for one that is not there.
pub fn write(file: &Path, value: &str) -> io::Result<()> {
    OpenOptions::new().write(true).open(file)?.write_all(value.as_bytes())
}

/// The controller whose file this is, by its name: `memory` of `memory.max`.
pub fn controller_of(file: &str) -> &str {
    file.split('.').next().unwrap_or_default()
}

/// A controller's name in version 1.
pub fn v1_name(name: &str) -> &str {
    if name == "io" { "blkio" } else { name }
}

/// A controller that a limit needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Needed {
    /// Its name in version 2.
    pub name: String,
    /// The option that needs it.
    pub option: String,
}

impl Needed {
    /// Its name in version 1.
    pub fn v1_name(&self) -> &str {
        v1_name(&self.name)
    }
}

/// The controllers that a limit cannot do without.
pub fn controllers(limit: &Limit) -> Vec<Needed> {
    let asked = [
        (limit.cpu.is_some(), "cpu", "cpu"),
        (limit.cpu_weight.is_some(), "cpu", "cpuWeight"),
        (limit.cpuset.is_some(), "cpuset", "cpuset"),
        (limit.memory.is_some(), "memory", "memory"),
        (limit.memory_high.is_some(), "memory", "memoryHigh"),
        (limit.memory_low.is_some(), "memory", "memoryLow"),
        (limit.swap.is_some(), "memory", "swap"),
        (limit.pids.is_some(), "pids", "pids"),
        (!limit.io.is_empty(), "io", "io"),
        (!limit.hugetlb.is_empty(), "hugetlb", "hugetlb"),
    ];
    let asked = asked.into_iter().filter(|(asked, ..)| *asked).map(|(_, name, key)| (name, key));
    let raw = limit.unified.iter().map(|(file, _)| (controller_of(file), "unified"));
    let mut needed: Vec<Needed> = Vec::new();
    for (name, key) in asked.chain(raw) {
        if !needed.iter().any(|known| known.name == name) {
            needed.push(Needed { name: name.into(), option: format!("container.limit.{key}") });
        }
    }
    needed
}

/// A number, or `max`.
pub fn or_max<T: ToString>(bound: Bound<T>, max: &str) -> String {
    match bound {
        Bound::At(value) => value.to_string(),
        Bound::Max => max.to_owned(),
    }
}

/// What a percentage of one core leaves in each period, in µs.
pub fn quota(percent: f64) -> u64 {
    (percent / 100.0 * PERIOD as f64).round() as u64
}

impl CpuList {
    /// As the kernel writes it, `0-3,6`; what is no list is empty.
    pub fn parse(text: &str) -> CpuList {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
        };
        CpuList(text.trim().split(',').filter_map(range).collect())
    }

    /// The first that is not in the other list.
    fn first_outside(&self, other: &CpuList) -> Option<u32> {
        let is_inside = |cpu: &u32| other.0.iter().any(|(first, last)| (first..=last).contains(&cpu));
        self.0.iter().flat_map(|(first, last)| *first..=*last).find(|cpu| !is_inside(cpu))
    }
}

impl std::fmt::Display for CpuList {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// Version 2 takes processors that are not there for none at all, and then gives all of the parent's.
pub fn check_cpus(limit: &Limit, available: impl FnOnce() -> String) -> Result<(), Failure> {
    let Some(asked) = &limit.cpuset else { return Ok(()) };
    let available = available();
    let Some(missing) = asked.first_outside(&CpuList::parse(&available)) else { return Ok(()) };
    let summary =
        format!("processor {missing} is not among those that can be had here: {}", available.trim());
    Err(Failure::own("ERR_OUT_OF_RANGE", summary).asked_by("container.limit.cpuset"))
}

/// `major:minor` of the device of an entry of `io`.
pub fn device_number(limit: &IoLimit, host: &Host) -> Result<String, Failure> {
    let option = format!("container.limit.io[{}].device", limit.index);
    let device = &limit.device;
    let found = host.block_device(device).map_err(|error| {
        let failure = Failure::io("newfstatat", &error, format_args!("look at the device {device}"));
        failure.about(device.clone()).asked_by(&option).hinting("lsblk lists the devices of this machine")
    })?;
    let no = |summary: String, hint: String| {
        Failure::call("newfstatat", libc::ENOTBLK, "").saying(summary).asked_by(&option).hinting(hint)
    };
    let Some(number) = found else {
        let hint = "lsblk lists the devices of this machine; findmnt -T PATH says on which one a path is";
        return Err(no(format!("{device} is no block device"), hint.into()));
    };
    match host.disk_of_partition(&number) {
        Some(disk) => Err(no(
            format!("{device} is a partition, and rates can be limited for whole disks only"),
            format!("its disk is /dev/{disk}"),
        )),
        None => Ok(number),
    }
}
