//! Names of groups: two containers, of whatever process, in the same millisecond, never share one.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a name of ours begins.
pub const PREFIX: &str = "container-spawn";

/// A new name: our pid for people to read, a random number that tells two processes with one pid apart (in two pid
/// namespaces), and a count.
pub fn unique() -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}.{}.{:016x}.{count}", std::process::id(), *PROCESS)
}
