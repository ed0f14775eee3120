//! `container.limit`.

use super::bytes;
use super::problem::{ProblemClass, Problems, Read};
use super::reader::Given;
use super::spelling;
use crate::config::Limit;

/// The kernel refuses a quota of less than 1 ms, and the period is 100 ms.
const LEAST_CPU: f64 = 1.0;

/// All cores of the largest machine that the kernel can be built for (`NR_CPUS` of x86-64).
const MOST_CPU: f64 = 100.0 * 8192.0;

/// The kernel counts memory in pages and rounds down: below one page nothing is left, not even for the exec.
/// This is the smallest page there is; how large they are on this machine is not for a reader of options to
/// know.
const LEAST_MEMORY: u64 = 4096;

/// Limits kept for later versions.
const LATER: [&str; 11] = [
    "cpuWeight",
    "cpuset",
    "memoryHigh",
    "memoryLow",
    "swap",
    "pids",
    "io",
    "hugetlb",
    "unified",
    "manager",
    "parent",
];

/// The limits; an object that asks for none is none.
pub(crate) fn read(given: &Given, problems: &mut Problems) -> Read<Option<Limit>> {
    let mut fields = given.fields(problems)?;
    let cpu = fields.asked("cpu").map(|given| cpu(&given, problems)).transpose();
    let memory = spelling::asked(&mut fields, "memory", problems).and_then(|given| {
        let why = "the kernel counts whole pages";
        given.map(|given| bytes::size(&given, LEAST_MEMORY, why, problems)).transpose()
    });
    let later = fields.unsupported(&LATER, problems);
    fields.finish(problems);
    later?;

    let limit = Limit { cpu: cpu?, memory: memory? };
    Ok((limit.cpu.is_some() || limit.memory.is_some()).then_some(limit))
}

fn cpu(given: &Given, problems: &mut Problems) -> Read<f64> {
    let percent = given.number(problems)?;
    if (LEAST_CPU..=MOST_CPU).contains(&percent) {
        return Ok(percent);
    }
    let message = format!(
        "must be from {LEAST_CPU} to {MOST_CPU} percent of one core, not {} \
         (the kernel takes no less than 1 ms in a period of 100 ms)",
        given.value
    );
    Err(given.problem(ProblemClass::Range, message, problems))
}
