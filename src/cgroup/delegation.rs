//! Making room in a version 2 group that is ours to divide.
//!
//! A group with processes in it cannot pass controllers on to its children (the rule of no internal processes), and we
//! are in ours. So its processes move to a leaf, a child beside the containers. A while after the last container they
//! come back: nobody can be put into a group that passes controllers on, `systemd` and `docker exec` included.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::control;
use super::live::subgroups;
use super::scope;
use crate::error::Failure;

/// The name of the leaf.
pub const LEAF: &str = "container-spawn.leaf";

/// How long after the last container the processes go back. Moving costs 10 ms, so one container after the other should
/// not cause it each time.
const IDLE: Duration = Duration::from_secs(1);

/// How long another process of ours may take to make its group.
const PATIENCE: Duration = Duration::from_secs(2);

/// New processes may come while the others are moved.
const ROUNDS: usize = 16;

/// Held while a group is prepared and a child is made in it: nobody moves the processes back meanwhile.
pub struct Lock(#[expect(dead_code, reason = "what is locked is the open directory")] File);

/// Have `group` pass controllers on to its children.
pub fn enable(
    group: &Path,
    required: &[String],
    companions: &[String],
    may_move: bool,
) -> Result<Lock, Failure> {
    let lock = lock(group)?;
    if may_move {
        divided().groups.insert(group.to_owned());
    }
    let file = group.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&file).unwrap_or_default();
    let lacking = |names: &[String]| -> Vec<String> {
        let is_lacking = |name: &&String| !enabled.split_whitespace().any(|known| known == *name);
        names.iter().filter(is_lacking).map(|name| format!("+{name}")).collect()
    };
    let (required, companions) = (lacking(required), lacking(companions));
    if required.is_empty() && companions.is_empty() {
        return Ok(lock);
    }
    let all = [required.as_slice(), companions.as_slice()].concat().join(" ");
    let mut written = control::write(&file, &all);
    if may_move && is_busy(&written) {
        move_to_leaf(group)?;
        written = control::write(&file, &all);
    }
    if written.is_err() && !companions.is_empty() {
        // One that cannot be had (`cpu`, with real-time processes about) takes none of the others with it.
        written = if required.is_empty() { Ok(()) } else { control::write(&file, &required.join(" ")) };
    }
    match written {
        Ok(()) => Ok(lock),
        Err(error) => {
            let what = format_args!("write {all:?} to {}", file.display());
            Err(Failure::io("write", &error, what).about(file.display().to_string()))
        }
    }
}

fn is_busy(written: &io::Result<()>) -> bool {
    matches!(written, Err(error) if error.raw_os_error() == Some(libc::EBUSY))
}

fn lock(group: &Path) -> Result<Lock, Failure> {
    let fail = |error: &io::Error| {
        Failure::io("flock", error, format_args!("lock {}", group.display()))
            .about(group.display().to_string())
    };
    let directory = File::open(group).map_err(|error| fail(&error))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(Lock(directory)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(Duration::from_millis(1)),
            Err(error) => return Err(fail(&error.into())),
        }
    }
}

fn move_to_leaf(group: &Path) -> Result<(), Failure> {
    let leaf = group.join(LEAF);
    let made = match fs::create_dir(&leaf) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    made.and_then(|()| move_all(group, &leaf)).map_err(|error| {
        let what = format_args!("move the processes of {} to its leaf {LEAF}", group.display());
        Failure::io("write", &error, what).about(leaf.display().to_string())
    })
}

fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    let target = to.join("cgroup.procs");
    for _ in 0..ROUNDS {
        let list = fs::read_to_string(from.join("cgroup.procs"))?;
        if list.trim().is_empty() {
            break;
        }
        for pid in list.lines() {
            match control::write(&target, pid) {
                // It has ended meanwhile.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                other => other?,
            }
        }
    }
    Ok(())
}

/// The groups that this process has divided.
#[derive(Default)]
struct Divided {
    groups: HashSet<PathBuf>,
    /// Those of them that a container has left, and when.
    left: HashMap<PathBuf, Instant>,
    is_watched: bool,
}

static DIVIDED: LazyLock<Mutex<Divided>> = LazyLock::new(Mutex::default);

fn divided() -> MutexGuard<'static, Divided> {
    DIVIDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A container of this group has ended, and its own group is gone. It may have been the last.
pub fn left(group: &Path) {
    let mut divided = divided();
    if !divided.groups.contains(group) && !scope::is_kept(group) {
        return;
    }
    divided.left.insert(group.to_owned(), Instant::now());
    if !std::mem::replace(&mut divided.is_watched, true) {
        let started = thread::Builder::new().name("container-leaf".into()).stack_size(64 * 1024).spawn(watch);
        divided.is_watched = started.is_ok();
    }
}

/// Wait until each group has been left alone for a while, and put its processes back. What is in use again by then comes
/// back here when it has been left again.
fn watch() {
    loop {
        let mut divided = divided();
        let is_due = |_: &PathBuf, left: &mut Instant| left.elapsed() >= IDLE;
        let due: Vec<PathBuf> = divided.left.extract_if(is_due).map(|(group, _)| group).collect();
        if due.is_empty() && divided.left.is_empty() {
            divided.is_watched = false;
            return;
        }
        drop(divided);
        due.iter().for_each(|group| restore(group));
        sleep(IDLE / 8);
    }
}

fn restore(group: &Path) {
    // A scope is gone when somebody has it stopped; then only its keeper is left, to be waited for.
    let Ok(directory) = File::open(group) else { return scope::end(group) };
    let leaf = group.join(LEAF);
    let is_in_use = || subgroups(group).iter().any(|below| *below != leaf);
    if directory.try_lock().is_err() || is_in_use() || !leaf.exists() {
        return;
    }
    if scope::is_kept(group) {
        return scope::end(group);
    }
    let file = group.join("cgroup.subtree_control");
    let enabled = fs::read_to_string(&file).unwrap_or_default();
    let off: Vec<_> = enabled.split_whitespace().map(|name| format!("-{name}")).collect();
    // If it fails they stay in the leaf, where they are as well off.
    let _ = control::write(&file, &off.join(" "))
        .and_then(|()| move_all(&leaf, group))
        .and_then(|()| fs::remove_dir(&leaf));
}
