//! The way from the base to a mount point, making what is missing of it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat2, readlinkat};
use nix::sys::stat::{SFlag, fstat};

use super::held::{Held, how, is_marked};
use super::{Attempt, Error, Kind, Trouble};

/// The kernel's own limit on symlinks in one look-up, `path_resolution(7)`.
const MAX_LINKS: u32 = 40;

/// A walk, one name at a time: only so is it known which directory a missing or marked name is in. Links are followed
/// here, and `..` goes back to the directory that was walked through, so that nothing leads out of the base.
pub(super) struct Walk {
    /// The directories from the base to where we are.
    directories: Vec<Arc<OwnedFd>>,
    /// Where we are, inside the base.
    at: PathBuf,
    todo: VecDeque<OsString>,
    links: u32,
    kind: Kind,
    held: Vec<Held>,
}

impl Walk {
    pub fn new(base: Arc<OwnedFd>, path: &Path, kind: Kind) -> Self {
        let directories = vec![base];
        let mut walk = Self {
            directories,
            at: PathBuf::from("/"),
            todo: VecDeque::new(),
            links: 0,
            kind,
            held: Vec::new(),
        };
        walk.put_first(path);
        walk
    }

    /// Whatever is marked on the way, the outermost first. When the walk fails, it removes what it made.
    pub fn run(mut self) -> Attempt<Vec<Held>> {
        let result = self.walk();
        let held = std::mem::take(&mut self.held);
        if result.is_err() {
            for held in held.into_iter().rev() {
                // The walk's own failure is the one to report.
                let _ = held.remove();
            }
            return result.map(|()| Vec::new());
        }
        Ok(held)
    }

    fn walk(&mut self) -> Attempt<()> {
        while let Some(name) = self.todo.pop_front() {
            if name == ".." {
                // The base's parent is the base.
                if self.directories.len() > 1 {
                    self.directories.pop();
                    self.at.pop();
                }
                continue;
            }
            self.step(&name)?;
        }
        Ok(())
    }

    fn step(&mut self, name: &OsStr) -> Attempt<()> {
        let path = self.at.join(name);
        let Some(parent) = self.directories.last().map(Arc::clone) else { return Err(Trouble::Again) };
        let wanted = if self.todo.is_empty() { self.kind } else { Kind::Directory };
        let failed = |syscall, errno| Error::new(syscall, &path, errno);
        let opened = match openat2(&parent, name, how(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)) {
            Ok(opened) => opened,
            Err(Errno::ENOENT) => {
                let held = Held::make(&parent, name, &path, wanted)?;
                self.enter_held(held, path);
                return Ok(());
            }
            Err(errno) => return Err(failed("openat2", errno).into()),
        };
        let found = fstat(&opened).map_err(|errno| failed("fstat", errno))?;
        let kind = match SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFLNK => {
                self.links += 1;
                if self.links > MAX_LINKS {
                    return Err(failed("openat2", Errno::ELOOP).into());
                }
                let target = readlinkat(opened.as_fd(), "").map_err(|errno| failed("readlinkat", errno))?;
                self.follow(Path::new(&target));
                return Ok(());
            }
            SFlag::S_IFDIR => Kind::Directory,
            _ => Kind::File,
        };
        if is_marked(&found)
            && let Some(held) = Held::take_over(&parent, name, &path, kind)?
        {
            if held.kind == wanted {
                self.enter_held(held, path);
                return Ok(());
            }
            // Left by a killed process that mounted something else here.
            if held.remove()? {
                return Err(Trouble::Again);
            }
        }
        match (kind, wanted) {
            (Kind::Directory, _) => self.enter(Arc::new(opened), path),
            (Kind::File, Kind::Directory) if !self.todo.is_empty() => {
                return Err(failed("openat2", Errno::ENOTDIR).into());
            }
            // The last name: of which kind it is is for the mount to say.
            (Kind::File, _) => {}
        }
        Ok(())
    }

    fn enter_held(&mut self, held: Held, path: PathBuf) {
        if held.kind == Kind::Directory {
            // Its own descriptor, not the one that it was found by: this is the directory that is locked.
            self.enter(Arc::clone(&held.file), path);
        }
        self.held.push(held);
    }

    fn enter(&mut self, directory: Arc<OwnedFd>, path: PathBuf) {
        self.directories.push(directory);
        self.at = path;
    }

    fn follow(&mut self, target: &Path) {
        if target.is_absolute() {
            self.directories.truncate(1);
            self.at = PathBuf::from("/");
        }
        self.put_first(target);
    }

    /// Puts the components of `path` before those that are still to be walked.
    fn put_first(&mut self, path: &Path) {
        for component in path.components().rev() {
            if let Component::Normal(_) | Component::ParentDir = component {
                self.todo.push_front(component.as_os_str().to_owned());
            }
        }
    }
}
