//! What the container's tree will look like, worked out before anything is mounted.
//!
//! A [`View`] answers two questions: what lies behind a path of the container ([`View::locate`]), and which file a
//! path means there when symlinks are followed as the *container* will follow them ([`View::look`]). It only reads,
//! and it takes the tree as it is now: whoever acts on an answer still resolves the path safely, by file descriptor.
//!
//! What an overlay marks with extended attributes (opaque and redirected directories) is not read. An opaque
//! directory then seems to hold more than it does; one that was renamed with `redirect_dir` seems to hold less.

mod source;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::config::{FsEntry, Mount};
pub use source::{KEPT_ROOT, KEPT_UPPER};
use source::{Source, path_of};

/// The kernel's own limit on symlinks in one look-up, `path_resolution(7)`.
const MAX_LINKS: u32 = 40;

/// What lies behind a path of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// This path of the host.
    Host(PathBuf),
    /// These paths of the host, merged by an overlay; the uppermost first. An upper layer in memory is not named.
    Layers(Vec<PathBuf>),
    /// A file system of the container's own (tmpfs, proc).
    Private,
}

/// What a path of the container means, symlinks followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Something that is no directory; its path on the host.
    File(PathBuf),
    /// A directory. It has a path on the host unless only the set-up makes it.
    Directory(Option<PathBuf>),
    /// Nothing is there.
    Missing,
    /// Nobody can say before it is mounted, or it could not be read.
    Unknown,
}

/// The container's tree.
#[derive(Debug)]
pub struct View<'a> {
    root: Source<'a>,
    mounts: Vec<Mounted<'a>>,
    /// What was found so far, by path without links: most look-ups begin alike.
    seen: RefCell<HashMap<PathBuf, Node>>,
}

/// One mount, at a path without symlinks.
#[derive(Debug)]
struct Mounted<'a> {
    at: PathBuf,
    source: Source<'a>,
}

/// One step of a look-up.
#[derive(Debug, Clone)]
enum Node {
    /// The same directory in each layer that has it.
    Directory(Vec<PathBuf>),
    File(PathBuf),
    /// The target.
    Link(PathBuf),
    Missing,
    Unknown,
}

impl<'a> View<'a> {
    /// The tree once everything is mounted.
    pub fn new(mount: &'a Mount) -> Self {
        Self::before(mount, mount.fs.len())
    }

    /// The tree once the first `count` entries of `fs` are mounted: what the next one finds.
    pub fn before(mount: &'a Mount, count: usize) -> Self {
        let (root, overlays) = source::of_root(mount);
        let mut view = Self { root, mounts: overlays, seen: RefCell::default() };
        for entry in mount.fs.iter().take(count) {
            view.mount(entry);
        }
        view
    }

    /// Mounts one more entry.
    pub fn mount(&mut self, entry: &'a FsEntry) {
        let Some(source) = source::of_entry(entry) else { return };
        // The kernel mounts on what the path leads to, so a symlink on the way moves the mount.
        let at = self.canonical(path_of(&entry.to));
        // It shows something else here and below, and it brings the directories above it into being.
        self.seen.get_mut().retain(|path, _| !path.starts_with(&at) && !at.starts_with(path));
        self.mounts.push(Mounted { at, source });
    }

    /// What lies behind `path`, taken literally; [`View::canonical`] follows its symlinks first.
    pub fn locate(&self, path: &Path) -> Location {
        let path = literal(path);
        let (source, below, _) = self.cover(&path);
        match source {
            Source::Host(base) => Location::Host(join(base, below)),
            Source::Layers(layers) => {
                Location::Layers(layers.iter().map(|layer| join(layer, below)).collect())
            }
            Source::Tmpfs | Source::Proc => Location::Private,
        }
    }

    /// Where a mount point for `path` is made, if that is on a plain file system of the host: the directory that is
    /// mounted there, and the path inside it.
    pub fn host_base(&self, path: &Path) -> Option<(PathBuf, PathBuf)> {
        let path = self.canonical(path);
        match self.cover(&path) {
            (Source::Host(base), below, _) => Some((base.to_path_buf(), below.to_path_buf())),
            _ => None,
        }
    }

    /// The file or directory of the host that `path` means, if there is one.
    pub fn resolve(&self, path: &Path) -> Option<PathBuf> {
        match self.look(path) {
            Sight::File(host) | Sight::Directory(Some(host)) => Some(host),
            Sight::Directory(None) | Sight::Missing | Sight::Unknown => None,
        }
    }

    /// What `path` means, symlinks followed.
    pub fn look(&self, path: &Path) -> Sight {
        match self.walk(path).1 {
            Node::File(host) => Sight::File(host),
            Node::Directory(layers) => Sight::Directory(layers.into_iter().next()),
            Node::Missing => Sight::Missing,
            // The walk returns no link.
            Node::Link(_) | Node::Unknown => Sight::Unknown,
        }
    }

    /// The names in a directory, in no order, some perhaps of files that an upper layer removed; none when it is
    /// missing. `None` if that cannot be said.
    pub fn names(&self, path: &Path) -> Option<Vec<OsString>> {
        match self.walk(path).1 {
            Node::Directory(layers) => {
                let mut names = HashSet::new();
                for layer in layers {
                    for entry in fs::read_dir(layer).ok()? {
                        names.insert(entry.ok()?.file_name());
                    }
                }
                Some(names.into_iter().collect())
            }
            Node::Missing | Node::File(_) => Some(Vec::new()),
            Node::Link(_) | Node::Unknown => None,
        }
    }

    /// `path` with its symlinks followed as far as it exists; what does not exist stays as written.
    pub fn canonical(&self, path: &Path) -> PathBuf {
        self.walk(path).0
    }

    /// The mount that shows `path`, the path inside it, and how many mounts it hides. The latest one counts: it hides
    /// what was mounted before it, at the same place or below.
    fn cover<'p>(&self, path: &'p Path) -> (&Source<'a>, &'p Path, usize) {
        for (index, mount) in self.mounts.iter().enumerate().rev() {
            if let Ok(below) = path.strip_prefix(&mount.at) {
                return (&mount.source, below, index + 1);
            }
        }
        (&self.root, path.strip_prefix("/").unwrap_or(path), 0)
    }

    /// Walks `path` component by component, links restarting at the container's root: the path without links, and
    /// what is there.
    fn walk(&self, path: &Path) -> (PathBuf, Node) {
        let mut todo = VecDeque::new();
        let mut at = PathBuf::from("/");
        let mut node = self.child(&at, None);
        let mut parents: Vec<Node> = Vec::new();
        let mut links = 0;
        push_components(&mut todo, path);
        while let Some(step) = todo.pop_front() {
            if step == ".." {
                match node {
                    Node::Directory(_) => {}
                    Node::Unknown => return (at, Node::Unknown),
                    _ => return (at, Node::Missing),
                }
                // The root's parent is the root.
                if let Some(parent) = parents.pop() {
                    node = parent;
                    at.pop();
                }
                continue;
            }
            let child_at = at.join(&step);
            let child = self.child(&child_at, Some((&node, &step)));
            if let Node::Link(target) = child {
                links += 1;
                if links > MAX_LINKS {
                    return (child_at, Node::Unknown);
                }
                if target.is_absolute() {
                    parents.truncate(1);
                    node = parents.pop().unwrap_or(node);
                    at = PathBuf::from("/");
                }
                push_components(&mut todo, &target);
                continue;
            }
            parents.push(std::mem::replace(&mut node, child));
            at = child_at;
        }
        (at, node)
    }

    /// What is at `at`, where `parent` is the directory it is looked up in (none: `at` is the root).
    fn child(&self, at: &Path, parent: Option<(&Node, &OsStr)>) -> Node {
        if let Some(node) = self.seen.borrow().get(at) {
            return node.clone();
        }
        let node = self.look_up(at, parent);
        self.seen.borrow_mut().insert(at.to_path_buf(), node.clone());
        node
    }

    fn look_up(&self, at: &Path, parent: Option<(&Node, &OsStr)>) -> Node {
        let (source, below, hidden) = self.cover(at);
        if below.as_os_str().is_empty() {
            return mounted(source);
        }
        let found = match parent {
            Some((Node::Directory(layers), name)) => look_up(layers, name),
            Some((Node::Unknown, _)) => Node::Unknown,
            _ => Node::Missing,
        };
        match found {
            // The set-up makes the directories that lead to a mount point.
            Node::Missing if self.mounts.iter().skip(hidden).any(|mount| mount.at.starts_with(at)) => {
                Node::Directory(Vec::new())
            }
            found => found,
        }
    }
}

/// The root of a mount.
fn mounted(source: &Source<'_>) -> Node {
    match source {
        // A bind may be of a single file, and its path is followed on the host, as the mount does. One whose source
        // is missing fails, with an error of its own.
        Source::Host(base) => match fs::metadata(base) {
            Ok(found) if found.is_dir() => Node::Directory(vec![base.to_path_buf()]),
            Ok(_) => Node::File(base.to_path_buf()),
            Err(_) => Node::Unknown,
        },
        Source::Layers(layers) => Node::Directory(layers.iter().map(|layer| layer.to_path_buf()).collect()),
        Source::Tmpfs => Node::Directory(Vec::new()),
        Source::Proc => Node::Unknown,
    }
}

/// Looks one name up in a directory, as overlayfs does: directories merge, anything else hides what is below it.
fn look_up(layers: &[PathBuf], name: &OsStr) -> Node {
    let mut merged = Vec::new();
    for layer in layers {
        let path = layer.join(name);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if absent(&error) => continue,
            Err(_) => return Node::Unknown,
        };
        if found.is_dir() {
            merged.push(path);
            continue;
        }
        if !merged.is_empty() || is_whiteout(&found) {
            break;
        }
        if !found.is_symlink() {
            return Node::File(path);
        }
        return fs::read_link(&path).map_or(Node::Unknown, Node::Link);
    }
    if merged.is_empty() { Node::Missing } else { Node::Directory(merged) }
}

/// An overlay's mark for a removed name: a character device 0:0.
fn is_whiteout(found: &Metadata) -> bool {
    found.file_type().is_char_device() && found.rdev() == 0
}

fn absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// `path` made absolute, `.` and `..` taken literally.
fn literal(path: &Path) -> PathBuf {
    let mut at = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => at.push(name),
            Component::ParentDir => {
                at.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    at
}

/// Puts the components of `path` before those that are still to be walked.
fn push_components(todo: &mut VecDeque<OsString>, path: &Path) {
    for component in path.components().rev() {
        if let Component::Normal(_) | Component::ParentDir = component {
            todo.push_front(component.as_os_str().to_owned());
        }
    }
}

/// `base/below`, without the slash that an empty `below` would add: a bound file must not look like a directory.
fn join(base: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { base.to_path_buf() } else { base.join(below) }
}

#[cfg(test)]
pub(super) mod tests;
