//! What the command itself is given, and its start; and what the set-up child needs to become pid 1.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use container_spawn_child::op::{Kind, Op, Slot};

use super::mounts::c_string;
use crate::config::{Config, Container, RootFrom, Stdio, User};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::{Builder, SlotSource, Stage};

/// Where to look when the environment has no `PATH`: execvp(3)'s default without the current directory.
pub const DEFAULT_PATH: &CStr = c"/usr/local/bin:/bin:/usr/bin";

/// The descriptors that init expects, see `child/init.rs`.
const INIT_STATUS: i32 = 3;
const INIT_LIFELINE: i32 = 4;

/// The payload gets its own lane: the set-up child goes on to become init.
pub fn start(plan: &mut Builder) {
    plan.enter(Stage::Payload, "container.namespace.pid");
    plan.child(Op::NotDumpable);
    plan.child(Op::StartPayload);
    plan.begin_payload();
}

/// Without an init nobody watches the lifeline for the command, so the kernel has to.
pub fn dies_with_parent(plan: &mut Builder, lifeline: Slot) {
    plan.enter(Stage::Payload, "");
    plan.child(Op::DieWithParent);
    plan.child(Op::ParentIsAlive(lifeline));
}

/// The last steps before exec.
pub fn lower(
    plan: &mut Builder,
    config: &Config,
    container: Option<&Container>,
    root: Option<Slot>,
    host: &Host,
) -> Result<(), Failure> {
    plan.enter(Stage::Payload, "");
    descriptors(plan, &config.stdio)?;
    plan.origin("");
    if config.detached || config.terminal || container.is_some() {
        plan.child(Op::NewSession);
    }
    if config.terminal {
        plan.origin("terminal");
        plan.child(Op::ControllingTerminal);
    }
    identity(plan, config, container)?;
    directory(plan, config, container, root, host)?;
    if container.is_some_and(|container| container.no_new_privileges) {
        plan.origin("container.security.noNewPrivileges");
        plan.child(Op::NoNewPrivileges);
    }
    plan.origin("");
    plan.child(Op::CloseFrom(config.stdio.len() as i32));
    plan.child(Op::UnblockSignals);
    exec(plan, config);
    Ok(())
}

fn descriptors(plan: &mut Builder, stdio: &[Stdio]) -> Result<(), Failure> {
    let above = stdio.len() as i32;
    let mut given = Vec::new();
    for (number, entry) in stdio.iter().enumerate() {
        plan.origin(format!("stdio[{number}]"));
        let slot = match entry {
            Stdio::Inherit => continue,
            Stdio::Pipe => plan.slot_from(SlotSource::Stdio(number))?,
            Stdio::Ignore => plan.slot_from(SlotSource::Null)?,
            Stdio::Fd(fd) => plan.slot_from(SlotSource::Caller(*fd))?,
        };
        // The caller may have named a number that another entry is about to take: 1 and 2 exchanged, say.
        if matches!(entry, Stdio::Fd(fd) if *fd < above) {
            plan.child(Op::Raise { slot, above });
        }
        given.push((number, slot));
    }
    for (number, slot) in given {
        plan.origin(format!("stdio[{number}]"));
        plan.child(Op::Give { slot, to: number as i32 });
    }
    // A descriptor of the caller's may be one that its event loop has made non-blocking, which few commands can bear as
    // a standard stream: libuv makes those blocking again, too.
    let lent = |number: usize, entry: &Stdio| {
        *entry == Stdio::Inherit || (matches!(entry, Stdio::Fd(_)) && number < 3)
    };
    for (number, _) in stdio.iter().enumerate().filter(|(number, entry)| lent(*number, entry)) {
        plan.origin(format!("stdio[{number}]"));
        plan.child(Op::Inherit(number as i32));
    }
    Ok(())
}

fn identity(plan: &mut Builder, config: &Config, container: Option<&Container>) -> Result<(), Failure> {
    let groups_are_denied = container.is_some_and(|container| container.user == Some(User::SelfMap));
    if !groups_are_denied && (container.is_some() || config.uid.is_some() || config.gid.is_some()) {
        plan.origin(if config.uid.is_some() { "uid" } else { "" });
        // An ordinary user may not change its groups, and has no more rights through them than before.
        plan.tolerating(Op::DropGroups, &[libc::EPERM]);
    }
    if let Some(gid) = config.gid {
        plan.origin("gid");
        plan.child(Op::SetGid(gid));
    }
    if let Some(uid) = config.uid {
        plan.origin("uid");
        plan.child(Op::SetUid(uid));
    }
    let init = container.is_some_and(|container| container.pid.as_ref().is_some_and(|pid| pid.init));
    if container.is_some() && !init && (config.uid.is_some() || config.gid.is_some()) {
        plan.origin("");
        // The kernel clears it when ids change.
        plan.child(Op::DieWithParent);
    }
    Ok(())
}

/// Inside a container the directory is looked up without magic links: `/proc/self/fd/N` would lead out of it.
fn directory(
    plan: &mut Builder,
    config: &Config,
    container: Option<&Container>,
    root: Option<Slot>,
    host: &Host,
) -> Result<(), Failure> {
    plan.origin("cwd");
    match (&config.command.cwd, root) {
        (None, _) => {
            let host_tree = container.and_then(|container| container.mount.as_ref()?.root.as_ref());
            if host_tree.is_some_and(|root| root.from == RootFrom::Host)
                && let Some(here) = &host.current_directory
            {
                let path = plan.text(&c_string(here.as_os_str().as_bytes()));
                plan.child(Op::ChangeDirectory(path));
            }
        }
        (Some(cwd), Some(root)) if cwd.to_bytes().starts_with(b"/") => {
            let to = plan.slot()?;
            let path = plan.text(cwd);
            plan.child(Op::OpenIn { root, path, kind: Kind::Directory, to });
            plan.child(Op::EnterDirectory(to));
        }
        (Some(cwd), _) => {
            let path = plan.text(cwd);
            plan.child(Op::ChangeDirectory(path));
        }
    }
    Ok(())
}

/// A name without a slash is looked up along the `PATH` of the command's own environment, inside the container.
fn exec(plan: &mut Builder, config: &Config) {
    plan.enter(Stage::Exec, "cmd[0]");
    let command = &config.command;
    plan.command(&command.argv, &command.env);
    let file = command.file.to_bytes();
    if file.contains(&b'/') {
        let path = plan.text(&command.file);
        plan.child(Op::Exec(path));
        return;
    }
    let search = command.search_path.as_deref().unwrap_or(DEFAULT_PATH);
    for directory in search.to_bytes().split(|byte| *byte == b':') {
        let path = plan.text(&candidate(directory, file));
        plan.tolerating(Op::Exec(path), &[libc::ENOENT, libc::ENOTDIR, libc::EACCES, libc::ELOOP]);
    }
    plan.child(Op::NotFound);
}

/// An empty element of `PATH` is the current directory.
fn candidate(directory: &[u8], file: &[u8]) -> CString {
    let directory = if directory.is_empty() { b"." } else { directory };
    c_string(&[directory, b"/", file].concat())
}

/// The set-up child becomes pid 1.
pub fn init(plan: &mut Builder, container: &Container, lifeline: Slot) -> Result<(), Failure> {
    plan.begin_init();
    plan.enter(Stage::Init, "container.namespace.pid");
    if container.no_new_privileges {
        plan.child(Op::NoNewPrivileges);
    }
    for number in 0..=2 {
        let null = plan.slot_from(SlotSource::Null)?;
        plan.child(Op::Give { slot: null, to: number });
    }
    let status = plan.slot_from(SlotSource::StatusWrite)?;
    plan.child(Op::Give { slot: status, to: INIT_STATUS });
    plan.child(Op::Give { slot: lifeline, to: INIT_LIFELINE });
    plan.child(Op::CloseFrom(INIT_LIFELINE + 1));
    let program = plan.slot_from(SlotSource::InitProgram)?;
    plan.child(Op::ExecInit(program));
    Ok(())
}
