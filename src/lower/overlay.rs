//! Overlay file systems. Layers are given to the kernel as the directories that were opened, never as text that it
//! would take apart at `,` `:` and `\`.

use std::ffi::CStr;

use container_spawn_child::op::{Kind, Op, Slot};
use container_spawn_child::syscall::Errno;

use super::mounts::{Tree, bind_path, create, open_filesystem, tmpfs};
use crate::config::OverlayUpper;
use crate::error::Failure;
use crate::host::Host;
use crate::plan::Builder;

/// What `FSCONFIG_SET_STRING` takes (255 bytes) divided by the length of `/proc/self/fd/123:`.
const MOST_JOINED_LAYERS: usize = 14;

/// A detached overlay of `lower` (topmost first) and `upper`.
pub fn mount(
    plan: &mut Builder,
    tree: &mut Tree,
    lower: &[&CStr],
    upper: &OverlayUpper,
    attributes: u32,
    host: &Host,
) -> Result<Slot, Failure> {
    if let ([only], OverlayUpper::None) = (lower, upper) {
        // The kernel wants two layers at least. One layer that nobody writes to is a read-only bind.
        return bind_path(plan, only, attributes | libc::MOUNT_ATTR_RDONLY as u32, host);
    }
    let upper = match upper {
        OverlayUpper::None => None,
        OverlayUpper::Ephemeral => Some(in_scratch(plan, tree)?),
        OverlayUpper::Dirs { upper, work } => {
            Some(Upper { upper: open_layer(plan, upper, &[])?, work: open_layer(plan, work, &[])? })
        }
    };
    layered(plan, tree, lower, upper, attributes, &[], host)
}

/// Where an overlay writes, opened.
pub struct Upper {
    /// What is written.
    pub upper: Slot,
    /// Where the kernel prepares it.
    pub work: Slot,
}

/// The same, with directories that are open already. Errors in `missing` mean that there is nothing to mount.
pub fn layered(
    plan: &mut Builder,
    tree: &Tree,
    lower: &[&CStr],
    upper: Option<Upper>,
    attributes: u32,
    missing: &[Errno],
    host: &Host,
) -> Result<Slot, Failure> {
    let first = open_layers(plan, lower, missing)?;
    let context = open_filesystem(plan, c"overlay")?;
    lower_layers(plan, context, first, lower.len(), host)?;
    if let Some(Upper { upper, work }) = upper {
        let (upper_key, work_key) = (plan.text(c"upperdir"), plan.text(c"workdir"));
        plan.child(Op::FsLayer { context, key: upper_key, layer: upper });
        plan.child(Op::FsLayer { context, key: work_key, layer: work });
    }
    if tree.in_user_namespace {
        // trusted.* attributes, where overlayfs keeps its notes otherwise, are the host's root's alone.
        let key = plan.text(c"userxattr");
        plan.child(Op::FsFlag { context, key });
    }
    create(plan, context, attributes)
}

fn open_layer(plan: &mut Builder, path: &CStr, missing: &[Errno]) -> Result<Slot, Failure> {
    let to = plan.slot()?;
    let path = plan.text(path);
    plan.tolerating(Op::Open { path, kind: Kind::Directory, to }, missing);
    Ok(to)
}

/// Into slots that follow one another.
fn open_layers(plan: &mut Builder, paths: &[&CStr], missing: &[Errno]) -> Result<Slot, Failure> {
    let mut first = None;
    for path in paths {
        let slot = open_layer(plan, path, missing)?;
        first.get_or_insert(slot);
    }
    first.ok_or_else(|| Failure::own("ERR_INVALID_ARG_VALUE", "an overlay needs a lower directory"))
}

fn lower_layers(
    plan: &mut Builder,
    context: Slot,
    first: Slot,
    count: usize,
    host: &Host,
) -> Result<(), Failure> {
    if host.kernel_is_at_least(6, 5) {
        let key = plan.text(c"lowerdir+");
        for offset in 0..count {
            plan.child(Op::FsLayer { context, key, layer: Slot(first.0 + offset as u16) });
        }
        return Ok(());
    }
    if count > MOST_JOINED_LAYERS {
        let summary = format!("{count} lower directories, of which this kernel takes {MOST_JOINED_LAYERS}");
        return Err(Failure::own("ERR_TOO_MANY_LAYERS", summary).hinting("more need Linux 6.5 or later"));
    }
    plan.child(Op::FsLowerLayers { context, first, count: count as u16 });
    Ok(())
}

/// A directory to write to and one to work in, in memory, gone with the container.
pub fn in_scratch(plan: &mut Builder, tree: &mut Tree) -> Result<Upper, Failure> {
    let scratch = match tree.scratch {
        Some(scratch) => scratch,
        None => {
            let scratch = tmpfs(plan, None, 0o755, 0)?;
            // Kernels before 6.15 take no layer from a mount that is attached nowhere.
            plan.child(Op::Attach { mount: scratch, target: tree.host_root });
            tree.scratch = Some(scratch);
            scratch
        }
    };
    tree.scratch_used += 1;
    let number = tree.scratch_used;
    let upper = directory_in(plan, scratch, &format!("upper{number}"))?;
    let work = directory_in(plan, scratch, &format!("work{number}"))?;
    Ok(Upper { upper, work })
}

/// Make (if it is missing) and open a directory inside one that is open.
pub fn directory_in(plan: &mut Builder, parent: Slot, name: &str) -> Result<Slot, Failure> {
    let to = plan.slot()?;
    let name = plan.format(format_args!("{name}"));
    plan.tolerating(Op::MakeDirectory { parent, name, mode: 0o755 }, &[libc::EEXIST]);
    plan.child(Op::OpenIn { root: parent, path: name, kind: Kind::Directory, to });
    Ok(to)
}

/// The overlays hold what they need of it; nobody else shall reach it.
pub fn drop_scratch(plan: &mut Builder, tree: &Tree) {
    if let Some(scratch) = tree.scratch {
        plan.child(Op::Detach(scratch));
    }
}
