//! Scopes of systemd's, for whoever may not make groups: systemd makes one for this process, delegates it, and all
//! containers have their groups in it.
//!
//! systemd removes a scope in the moment in which its last process is gone, and what had been counted in it with it. So a
//! *keeper* lives in a leaf of it: our init, as an ordinary process that waits for the end of this one. A scope for each
//! container would take systemd's time for each of them, and leave no group of which systemd does not think that it is
//! its own to write to.

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::control;
use super::delegation::LEAF;
use super::name;
use crate::common;
use crate::config::{Command, Config, Limit, Stdio};
use crate::error::Failure;
use crate::host::{Host, V2};
use crate::spawn::{self, Started};
use crate::systemd::{Instance, Refused, Systemd, Value};

/// How long systemd may take for a call.
const PATIENCE: Duration = Duration::from_secs(8);

/// How often it is looked whether systemd has finished with a scope of this name.
const STEP: Duration = Duration::from_millis(5);

/// The controllers that systemd knows and passes on, see `Delegate=` in systemd.resource-control(5).
pub const PASSED_ON: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// A scope of systemd's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// Whose systemd.
    pub instance: Instance,
    /// `container-spawn.….scope`
    pub unit: String,
    /// `app.slice`
    pub slice: String,
    /// Its group.
    pub directory: PathBuf,
}

/// A scope that is there.
struct Kept {
    scope: Scope,
    keeper: Started,
}

/// Those of this process, one for each slice.
static KEPT: LazyLock<Mutex<HashMap<String, Kept>>> = LazyLock::new(Mutex::default);

fn kept() -> MutexGuard<'static, HashMap<String, Kept>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The scope that a container belongs in. Where systemd will put it follows from its slice.
pub fn lower(limit: &Limit, v2: &V2, host: &Host, instance: Instance) -> Result<Scope, Failure> {
    let slice = match (&limit.parent, instance) {
        (Some(slice), _) if slice.ends_with(".slice") => slice.clone(),
        (Some(other), _) => {
            let summary = format!("{other} is no slice, and systemd makes groups in slices only");
            let failure = Failure::own("ERR_INVALID_ARG_VALUE", summary).asked_by("container.limit.parent");
            return Err(failure.hinting("name one as jobs.slice, or say manager: \"cgroupfs\""));
        }
        (None, Instance::System) => "system.slice".into(),
        (None, Instance::User) => "app.slice".into(),
    };
    if let Some(known) = kept().get(&slice)
        && host.exists(&known.scope.directory)
    {
        return Ok(known.scope.clone());
    }
    let mut directory = match instance {
        Instance::System => v2.mount.clone(),
        Instance::User => v2.user_manager(host).unwrap_or_else(|| v2.mount.clone()),
    };
    // a-b.slice is in a.slice, and -.slice is where all of them are.
    if slice != "-.slice" {
        for (dash, _) in slice.match_indices('-') {
            directory.push(format!("{}.slice", slice.get(..dash).unwrap_or_default()));
        }
        directory.push(&slice);
    }
    let unit = format!("{}.scope", name::unique());
    directory.push(&unit);
    Ok(Scope { instance, unit, slice, directory })
}

/// See to it that the scope is there, and that those of dead processes are not.
pub fn start(scope: &Scope) -> Result<(), Failure> {
    if let Some(slice) = scope.directory.parent() {
        name::sweep(slice);
    }
    let mut kept = kept();
    if let Some(known) = kept.get(&scope.slice)
        && known.scope == *scope
        && scope.directory.exists()
    {
        return Ok(());
    }
    let keeper = keep()?;
    match enclose(scope, keeper.pid) {
        Ok(()) => {
            let old = kept.insert(scope.slice.clone(), Kept { scope: scope.clone(), keeper });
            old.into_iter().for_each(|old| old.keeper.discard());
            Ok(())
        }
        Err(failure) => {
            keeper.discard();
            Err(failure)
        }
    }
}

/// No container of ours has been in this scope for a while.
pub fn end(directory: &Path) {
    let mut kept = kept();
    let ended = kept.extract_if(|_, known| known.scope.directory == directory).map(|(_, known)| known);
    let ended: Vec<_> = ended.collect();
    drop(kept);
    ended.into_iter().for_each(|known| known.keeper.discard());
}

/// Is this the group of a scope of ours?
pub fn is_kept(directory: &Path) -> bool {
    kept().values().any(|known| known.scope.directory == directory)
}

fn keep() -> Result<Started, Failure> {
    let common = common::get().map_err(|error| Failure::io("pipe2", &error, "make the lifeline"))?;
    let program = format!("/proc/self/fd/{}", common.init.as_raw_fd());
    let nobody = c"0".to_owned();
    let command = Command {
        argv: vec![c"container-keeper".to_owned(), nobody],
        file: std::ffi::CString::new(program).unwrap_or_default(),
        env: Vec::new(),
        search_path: None,
        cwd: Some(c"/".to_owned()),
    };
    // As init has it: on 3 it would report, on 4 it watches.
    let lifeline = Stdio::Fd(common.lifeline_read.as_raw_fd());
    let config = Config {
        command,
        stdio: vec![Stdio::Ignore, Stdio::Ignore, Stdio::Ignore, Stdio::Ignore, lifeline],
        detached: true,
        uid: None,
        gid: None,
        terminal: false,
        cgroup: None,
        container: None,
    };
    spawn::plain(config)
}

/// Have systemd make the scope around the keeper, and make room in it for containers.
fn enclose(scope: &Scope, keeper: i32) -> Result<(), Failure> {
    let refused =
        |refused: Refused| refusal(scope, &format!("systemd did not make {}: {refused}", scope.unit));
    let mut systemd = Systemd::connect(scope.instance, PATIENCE).map_err(refused)?;
    start_unit(&mut systemd, scope, keeper).map_err(refused)?;
    let group = group_of(keeper).unwrap_or_default();
    if !scope.directory.ends_with(group.trim_start_matches('/')) {
        let summary =
            format!("systemd has put the scope to {group}, and not to {}", scope.directory.display());
        return Err(refusal(scope, &summary));
    }
    let leaf = scope.directory.join(LEAF);
    fs::create_dir(&leaf)
        .and_then(|()| control::write(&leaf.join("cgroup.procs"), &keeper.to_string()))
        .map_err(|error| {
            let what = format_args!("make a leaf in {}", scope.directory.display());
            Failure::io("mkdir", &error, what).about(leaf.display().to_string())
        })
}

fn start_unit(systemd: &mut Systemd, scope: &Scope, keeper: i32) -> Result<(), Refused> {
    let mut properties = vec![
        ("PIDs", Value::U32s(vec![keeper as u32])),
        ("Description", Value::Str("containers of container-spawn".into())),
        ("Slice", Value::Str(scope.slice.clone())),
        // With all controllers that there are.
        ("Delegate", Value::Bool(true)),
        // Else a scope that fails would stay in the list for somebody to look at.
        ("CollectMode", Value::Str("inactive-or-failed".into())),
        // Since systemd 253; by default one container that is out of memory would end them all.
        ("OOMPolicy", Value::Str("continue".into())),
    ];
    let deadline = Instant::now() + PATIENCE;
    loop {
        match systemd.start_scope(&scope.unit, &properties) {
            Err(refused) if refused.to_string().contains("OOMPolicy") => {
                properties.retain(|(name, _)| *name != "OOMPolicy");
            }
            // One of the same name is on its way out.
            Err(refused)
                if refused.error_name() == Some("org.freedesktop.systemd1.UnitExists")
                    && Instant::now() < deadline =>
            {
                sleep(STEP);
            }
            other => return other,
        }
    }
}

fn group_of(pid: i32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

/// Have systemd move a process to a container's group: it may, where we may not, since it is above both.
pub fn attach(scope: &Scope, group: &Path, pid: i32) -> Result<(), Failure> {
    let name = group.file_name().unwrap_or_default().to_string_lossy();
    let attached = Systemd::connect(scope.instance, PATIENCE)
        .and_then(|mut systemd| systemd.attach(&scope.unit, &format!("/{name}"), pid as u32));
    attached.map_err(|refused| {
        refusal(scope, &format!("systemd did not move the child to {}: {refused}", group.display()))
    })?;
    match group_of(pid) {
        Some(found) if found.ends_with(&*name) => Ok(()),
        _ => {
            Err(refusal(scope, "systemd says that it has moved the child to its group, and it is not there"))
        }
    }
}

fn refusal(scope: &Scope, summary: &str) -> Failure {
    let failure = Failure::own("ERR_CGROUP_UNAVAILABLE", summary).asked_by("container.limit");
    match scope.instance {
        Instance::User => failure.hinting(
            "does `systemctl --user status` work? loginctl enable-linger has systemd run for this user",
        ),
        Instance::System => {
            failure.hinting("does `systemctl status` work? manager: \"cgroupfs\" does without systemd")
        }
    }
}

/// May we put a child of ours into this group ourselves? That takes the right to write to the lowest group that is above
/// both.
pub fn may_enter(scope: &Scope, v2: &V2, host: &Host) -> bool {
    let above = scope.directory.ancestors().find(|above| v2.own.starts_with(above));
    above.is_some_and(|above| host.euid == 0 || host.may_write(&above.join("cgroup.procs")))
}
