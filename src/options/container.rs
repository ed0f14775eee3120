//! `container`: its parts, and what one part says about another.

use std::ffi::CStr;
use std::time::Duration;

use super::namespace::{self, Namespaces};
use super::problem::{Problems, Read};
use super::reader::{Fields, Given};
use super::{fs, limit, root};
use crate::config::{Container, Mount, Root, RootFrom};

/// Milliseconds. Long enough for any set-up that works, short enough that a hang is noticed.
const SETUP_TIMEOUT: u32 = 10_000;

/// Options kept for later versions.
const LATER: [&str; 6] = ["rlimit", "sysctl", "umask", "oomScoreAdj", "nice", "detached"];

/// Security options kept for later versions.
const SECURITY_LATER: [&str; 5] = ["capabilities", "seccomp", "landlock", "apparmor", "selinux"];

/// The whole container.
pub(crate) fn read(given: &Given, problems: &mut Problems) -> Read<Container> {
    let mut fields = given.fields(problems)?;
    let root_given = fields.asked("root");
    let fs_given = fields.asked("fs");
    let implied = root_given.as_ref().or(fs_given.as_ref().filter(|given| !given.is_empty_array()));
    let namespaces = fields
        .asked("namespace")
        .map_or_else(|| Ok(Namespaces::default()), |given| namespace::read(&given, implied, problems));
    let root = root_given.as_ref().map(|given| root::read(given, problems)).transpose();
    let directory = root.as_ref().ok().and_then(Option::as_ref).and_then(directory);
    let fs = fs_given.as_ref().map_or_else(|| Ok(Vec::new()), |given| fs::read(given, directory, problems));
    let limit = fields.asked("limit").map_or(Ok(None), |given| limit::read(&given, problems));
    let no_new_privileges = fields.asked("security").map_or(Ok(true), |given| security(&given, problems));
    let setup_timeout = setup_timeout(&mut fields, problems);
    let later = fields.unsupported(&LATER, problems);
    fields.finish(problems);

    let namespaces = namespaces?;
    let mount = Mount { root: root?, fs: fs? };
    later?;
    Ok(Container {
        user: namespaces.user,
        pid: namespaces.pid,
        mount: (namespaces.mount || implied.is_some()).then_some(mount),
        network: namespaces.network,
        uts: namespaces.uts,
        ipc: namespaces.ipc,
        cgroup: namespaces.cgroup,
        time: namespaces.time,
        limit: limit?,
        setup_timeout: setup_timeout?,
        no_new_privileges: no_new_privileges?,
    })
}

/// The directory that becomes the root, if one does.
fn directory(root: &Root) -> Option<&CStr> {
    match &root.from {
        RootFrom::Directory(path) => Some(path),
        RootFrom::Host => None,
    }
}

fn security(given: &Given, problems: &mut Problems) -> Read<bool> {
    let mut fields = given.fields(problems)?;
    let no_new_privileges = fields.flag("noNewPrivileges", true, problems);
    let later = fields.unsupported(&SECURITY_LATER, problems);
    fields.finish(problems);
    later.and(no_new_privileges)
}

fn setup_timeout(fields: &mut Fields, problems: &mut Problems) -> Read<Duration> {
    let milliseconds: u32 = fields
        .asked("setupTimeout")
        .map_or(Ok(SETUP_TIMEOUT), |given| given.integer(1..=i64::from(i32::MAX), problems))?;
    Ok(Duration::from_millis(milliseconds.into()))
}
