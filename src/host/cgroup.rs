//! Which cgroup hierarchies this machine has, and where in them this process is.

use std::path::{Path, PathBuf};

use super::Mounted;

/// A version 1 hierarchy with one controller that we use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct V1Controller {
    /// `cpu`, `memory`, …
    pub name: String,
    /// This process's group in it, as a directory that can be opened.
    pub own: PathBuf,
}

/// The hierarchies.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cgroups {
    /// Version 1 hierarchies, by controller.
    pub v1: Vec<V1Controller>,
    /// This process's group in the version 2 hierarchy.
    pub v2: Option<PathBuf>,
}

impl Cgroups {
    /// From the mounts and the text of `/proc/self/cgroup`, see cgroups(7).
    pub fn from_texts(mounts: &[Mounted], own: &str) -> Cgroups {
        let mut cgroups = Cgroups::default();
        for line in own.lines() {
            let mut fields = line.splitn(3, ':');
            let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next())
            else {
                continue;
            };
            if controllers.is_empty() {
                cgroups.v2 = mounts.iter().find(|m| m.kind == "cgroup2").map(|m| directory(m, path));
                continue;
            }
            for name in controllers.split(',') {
                let has_it =
                    |m: &&Mounted| m.kind == "cgroup" && m.options.split(',').any(|option| option == name);
                if let Some(mount) = mounts.iter().find(has_it) {
                    cgroups.v1.push(V1Controller { name: name.to_owned(), own: directory(mount, path) });
                }
            }
        }
        cgroups
    }

    /// The version 1 hierarchy that has this controller.
    pub fn v1_controller(&self, name: &str) -> Option<&V1Controller> {
        self.v1.iter().find(|controller| controller.name == name)
    }
}

/// Where the group `path` is in the file tree: a mount may show only a part of the hierarchy, as in a container.
fn directory(mount: &Mounted, path: &str) -> PathBuf {
    let path = Path::new(path);
    let below = path.strip_prefix(&mount.root).or_else(|_| path.strip_prefix("/")).unwrap_or(Path::new(""));
    mount.at.join(below)
}

#[cfg(test)]
mod tests {
    use super::super::mountinfo::parse;
    use super::*;

    const HYBRID: &str = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    #[test]
    fn finds_our_groups_in_a_hybrid_layout() {
        let cgroups = Cgroups::from_texts(&parse(HYBRID), "4:memory:/api/x\n1:cpu,cpuacct:/\n0::/user\n");
        assert_eq!(cgroups.v1_controller("memory").unwrap().own, Path::new("/sys/fs/cgroup/memory/api/x"));
        assert_eq!(cgroups.v1_controller("cpu").unwrap().own, Path::new("/sys/fs/cgroup/cpu"));
        assert_eq!(cgroups.v1_controller("pids"), None);
        assert_eq!(cgroups.v2.as_deref(), Some(Path::new("/sys/fs/cgroup/unified/user")));
    }

    #[test]
    fn understands_a_mount_of_a_part_of_the_hierarchy() {
        let mounts = parse("35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory");
        let cgroups = Cgroups::from_texts(&mounts, "4:memory:/docker/abc/mine\n");
        assert_eq!(cgroups.v1_controller("memory").unwrap().own, Path::new("/sys/fs/cgroup/memory/mine"));
    }
}
