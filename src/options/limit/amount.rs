//! Limits that are one number each, or `"max"`: counted, but not limited.

use std::ops::RangeInclusive;

use super::super::bytes::size_or_max;
use super::super::problem::{ProblemClass, Problems, Read};
use super::super::reader::Given;
use super::super::value::Value;
use crate::config::Bound;

/// The kernel refuses a quota of less than 1 ms, and the period is 100 ms.
const LEAST_CPU: f64 = 1.0;

/// All cores of the largest machine that the kernel can be built for (`NR_CPUS` of x86-64).
const MOST_CPU: f64 = 100.0 * 8192.0;

/// The kernel counts memory in pages and rounds down: below one page nothing is left, not even for the exec.
/// This is the smallest page there is; how large they are on this machine is not for a reader of options to
/// know.
const LEAST_MEMORY: u64 = 4096;

const WHOLE_PAGES: &str = "the kernel counts whole pages";

/// `PID_MAX_LIMIT`: the kernel has no more ids to give.
const MOST_PIDS: u64 = 1 << 22;

pub(crate) fn cpu(given: &Given, problems: &mut Problems) -> Read<Bound<f64>> {
    number_or_max(given, problems, |percent, problems| {
        if (LEAST_CPU..=MOST_CPU).contains(&percent) {
            return Ok(percent);
        }
        let message = format!(
            "must be from {LEAST_CPU} to {MOST_CPU} percent of one core, not {} \
             (the kernel takes no less than 1 ms in a period of 100 ms)",
            given.value
        );
        Err(given.problem(ProblemClass::Range, message, problems))
    })
}

pub(crate) fn cpu_weight(given: &Given, problems: &mut Problems) -> Read<u32> {
    let why = "a share beside that of others, who have 100";
    let weight = given.number(problems)?;
    integer(given, weight, 1..=10_000, [why, why], problems).map(|weight| weight as u32)
}

/// At least a page.
pub(crate) fn memory(given: &Given, problems: &mut Problems) -> Read<Bound<u64>> {
    size_or_max(given, LEAST_MEMORY, WHOLE_PAGES, problems)
}

/// At least a page, or none at all.
pub(crate) fn memory_or_none(given: &Given, problems: &mut Problems) -> Read<Bound<u64>> {
    match size_or_max(given, 0, WHOLE_PAGES, problems)? {
        Bound::At(1..LEAST_MEMORY) => {
            let value = given.value;
            let message = format!("must be 0 or at least {LEAST_MEMORY} bytes, not {value}: {WHOLE_PAGES}");
            Err(given.problem(ProblemClass::Range, message, problems))
        }
        bound => Ok(bound),
    }
}

pub(crate) fn pids(given: &Given, problems: &mut Problems) -> Read<Bound<u64>> {
    let why = ["nothing could be started", "the kernel never has more"];
    number_or_max(given, problems, |number, problems| integer(given, number, 1..=MOST_PIDS, why, problems))
}

/// A number that `read` accepts, or `"max"`.
pub(crate) fn number_or_max<T>(
    given: &Given,
    problems: &mut Problems,
    read: impl FnOnce(f64, &mut Problems) -> Read<T>,
) -> Read<Bound<T>> {
    match given.value {
        Value::String(text) if text == "max" => Ok(Bound::Max),
        Value::Number(number) => read(*number, problems).map(Bound::At),
        _ => Err(given.mismatch(r#"a number or "max""#, problems)),
    }
}

/// A whole number within a range. `why` is for one that is below it, and for one that is above it.
pub(crate) fn integer(
    given: &Given,
    number: f64,
    range: RangeInclusive<u64>,
    why: [&str; 2],
    problems: &mut Problems,
) -> Read<u64> {
    let (least, most) = (*range.start(), *range.end());
    let why = match number {
        _ if number < least as f64 => format!(" ({})", why[0]),
        _ if number > most as f64 => format!(" ({})", why[1]),
        _ if number.fract() == 0.0 => return Ok(number as u64),
        _ => String::new(),
    };
    let message = format!("must be an integer from {least} to {most}, not {}{why}", given.value);
    Err(given.problem(ProblemClass::Range, message, problems))
}
