//! The groups of a container that runs: who is in them, and how all of them are stopped and ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::control;
use super::turns::Turns;
use crate::config::Manager;
use crate::error::Failure;
use crate::sys;

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

/// All groups of one container; there is at least one.
#[derive(Debug)]
pub struct Groups {
    /// In the order made.
    pub list: Vec<Group>,
    /// Who has made them.
    pub manager: Manager,
    /// Changes are made one after the other, in the order asked for.
    pub turns: Arc<Turns>,
    switch: Mutex<Switch>,
}

/// What has been written to the freezer last, and whether that is over.
#[derive(Default, Debug)]
struct Switch {
    is_paused: bool,
    /// SIGKILL is on its way. A version 1 freezer would keep it from arriving, so nothing is frozen any more.
    is_doomed: bool,
}

/// How long stopping may take: a process that waits for a dead disk does not stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked whether a change has come.
const STEP: Duration = Duration::from_millis(1);

/// A process that forks as fast as it can is not caught at once.
const ROUNDS: usize = 16;

impl Groups {
    /// Of what has been made.
    pub fn new(list: Vec<Group>, manager: Manager) -> Groups {
        Groups { list, manager, turns: Arc::default(), switch: Mutex::default() }
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

    fn switch(&self) -> MutexGuard<'_, Switch> {
        self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SIGKILL to every process.
    pub fn kill(&self) {
        let mut switch = self.switch();
        switch.is_doomed = true;
        if let Some(group) = self.handle() {
            kill(&group.directory);
        }
    }

    /// SIGKILL has been sent to the command: see to it that it arrives.
    pub fn doom(&self) {
        let mut switch = self.switch();
        switch.is_doomed = true;
        if switch.is_paused
            && let Some(group) = self.handle().filter(|group| group.version == 1)
        {
            let _ = control::write(&group.directory.join("freezer.state"), "THAWED");
        }
    }

    /// Stop every process, or let all go on; returns when that is so, or when the container is ending.
    pub fn freeze(&self, frozen: bool) -> Result<(), Failure> {
        let Some(group) = self.handle() else { return Ok(()) };
        let freezer = Freezer::of(group);
        let mut switch = self.switch();
        if switch.is_doomed {
            return Ok(());
        }
        freezer.write(frozen).map_err(|error| freezer.failure(&error, frozen))?;
        switch.is_paused = frozen;
        drop(switch);
        let deadline = Instant::now() + PATIENCE;
        while !freezer.is(frozen) {
            let is_over = self.switch().is_doomed || !group.directory.exists();
            if is_over {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let mut switch = self.switch();
                let _ = freezer.write(false);
                switch.is_paused = false;
                return Err(freezer.failure(&io::ErrorKind::TimedOut.into(), frozen));
            }
            sleep(STEP);
        }
        Ok(())
    }
}

/// The files by which a group is stopped.
struct Freezer {
    file: PathBuf,
    version: u8,
}

impl Freezer {
    fn of(group: &Group) -> Freezer {
        let name = if group.version == 2 { "cgroup.freeze" } else { "freezer.state" };
        Freezer { file: group.directory.join(name), version: group.version }
    }

    fn write(&self, frozen: bool) -> io::Result<()> {
        let value = match (self.version, frozen) {
            (2, true) => "1",
            (2, false) => "0",
            (_, true) => "FROZEN",
            (_, false) => "THAWED",
        };
        control::write(&self.file, value)
    }

    /// In version 1 FREEZING becomes FROZEN when somebody looks.
    fn is(&self, frozen: bool) -> bool {
        let text = |file: &Path| fs::read_to_string(file).unwrap_or_default();
        match self.version {
            2 => {
                let wanted = if frozen { "frozen 1" } else { "frozen 0" };
                text(&self.file.with_file_name("cgroup.events")).lines().any(|line| line == wanted)
            }
            _ => text(&self.file).trim() == if frozen { "FROZEN" } else { "THAWED" },
        }
    }

    fn failure(&self, error: &io::Error, frozen: bool) -> Failure {
        let what = if frozen { "stop every process" } else { "let every process go on" };
        let file = self.file.display();
        let failure = match error.kind() {
            io::ErrorKind::TimedOut => {
                Failure::call("write", libc::ETIMEDOUT, format_args!("{what} through {file}"))
            }
            _ => Failure::io("write", error, format_args!("{what} through {file}")),
        };
        let failure = failure.about(file.to_string());
        match error.kind() {
            io::ErrorKind::NotFound => failure.hinting(
                "this takes a freezer: cgroup version 2 (Linux 5.2), or the hierarchy of that name in version 1",
            ),
            io::ErrorKind::TimedOut => failure.hinting(
                "a process waits for something that does not answer, as a dead disk or file server",
            ),
            _ => failure,
        }
    }
}

/// SIGKILL to every process of a group and of those below it. `cgroup.kill` is Linux 5.14; without it a freezer keeps
/// them from forking meanwhile, and without that they are followed for some rounds.
pub fn kill(directory: &Path) {
    if control::write(&directory.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let freezer = directory.join("freezer.state");
    let is_held = control::write(&freezer, "FROZEN").is_ok();
    let rounds = if is_held { 2 } else { ROUNDS };
    for _ in 0..rounds {
        if kill_members(directory) == 0 {
            break;
        }
    }
    if is_held {
        let _ = control::write(&freezer, "THAWED");
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
