//! Clean-up as data: what a step of the parent's lane has made, and how it is unmade.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::filesystem::mountpoint::MountPoint;
use crate::sys;

/// How long unmaking may take: a cgroup is busy for as long as its last process dies.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Something to be unmade, once the container is gone or its set-up has failed.
pub enum Undo {
    /// A mount point on the host; `None` once it is released.
    MountPoint(Option<MountPoint>),
    /// A cgroup.
    Cgroup(PathBuf),
}

impl Undo {
    /// Try. `false`: not yet, try again.
    pub fn attempt(&mut self) -> io::Result<bool> {
        match self {
            Undo::MountPoint(mount_point) => match mount_point.take().map(MountPoint::release) {
                Some(Err(error)) => Err(error.into()),
                Some(Ok(())) | None => Ok(true),
            },
            Undo::Cgroup(directory) => remove_cgroup(directory),
        }
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Undo::MountPoint(_) => write!(f, "mount point"),
            Undo::Cgroup(directory) => write!(f, "cgroup {}", directory.display()),
        }
    }
}

/// Unmake all, last made first, waiting for what is busy as long as [`PATIENCE`] allows. What is left is named.
pub fn all(undo: &mut Vec<Undo>) -> Option<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut left = None;
    while let Some(mut item) = undo.pop() {
        loop {
            match item.attempt() {
                Ok(true) => break,
                Ok(false) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(false) => {
                    left = Some(format!("{item}: still busy"));
                    break;
                }
                Err(error) => {
                    left = Some(format!("{item}: {error}"));
                    break;
                }
            }
        }
    }
    left
}

/// A group with processes in it cannot be removed, and whoever is in ours is the container's: without a pid
/// namespace nothing else ends what the command has left behind.
fn remove_cgroup(directory: &Path) -> io::Result<bool> {
    match std::fs::remove_dir(directory) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
            kill_members(directory);
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn kill_members(directory: &Path) {
    let members = || -> Vec<i32> {
        let list = std::fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
        list.lines().filter_map(|line| line.parse().ok()).collect()
    };
    for pid in members() {
        // The number may have been given to somebody else since: whoever the descriptor names must still be listed.
        if let Ok(pidfd) = sys::pidfd_open(pid)
            && members().contains(&pid)
        {
            let _ = sys::send_signal(sys::borrow(&pidfd), libc::SIGKILL);
        }
    }
}
