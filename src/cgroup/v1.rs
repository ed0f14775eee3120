//! Version 1 hierarchies: one group for each controller, below the one that this process is in.

use super::{Group, Version};
use crate::config::Limit;
use crate::error::Failure;
use crate::host::{Cgroups, Host, V1Controller};

/// The kernel's default period, in µs. A shorter one makes throttling finer and switches more often.
const PERIOD: u64 = 100_000;

pub struct V1<'a> {
    pub cgroups: &'a Cgroups,
    pub host: &'a Host,
}

impl Version for V1<'_> {
    fn groups(&self, limit: &Limit, name: &str) -> Result<Vec<Group>, Failure> {
        let mut groups = Vec::new();
        if let Some(percent) = limit.cpu {
            let directory = self.controller("cpu", "container.limit.cpu")?.own.join(name);
            let quota = (percent / 100.0 * PERIOD as f64).round() as u64;
            let controls = vec![
                ("container.limit.cpu", directory.join("cpu.cfs_period_us"), PERIOD.to_string()),
                ("container.limit.cpu", directory.join("cpu.cfs_quota_us"), quota.to_string()),
            ];
            groups.push(Group { directory, controls });
        }
        if let Some(bytes) = limit.memory {
            let parent = &self.controller("memory", "container.limit.memory")?.own;
            let directory = parent.join(name);
            let option = "container.limit.memory";
            let mut controls = vec![(option, directory.join("memory.limit_in_bytes"), bytes.to_string())];
            // Where the kernel accounts swap, memory that is written out would not be limited.
            if self.host.exists(&parent.join("memory.memsw.limit_in_bytes")) {
                controls.push((option, directory.join("memory.memsw.limit_in_bytes"), bytes.to_string()));
            }
            groups.push(Group { directory, controls });
        }
        Ok(groups)
    }
}

impl V1<'_> {
    fn controller(&self, name: &str, option: &str) -> Result<&V1Controller, Failure> {
        self.cgroups.v1_controller(name).ok_or_else(|| {
            Failure::own("ERR_CGROUP_UNAVAILABLE", format!("the cgroup controller {name:?} is not mounted"))
                .asked_by(option)
                .hinting(format!("mount -t cgroup -o {name} cgroup /sys/fs/cgroup/{name}"))
        })
    }
}
