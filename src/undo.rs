//! Clean-up as data: what a step of the parent's lane has made, and how it is unmade.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::cgroup;
use crate::filesystem::mountpoint::MountPoint;

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
            Undo::Cgroup(directory) => {
                let removed = cgroup::remove(directory)?;
                if removed && let Some(parent) = directory.parent() {
                    cgroup::left(parent);
                }
                Ok(removed)
            }
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
