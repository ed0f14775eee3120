//! The parent's lane: what only we can do, each with its undo.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use container_spawn_child::op::Slot;
use container_spawn_child::shared::Shared;
use nix::errno::Errno;

use super::preflight;
use crate::cgroup::{self, Group, Groups, Lock};
use crate::common::Common;
use crate::config::{BindFrom, Config, IdMap, Manager, Stdio};
use crate::error::Failure;
use crate::filesystem::mountpoint::{Kind, MountPoint};
use crate::filesystem::view::View;
use crate::lower::map_text;
use crate::plan::{ParentOp, Plan, SlotSource};
use crate::undo::Undo;
use crate::{hint, sys};

/// Large enough that a fast writer is not stopped at every turn of the reader's event loop.
const PIPE_SIZE: usize = 256 * 1024;

/// What the lane has made so far.
pub struct Made<'a> {
    /// To be unmade when the container is gone, or when a later step fails.
    pub undo: Vec<Undo>,
    /// The container's cgroups.
    pub groups: Vec<Group>,
    /// Who has made them.
    manager: Manager,
    /// Tells of kills for want of memory, where we have to do the rest.
    pub oom: Option<OwnedFd>,
    /// Until the first group is made, nobody may close the room that was made for it.
    room: Option<Lock>,
    /// Descriptors that slots name; they are closed once the child has its copies.
    opened: Vec<OwnedFd>,
    config: &'a Config,
    /// What the container's tree will be, as far as it has been needed, and how many entries of `fs` are in it.
    view: Option<(View<'a>, usize)>,
}

impl<'a> Made<'a> {
    /// Nothing yet.
    pub fn new(config: &'a Config) -> Self {
        Made {
            undo: Vec::new(),
            groups: Vec::new(),
            manager: Manager::Cgroupfs,
            oom: None,
            room: None,
            opened: Vec::new(),
            config,
            view: None,
        }
    }

    /// The tree that the entry number `count` will be mounted in.
    fn view_before(&mut self, count: usize) -> Option<&View<'a>> {
        let mount = self.config.container.as_ref()?.mount.as_ref()?;
        let (view, mounted) = self.view.get_or_insert_with(|| (View::before(mount, 0), 0));
        for entry in mount.fs.iter().take(count).skip(*mounted) {
            view.mount(entry);
        }
        *mounted = count.max(*mounted);
        Some(view)
    }
}

/// Run a step before the clone.
pub fn run(op: &ParentOp, made: &mut Made, shared: &Shared) -> Result<(), Failure> {
    let fail = |error: &io::Error| {
        let failure = Failure::io(op.syscall(), error, op);
        let path = op.path().map(|path| path.display().to_string()).unwrap_or_default();
        hint::parent(failure.about(path), op)
    };
    match op {
        ParentOp::MountPoint { to, before, like } => mount_point(op, made, to, *before, like.as_ref())?,
        ParentOp::CheckRoot => preflight::check(made.config)?,
        ParentOp::EnableControllers { group, required, companions, may_move } => {
            made.room = Some(
                cgroup::enable(group, required, companions, *may_move)
                    .map_err(|failure| hint::parent(failure, op))?,
            );
        }
        ParentOp::MakeCgroup(group) => make_cgroup(group, made).map_err(|error| fail(&error))?,
        ParentOp::OpenCgroup { directory, file, to, foreign } => {
            if *foreign && is_frozen(directory) {
                return Err(fail(&io::Error::from_raw_os_error(libc::EBUSY)));
            }
            let (path, flags) = match file {
                Some(file) => (directory.join(file), libc::O_WRONLY),
                None => (directory.clone(), libc::O_PATH | libc::O_DIRECTORY),
            };
            let path = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
            let opened = sys::open(&path, flags).map_err(|error| fail(&error))?;
            fill(shared, *to, opened.as_raw_fd());
            made.opened.push(opened);
        }
        ParentOp::WriteControl { directory, control } => {
            if control.is_late() {
                return Ok(());
            }
            match cgroup::write(&directory.join(&control.file), &control.value) {
                Err(error) if control.required => return Err(fail(&error)),
                // What comes by default may be lacking in this kernel.
                _ => {}
            }
        }
        ParentOp::StartScope(scope) => {
            cgroup::start_scope(scope)?;
            made.manager = Manager::Systemd;
        }
        ParentOp::WriteMaps { .. } | ParentOp::AttachToScope { .. } => {}
    }
    Ok(())
}

/// The controls that had to wait until the command runs. What has been killed for want of memory meanwhile was killed alone.
pub fn run_late(plan: &Plan) {
    for step in &plan.parent {
        let ParentOp::WriteControl { directory, control } = &step.op else { continue };
        if control.is_late() {
            // The container may have ended, and the kernel may not have the file.
            let _ = cgroup::write(&directory.join(&control.file), &control.value);
            if cgroup::oom_kills(directory) > 0 {
                cgroup::kill(directory);
            }
        }
    }
}

fn make_cgroup(group: &Group, made: &mut Made) -> io::Result<()> {
    if let Some(parent) = group.directory.parent() {
        cgroup::sweep(parent);
    }
    fs::create_dir(&group.directory)?;
    made.undo.push(Undo::Cgroup(group.directory.clone()));
    made.room = None;
    if group.version == 1 && group.has("memory") {
        made.oom = Some(cgroup::watch_oom(&group.directory)?);
    }
    made.groups.push(group.clone());
    Ok(())
}

/// A child that is born frozen never gets to its exec, and we would wait for it.
fn is_frozen(directory: &Path) -> bool {
    let says = |file: &str, word: &str| {
        fs::read_to_string(directory.join(file))
            .is_ok_and(|text| text.lines().any(|line| line.trim() == word))
    };
    says("cgroup.freeze", "1") || says("cgroup.events", "frozen 1") || says("freezer.state", "FROZEN")
}

fn mount_point(
    op: &ParentOp,
    made: &mut Made,
    to: &Path,
    before: usize,
    like: Option<&BindFrom>,
) -> Result<(), Failure> {
    let Some((base, path)) = made.view_before(before).and_then(|view| view.host_base(to)) else {
        return Ok(());
    };
    let base = CString::new(base.as_os_str().as_bytes()).unwrap_or_default();
    let Ok(base) = sys::open(&base, libc::O_PATH | libc::O_DIRECTORY) else { return Ok(()) };
    match MountPoint::prepare(sys::borrow(&base), &path, || kind_of(like)) {
        Ok(point) => {
            made.undo.extend(point.map(|point| Undo::MountPoint(Some(point))));
            Ok(())
        }
        // What we may not make the child may not make either, and it says so with the mount's own step.
        Err(error) if matches!(error.errno, Errno::EACCES | Errno::EPERM | Errno::EROFS) => Ok(()),
        Err(error) => {
            let failure = Failure::call(error.syscall, error.errno as i32, op);
            Err(failure.about(error.path.display().to_string()))
        }
    }
}

/// `None`: the source is not there, and either that is allowed, or the child will say so.
fn kind_of(like: Option<&BindFrom>) -> Option<Kind> {
    let source = match like {
        None => return Some(Kind::Directory),
        Some(BindFrom::Path(path)) => Path::new(OsStr::from_bytes(path.to_bytes())).to_owned(),
        Some(BindFrom::Fd(fd)) => PathBuf::from(format!("/proc/self/fd/{fd}")),
    };
    let is_directory = fs::metadata(source).ok()?.is_dir();
    Some(if is_directory { Kind::Directory } else { Kind::File })
}

impl Made<'_> {
    /// The groups, if there are any.
    pub fn take_groups(&mut self) -> Option<Groups> {
        let groups = std::mem::take(&mut self.groups);
        (!groups.is_empty()).then(|| Groups::new(groups, self.manager))
    }
}

/// Run a step while the child waits. `pid` is the child's: it is alive and unreaped, so the number is its own.
pub fn at_gate(op: &ParentOp, pid: i32) -> Result<(), Failure> {
    match op {
        ParentOp::WriteMaps { uid_map, gid_map } => write_maps(pid, uid_map, gid_map),
        ParentOp::AttachToScope { scope, group } => cgroup::attach_to_scope(scope, group, pid),
        _ => Ok(()),
    }
}

fn write_maps(pid: i32, uid_map: &[IdMap], gid_map: &[IdMap]) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        // An ordinary user may map its own group only where no process can drop groups.
        write_once(pid, "setgroups", "deny")?;
    }
    write_once(pid, "uid_map", &map_text(uid_map))?;
    write_once(pid, "gid_map", &map_text(gid_map))
}

/// The kernel takes a map whole or not at all.
fn write_once(pid: i32, file: &str, text: &str) -> Result<(), Failure> {
    let path = format!("/proc/{pid}/{file}");
    fs::write(&path, text)
        .map_err(|error| hint::id_map(Failure::io("write", &error, format_args!("write {file}")).about(path)))
}

/// Both ends of what connects a child with us.
pub struct Ends {
    ours: Vec<Option<OwnedFd>>,
    theirs: Vec<Option<OwnedFd>>,
    status: Option<(OwnedFd, Option<OwnedFd>)>,
}

impl Ends {
    /// Make them.
    pub fn new(stdio: &[Stdio], init: bool) -> io::Result<Ends> {
        let mut ends = Ends { ours: Vec::with_capacity(3), theirs: Vec::with_capacity(3), status: None };
        for (number, entry) in stdio.iter().enumerate() {
            let (ours, theirs) = if *entry == Stdio::Pipe { connect(number)? } else { (None, None) };
            ends.ours.push(ours);
            ends.theirs.push(theirs);
        }
        if init {
            let (read, write) = sys::pipe()?;
            sys::set_nonblocking(sys::borrow(&read))?;
            ends.status = Some((read, Some(write)));
        }
        Ok(ends)
    }

    /// The child has them now; ours would keep it from ever seeing an end of file.
    pub fn close_theirs(&mut self) {
        self.theirs.clear();
        if let Some((_, write)) = &mut self.status {
            *write = None;
        }
    }

    /// Where init reports.
    pub fn take_status(&mut self) -> Option<OwnedFd> {
        self.status.take().map(|(read, _)| read)
    }

    /// Our ends of `stdio`.
    pub fn take_ours(&mut self) -> Vec<Option<OwnedFd>> {
        std::mem::take(&mut self.ours)
    }
}

/// (ours, theirs). Pipes and not sockets for the first three: a socket cannot be opened again as `/dev/stdout`.
fn connect(number: usize) -> io::Result<(Option<OwnedFd>, Option<OwnedFd>)> {
    let (ours, theirs) = match number {
        0 => {
            let (read, write) = sys::pipe()?;
            (write, read)
        }
        1 | 2 => sys::pipe()?,
        _ => sys::socket_pair()?,
    };
    if number < 3 {
        sys::enlarge_pipe(&ours, PIPE_SIZE);
    }
    sys::set_nonblocking(sys::borrow(&ours))?;
    Ok((Some(ours), Some(theirs)))
}

/// Put descriptors where the plan says.
pub fn fill_slots(plan: &Plan, shared: &Shared, ends: &Ends, common: &Common) {
    let number = |fd: Option<&OwnedFd>| fd.map_or(-1, AsRawFd::as_raw_fd);
    for (slot, source) in &plan.slots {
        let fd = match source {
            SlotSource::Stdio(index) => number(ends.theirs.get(*index).and_then(Option::as_ref)),
            SlotSource::Caller(fd) => *fd,
            SlotSource::Null => number(Some(&common.null)),
            SlotSource::LifelineRead => number(Some(&common.lifeline_read)),
            SlotSource::LifelineWrite => number(Some(&common.lifeline_write)),
            SlotSource::StatusWrite => number(ends.status.as_ref().and_then(|(_, write)| write.as_ref())),
            SlotSource::InitProgram => number(Some(&common.init)),
        };
        fill(shared, *slot, fd);
    }
}

fn fill(shared: &Shared, slot: Slot, fd: i32) {
    if let Some(place) = shared.slots.get(slot.0 as usize) {
        place.store(fd, Ordering::Relaxed);
    }
}
