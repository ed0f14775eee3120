//! `manager` and `parent`: who makes the group, and where.

use super::super::near::nearest;
use super::super::problem::{ProblemClass, Problems, Read};
use super::super::reader::{Fields, Given};
use super::super::value::quoted;
use super::text;
use crate::config::Manager;

const MANAGERS: [(&str, Manager); 2] = [("cgroupfs", Manager::Cgroupfs), ("systemd", Manager::Systemd)];

/// How the names of our own groups begin.
const OWN: &str = "container-spawn.";

/// systemd takes no longer names (`UNIT_NAME_MAX`).
const LONGEST_UNIT: usize = 255;

pub(crate) fn read(fields: &mut Fields, problems: &mut Problems) -> Read<(Option<Manager>, Option<String>)> {
    let manager = fields.asked("manager").map(|given| manager(&given, problems)).transpose();
    let is_systemd = manager == Ok(Some(Manager::Systemd));
    let parent = fields.asked("parent").map(|given| match is_systemd {
        true => slice(&given, problems),
        false => path(&given, problems),
    });
    Ok((manager?, parent.transpose()?))
}

fn manager(given: &Given, problems: &mut Problems) -> Read<Manager> {
    let name = given.string(problems)?;
    if let Some((_, manager)) = MANAGERS.into_iter().find(|(known, _)| *known == name) {
        return Ok(manager);
    }
    let names = MANAGERS.map(|(name, _)| name);
    let hint =
        nearest(name, &names).map_or_else(String::new, |near| format!("; did you mean {}?", quoted(near)));
    let message = format!("must be \"cgroupfs\" or \"systemd\", not {}{hint}", given.value);
    Err(given.problem(ProblemClass::Value, message, problems))
}

/// A path of groups, without doubled or trailing slashes.
fn path(given: &Given, problems: &mut Problems) -> Read<String> {
    let text = text(given, problems)?;
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    if let Some(part) = parts.iter().find(|part| matches!(**part, "." | "..")) {
        let message = format!("must not contain {}, as {} does", quoted(part), given.value);
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    if let Some(part) = parts.iter().find(|part| part.starts_with(OWN)) {
        let message = format!(
            "must not lead through {}, which is a container's own and removed at its end",
            quoted(part)
        );
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    let root = if text.starts_with('/') { "/" } else { "" };
    Ok(format!("{root}{}", parts.join("/")))
}

fn slice(given: &Given, problems: &mut Problems) -> Read<String> {
    let text = text(given, problems)?;
    if is_slice(text) {
        return Ok(text.to_owned());
    }
    let message = format!("must be one of systemd's slices, such as \"jobs.slice\", not {}", given.value);
    Err(given.problem(ProblemClass::Value, message, problems))
}

/// `a-b.slice` is inside `a.slice`, so there is something on both sides of each dash; `-.slice` is the root
/// (systemd.slice(5)).
fn is_slice(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\".contains(&byte);
    name.len() <= LONGEST_UNIT
        && name.strip_suffix(".slice").is_some_and(|stem| {
            stem == "-" || (stem.bytes().all(is_allowed) && stem.split('-').all(|part| !part.is_empty()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_told_from_other_names() {
        for name in ["jobs.slice", "a-b.slice", "-.slice", "user-1000.slice", "a\\x2db.slice"] {
            assert!(is_slice(name), "{name}");
        }
        let long = format!("{}.slice", "a".repeat(250));
        for name in [
            "",
            ".slice",
            "jobs",
            "jobs.scope",
            "/jobs.slice",
            "a--b.slice",
            "-a.slice",
            "a-.slice",
            "ä.slice",
            &long,
        ] {
            assert!(!is_slice(name), "{name}");
        }
    }
}
