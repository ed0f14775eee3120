//! Names of groups, from which it can be told whose they are.
//!
//! `container-spawn.<pid namespace>.<pid>.<start time>.<number>`: two containers, of whatever process, in the same
//! millisecond, never share one; and a group whose process is gone can be recognised and removed by the next of us.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::live::remove;

/// How a name of ours begins.
const PREFIX: &str = "container-spawn";

/// (pid namespace, pid, start time in clock ticks since boot) of this process.
static SELF: LazyLock<(u64, u32, u64)> = LazyLock::new(|| {
    let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino());
    let pid = std::process::id();
    (namespace, pid, start_time(pid).unwrap_or(0))
});

/// A new name.
pub fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (namespace, pid, started) = *SELF;
    format!("{PREFIX}.{namespace}.{pid}.{started}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Remove what processes that are gone have left in this group, with whoever still runs there: a container whose parent
/// died while it was paused cannot see that. Whether a process of another pid namespace is gone cannot be seen from here.
pub fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_orphaned) {
            remove_orphan(&entry.path());
        }
    }
}

/// Most are empty. What has just been killed takes a moment to go, and if that is too long, the next sweep removes it.
fn remove_orphan(group: &Path) {
    for _ in 0..DEATH_ROUNDS {
        match remove(group) {
            Ok(false) => sleep(Duration::from_millis(1)),
            // Removed, or not ours to remove.
            Ok(true) | Err(_) => return,
        }
    }
}

/// How long the members of an orphaned group are waited for, in ms.
const DEATH_ROUNDS: usize = 50;

fn is_orphaned(name: &str) -> bool {
    let Some((namespace, pid, started)) = owner(name.strip_suffix(".scope").unwrap_or(name)) else {
        return false;
    };
    namespace == SELF.0 && start_time(pid) != Some(started)
}

fn owner(name: &str) -> Option<(u64, u32, u64)> {
    let mut fields = name.strip_prefix(PREFIX)?.strip_prefix('.')?.split('.');
    let owner = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    fields.next()?.parse::<u64>().ok()?;
    fields.next().is_none().then_some(owner)
}

/// Field 22 of `/proc/PID/stat`, counted after the name, which may have anything in it.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_say_whose_they_are() {
        let (one, other) = (unique(), unique());
        assert_ne!(one, other);
        assert_eq!(owner(&one), Some(*SELF));
        assert!(!is_orphaned(&one));
        let (namespace, pid, started) = *SELF;
        assert!(is_orphaned(&format!("{PREFIX}.{namespace}.{pid}.{}.7", started + 1)));
        assert!(is_orphaned(&format!("{PREFIX}.{namespace}.{pid}.{}.7.scope", started + 1)));
        assert!(!is_orphaned(&format!("{PREFIX}.{}.{pid}.{}.7", namespace + 1, started + 1)));
        for foreign in [
            "container-spawn",
            "container-spawn.1.2.3",
            "container-spawn.1.2.x.4",
            "docker",
            "container-spawn.1.2.3.4.5",
        ] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }
}
