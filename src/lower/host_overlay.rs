//! Which directories of the host are put under an overlay when the whole tree shall be.
//!
//! One overlay over `/` would not do: it shows nothing of what is mounted below (`/proc`, `/home` on a partition of
//! its own), and in a user namespace the kernel refuses a lower directory with mounts below it. So each directory
//! without mounts below it gets its own; what lies between is shown read-only.

use std::path::{Path, PathBuf};

use crate::host::Host;

/// The kernel's own trees: there is nothing to write to that an overlay could keep.
const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The directories, parents before children. `kept` is where changes are kept: an overlay cannot contain its own upper.
pub fn subtrees(host: &Host, kept: Option<&Path>) -> Vec<PathBuf> {
    let barriers: Vec<&Path> = host.mounts().iter().map(|mount| mount.at.as_path()).chain(kept).collect();
    let mut found = Vec::new();
    descend(host, Path::new("/"), &barriers, kept, &mut found);
    found
}

fn descend(host: &Host, directory: &Path, barriers: &[&Path], kept: Option<&Path>, found: &mut Vec<PathBuf>) {
    for child in host.subdirectories(directory) {
        let is_kept = kept == Some(child.as_path());
        if is_kept || KERNEL.iter().any(|kernel| child == Path::new(kernel)) {
            continue;
        }
        let split = barriers.iter().any(|barrier| *barrier != child && barrier.starts_with(&child));
        if split {
            descend(host, &child, barriers, kept, found);
        } else {
            found.push(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "27 1 254:0 / / rw - ext4 /dev/vda rw
22 27 0:21 / /proc rw - proc proc rw
28 27 0:25 / /mnt/disk rw - ext4 /dev/vdb rw
29 27 0:26 / /home rw - ext4 /dev/vdc rw";

    fn host() -> Host {
        let directories: &[(&str, &[&str])] = &[
            ("/", &["dev", "etc", "home", "mnt", "proc", "sys", "usr", "var"]),
            ("/mnt", &["disk", "other"]),
            ("/var", &["kept", "lib"]),
        ];
        Host::fixture(1000, (6, 1), MOUNTS, directories)
    }

    fn names(kept: Option<&str>) -> Vec<String> {
        subtrees(&host(), kept.map(Path::new)).iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn takes_whole_directories_and_splits_those_with_mounts_below() {
        assert_eq!(names(None), ["/etc", "/home", "/mnt/disk", "/mnt/other", "/usr", "/var"]);
    }

    #[test]
    fn leaves_out_where_changes_are_kept() {
        assert_eq!(
            names(Some("/var/kept")),
            ["/etc", "/home", "/mnt/disk", "/mnt/other", "/usr", "/var/lib"]
        );
    }
}
