//! The tree that the command sees.
//!
//! Every source is opened, and every file system made, detached, before the first mount is attached: a mount may hide
//! the source of a later one. Then all are attached in the order written, on places that are looked up inside the
//! container's root and nowhere else.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use container_spawn_child::op::{Kind, Op, Slot};
use container_spawn_child::syscall::Errno;

use super::{overlay, root};
use crate::config::{BindFrom, Container, FsEntry, FsKind, Mount, MountFlags, RootFrom};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::{Builder, Origin, ParentOp, SlotSource, Stage};

const PROC: &str = "/proc";

/// A mount that waits to be attached.
pub struct Detached {
    /// Who asked.
    pub origin: Origin,
    /// The mount.
    pub mount: Slot,
    /// Where, as the container will see it.
    pub to: PathBuf,
    /// The slot may be void: what should have been bound is not there.
    pub optional: bool,
}

/// What mounting needs at every step.
pub struct Tree {
    /// The host's root directory.
    pub host_root: Slot,
    /// The mount that becomes the root; none yet if the host's stays.
    pub new_root: Option<Slot>,
    /// Has the container a user namespace of its own?
    pub in_user_namespace: bool,
    /// The tmpfs that holds what throw-away overlays write.
    pub scratch: Option<Slot>,
    /// How many overlays have a place in it.
    pub scratch_used: usize,
}

impl Tree {
    fn root(&self) -> Slot {
        self.new_root.unwrap_or(self.host_root)
    }
}

/// The parent's share: mount points that are missing on the host, made for the container's life.
pub fn mount_points(plan: &mut Builder, container: &Container, mount: &Mount) {
    let in_directory = mount.root.as_ref().is_some_and(|root| matches!(root.from, RootFrom::Directory(_)));
    if in_directory {
        plan.origin("container.root");
        plan.parent(ParentOp::CheckRoot);
        if has_own_proc(container, mount) {
            plan.origin("container.namespace.pid");
            plan.parent(ParentOp::MountPoint { to: PROC.into(), before: 0, like: None });
        }
    }
    for (before, entry) in mount.fs.iter().enumerate() {
        let to = path(&entry.to);
        if to != Path::new("/") {
            plan.origin(origin(entry.index, "to"));
            let like = match &entry.kind {
                FsKind::Bind { from, .. } => Some(from.clone()),
                _ => None,
            };
            plan.parent(ParentOp::MountPoint { to: to.to_owned(), before, like });
        }
    }
}

/// A pid namespace comes with its own `/proc`, unless the caller puts something else there.
fn has_own_proc(container: &Container, mount: &Mount) -> bool {
    container.pid.is_some() && !mount.fs.iter().any(|entry| path(&entry.to) == Path::new(PROC))
}

/// The child's share. Returns the directory that is the command's root.
pub fn lower(plan: &mut Builder, container: &Container, mount: &Mount, host: &Host) -> Result<Slot, Failure> {
    plan.enter(Stage::Sources, "container.namespace.mount");
    plan.child(Op::PrivateMounts);
    let host_root = plan.slot()?;
    let slash = plan.text(c"/");
    plan.child(Op::Open { path: slash, kind: Kind::Directory, to: host_root });
    let in_user_namespace = container.user.is_some();
    let mut tree = Tree { host_root, new_root: None, in_user_namespace, scratch: None, scratch_used: 0 };

    let new_root = match &mount.root {
        Some(root) => Some(root::prepare(plan, &mut tree, root, host)?),
        None => None,
    };
    let mut waiting = Vec::new();
    if has_own_proc(container, mount) {
        plan.origin("container.namespace.pid");
        let flags = MountFlags { suid: false, dev: false, exec: false, readonly: false };
        let mount = proc(plan, &flags)?;
        waiting.push(Detached {
            origin: "container.namespace.pid".into(),
            mount,
            to: PROC.into(),
            optional: false,
        });
    }
    for entry in &mount.fs {
        plan.origin(origin(entry.index, ""));
        let mount = prepare(plan, &mut tree, entry, host)?;
        let optional = matches!(entry.kind, FsKind::Bind { optional: true, .. });
        waiting.push(Detached {
            origin: origin(entry.index, "to"),
            mount,
            to: path(&entry.to).to_owned(),
            optional,
        });
    }
    overlay::drop_scratch(plan, &tree);

    plan.enter(Stage::Mounts, "container.root");
    if let Some(new_root) = new_root {
        root::attach(plan, &mut tree, new_root)?;
    }
    let place = Place { parent: plan.slot()?, target: plan.slot()? };
    for detached in &waiting {
        plan.origin(detached.origin.clone());
        attach(plan, &mut tree, &place, detached);
    }
    plan.enter(Stage::Root, "container.root");
    if let Some(new_root) = tree.new_root {
        plan.child(Op::EnterDirectory(new_root));
        plan.child(Op::PivotRoot);
        plan.child(Op::DetachOldRoot);
        plan.child(Op::ChangeDirectory(slash));
    }
    Ok(tree.root())
}

/// Slots that every look-up uses again.
struct Place {
    parent: Slot,
    target: Slot,
}

fn attach(plan: &mut Builder, tree: &mut Tree, place: &Place, detached: &Detached) {
    let mount = detached.mount;
    let names: Vec<_> =
        detached.to.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let Some((last, parents)) = names.split_last() else {
        // `to: "/"`: this mount is the root from here on.
        plan.child(Op::Attach { mount, target: tree.root() });
        tree.new_root = Some(mount);
        return;
    };
    let root = tree.root();
    let mut parent = root;
    let mut so_far = PathBuf::from("/");
    for name in parents {
        let text = plan.text(&c_string(name.as_os_str().as_bytes()));
        plan.tolerating(Op::MakeDirectory { parent, name: text, mode: 0o755 }, &[libc::EEXIST]);
        so_far.push(name);
        let path = plan.text(&c_string(so_far.as_os_str().as_bytes()));
        plan.child(Op::OpenIn { root, path, kind: Kind::Directory, to: place.parent });
        parent = place.parent;
    }
    let name = plan.text(&c_string(last.as_os_str().as_bytes()));
    plan.tolerating(Op::MakeTarget { parent, name, like: mount }, &[libc::EEXIST]);
    let path = plan.text(&c_string(detached.to.as_os_str().as_bytes()));
    // No place has been made for an optional mount that is not there.
    let missing: &[Errno] = if detached.optional { &[libc::ENOENT] } else { &[] };
    plan.tolerating(Op::OpenIn { root, path, kind: Kind::Any, to: place.target }, missing);
    plan.child(Op::Attach { mount, target: place.target });
}

/// Make the entry's mount, detached.
fn prepare(plan: &mut Builder, tree: &mut Tree, entry: &FsEntry, host: &Host) -> Result<Slot, Failure> {
    let attributes = attributes(&entry.flags);
    match &entry.kind {
        FsKind::Bind { from, recursive, optional } => {
            let missing: &[Errno] = if *optional { &[libc::ENOENT] } else { &[] };
            bind(plan, &Source { from, recursive: *recursive, missing }, attributes, host)
        }
        FsKind::Tmpfs { size, mode } => tmpfs(plan, *size, *mode, attributes),
        FsKind::Overlay { lower, upper } => {
            let lower: Vec<&CStr> = lower.iter().map(CString::as_c_str).collect();
            overlay::mount(plan, tree, &lower, upper, attributes, host)
        }
        FsKind::Proc => proc(plan, &entry.flags),
    }
}

/// What is bound.
pub struct Source<'a> {
    /// A path or a descriptor.
    pub from: &'a BindFrom,
    /// With all that is mounted below it.
    pub recursive: bool,
    /// Errors that mean that it is not there, where that is allowed.
    pub missing: &'a [Errno],
}

/// All that is mounted at and below a host path.
pub fn bind_path(plan: &mut Builder, path: &CStr, attributes: u32, host: &Host) -> Result<Slot, Failure> {
    let from = BindFrom::Path(path.to_owned());
    bind(plan, &Source { from: &from, recursive: true, missing: &[] }, attributes, host)
}

/// A copy of what is mounted there, with the attributes on all of it.
fn bind(plan: &mut Builder, source: &Source, attributes: u32, host: &Host) -> Result<Slot, Failure> {
    let mount = plan.slot()?;
    let recursive = source.recursive;
    match source.from {
        BindFrom::Path(from) => {
            let path = plan.text(from);
            plan.tolerating(Op::CloneTree { path, recursive, to: mount }, source.missing);
        }
        BindFrom::Fd(fd) => {
            let there = plan.slot_from(SlotSource::Caller(*fd))?;
            let here = plan.slot()?;
            let path = host.path_of_descriptor(*fd).map_err(|errno| {
                Failure::call("open", errno, format_args!("bind fd {fd}")).asked_by(plan.asking())
            })?;
            let path = plan.text(&c_string(path.as_os_str().as_bytes()));
            plan.child(Op::Open { path, kind: Kind::Any, to: here });
            plan.child(Op::Same { here, there });
            plan.child(Op::CloneTreeOf { from: here, recursive, to: mount });
        }
    }
    if attributes != 0 {
        plan.child(Op::SetAttributes { mount, recursive, attributes });
    }
    Ok(mount)
}

/// An empty file system in memory. `size` in bytes.
pub fn tmpfs(plan: &mut Builder, size: Option<u64>, mode: u32, attributes: u32) -> Result<Slot, Failure> {
    let context = open_filesystem(plan, c"tmpfs")?;
    let key = plan.text(c"mode");
    let value = plan.format(format_args!("{mode:o}"));
    plan.child(Op::FsString { context, key, value });
    if let Some(size) = size {
        let key = plan.text(c"size");
        let value = plan.format(format_args!("{size}"));
        plan.child(Op::FsString { context, key, value });
    }
    create(plan, context, attributes)
}

fn proc(plan: &mut Builder, flags: &MountFlags) -> Result<Slot, Failure> {
    let context = open_filesystem(plan, c"proc")?;
    let never = (libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC) as u32;
    create(plan, context, never | attributes(flags))
}

/// `fsopen(2)`.
pub fn open_filesystem(plan: &mut Builder, name: &CStr) -> Result<Slot, Failure> {
    let context = plan.slot()?;
    let filesystem = plan.text(name);
    plan.child(Op::FsOpen { filesystem, to: context });
    Ok(context)
}

/// Make the file system that `context` describes, and a detached mount of it.
pub fn create(plan: &mut Builder, context: Slot, attributes: u32) -> Result<Slot, Failure> {
    let mount = plan.slot()?;
    plan.child(Op::FsCreate(context));
    plan.child(Op::FsMount { context, attributes, to: mount });
    Ok(mount)
}

/// `MOUNT_ATTR_*` for an entry's flags.
pub fn attributes(flags: &MountFlags) -> u32 {
    let wanted = [
        (!flags.suid, libc::MOUNT_ATTR_NOSUID),
        (!flags.dev, libc::MOUNT_ATTR_NODEV),
        (!flags.exec, libc::MOUNT_ATTR_NOEXEC),
        (flags.readonly, libc::MOUNT_ATTR_RDONLY),
    ];
    wanted.iter().filter(|(set, _)| *set).fold(0, |all, (_, attribute)| all | *attribute as u32)
}

fn origin(index: usize, key: &str) -> Origin {
    let dot = if key.is_empty() { "" } else { "." };
    format!("container.fs[{index}]{dot}{key}").into()
}

/// A path of the configuration's.
pub fn path(text: &CStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(text.to_bytes()))
}

/// Parts of a path that came from a `CStr` have no NUL in them.
pub fn c_string(bytes: &[u8]) -> CString {
    CString::new(bytes).unwrap_or_default()
}
