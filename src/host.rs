//! Facts about this machine and this user. Lowering is pure in a [`Host`], so a plan can be made, printed and tested
//! for a machine that we do not have.

mod cgroup;
mod mountinfo;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use container_spawn_child::syscall::Errno;
use nix::sys::stat;

pub use cgroup::{Cgroups, Standing, V1Controller, V2};
pub use mountinfo::Mounted;

/// What lowering wants to know.
pub struct Host {
    /// Effective user id of this process.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Kernel version.
    pub kernel: (u32, u32),
    /// This process's working directory, unless it has been removed.
    pub current_directory: Option<PathBuf>,
    /// Whether a child can be cloned into a version 2 cgroup (`CLONE_INTO_CGROUP`): a seccomp filter may refuse it.
    pub clone_into_cgroup: bool,
    mounts: OnceCell<Vec<Mounted>>,
    cgroups: OnceCell<Cgroups>,
    /// `None` on the real machine.
    fixture: Option<Fixture>,
}

/// The files of a machine of a test's making.
#[derive(Default)]
struct Fixture {
    directories: BTreeMap<PathBuf, Vec<PathBuf>>,
    files: BTreeMap<PathBuf, String>,
    /// What an ordinary user may write to; root may write to everything.
    writable: Vec<PathBuf>,
}

impl Host {
    /// This machine. What costs something is looked up when it is asked for.
    pub fn live() -> Host {
        Host {
            euid: nix::unistd::geteuid().as_raw(),
            egid: nix::unistd::getegid().as_raw(),
            kernel: kernel_version(),
            current_directory: std::env::current_dir().ok(),
            clone_into_cgroup: true,
            mounts: OnceCell::new(),
            cgroups: OnceCell::new(),
            fixture: None,
        }
    }

    /// A machine of a test's making.
    pub fn fixture(euid: u32, kernel: (u32, u32), mountinfo: &str, directories: &[(&str, &[&str])]) -> Host {
        let directories = directories.iter().map(|(path, names)| {
            (PathBuf::from(path), names.iter().map(|name| Path::new(path).join(name)).collect())
        });
        let mounts = mountinfo::parse(mountinfo);
        Host {
            euid,
            egid: euid,
            kernel,
            current_directory: Some(PathBuf::from("/here")),
            clone_into_cgroup: true,
            cgroups: OnceCell::from(Cgroups::from_texts(&mounts, "")),
            mounts: OnceCell::from(mounts),
            fixture: Some(Fixture { directories: directories.collect(), ..Fixture::default() }),
        }
    }

    /// The same machine with `/proc/self/cgroup` as given.
    pub fn with_cgroup(mut self, own: &str) -> Host {
        self.cgroups = OnceCell::from(Cgroups::from_texts(self.mounts(), own));
        self
    }

    /// The same machine with these files, of which an ordinary user may write to `writable`.
    pub fn with_files(mut self, files: &[(&str, &str)], writable: &[&str]) -> Host {
        let fixture = self.fixture.get_or_insert_default();
        fixture.files.extend(files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())));
        fixture.writable.extend(writable.iter().map(PathBuf::from));
        self
    }

    /// Is the kernel at least this one?
    pub fn kernel_is_at_least(&self, major: u32, minor: u32) -> bool {
        self.kernel >= (major, minor)
    }

    /// What is mounted in our mount namespace.
    pub fn mounts(&self) -> &[Mounted] {
        self.mounts.get_or_init(|| mountinfo::parse(&read("/proc/self/mountinfo")))
    }

    /// Which cgroup hierarchies there are and where in them we are.
    pub fn cgroups(&self) -> &Cgroups {
        self.cgroups.get_or_init(|| Cgroups::from_texts(self.mounts(), &read("/proc/self/cgroup")))
    }

    /// The real directories (no symbolic links) in a directory.
    pub fn subdirectories(&self, path: &Path) -> Vec<PathBuf> {
        if let Some(fixture) = &self.fixture {
            return fixture.directories.get(path).cloned().unwrap_or_default();
        }
        let Ok(entries) = std::fs::read_dir(path) else { return Vec::new() };
        let mut found: Vec<_> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        found.sort();
        found
    }

    /// Is this directory a version 2 cgroup?
    pub fn is_cgroup_v2(&self, directory: &Path) -> bool {
        nix::sys::statfs::statfs(directory)
            .is_ok_and(|found| found.filesystem_type() == nix::sys::statfs::CGROUP2_SUPER_MAGIC)
    }

    /// What a descriptor of ours names, as far as the kernel can say.
    pub fn path_of_descriptor(&self, fd: i32) -> Result<PathBuf, Errno> {
        match std::fs::read_link(format!("/proc/self/fd/{fd}")) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(libc::EBADF),
            Err(error) => Err(error.raw_os_error().unwrap_or(libc::EIO)),
            Ok(path) => Ok(path),
        }
    }

    /// Does this path exist? Not for paths of the caller's: a look-up on a dead file server never returns.
    pub fn exists(&self, path: &Path) -> bool {
        match &self.fixture {
            Some(fixture) => {
                fixture.directories.contains_key(path)
                    || fixture.files.keys().any(|file| file.starts_with(path))
            }
            None => path.exists(),
        }
    }

    /// What a small file of the kernel's says; nothing where there is none.
    pub fn text(&self, path: &Path) -> String {
        match &self.fixture {
            Some(fixture) => fixture.files.get(path).cloned().unwrap_or_default(),
            None => std::fs::read_to_string(path).unwrap_or_default(),
        }
    }

    /// May we write to this directory?
    pub fn may_write(&self, directory: &Path) -> bool {
        match &self.fixture {
            Some(fixture) => self.euid == 0 || fixture.writable.iter().any(|path| path == directory),
            None => nix::unistd::eaccess(directory, nix::unistd::AccessFlags::W_OK).is_ok(),
        }
    }

    /// Does systemd run this machine? See sd_booted(3).
    pub fn has_systemd(&self) -> bool {
        self.exists(Path::new("/run/systemd/system"))
    }

    /// Has this user a systemd of its own that runs? Where it is does not depend on the environment, which other threads
    /// may change under us.
    pub fn has_user_systemd(&self) -> bool {
        let directory = PathBuf::from(format!("/run/user/{}", self.euid));
        ["bus", "systemd/private"].iter().any(|socket| self.exists(&directory.join(socket)))
    }

    /// Has systemd marked this cgroup as given away? See `Delegate=` in systemd.resource-control(5).
    pub fn is_delegated(&self, group: &Path) -> bool {
        match &self.fixture {
            Some(fixture) => fixture.files.contains_key(&group.join("user.delegate")),
            None => ["user.delegate", "trusted.delegate"].iter().any(|name| {
                crate::sys::extended_attribute(group, name).is_some_and(|value| value.starts_with(b"1"))
            }),
        }
    }

    /// `major:minor` of a block device, which may be given so. `None`: it is something else.
    pub fn block_device(&self, device: &str) -> std::io::Result<Option<String>> {
        if !device.starts_with('/') || self.fixture.is_some() {
            return Ok(Some(device.to_owned()));
        }
        let found = std::fs::metadata(device)?;
        let number = found.rdev();
        let is_block = found.file_type().is_block_device();
        Ok(is_block.then(|| format!("{}:{}", stat::major(number), stat::minor(number))))
    }

    /// The whole disk that a partition, `major:minor`, is a part of.
    pub fn disk_of_partition(&self, number: &str) -> Option<String> {
        let device = std::fs::canonicalize(format!("/sys/dev/block/{number}")).ok()?;
        device
            .join("partition")
            .exists()
            .then(|| device.parent()?.file_name()?.to_str().map(str::to_owned))?
    }
}

/// Where a missing file reads as empty: a fact that cannot be had is a fact that is not there.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// It does not change while we run.
fn kernel_version() -> (u32, u32) {
    static VERSION: LazyLock<(u32, u32)> =
        LazyLock::new(|| parse_version(&read("/proc/sys/kernel/osrelease")));
    *VERSION
}

fn parse_version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_kernel_versions() {
        assert_eq!(parse_version("6.18.44-fc-v669\n"), (6, 18));
        assert_eq!(parse_version("5.4.0-1-generic"), (5, 4));
        assert_eq!(parse_version("6.12"), (6, 12));
        assert_eq!(parse_version(""), (0, 0));
    }
}
