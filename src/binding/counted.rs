//! What cgroups have counted, as JavaScript gets it: numbers, which are exact up to 2⁵³.

use napi_derive::napi;

use crate::cgroup::{Cpu, DeviceIo, Memory, Oom, Pids, Pressure, Pressures, Stall, Stats};

/// See [`Stats`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct Counted {
    /// µs
    pub cpu: Option<CountedCpu>,
    /// Bytes
    pub memory: Option<CountedMemory>,
    /// Counts
    pub pids: Option<CountedPids>,
    /// By device
    pub io: Option<Vec<CountedIo>>,
    /// By resource
    pub pressure: Option<CountedPressures>,
    /// Counts
    pub oom: Option<CountedOom>,
}

/// See [`Cpu`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct CountedCpu {
    /// µs
    pub usage: f64,
    /// µs
    pub user: f64,
    /// µs
    pub system: f64,
    /// Count
    pub periods: Option<f64>,
    /// Count
    pub throttled_periods: Option<f64>,
    /// µs
    pub throttled: Option<f64>,
}

/// See [`Memory`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct CountedMemory {
    /// Bytes
    pub current: f64,
    /// Bytes
    pub peak: Option<f64>,
    /// Bytes
    pub swap: Option<f64>,
    /// Bytes
    pub swap_peak: Option<f64>,
    /// Count
    pub high: Option<f64>,
    /// Count
    pub max: Option<f64>,
}

/// See [`Pids`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct CountedPids {
    /// Count
    pub current: f64,
    /// Count
    pub peak: Option<f64>,
    /// Count
    pub refused: Option<f64>,
}

/// See [`DeviceIo`].
#[napi(object)]
#[derive(Clone)]
pub struct CountedIo {
    /// `major:minor`
    pub device: String,
    /// Bytes
    pub read: f64,
    /// Bytes
    pub written: f64,
    /// Count
    pub reads: f64,
    /// Count
    pub writes: f64,
}

/// See [`Pressures`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct CountedPressures {
    /// Of a processor
    pub cpu: Option<CountedPressure>,
    /// Of memory
    pub memory: Option<CountedPressure>,
    /// Of devices
    pub io: Option<CountedPressure>,
}

/// See [`Pressure`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct CountedPressure {
    /// By one at least
    pub some: CountedStall,
    /// By all at once
    pub full: Option<CountedStall>,
}

/// See [`Stall`].
#[napi(object)]
#[derive(Clone)]
pub struct CountedStall {
    /// Percent
    pub avg10: f64,
    /// Percent
    pub avg60: f64,
    /// Percent
    pub avg300: f64,
    /// µs
    pub total: f64,
}

/// See [`Oom`].
#[napi(object, use_nullable = true)]
#[derive(Clone)]
pub struct CountedOom {
    /// Count
    pub events: Option<f64>,
    /// Count
    pub kills: f64,
}

fn number(count: u64) -> f64 {
    count as f64
}

fn perhaps(count: Option<u64>) -> Option<f64> {
    count.map(number)
}

impl From<Stats> for Counted {
    fn from(stats: Stats) -> Counted {
        Counted {
            cpu: stats.cpu.map(Into::into),
            memory: stats.memory.map(Into::into),
            pids: stats.pids.map(Into::into),
            io: stats.io.map(|devices| devices.into_iter().map(Into::into).collect()),
            pressure: stats.pressure.map(Into::into),
            oom: stats.oom.map(Into::into),
        }
    }
}

impl From<Cpu> for CountedCpu {
    fn from(cpu: Cpu) -> CountedCpu {
        CountedCpu {
            usage: number(cpu.usage),
            user: number(cpu.user),
            system: number(cpu.system),
            periods: perhaps(cpu.periods),
            throttled_periods: perhaps(cpu.throttled_periods),
            throttled: perhaps(cpu.throttled),
        }
    }
}

impl From<Memory> for CountedMemory {
    fn from(memory: Memory) -> CountedMemory {
        CountedMemory {
            current: number(memory.current),
            peak: perhaps(memory.peak),
            swap: perhaps(memory.swap),
            swap_peak: perhaps(memory.swap_peak),
            high: perhaps(memory.high),
            max: perhaps(memory.max),
        }
    }
}

impl From<Pids> for CountedPids {
    fn from(pids: Pids) -> CountedPids {
        CountedPids {
            current: number(pids.current),
            peak: perhaps(pids.peak),
            refused: perhaps(pids.refused),
        }
    }
}

impl From<DeviceIo> for CountedIo {
    fn from(io: DeviceIo) -> CountedIo {
        CountedIo {
            device: io.device,
            read: number(io.read),
            written: number(io.written),
            reads: number(io.reads),
            writes: number(io.writes),
        }
    }
}

impl From<Pressures> for CountedPressures {
    fn from(pressures: Pressures) -> CountedPressures {
        CountedPressures {
            cpu: pressures.cpu.map(Into::into),
            memory: pressures.memory.map(Into::into),
            io: pressures.io.map(Into::into),
        }
    }
}

impl From<Pressure> for CountedPressure {
    fn from(pressure: Pressure) -> CountedPressure {
        CountedPressure { some: pressure.some.into(), full: pressure.full.map(Into::into) }
    }
}

impl From<Stall> for CountedStall {
    fn from(stall: Stall) -> CountedStall {
        CountedStall {
            avg10: stall.avg10,
            avg60: stall.avg60,
            avg300: stall.avg300,
            total: number(stall.total),
        }
    }
}

impl From<Oom> for CountedOom {
    fn from(oom: Oom) -> CountedOom {
        CountedOom { events: perhaps(oom.events), kills: number(oom.kills) }
    }
}
