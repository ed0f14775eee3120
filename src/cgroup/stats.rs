//! What the groups have counted.

use std::fs;
use std::path::Path;

use super::live::{Group, Groups};

/// Everything that is known; what no group counts, or this kernel does not tell, is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Processor time.
    pub cpu: Option<Cpu>,
    /// Memory and swap.
    pub memory: Option<Memory>,
    /// Processes and threads.
    pub pids: Option<Pids>,
    /// By device.
    pub io: Option<Vec<DeviceIo>>,
    /// Time lost by waiting, the kernel's `Documentation/accounting/psi.rst`.
    pub pressure: Option<Pressures>,
    /// Kills for want of memory.
    pub oom: Option<Oom>,
}

/// In µs, and in periods of 100 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cpu {
    /// All of it.
    pub usage: u64,
    /// In programs.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
    /// Periods in which it ran, under a limit.
    pub periods: Option<u64>,
    /// Those of them in which it was made to wait.
    pub throttled_periods: Option<u64>,
    /// How long, all its processors together.
    pub throttled: Option<u64>,
}

/// In bytes, and counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// Now.
    pub current: u64,
    /// At most so far.
    pub peak: Option<u64>,
    /// Swap, now.
    pub swap: Option<u64>,
    /// Swap, at most so far.
    pub swap_peak: Option<u64>,
    /// How often it was slowed down for being above `memoryHigh`.
    pub high: Option<u64>,
    /// How often it came to the limit.
    pub max: Option<u64>,
}

/// Processes and threads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pids {
    /// Now.
    pub current: u64,
    /// At most so far.
    pub peak: Option<u64>,
    /// How many the limit has prevented.
    pub refused: Option<u64>,
}

/// In bytes, and counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DeviceIo {
    /// `major:minor`
    pub device: String,
    /// Bytes.
    pub read: u64,
    /// Bytes.
    pub written: u64,
    /// How many.
    pub reads: u64,
    /// How many.
    pub writes: u64,
}

/// By resource.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressures {
    /// Waiting for a processor.
    pub cpu: Option<Pressure>,
    /// Waiting for memory.
    pub memory: Option<Pressure>,
    /// Waiting for input and output.
    pub io: Option<Pressure>,
}

/// How much is waited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// By one process at least.
    pub some: Stall,
    /// By all at once.
    pub full: Option<Stall>,
}

/// Percent of the time, and µs in all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stall {
    /// Of the last 10 s.
    pub avg10: f64,
    /// Of the last minute.
    pub avg60: f64,
    /// Of the last five.
    pub avg300: f64,
    /// µs since it began.
    pub total: u64,
}

/// Kills for want of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Oom {
    /// How often there was not enough.
    pub events: Option<u64>,
    /// How many processes were killed.
    pub kills: u64,
}

impl Groups {
    /// Now.
    pub fn stats(&self) -> Stats {
        match self.list.iter().find(|group| group.version == 2) {
            Some(group) if self.version() == 2 => v2(group),
            _ => self.v1(),
        }
    }

    /// How many processes the kernel has killed for want of memory in these groups.
    pub fn oom_kills(&self) -> u64 {
        self.with("memory").and_then(oom).map_or(0, |oom| oom.kills)
    }

    fn v1(&self) -> Stats {
        let in_v1 = |controller| self.with(controller).filter(|group| group.version == 1);
        let directory = |controller| in_v1(controller).map(|group| group.directory.as_path());
        Stats {
            cpu: v1_cpu(directory("cpuacct"), directory("cpu")),
            memory: directory("memory").and_then(v1_memory),
            pids: directory("pids").and_then(pids),
            io: directory("blkio").and_then(v1_io),
            pressure: None,
            oom: self.with("memory").and_then(oom),
        }
    }
}

/// How many processes of a version 2 group the kernel has killed for want of memory.
pub fn oom_kills(group: &Path) -> u64 {
    text(group, "memory.events").and_then(|events| keyed(&events, "oom_kill")).unwrap_or(0)
}

fn v2(group: &Group) -> Stats {
    let directory = group.directory.as_path();
    Stats {
        cpu: v2_cpu(directory),
        memory: v2_memory(directory),
        pids: pids(directory),
        io: v2_io(directory),
        pressure: pressures(directory),
        oom: oom(group),
    }
}

fn text(directory: &Path, file: &str) -> Option<String> {
    fs::read_to_string(directory.join(file)).ok()
}

fn number(directory: &Path, file: &str) -> Option<u64> {
    text(directory, file)?.trim().parse().ok()
}

/// `key value` lines.
fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

fn oom(group: &Group) -> Option<Oom> {
    match group.version {
        2 => {
            let events = text(&group.directory, "memory.events")?;
            Some(Oom { events: keyed(&events, "oom"), kills: keyed(&events, "oom_kill")? })
        }
        // Linux 4.13; how often there was no need to kill is not counted.
        _ => Some(Oom {
            events: None,
            kills: keyed(&text(&group.directory, "memory.oom_control")?, "oom_kill")?,
        }),
    }
}

fn v2_cpu(directory: &Path) -> Option<Cpu> {
    let stat = text(directory, "cpu.stat")?;
    Some(Cpu {
        usage: keyed(&stat, "usage_usec")?,
        user: keyed(&stat, "user_usec").unwrap_or(0),
        system: keyed(&stat, "system_usec").unwrap_or(0),
        periods: keyed(&stat, "nr_periods"),
        throttled_periods: keyed(&stat, "nr_throttled"),
        throttled: keyed(&stat, "throttled_usec"),
    })
}

fn v1_cpu(accounting: Option<&Path>, scheduling: Option<&Path>) -> Option<Cpu> {
    let accounting = accounting?;
    let micros = |file| Some(number(accounting, file)? / 1000);
    let stat = scheduling.and_then(|directory| text(directory, "cpu.stat"));
    let stat = |key| keyed(stat.as_deref()?, key);
    Some(Cpu {
        usage: micros("cpuacct.usage")?,
        user: micros("cpuacct.usage_user").unwrap_or(0),
        system: micros("cpuacct.usage_sys").unwrap_or(0),
        periods: stat("nr_periods"),
        throttled_periods: stat("nr_throttled"),
        throttled: stat("throttled_time").map(|nanos| nanos / 1000),
    })
}

fn v2_memory(directory: &Path) -> Option<Memory> {
    let events = text(directory, "memory.events").unwrap_or_default();
    Some(Memory {
        current: number(directory, "memory.current")?,
        peak: number(directory, "memory.peak"),
        swap: number(directory, "memory.swap.current"),
        swap_peak: number(directory, "memory.swap.peak"),
        high: keyed(&events, "high"),
        max: keyed(&events, "max"),
    })
}

fn v1_memory(directory: &Path) -> Option<Memory> {
    let current = number(directory, "memory.usage_in_bytes")?;
    let peak = number(directory, "memory.max_usage_in_bytes");
    let together = number(directory, "memory.memsw.usage_in_bytes");
    Some(Memory {
        current,
        peak,
        swap: together.map(|together| together.saturating_sub(current)),
        swap_peak: None,
        high: None,
        // memory.failcnt is there, but recent kernels leave it at 0.
        max: None,
    })
}

fn pids(directory: &Path) -> Option<Pids> {
    let events = text(directory, "pids.events");
    Some(Pids {
        current: number(directory, "pids.current")?,
        peak: number(directory, "pids.peak"),
        refused: events.and_then(|events| keyed(&events, "max")),
    })
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`
fn v2_io(directory: &Path) -> Option<Vec<DeviceIo>> {
    let stat = text(directory, "io.stat")?;
    let device = |line: &str| {
        let mut fields = line.split_whitespace();
        let device = fields.next()?.to_owned();
        let mut io = DeviceIo { device, ..DeviceIo::default() };
        for (key, value) in fields.filter_map(|field| field.split_once('=')) {
            let value = value.parse().unwrap_or(0);
            match key {
                "rbytes" => io.read = value,
                "wbytes" => io.written = value,
                "rios" => io.reads = value,
                "wios" => io.writes = value,
                _ => {}
            }
        }
        Some(io)
    };
    Some(stat.lines().filter_map(device).collect())
}

/// `8:0 Read 4096` in one file for bytes and one for counts.
fn v1_io(directory: &Path) -> Option<Vec<DeviceIo>> {
    let bytes = text(directory, "blkio.throttle.io_service_bytes")?;
    let counts = text(directory, "blkio.throttle.io_serviced").unwrap_or_default();
    let mut devices: Vec<DeviceIo> = Vec::new();
    for (is_bytes, line) in
        bytes.lines().map(|line| (true, line)).chain(counts.lines().map(|line| (false, line)))
    {
        let mut fields = line.split_whitespace();
        let (Some(name), Some(operation), Some(value)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let value = value.parse().unwrap_or(0);
        if !devices.iter().any(|known| known.device == name) {
            devices.push(DeviceIo { device: name.to_owned(), ..DeviceIo::default() });
        }
        let Some(device) = devices.iter_mut().find(|known| known.device == name) else { continue };
        match (operation, is_bytes) {
            ("Read", true) => device.read = value,
            ("Write", true) => device.written = value,
            ("Read", false) => device.reads = value,
            ("Write", false) => device.writes = value,
            _ => {}
        }
    }
    Some(devices)
}

fn pressures(directory: &Path) -> Option<Pressures> {
    let of = |file| text(directory, file).and_then(|text| pressure(&text));
    let pressures =
        Pressures { cpu: of("cpu.pressure"), memory: of("memory.pressure"), io: of("io.pressure") };
    (pressures != Pressures::default()).then_some(pressures)
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same for `full`.
fn pressure(text: &str) -> Option<Pressure> {
    let line = |name: &str| text.lines().find_map(|line| stall(line.strip_prefix(name)?));
    Some(Pressure { some: line("some")?, full: line("full") })
}

fn stall(fields: &str) -> Option<Stall> {
    let field =
        |name: &str| fields.split_whitespace().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    Some(Stall {
        avg10: field("avg10")?.parse().ok()?,
        avg60: field("avg60")?.parse().ok()?,
        avg300: field("avg300")?.parse().ok()?,
        total: field("total")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pressure() {
        let text = "some avg10=1.50 avg60=0.25 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";
        let read = pressure(text).unwrap();
        assert_eq!((read.some.avg10, read.some.total), (1.5, 1234));
        assert_eq!(read.full.map(|full| full.total), Some(7));
        assert_eq!(pressure("nothing"), None);
    }

    #[test]
    fn a_key_is_a_whole_word() {
        let events = "low 0\nhigh 3\nmax 17\noom 2\noom_kill 5\noom_group_kill 1\n";
        assert_eq!(
            [keyed(events, "oom"), keyed(events, "oom_kill"), keyed(events, "oo")],
            [Some(2), Some(5), None]
        );
    }
}
