//! The groups of a container that runs: who is in them, and how all of them are stopped and ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::turns::Turns;
use crate::config::Manager;
use crate::error::Failure;
use crate::sys;
use crate::systemd::Instance;

/// One group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Where it is.
    pub directory: PathBuf,
    /// 1 or 2.
    pub version: u8,
    /// The controllers that work in it.
    pub controllers: Vec<String>,
}

impl Group {
    /// Does this controller work in it?
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}

/// A scope of systemd's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unit {
    /// Whose.
    pub instance: Instance,
    /// `container-spawn.….scope`
    pub name: String,
}

/// All groups of one container; there is at least one.
#[derive(Debug)]
pub struct Groups {
    /// In the order made.
    pub list: Vec<Group>,
    /// The scope, if systemd has made the group.
    pub unit: Option<Unit>,
    /// Changes are made one after the other, in the order asked for.
    pub turns: Arc<Turns>,
    is_paused: AtomicBool,
}

/// How long stopping may take: a process that waits for a dead disk does not stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether a change has come.
const STEP: Duration = Duration::from_millis(1);

/// A process that forks as fast as it can is not caught at once.
const ROUNDS: usize = 16;

impl Groups {
    /// Of what has been made.
    pub fn new(list: Vec<Group>, unit: Option<Unit>) -> Groups {
        Groups { list, unit, turns: Arc::default(), is_paused: AtomicBool::new(false) }
    }

    /// Who has made them.
    pub fn manager(&self) -> Manager {
        if self.unit.is_some() { Manager::Systemd } else { Manager::Cgroupfs }
    }

    /// 2, if no version 1 hierarchy takes part.
    pub fn version(&self) -> u8 {
        self.list.iter().map(|group| group.version).min().unwrap_or(2)
    }

    /// The one to name where one is to be named.
    pub fn first(&self) -> Option<&Group> {
        self.with("memory").or_else(|| self.list.first())
    }

    /// The group that has this controller.
    pub fn with(&self, controller: &str) -> Option<&Group> {
        self.list.iter().find(|group| group.has(controller))
    }

    /// The group through which all processes can be stopped and ended.
    fn handle(&self) -> Option<&Group> {
        let by_version = |version| self.list.iter().find(move |group| group.version == version);
        by_version(2).or_else(|| self.with("freezer")).or_else(|| by_version(1))
    }

    /// SIGKILL to every process.
    pub fn kill(&self) {
        if let Some(group) = self.handle() {
            kill(&group.directory);
        }
    }

    /// A signal does not reach a process that a version 1 freezer holds.
    pub fn thaw_for_signal(&self) {
        if self.is_paused.load(Ordering::Acquire)
            && let Some(group) = self.handle().filter(|group| group.version == 1)
        {
            let _ = fs::write(group.directory.join("freezer.state"), "THAWED");
        }
    }

    /// Stop every process, or let all go on; returns when that is so.
    pub fn freeze(&self, frozen: bool) -> Result<(), Failure> {
        let Some(group) = self.handle() else { return Ok(()) };
        let changed = match group.version {
            2 => freeze_v2(&group.directory, frozen),
            _ => freeze_v1(&group.directory, frozen),
        };
        changed.map_err(|(error, file)| {
            let what = if frozen { "stop every process" } else { "let every process go on" };
            let failure = Failure::io("write", &error, format_args!("{what} through {}", file.display()));
            match error.kind() {
                io::ErrorKind::NotFound => failure.hinting("this takes the freezer: cgroup version 2 (Linux 5.2), or its hierarchy of version 1"),
                io::ErrorKind::TimedOut => failure.hinting("a process waits for something that does not answer, as a dead disk or file server"),
                _ => failure,
            }
            .about(file.display().to_string())
        })?;
        self.is_paused.store(frozen, Ordering::Release);
        Ok(())
    }
}

type Changed = Result<(), (io::Error, PathBuf)>;

fn freeze_v2(directory: &Path, frozen: bool) -> Changed {
    let (file, events) = (directory.join("cgroup.freeze"), directory.join("cgroup.events"));
    let write = |value: &str| fs::write(&file, value).map_err(|error| (error, file.clone()));
    write(if frozen { "1" } else { "0" })?;
    let wanted = if frozen { "frozen 1" } else { "frozen 0" };
    let is_there = || fs::read_to_string(&events).unwrap_or_default().lines().any(|line| line == wanted);
    if wait_until(is_there) {
        return Ok(());
    }
    let _ = write("0");
    Err((io::ErrorKind::TimedOut.into(), file))
}

/// FREEZING becomes FROZEN when somebody looks.
fn freeze_v1(directory: &Path, frozen: bool) -> Changed {
    let file = directory.join("freezer.state");
    let wanted = if frozen { "FROZEN" } else { "THAWED" };
    let write = |value: &str| fs::write(&file, value).map_err(|error| (error, file.clone()));
    write(wanted)?;
    if wait_until(|| fs::read_to_string(&file).unwrap_or_default().trim() == wanted) {
        return Ok(());
    }
    let _ = write("THAWED");
    Err((io::ErrorKind::TimedOut.into(), file))
}

fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(STEP);
    }
    true
}

/// SIGKILL to every process of a group and of those below it. `cgroup.kill` is Linux 5.14; without it a freezer keeps
/// them from forking meanwhile, and without that they are followed for some rounds.
pub fn kill(directory: &Path) {
    if fs::write(directory.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let freezer = directory.join("freezer.state");
    let is_held = fs::write(&freezer, "FROZEN").is_ok();
    let rounds = if is_held { 2 } else { ROUNDS };
    for _ in 0..rounds {
        if kill_members(directory) == 0 {
            break;
        }
    }
    if is_held {
        let _ = fs::write(&freezer, "THAWED");
    }
}

/// How many there were.
fn kill_members(directory: &Path) -> usize {
    let found: Vec<_> = members(directory).into_iter().map(|pid| (pid, sys::pidfd_open(pid))).collect();
    // A number may have been given to somebody else since: whoever a descriptor names must still be listed.
    let still = members(directory);
    for (pid, pidfd) in &found {
        if let Ok(pidfd) = pidfd
            && still.contains(pid)
        {
            let _ = sys::send_signal(sys::borrow(pidfd), libc::SIGKILL);
        }
    }
    let below = subgroups(directory).iter().map(|group| kill_members(group)).sum::<usize>();
    found.len().saturating_add(below)
}

fn members(directory: &Path) -> Vec<i32> {
    let list = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    list.lines().filter_map(|line| line.parse().ok()).collect()
}

/// The groups below.
pub fn subgroups(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries.flatten().filter(is_directory).map(|entry| entry.path()).collect()
}

/// Remove a group with those that were made below it. `false`: somebody is still in it, who has been killed: whoever is
/// in a group of ours is the container's, and without a pid namespace nothing else ends what the command has left behind.
pub fn remove(directory: &Path) -> io::Result<bool> {
    match fs::remove_dir(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
            kill(directory);
            for group in subgroups(directory) {
                remove(&group)?;
            }
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
