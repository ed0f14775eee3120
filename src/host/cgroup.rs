//! Which cgroup hierarchies this machine has, and where in them this process is.

use std::path::{Path, PathBuf};

use super::{Host, Mounted};
use crate::cgroup::LEAF;

/// A version 1 hierarchy with one controller that we use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct V1Controller {
    /// `cpu`, `memory`, …
    pub name: String,
    /// This process's group in it, as a directory that can be opened.
    pub own: PathBuf,
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
}

/// The version 2 hierarchy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct V2 {
    /// This process's group, as a directory; if it has been moved to the leaf of it, still the group itself.
    pub own: PathBuf,
    /// Where the hierarchy is mounted.
    pub mount: PathBuf,
}

/// What we are in our own version 2 group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It is the hierarchy's root: the one group that may have processes and children with controllers.
    Root,
    /// It has been given to us to divide.
    Delegated,
    /// We may write to it, but it is not ours to divide: a manager has made it for something else.
    Writable,
    /// We may not.
    Foreign,
}

/// The hierarchies.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cgroups {
    /// Version 1 hierarchies, by controller.
    pub v1: Vec<V1Controller>,
    /// The version 2 hierarchy.
    pub v2: Option<V2>,
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
                cgroups.v2 = mounts.iter().find(|m| m.kind == "cgroup2").map(|m| V2::new(m, path));
                continue;
            }
            for name in controllers.split(',') {
                let has_it =
                    |m: &&Mounted| m.kind == "cgroup" && m.options.split(',').any(|option| option == name);
                if let Some(mount) = mounts.iter().find(has_it) {
                    let (own, mount) = (directory(mount, path), mount.at.clone());
                    cgroups.v1.push(V1Controller { name: name.to_owned(), own, mount });
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

impl V2 {
    fn new(mount: &Mounted, path: &str) -> V2 {
        let mut own = directory(mount, path);
        if own.file_name().is_some_and(|name| name == LEAF) {
            own.pop();
        }
        V2 { own, mount: mount.at.clone() }
    }

    /// Whose it is to divide. systemd marks what it delegates; without such a mark a group is delegated where we may
    /// write to it and not to the one above, and everything is ours where there is no systemd and we are root.
    pub fn standing(&self, host: &Host) -> Standing {
        let own = &self.own;
        if !host.may_write(own) {
            return Standing::Foreign;
        }
        // Only the root group of the machine has no such file; that of a cgroup namespace has.
        if !host.exists(&own.join("cgroup.type")) {
            return Standing::Root;
        }
        let is_border = host.euid != 0 && own.parent().is_some_and(|above| !host.may_write(above));
        if is_border || !host.has_systemd() || host.is_delegated(own) {
            return Standing::Delegated;
        }
        Standing::Writable
    }

    /// The controllers that a group has for its children.
    pub fn controllers(group: &Path, host: &Host) -> Vec<String> {
        words(&host.text(&group.join("cgroup.controllers")))
    }

    /// The group of this user's systemd, if there is one.
    pub fn user_manager(&self, host: &Host) -> Option<PathBuf> {
        let uid = host.euid;
        let group = self.mount.join(format!("user.slice/user-{uid}.slice/user@{uid}.service"));
        host.exists(&group).then_some(group)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
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
        assert_eq!(cgroups.v2.unwrap().own, Path::new("/sys/fs/cgroup/unified/user"));
    }

    #[test]
    fn understands_a_mount_of_a_part_of_the_hierarchy() {
        let mounts = parse("35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory");
        let cgroups = Cgroups::from_texts(&mounts, "4:memory:/docker/abc/mine\n");
        assert_eq!(cgroups.v1_controller("memory").unwrap().own, Path::new("/sys/fs/cgroup/memory/mine"));
    }

    #[test]
    fn the_leaf_that_we_were_moved_to_is_not_our_group() {
        let own = "0::/user.slice/x.scope/container-spawn.leaf\n";
        let cgroups = Cgroups::from_texts(&parse(HYBRID), own);
        assert_eq!(cgroups.v2.unwrap().own, Path::new("/sys/fs/cgroup/unified/user.slice/x.scope"));
    }
}
