//! The `overlayfs` entries of `container.fs`.

use std::ffi::CString;

use super::path;
use super::problem::{ProblemClass, Problems, Read, Reported};
use super::reader::{Given, each};
use super::spelling::Entry;
use crate::config::{FsKind, OverlayUpper};

/// The kernel takes no more (`OVL_MAX_STACK`).
const MOST_LOWER: usize = 500;

/// The layers of an entry; `entry_path` is the entry's option path.
pub(crate) fn read(entry: &mut Entry, entry_path: &str, problems: &mut Problems) -> Read<FsKind> {
    let lower = entry.asked("lower", problems).and_then(|given| match given {
        Some(given) => lower(&given, problems),
        None => {
            let option = format!("{entry_path}.lower");
            Err(problems.add(ProblemClass::Type, option, "is required: an array of directories"))
        }
    });
    let upper = upper(entry, problems);
    Ok(FsKind::Overlay { lower: lower?, upper: upper? })
}

fn lower(given: &Given, problems: &mut Problems) -> Read<Vec<CString>> {
    let directories = given.array("an array of directories", problems)?;
    if directories.is_empty() || directories.len() > MOST_LOWER {
        let message = format!("must be from 1 to {MOST_LOWER} directories, not {}", directories.len());
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    each(&directories, |_, directory| path::on_host(directory, problems))
}

fn upper(entry: &mut Entry, problems: &mut Problems) -> Read<OverlayUpper> {
    let upper = entry.asked("upper", problems);
    let work = entry.asked("work", problems);
    let ephemeral = entry.fields().flag("ephemeral", false, problems);
    match (upper?, work?, ephemeral?) {
        (None, None, false) => Ok(OverlayUpper::None),
        (None, None, true) => Ok(OverlayUpper::Ephemeral),
        (Some(given), _, true) | (None, Some(given), true) => {
            let message =
                "contradicts ephemeral, which keeps what is written in memory: leave one of them out";
            Err(given.problem(ProblemClass::Value, message, problems))
        }
        (Some(upper), Some(work), false) => directories(&upper, &work, problems),
        (Some(given), None, false) => Err(alone(&given, "work", problems)),
        (None, Some(given), false) => Err(alone(&given, "upper", problems)),
    }
}

fn alone(given: &Given, other: &str, problems: &mut Problems) -> Reported {
    let message = format!(
        "needs {other} beside it: overlayfs prepares in work what it then moves to upper, \
         so it takes both, on one file system"
    );
    given.problem(ProblemClass::Value, message, problems)
}

fn directories(upper: &Given, work: &Given, problems: &mut Problems) -> Read<OverlayUpper> {
    let upper_path = path::on_host(upper, problems);
    let work_path = path::on_host(work, problems);
    let (upper_path, work_path) = (upper_path?, work_path?);
    if path::below(&upper_path, &work_path).is_some() || path::below(&work_path, &upper_path).is_some() {
        let message = format!(
            "must be neither {} nor inside it nor around it: overlayfs wants two separate directories",
            upper.path
        );
        return Err(work.problem(ProblemClass::Value, message, problems));
    }
    Ok(OverlayUpper::Dirs { upper: upper_path, work: work_path })
}
