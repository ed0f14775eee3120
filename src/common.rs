//! Descriptors that all spawns of this process share, opened at the first.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Mutex;

use crate::sys;

/// Init's program, see `build.rs`.
static INIT: &[u8] = include_bytes!(env!("CONTAINER_SPAWN_INIT"));

/// What all spawns share.
pub struct Common {
    /// `/dev/null`, for `"ignore"` and for init.
    pub null: OwnedFd,
    /// The end of the lifeline that every init watches.
    pub lifeline_read: OwnedFd,
    /// The end that nobody but this process holds: when it is gone, in whatever way, the kernel closes it.
    pub lifeline_write: OwnedFd,
    /// Init.
    pub init: OwnedFd,
}

/// The shared descriptors. They live as long as the process; a failure is tried again by the next spawn.
pub fn get() -> io::Result<&'static Common> {
    static COMMON: Mutex<Option<&'static Common>> = Mutex::new(None);
    let mut common = COMMON.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(common) = *common {
        return Ok(common);
    }
    let (lifeline_read, lifeline_write) = sys::pipe()?;
    let null = sys::open(c"/dev/null", libc::O_RDWR)?;
    let made: &'static Common =
        Box::leak(Box::new(Common { null, lifeline_read, lifeline_write, init: init()? }));
    *common = Some(made);
    Ok(made)
}

/// A sealed memory file or, where `vm.memfd_noexec` forbids executable ones, a file without a name.
fn init() -> io::Result<OwnedFd> {
    match sys::sealed_program(c"container-init", INIT) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => nameless_file(),
        other => other,
    }
}

fn nameless_file() -> io::Result<OwnedFd> {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).mode(0o500).custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC);
    let mut file = options.open(std::env::temp_dir())?;
    file.write_all(INIT)?;
    // A file that is open for writing cannot be executed (ETXTBSY).
    let path = std::ffi::CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default();
    sys::open(&path, libc::O_RDONLY)
}
