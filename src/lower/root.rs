//! The new root: a directory, or the host's own tree; as it is, read-only, or under overlays.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use container_spawn_child::op::{Kind, Op, Slot};

use super::host_overlay;
use super::mounts::{Tree, bind_path, c_string, path};
use super::overlay::{Upper, directory_in, in_scratch, layered};
use crate::config::{Root, RootFrom, RootOverlay};
use crate::error::Failure;
use crate::filesystem::view::{KEPT_ROOT, KEPT_UPPER};
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
            let upper = match &root.overlay {
                RootOverlay::None => None,
                RootOverlay::Ephemeral => Some(in_scratch(plan, tree)?),
                RootOverlay::Kept(kept) => Some(Kept::open(plan, kept)?.place(plan, KEPT_ROOT)?),
            };
            let mount = match upper {
                None => bind_path(plan, directory, attributes, host)?,
                upper => layered(plan, tree, &[directory], upper, attributes, &[], host)?,
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
    let mount = bind_path(plan, c"/", NO_SUID | NO_DEV | protected, host)?;
    let dev = bind_path(plan, c"/dev", NO_SUID | protected, host)?;
    let mut inside = vec![(dev, PathBuf::from("/dev"))];
    let (kept, kept_at) = match &root.overlay {
        RootOverlay::None => return Ok(NewRoot { mount, onto: None, inside }),
        RootOverlay::Ephemeral => (None, None),
        RootOverlay::Kept(kept) => (Some(Kept::open(plan, kept)?), Some(path(kept))),
    };
    for subtree in host_overlay::subtrees(host, kept_at) {
        let upper = match &kept {
            None => in_scratch(plan, tree)?,
            Some(kept) => kept.place(plan, &name_of(&subtree))?,
        };
        let lower = c_string(subtree.as_os_str().as_bytes());
        let attributes = NO_SUID | NO_DEV | read_only;
        // It may have been removed since it was listed: a temporary directory, say.
        let missing = &[libc::ENOENT];
        inside.push((layered(plan, tree, &[&lower], Some(upper), attributes, missing, host)?, subtree));
    }
    Ok(NewRoot { mount, onto: None, inside })
}

/// A directory that keeps what is written: `upper/NAME` holds it, `work/NAME` is the kernel's.
struct Kept {
    upper: Slot,
    work: Slot,
}

impl Kept {
    fn open(plan: &mut Builder, kept: &CStr) -> Result<Kept, Failure> {
        let directory = plan.slot()?;
        let path = plan.text(kept);
        plan.child(Op::Open { path, kind: Kind::Directory, to: directory });
        Ok(Kept {
            upper: directory_in(plan, directory, KEPT_UPPER)?,
            work: directory_in(plan, directory, "work")?,
        })
    }

    fn place(&self, plan: &mut Builder, name: &str) -> Result<Upper, Failure> {
        Ok(Upper { upper: directory_in(plan, self.upper, name)?, work: directory_in(plan, self.work, name)? })
    }
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
        plan.tolerating(
            Op::OpenIn { root: root.mount, path, kind: Kind::Directory, to: target },
            &[libc::ENOENT],
        );
        plan.child(Op::Attach { mount: *mount, target });
    }
    Ok(())
}
