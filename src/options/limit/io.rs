//! `io`: how fast block devices may be read and written.

use std::collections::HashMap;

use super::super::bytes::size_or_max;
use super::super::problem::{ProblemClass, Problems, Read};
use super::super::reader::{Fields, Given, each};
use super::amount::{integer, number_or_max};
use super::text;
use crate::config::{Bound, IoLimit};

const WANTED: &str = "an array of { device, rbps, wbps, riops, wiops }";
const DEVICE: &str = r#"a device's absolute path such as "/dev/sda", or its number such as "8:0""#;

/// The bits of a device number (`MKDEV` in the kernel).
const MOST_MAJOR: u32 = (1 << 12) - 1;
const MOST_MINOR: u32 = (1 << 20) - 1;

/// The kernel counts operations in 32 bits, and takes the last number for no limit.
const MOST_OPERATIONS: u64 = u32::MAX as u64 - 1;

/// Every entry; no device twice.
pub(crate) fn read(given: &Given, problems: &mut Problems) -> Read<Vec<IoLimit>> {
    let entries = given.array(WANTED, problems)?;
    let mut seen = HashMap::new();
    each(&entries, |index, given| entry(index, given, &mut seen, problems))
}

fn entry(
    index: usize,
    given: &Given,
    seen: &mut HashMap<String, String>,
    problems: &mut Problems,
) -> Read<IoLimit> {
    let mut fields = given.fields(problems)?;
    let device_given = fields.required("device", DEVICE, problems);
    let device = device_given.and_then(|given| {
        let device = device(&given, problems)?;
        once(device, &given, seen, problems)
    });
    let rbps = bytes(&mut fields, "rbps", "nothing could ever be read", problems);
    let wbps = bytes(&mut fields, "wbps", "nothing could ever be written", problems);
    let riops = operations(&mut fields, "riops", "nothing could ever be read", problems);
    let wiops = operations(&mut fields, "wiops", "nothing could ever be written", problems);
    fields.finish(problems);

    let limit = IoLimit { index, device: device?, rbps: rbps?, wbps: wbps?, riops: riops?, wiops: wiops? };
    if [limit.rbps, limit.wbps, limit.riops, limit.wiops].iter().all(Option::is_none) {
        let message = "limits nothing: give one of rbps, wbps, riops, wiops";
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    Ok(limit)
}

/// A path, or `major:minor` without zeros in front. What a path leads to is not for a reader of options to know.
fn device(given: &Given, problems: &mut Problems) -> Read<String> {
    let text = text(given, problems)?;
    if text.starts_with('/') {
        return Ok(text.to_owned());
    }
    match number(text) {
        Some((Some(major @ ..=MOST_MAJOR), Some(minor @ ..=MOST_MINOR))) => Ok(format!("{major}:{minor}")),
        Some(_) => {
            let most = format!("{MOST_MAJOR}:{MOST_MINOR}");
            let message = format!("must be a device number from 0:0 to {most}, not {}", given.value);
            Err(given.problem(ProblemClass::Range, message, problems))
        }
        None => {
            let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            let help = if is_name { format!("; did you mean \"/dev/{text}\"?") } else { String::new() };
            let message = format!("must be {DEVICE}, not {}{help}", given.value);
            Err(given.problem(ProblemClass::Value, message, problems))
        }
    }
}

/// The two parts of a device number, each if it fits; nothing when it is not written as one.
fn number(text: &str) -> Option<(Option<u32>, Option<u32>)> {
    let part = |part: &str| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse().ok())
    };
    let (major, minor) = text.split_once(':')?;
    Some((part(major)?, part(minor)?))
}

fn once(
    device: String,
    given: &Given,
    seen: &mut HashMap<String, String>,
    problems: &mut Problems,
) -> Read<String> {
    if let Some(earlier) = seen.get(&device) {
        let message = format!("is the same as {earlier}: give all rates of a device in one entry");
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    seen.insert(device.clone(), given.path.clone());
    Ok(device)
}

fn bytes(
    fields: &mut Fields,
    key: &'static str,
    why: &str,
    problems: &mut Problems,
) -> Read<Option<Bound<u64>>> {
    fields.asked(key).map(|given| size_or_max(&given, 1, why, problems)).transpose()
}

fn operations(
    fields: &mut Fields,
    key: &'static str,
    why: &str,
    problems: &mut Problems,
) -> Read<Option<Bound<u64>>> {
    let read = |given: Given| {
        number_or_max(&given, problems, |number, problems| {
            integer(&given, number, 1..=MOST_OPERATIONS, [why, "the kernel counts in 32 bits"], problems)
        })
    };
    fields.asked(key).map(read).transpose()
}
