//! One name that carries the mark: made or taken over, locked, removed.

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, FlockArg, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::{Attempt, Error, Kind, Trouble};

const DIRECTORY: Mode = Mode::from_bits_truncate(0o1755);
const FILE: Mode = Mode::from_bits_truncate(0o1644);

/// A directory with more names than this is not looked through; it is somebody's.
const MAX_ENTRIES: usize = 64;

/// A marked directory or file with a shared lock on it.
#[derive(Debug)]
pub(super) struct Held {
    parent: Arc<OwnedFd>,
    name: OsString,
    /// Inside the base, for errors.
    path: PathBuf,
    pub kind: Kind,
    pub file: Arc<OwnedFd>,
    /// Whether it may be removed. What belongs to somebody else is only locked.
    ours: bool,
}

impl Held {
    /// Makes `name` in `parent`, with the mark, and locks it.
    pub fn make(parent: &Arc<OwnedFd>, name: &OsStr, path: &Path, kind: Kind) -> Attempt<Self> {
        let made = match kind {
            Kind::Directory => mkdirat(parent, name, DIRECTORY),
            Kind::File => {
                let flags =
                    OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                openat2(parent, name, how(flags).mode(FILE)).map(drop)
            }
        };
        match made {
            Ok(()) => {}
            // Somebody else was first, or the parent has just been removed.
            Err(Errno::EEXIST) => return Err(Trouble::Again),
            Err(Errno::ENOENT) if fstat(parent).is_ok_and(|found| found.st_nlink == 0) => {
                return Err(Trouble::Again);
            }
            Err(errno) => {
                let syscall = if kind == Kind::Directory { "mkdirat" } else { "openat2" };
                return Err(Error::new(syscall, path, errno).into());
            }
        }
        let result = Self::take_made(parent, name, path, kind);
        if let Err(Trouble::Failed(_)) = result {
            // Nobody can lock it, so nobody else of us uses it; and the failure is what is reported.
            let _ = unlinkat(parent, name, unlink_flag(kind));
        }
        result
    }

    fn take_made(parent: &Arc<OwnedFd>, name: &OsStr, path: &Path, kind: Kind) -> Attempt<Self> {
        let found = match fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::ENOENT) => return Err(Trouble::Again),
            Err(errno) => return Err(Error::new("fstatat", path, errno).into()),
        };
        if found.st_mode & SFlag::S_IFMT.bits() != file_type(kind).bits() {
            return Err(Trouble::Again);
        }
        if !is_marked(&found) {
            return Err(Error::new("mkdirat", path, Errno::ENOTSUP).into());
        }
        let unreadable = || Error::new("openat2", path, Errno::EACCES);
        let mut held = Self::lock(parent, name, path, kind)?.ok_or_else(unreadable)?;
        held.ours = true;
        held.undo_umask()?;
        Ok(held)
    }

    /// Locks `name`, which was found to carry the mark. `None` if we may not read it: everybody may read what one of us
    /// made.
    pub fn take_over(parent: &Arc<OwnedFd>, name: &OsStr, path: &Path, kind: Kind) -> Attempt<Option<Self>> {
        let Some(mut held) = Self::lock(parent, name, path, kind)? else { return Ok(None) };
        let found = held.stat()?;
        held.ours = found.st_uid == geteuid().as_raw()
            && (kind == Kind::File || holds_only_marked(held.file.as_fd()).unwrap_or(false));
        Ok(Some(held))
    }

    /// Opens and locks `name`; `None` if it may not be read.
    fn lock(parent: &Arc<OwnedFd>, name: &OsStr, path: &Path, kind: Kind) -> Attempt<Option<Self>> {
        let mut flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // Should something else have taken its place, opening it must have no effect.
        flags |= OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        flags.set(OFlag::O_DIRECTORY, kind == Kind::Directory);
        let file = match openat2(parent, name, how(flags)) {
            Ok(file) => file,
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR | Errno::ENXIO | Errno::EAGAIN) => {
                return Err(Trouble::Again);
            }
            Err(Errno::EACCES) => return Ok(None),
            Err(errno) => return Err(Error::new("openat2", path, errno).into()),
        };
        match flock(file.as_fd(), FlockArg::LockSharedNonblock) {
            Ok(()) => {}
            // Somebody is about to remove it.
            Err(Errno::EWOULDBLOCK | Errno::EINTR) => return Err(Trouble::Again),
            Err(errno) => return Err(Error::new("flock", path, errno).into()),
        }
        let (parent, name, path) = (Arc::clone(parent), name.to_owned(), path.to_owned());
        let held = Self { parent, name, path, kind, file: Arc::new(file), ours: false };
        if held.is_named_and_marked()? { Ok(Some(held)) } else { Err(Trouble::Again) }
    }

    /// Gives it up, and removes it if it is ours and nobody else uses it. Whether it is gone.
    pub fn remove(self) -> Result<bool, Error> {
        if !self.ours {
            return Ok(false);
        }
        match flock(self.file.as_fd(), FlockArg::LockExclusiveNonblock) {
            Ok(()) => {}
            Err(Errno::EWOULDBLOCK) => return Ok(false),
            Err(errno) => return Err(Error::new("flock", &self.path, errno)),
        }
        // Somebody may have made it theirs: put something in it, changed its mode, put another in its place.
        if !self.is_named_and_marked()? {
            return Ok(false);
        }
        match unlinkat(&self.parent, self.name.as_os_str(), unlink_flag(self.kind)) {
            Ok(()) | Err(Errno::ENOENT) => Ok(true),
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(false),
            Err(errno) => Err(Error::new("unlinkat", &self.path, errno)),
        }
    }

    /// Whether the name still leads to it, and it still carries the mark.
    fn is_named_and_marked(&self) -> Result<bool, Error> {
        match fstatat(&self.parent, self.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(named) => {
                let own = self.stat()?;
                Ok(is_marked(&named) && (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino))
            }
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(Error::new("fstatat", &self.path, errno)),
        }
    }

    /// Gives it the permissions that were asked for, so that every user inside the container can pass through.
    fn undo_umask(&self) -> Result<(), Error> {
        let wanted = if self.kind == Kind::Directory { DIRECTORY } else { FILE };
        let found = Mode::from_bits_truncate(self.stat()?.st_mode);
        // What already holds something else is not what we made.
        let swapped = || self.kind == Kind::Directory && holds_only_marked(self.file.as_fd()) != Ok(true);
        if found.contains(wanted) || swapped() {
            return Ok(());
        }
        let inherited = found & Mode::S_ISGID;
        fchmod(&self.file, wanted | inherited).map_err(|errno| Error::new("fchmod", &self.path, errno))
    }

    fn stat(&self) -> Result<FileStat, Error> {
        fstat(&self.file).map_err(|errno| Error::new("fstat", &self.path, errno))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started may have a copy of the descriptor.
        let _ = flock(self.file.as_fd(), FlockArg::Unlock);
    }
}

/// Whether something carries the mark: a directory, or an empty file, that is sticky although others cannot write to
/// it. The umask may still be missing from its permissions, and a directory may have inherited the set-group-id bit.
pub(super) fn is_marked(found: &FileStat) -> bool {
    let mode = Mode::from_bits_truncate(found.st_mode);
    let foreign = match SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => Mode::S_ISUID,
        SFlag::S_IFREG if found.st_size == 0 => {
            Mode::S_ISUID | Mode::S_ISGID | Mode::S_IXUSR | Mode::S_IXGRP | Mode::S_IXOTH
        }
        _ => return false,
    };
    mode.contains(Mode::S_ISVTX) && !mode.intersects(foreign | Mode::S_IWGRP | Mode::S_IWOTH)
}

/// Whether everything in a directory carries the mark.
fn holds_only_marked(directory: BorrowedFd<'_>) -> nix::Result<bool> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut reader = Dir::openat(directory, ".", flags, Mode::empty())?;
    let is_entry = |name: &CStr| name != c"." && name != c"..";
    let mut names = 0;
    for entry in reader.iter() {
        let entry = entry?;
        if !is_entry(entry.file_name()) {
            continue;
        }
        names += 1;
        if names > MAX_ENTRIES {
            return Ok(false);
        }
        match fstatat(directory, entry.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) if !is_marked(&found) => return Ok(false),
            Ok(_) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(true)
}

/// How one name is opened: nothing but that name, in that directory.
pub(super) fn how(flags: OFlag) -> OpenHow {
    OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS)
}

fn file_type(kind: Kind) -> SFlag {
    if kind == Kind::Directory { SFlag::S_IFDIR } else { SFlag::S_IFREG }
}

fn unlink_flag(kind: Kind) -> UnlinkatFlags {
    if kind == Kind::Directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir }
}

/// nix would rather have its `Flock` used, but that panics when unlocking fails, as it may on a network file system.
#[allow(deprecated)]
fn flock(file: BorrowedFd<'_>, operation: FlockArg) -> nix::Result<()> {
    nix::fcntl::flock(file.as_raw_fd(), operation)
}
