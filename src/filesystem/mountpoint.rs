//! Mount points that the set-up makes on the host's file systems, and takes away again.
//!
//! Something can only be mounted on what exists, so a container whose `fs` names a new path leaves an empty directory
//! or file behind on the host. Taking it away is delicate: `rmdir(2)` of a directory on which *another* mount
//! namespace has mounted something succeeds, and detaches that mount. So whoever uses a mount point must be able to
//! keep others from removing it, others that may belong to another process:
//!
//! - What we make carries a **mark**, the sticky bit. It means nothing on an empty directory that others cannot write,
//!   nor on any file, it is set in the same system call that makes the name, and it outlives us.
//! - Whoever is going to mount on something marked, whoever made it, holds a shared **lock** (`flock(2)`) on it and on
//!   every marked directory above it, as long as the container lives. Locks of a killed process vanish with it.
//! - Whoever is done tries for the exclusive lock. Only if nobody else uses the mount point does it get it, and only
//!   then it removes the name. The last user thus removes it, and the next user of a path takes over what a killed
//!   process left.
//! - A lock obtained just after a removal is on something that has no name any more; so the name is looked at again
//!   under the lock, and if it is gone, everything starts anew.
//!
//! We lock whatever is marked, but remove only what is also empty and our own user's. The tree may be hostile: every
//! name is opened below a directory that is already open, links are followed in here and never lead out of the base,
//! and the worst that a swapped name can bring about is that something empty is removed from a directory in which
//! whoever swapped it could have removed it.
//!
//! A process that keeps the exclusive lock can delay others, for as long as [`PATIENCE`].

mod held;
mod walk;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::fstat;

use held::Held;
use walk::Walk;

/// How long others may get in the way. Between two locks only a few system calls are made.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is going to be mounted, and so what it is mounted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file system, or a bound directory.
    Directory,
    /// A bound file (or device, or socket).
    File,
}

/// Why a mount point could not be made or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{syscall} {}: {}", path.display(), errno.desc())]
pub struct Error {
    /// The call that failed.
    pub syscall: &'static str,
    /// What it failed on, inside the base.
    pub path: PathBuf,
    /// How. `EBUSY` from `flock` is the end of our patience; `ENOTSUP` means that the file system does not keep the
    /// mark, so the mount point has to be made beforehand.
    pub errno: Errno,
}

impl Error {
    fn new(syscall: &'static str, path: &Path, errno: Errno) -> Self {
        Self { syscall, path: path.to_path_buf(), errno }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(Self::from(error.errno).kind(), error)
    }
}

/// Why an attempt ended.
#[derive(Debug)]
enum Trouble {
    /// Somebody else made or removed something meanwhile.
    Again,
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Attempt<T> = Result<T, Trouble>;

/// A mount point that is ours to use, and to remove once it is released or dropped. Keep it until the mount is gone.
#[derive(Debug)]
pub struct MountPoint {
    /// Everything marked on the way, the outermost first.
    held: Vec<Held>,
}

impl MountPoint {
    /// Makes what is missing of `path` (taken as absolute) inside the directory `base`, which may be an `O_PATH`
    /// descriptor. `None` means that all was there and that none of it is going to be removed by one of us; of which
    /// kind it is the mount itself will tell. `kind` is asked only if something is missing: looking at what will be
    /// mounted can hang on a dead file server. If it is nothing, nothing is made.
    pub fn prepare(
        base: BorrowedFd<'_>,
        path: &Path,
        kind: impl FnOnce() -> Option<Kind>,
    ) -> Result<Option<Self>, Error> {
        if exists_unmarked(base, path) {
            return Ok(None);
        }
        let Some(kind) = kind() else { return Ok(None) };
        let owned = base.try_clone_to_owned().map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
            Error::new("fcntl", path, errno)
        })?;
        let base = Arc::new(owned);
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::ZERO;
        loop {
            match Walk::new(Arc::clone(&base), path, kind).run() {
                Ok(held) if held.is_empty() => return Ok(None),
                Ok(held) => return Ok(Some(Self { held })),
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Again) if Instant::now() >= deadline => {
                    return Err(Error::new("flock", path, Errno::EBUSY));
                }
                Err(Trouble::Again) => {
                    thread::sleep(pause);
                    pause = (pause + Duration::from_micros(10)).min(Duration::from_millis(1));
                }
            }
        }
    }

    /// Gives it up, and removes it if nobody else uses it. The error is that of the first name that could not be
    /// removed although it should have been.
    pub fn release(mut self) -> Result<(), Error> {
        self.give_up()
    }

    fn give_up(&mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while let Some(held) = self.held.pop() {
            result = result.and(held.remove().map(drop));
        }
        result
    }
}

impl Drop for MountPoint {
    fn drop(&mut self) {
        // Whoever wants to know calls `release`.
        let _ = self.give_up();
    }
}

/// Whether `path` exists and carries no mark. Then nobody of us removes it, nor any directory above it, none of which
/// is empty.
fn exists_unmarked(base: BorrowedFd<'_>, path: &Path) -> bool {
    // The empty path is the base itself.
    let path = if path.as_os_str().is_empty() { Path::new("/") } else { path };
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let found = openat2(base, path, how).and_then(|found| fstat(found.as_fd()));
    found.is_ok_and(|found| !held::is_marked(&found))
}

#[cfg(test)]
mod tests;
