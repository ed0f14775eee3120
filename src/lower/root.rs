//! The new root: a directory, or the host's own tree; as it is, read-only, or under overlays.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use container_spawn_child::op::{Kind, Op, Slot};

use super::host_overlay;
use super::mounts::{Tree, bind, c_string, path};
use super::overlay::{self, directory_in};
use crate::config::{BindFrom, OverlayUpper, Root, RootFrom, RootOverlay};
use crate::error::Failure;
use crate::host::Host;
use crate::plan::Builder;

/// A root that waits to be attached.
pub struct NewRoot {
    /// The mount.
    mount: Slot,
    /// Where it is attached until it is pivoted into; the host's root if `None`.
    onto: Option<CString>,
    /// Mounts that belong to it: (mount, path inside).
    inside: Vec<(Slot, PathBuf)>,
}

const NO_SUID: u32 = libc::MOUNT_ATTR_NOSUID as u32;
const NO_DEV: u32 = libc::MOUNT_ATTR_NODEV as u32;
const READ_ONLY: u32 = libc::MOUNT_ATTR_RDONLY as u32;

/// Make it, detached.
pub fn prepare(plan: &mut Builder, tree: &mut Tree, root: &Root, host: &Host) -> Result<NewRoot, Failure> {
    plan.origin("container.root");
    let read_only = if root.readonly { READ_ONLY } else { 0 };
    match &root.from {
        RootFrom::Directory(directory) => {
            let attributes = NO_SUID | NO_DEV | read_only;
            let mount = match &root.overlay {
                RootOverlay::None => bind(plan, &BindFrom::Path(directory.clone()), true, attributes)?,
                RootOverlay::Ephemeral => {
                    overlay::mount(plan, tree, &[directory], &OverlayUpper::Ephemeral, attributes, host)?
                }
                RootOverlay::Kept(kept) => {
                    let upper = kept_directories(plan, kept, "root")?;
                    overlay::mount(plan, tree, &[directory], &upper, attributes, host)?
                }
            };
            Ok(NewRoot { mount, onto: Some(directory.clone()), inside: Vec::new() })
        }
        RootFrom::Host => prepare_host(plan, tree, root, host, read_only),
    }
}

/// The whole host tree. `/dev` is a copy of its own: NODEV on it would leave a `/dev/null` that cannot be opened.
fn prepare_host(
    plan: &mut Builder,
    tree: &mut Tree,
    root: &Root,
    host: &Host,
    read_only: u32,
) -> Result<NewRoot, Failure> {
    // Under overlays, what is between them must not be written through to the host.
    let protected = if root.overlay == RootOverlay::None { read_only } else { READ_ONLY };
    let slash = BindFrom::Path(c"/".to_owned());
    let mount = bind(plan, &slash, true, NO_SUID | NO_DEV | protected)?;
    let dev = bind(plan, &BindFrom::Path(c"/dev".to_owned()), true, NO_SUID | protected)?;
    let mut inside = vec![(dev, PathBuf::from("/dev"))];
    let kept = match &root.overlay {
        RootOverlay::None => return Ok(NewRoot { mount, onto: None, inside }),
        RootOverlay::Ephemeral => None,
        RootOverlay::Kept(kept) => Some(kept),
    };
    for subtree in host_overlay::subtrees(host, kept.map(|kept| path(kept))) {
        let upper = match kept {
            None => OverlayUpper::Ephemeral,
            Some(kept) => kept_directories(plan, kept, &name_of(&subtree))?,
        };
        let lower = c_string(subtree.as_os_str().as_bytes());
        let attributes = NO_SUID | NO_DEV | read_only;
        inside.push((overlay::mount(plan, tree, &[&lower], &upper, attributes, host)?, subtree));
    }
    Ok(NewRoot { mount, onto: None, inside })
}

/// `upper/NAME` and `work/NAME` in the directory that keeps what is written.
fn kept_directories(plan: &mut Builder, kept: &CStr, name: &str) -> Result<OverlayUpper, Failure> {
    let directory = plan.slot()?;
    let text = plan.text(kept);
    plan.child(Op::Open { path: text, kind: Kind::Directory, to: directory });
    for kind in ["upper", "work"] {
        let parent = directory_in(plan, directory, kind)?;
        directory_in(plan, parent, name)?;
    }
    let below = |kind: &str| c_string(path(kept).join(kind).join(name).as_os_str().as_bytes());
    Ok(OverlayUpper::Dirs { upper: below("upper"), work: below("work") })
}

/// `/var/lib` as a single name.
fn name_of(subtree: &Path) -> String {
    let text = subtree.to_string_lossy();
    text.trim_start_matches('/').replace('%', "%25").replace('/', "%2F")
}

/// Attach it, so that mounts can be made inside and it can be pivoted into.
pub fn attach(plan: &mut Builder, tree: &mut Tree, root: NewRoot) -> Result<(), Failure> {
    let target = match &root.onto {
        None => tree.host_root,
        Some(directory) => {
            let target = plan.slot()?;
            let path = plan.text(directory);
            plan.child(Op::Open { path, kind: Kind::Directory, to: target });
            target
        }
    };
    plan.child(Op::Attach { mount: root.mount, target });
    tree.new_root = Some(root.mount);
    let target = plan.slot()?;
    for (mount, to) in &root.inside {
        let path = plan.text(&c_string(to.as_os_str().as_bytes()));
        plan.child(Op::OpenIn { root: root.mount, path, kind: Kind::Directory, to: target });
        plan.child(Op::Attach { mount: *mount, target });
    }
    Ok(())
}
