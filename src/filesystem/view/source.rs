//! What each mount shows, as the configuration says it.

use std::borrow::Cow;
use std::ffi::{CStr, OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::{Mounted, absent};
use crate::config::{BindFrom, FsEntry, FsKind, Mount, OverlayUpper, RootFrom, RootOverlay};

/// The directory inside `root.overlay: "…"` that holds what was changed.
pub const KEPT_UPPER: &str = "upper";
/// The directory in there for a root that is one overlay. Of the host's tree each subtree has one, named after it.
pub const KEPT_ROOT: &str = "root";

/// What a mount shows.
#[derive(Debug)]
pub(super) enum Source<'a> {
    Host(Cow<'a, Path>),
    Layers(Vec<Cow<'a, Path>>),
    Tmpfs,
    Proc,
}

/// What the root shows before any entry is mounted, and the overlays in it.
pub(super) fn of_root(mount: &Mount) -> (Source<'_>, Vec<Mounted<'_>>) {
    let slash = Path::new("/");
    let Some(root) = &mount.root else { return (Source::Host(Cow::Borrowed(slash)), Vec::new()) };
    let (tree, is_host) = match &root.from {
        RootFrom::Directory(directory) => (path_of(directory), false),
        RootFrom::Host => (slash, true),
    };
    let mut layers = vec![Cow::Borrowed(tree)];
    match &root.overlay {
        RootOverlay::None => return (Source::Host(Cow::Borrowed(tree)), Vec::new()),
        RootOverlay::Ephemeral => {}
        RootOverlay::Kept(kept) if is_host => return (Source::Layers(layers), kept_subtrees(path_of(kept))),
        RootOverlay::Kept(kept) => {
            layers.insert(0, Cow::Owned(path_of(kept).join(KEPT_UPPER).join(KEPT_ROOT)));
        }
    }
    (Source::Layers(layers), Vec::new())
}

/// The subtrees of the host of which changes have been kept.
fn kept_subtrees<'a>(kept: &Path) -> Vec<Mounted<'a>> {
    let entries = fs::read_dir(kept.join(KEPT_UPPER)).into_iter().flatten().flatten();
    let overlay = |entry: fs::DirEntry| {
        let at = subtree_of(entry.file_name().as_bytes());
        Mounted { source: Source::Layers(vec![Cow::Owned(entry.path()), Cow::Owned(at.clone())]), at }
    };
    entries.map(overlay).collect()
}

/// `/var/lib` for `var%2Flib`.
fn subtree_of(name: &[u8]) -> PathBuf {
    let mut path = vec![b'/'];
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match rest {
            [b'%', b'2', b'F', tail @ ..] => (b'/', tail),
            [b'%', b'2', b'5', tail @ ..] => (b'%', tail),
            _ => (*first, tail),
        };
        path.push(byte);
        rest = tail;
    }
    PathBuf::from(OsString::from_vec(path))
}

/// What an entry shows; none for an optional one whose source is missing, which is passed over.
pub(super) fn of_entry(entry: &FsEntry) -> Option<Source<'_>> {
    let source = match &entry.kind {
        FsKind::Bind { from: BindFrom::Path(from), optional, .. } => {
            let from = path_of(from);
            if *optional && fs::metadata(from).is_err_and(|error| absent(&error)) {
                return None;
            }
            Source::Host(Cow::Borrowed(from))
        }
        FsKind::Bind { from: BindFrom::Fd(fd), .. } => {
            Source::Host(Cow::Owned(PathBuf::from(format!("/proc/self/fd/{fd}"))))
        }
        FsKind::Overlay { lower, upper } => {
            let upper = match upper {
                OverlayUpper::Dirs { upper, .. } => Some(upper),
                OverlayUpper::None | OverlayUpper::Ephemeral => None,
            };
            let layers = upper.into_iter().chain(lower);
            Source::Layers(layers.map(|layer| Cow::Borrowed(path_of(layer))).collect())
        }
        FsKind::Tmpfs { .. } => Source::Tmpfs,
        FsKind::Proc => Source::Proc,
    };
    Some(source)
}

pub(super) fn path_of(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}
