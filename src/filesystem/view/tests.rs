use std::ffi::CString;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::config::{BindFrom, FsKind, MountFlags, OverlayUpper, Root, RootFrom, RootOverlay};

/// A directory of its own, gone with it.
pub(in crate::filesystem) struct Scratch(PathBuf);

impl Scratch {
    pub(in crate::filesystem) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("container-spawn-view-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(in crate::filesystem) fn path(&self, inside: &str) -> PathBuf {
        self.0.join(inside)
    }

    pub(in crate::filesystem) fn dir(&self, inside: &str) -> &Self {
        fs::create_dir_all(self.path(inside)).unwrap();
        self
    }

    pub(in crate::filesystem) fn file(&self, inside: &str) -> &Self {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, inside).unwrap();
        self
    }

    pub(in crate::filesystem) fn link(&self, inside: &str, target: &str) -> &Self {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
        self
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn text(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

pub(in crate::filesystem) fn entry(to: &str, kind: FsKind) -> FsEntry {
    FsEntry { index: 0, to: CString::new(to).unwrap(), kind, flags: MountFlags::default() }
}

pub(in crate::filesystem) fn bind(from: &Path, to: &str) -> FsEntry {
    entry(to, FsKind::Bind { from: BindFrom::Path(text(from)), recursive: true, optional: false })
}

pub(in crate::filesystem) fn tmpfs(to: &str) -> FsEntry {
    entry(to, FsKind::Tmpfs { size: None, mode: 0o755 })
}

fn rooted(from: &Path, overlay: RootOverlay, fs: Vec<FsEntry>) -> Mount {
    let root = Root { from: RootFrom::Directory(text(from)), readonly: false, overlay };
    Mount { root: Some(root), fs }
}

pub(in crate::filesystem) fn plain(from: &Path, fs: Vec<FsEntry>) -> Mount {
    rooted(from, RootOverlay::None, fs)
}

fn located(mount: &Mount, path: &str) -> Location {
    View::new(mount).locate(Path::new(path))
}

fn resolved(mount: &Mount, path: &str) -> Option<PathBuf> {
    View::new(mount).resolve(Path::new(path))
}

#[test]
fn without_a_root_the_host_is_seen() {
    let none = Mount::default();
    let root = Root { from: RootFrom::Host, readonly: true, overlay: RootOverlay::None };
    let host = Mount { root: Some(root), fs: vec![] };
    for mount in [none, host] {
        assert_eq!(located(&mount, "/usr/bin"), Location::Host("/usr/bin".into()));
        assert_eq!(located(&mount, "/"), Location::Host("/".into()));
        assert_eq!(resolved(&mount, "/proc/self/nothing"), None);
        assert_eq!(resolved(&mount, "/dev/null"), Some("/dev/null".into()));
    }
}

#[test]
fn a_path_is_located_in_the_mount_that_covers_it() {
    let mount = plain(
        Path::new("/srv/root"),
        vec![
            bind(Path::new("/data"), "/d"),
            tmpfs("/d/t"),
            bind(Path::new("/usr"), "/d/t/u"),
            entry("/p", FsKind::Proc),
        ],
    );
    assert_eq!(located(&mount, "/"), Location::Host("/srv/root".into()));
    assert_eq!(located(&mount, "/etc/x"), Location::Host("/srv/root/etc/x".into()));
    assert_eq!(located(&mount, "/d"), Location::Host("/data".into()));
    assert_eq!(located(&mount, "/d/a/../b"), Location::Host("/data/b".into()));
    assert_eq!(located(&mount, "/dd"), Location::Host("/srv/root/dd".into()));
    assert_eq!(located(&mount, "/d/t/x"), Location::Private);
    assert_eq!(located(&mount, "/d/t/u/lib"), Location::Host("/usr/lib".into()));
    assert_eq!(located(&mount, "/p/1"), Location::Private);
    assert_eq!(located(&mount, "/../../x"), Location::Host("/srv/root/x".into()));
}

#[test]
fn a_later_mount_hides_earlier_ones_at_and_below_it() {
    let scratch = Scratch::new();
    scratch.file("a/file").file("b/other").dir("root");
    let fs = vec![bind(&scratch.path("a"), "/x/y"), bind(&scratch.path("b"), "/x")];
    let hidden = plain(&scratch.path("root"), fs);
    assert_eq!(located(&hidden, "/x/y/file"), Location::Host(scratch.path("b/y/file")));
    assert_eq!(resolved(&hidden, "/x/y"), None);
    assert_eq!(resolved(&hidden, "/x/other"), Some(scratch.path("b/other")));

    let whole = plain(&scratch.path("root"), vec![tmpfs("/x"), bind(&scratch.path("a"), "/")]);
    assert_eq!(located(&whole, "/x"), Location::Host(scratch.path("a/x")));
    assert_eq!(resolved(&whole, "/file"), Some(scratch.path("a/file")));
}

#[test]
fn a_view_can_stop_before_an_entry() {
    let mount = plain(Path::new("/srv/root"), vec![bind(Path::new("/data"), "/d"), tmpfs("/d/t")]);
    let base = |count, path: &str| View::before(&mount, count).host_base(Path::new(path));
    assert_eq!(base(0, "/d/t"), Some(("/srv/root".into(), "d/t".into())));
    assert_eq!(base(1, "/d/t"), Some(("/data".into(), "t".into())));
    assert_eq!(base(2, "/d/t/u"), None);
}

#[test]
fn a_mount_point_is_made_where_links_lead() {
    let scratch = Scratch::new();
    scratch.link("root/lib", "usr/lib").dir("root/usr").dir("host/lib");
    let mount = plain(&scratch.path("root"), vec![bind(&scratch.path("host"), "/usr"), tmpfs("/lib/new")]);
    let view = View::before(&mount, 1);
    assert_eq!(view.host_base(Path::new("/lib/new")), Some((scratch.path("host"), "lib/new".into())));
}

#[test]
fn mounts_change_what_was_seen_before() {
    let scratch = Scratch::new();
    scratch.file("root/d/old").file("host/new").file("root/kept");
    let fs = vec![bind(&scratch.path("host"), "/d"), bind(&scratch.path("host"), "/made/for/it")];
    let mount = plain(&scratch.path("root"), fs);
    let mut view = View::before(&mount, 0);
    let look = |view: &View, path: &str| view.look(Path::new(path));
    assert_eq!(look(&view, "/d/old"), Sight::File(scratch.path("root/d/old")));
    assert_eq!(look(&view, "/made/for"), Sight::Missing);
    for entry in &mount.fs {
        view.mount(entry);
    }
    assert_eq!(look(&view, "/d/old"), Sight::Missing);
    assert_eq!(look(&view, "/d/new"), Sight::File(scratch.path("host/new")));
    assert_eq!(look(&view, "/made/for"), Sight::Directory(None));
    assert_eq!(look(&view, "/made/for/it/new"), Sight::File(scratch.path("host/new")));
    assert_eq!(look(&view, "/kept"), Sight::File(scratch.path("root/kept")));
}

#[test]
fn a_root_overlay_has_what_was_kept_above_the_directory() {
    let root = Path::new("/srv/root");
    let kept = rooted(root, RootOverlay::Kept(c"/kept".to_owned()), vec![]);
    let ephemeral = rooted(root, RootOverlay::Ephemeral, vec![]);
    assert_eq!(
        located(&kept, "/a"),
        Location::Layers(vec!["/kept/upper/root/a".into(), "/srv/root/a".into()])
    );
    assert_eq!(located(&ephemeral, "/a"), Location::Layers(vec!["/srv/root/a".into()]));
    assert_eq!(View::new(&kept).host_base(Path::new("/a")), None);
}

#[test]
fn an_overlay_of_the_host_keeps_each_subtree_apart() {
    let scratch = Scratch::new();
    scratch.file("upper/odd%25name%2Fsub/file").file("upper/usr/made").dir("work");
    let root =
        Root { from: RootFrom::Host, readonly: false, overlay: RootOverlay::Kept(text(&scratch.path(""))) };
    let mount = Mount { root: Some(root), fs: vec![] };
    assert_eq!(resolved(&mount, "/usr/made"), Some(scratch.path("upper/usr/made")));
    assert_eq!(resolved(&mount, "/usr/bin"), Some("/usr/bin".into()));
    assert_eq!(resolved(&mount, "/odd%name/sub/file"), Some(scratch.path("upper/odd%25name%2Fsub/file")));
    assert_eq!(located(&mount, "/etc/x"), Location::Layers(vec!["/etc/x".into()]));
}

#[test]
fn links_are_followed_inside_the_container() {
    let scratch = Scratch::new();
    scratch
        .file("root/usr/lib/ld.so")
        .link("root/lib", "usr/lib")
        .link("root/lib64", "/usr/lib")
        .link("root/usr/lib/up", "../../../../../usr/lib/ld.so")
        .link("root/escape", "../../outside")
        .file("outside")
        .link("root/self", "self")
        .dir("root/etc")
        .link("root/dangling", "/etc/missing");
    let mount = plain(&scratch.path("root"), vec![]);
    let loader = Some(scratch.path("root/usr/lib/ld.so"));
    for path in ["/lib/ld.so", "/lib64/ld.so", "/lib/up", "/lib/../lib/ld.so", "/../lib/./ld.so", "lib/ld.so"]
    {
        assert_eq!(resolved(&mount, path), loader, "{path}");
    }
    // "/lib/.." is /usr, not the root: `..` counts from where the link led.
    assert_eq!(resolved(&mount, "/lib/../ld.so"), None);
    assert_eq!(resolved(&mount, "/lib/../lib"), Some(scratch.path("root/usr/lib")));
    for path in
        ["/escape", "/dangling", "/nothing", "/lib/ld.so/x", "/nothing/../lib/ld.so", "/lib/ld.so/../ld.so"]
    {
        assert_eq!(View::new(&mount).look(Path::new(path)), Sight::Missing, "{path}");
    }
    assert_eq!(View::new(&mount).look(Path::new("/self")), Sight::Unknown);
    assert_eq!(View::new(&mount).canonical(Path::new("/dangling/a")), Path::new("/etc/missing/a"));
}

#[test]
fn links_lead_into_mounts_and_out_of_them() {
    let scratch = Scratch::new();
    scratch.link("root/lib", "usr/lib").dir("root/usr").file("host/usr/lib/ld.so");
    scratch
        .link("host/usr/absolute", "/here/file")
        .link("host/usr/relative", "../here/file")
        .file("root/here/file");
    let mount = plain(&scratch.path("root"), vec![bind(&scratch.path("host/usr"), "/usr")]);
    assert_eq!(resolved(&mount, "/lib/ld.so"), Some(scratch.path("host/usr/lib/ld.so")));
    assert_eq!(resolved(&mount, "/usr/absolute"), Some(scratch.path("root/here/file")));
    assert_eq!(resolved(&mount, "/usr/relative"), Some(scratch.path("root/here/file")));
    assert_eq!(resolved(&mount, "/usr/../here"), Some(scratch.path("root/here")));
}

#[test]
fn a_mount_on_a_link_is_where_the_link_leads() {
    let scratch = Scratch::new();
    scratch.link("root/lib", "/usr/lib").dir("root/usr/lib/x").file("host/file");
    let mount = plain(&scratch.path("root"), vec![bind(&scratch.path("host"), "/lib/x")]);
    assert_eq!(located(&mount, "/usr/lib/x/file"), Location::Host(scratch.path("host/file")));
    assert_eq!(resolved(&mount, "/lib/x/file"), Some(scratch.path("host/file")));
}

#[test]
fn binds_may_be_files_descriptors_or_optional() {
    let scratch = Scratch::new();
    scratch.file("host/file").dir("root/etc");
    let open = fs::File::open(scratch.path("host")).unwrap();
    let from_fd = FsKind::Bind { from: BindFrom::Fd(open.as_raw_fd()), recursive: true, optional: false };
    let absent = |optional| FsKind::Bind {
        from: BindFrom::Path(text(&scratch.path("absent"))),
        recursive: true,
        optional,
    };
    let fs = vec![
        bind(&scratch.path("host/file"), "/made/for/file"),
        entry("/fd", from_fd),
        entry("/etc", absent(true)),
        entry("/hard", absent(false)),
    ];
    let mount = plain(&scratch.path("root"), fs);
    assert_eq!(located(&mount, "/made/for/file"), Location::Host(scratch.path("host/file")));
    assert_eq!(resolved(&mount, "/made/for/file"), Some(scratch.path("host/file")));
    assert_eq!(fs::read(resolved(&mount, "/fd/file").unwrap()).unwrap(), b"host/file");
    assert_eq!(resolved(&mount, "/etc"), Some(scratch.path("root/etc")));
    assert_eq!(View::new(&mount).look(Path::new("/hard")), Sight::Unknown);
    assert_eq!(View::new(&mount).look(Path::new("/made/for")), Sight::Directory(None));
    assert_eq!(View::new(&mount).look(Path::new("/made/other")), Sight::Missing);
}

#[test]
fn private_file_systems_hold_only_mounts() {
    let scratch = Scratch::new();
    scratch.file("root/t/file").file("host/file");
    let fs = vec![tmpfs("/t"), bind(&scratch.path("host"), "/t/a/b"), entry("/proc", FsKind::Proc)];
    let mount = plain(&scratch.path("root"), fs);
    let view = View::new(&mount);
    assert_eq!(view.look(Path::new("/t/file")), Sight::Missing);
    assert_eq!(view.look(Path::new("/t/a")), Sight::Directory(None));
    assert_eq!(view.resolve(Path::new("/t/a/../a/b/file")), Some(scratch.path("host/file")));
    assert_eq!(view.look(Path::new("/proc/self")), Sight::Unknown);
    assert_eq!(view.look(Path::new("/proc/self/../x")), Sight::Unknown);
}

#[test]
fn layers_merge_directories_and_upper_files_hide_lower_ones() {
    let scratch = Scratch::new();
    scratch.file("up/both").file("up/d/up").file("up/f").link("up/l", "/d/low");
    scratch
        .file("low/both")
        .file("low/d/low")
        .file("low/f/inside")
        .file("low/l")
        .link("low/e", "d")
        .dir("up/e");
    scratch.file("low/d/only").dir("root");
    let layers = FsKind::Overlay {
        lower: vec![text(&scratch.path("low"))],
        upper: OverlayUpper::Dirs { upper: text(&scratch.path("up")), work: c"/work".to_owned() },
    };
    let mount = plain(&scratch.path("root"), vec![entry("/", layers)]);
    assert_eq!(located(&mount, "/f"), Location::Layers(vec![scratch.path("up/f"), scratch.path("low/f")]));
    assert_eq!(resolved(&mount, "/both"), Some(scratch.path("up/both")));
    assert_eq!(resolved(&mount, "/d/up"), Some(scratch.path("up/d/up")));
    assert_eq!(resolved(&mount, "/d/low"), Some(scratch.path("low/d/low")));
    assert_eq!(resolved(&mount, "/l"), Some(scratch.path("low/d/low")));
    assert_eq!(resolved(&mount, "/f/inside"), None);
    // A link below a directory does not merge: nothing of it may show.
    assert_eq!(resolved(&mount, "/e/only"), None);
    assert_eq!(resolved(&mount, "/e"), Some(scratch.path("up/e")));
}

#[test]
fn a_whiteout_hides_what_is_below_it() {
    use nix::sys::stat::{Mode, SFlag, mknod};
    let scratch = Scratch::new();
    scratch.file("low/gone").dir("up").dir("root");
    if mknod(&scratch.path("up/gone"), SFlag::S_IFCHR, Mode::empty(), 0).is_err() {
        // Device 0:0 is allowed to everybody only from Linux 5.8 on, and not on every file system.
        return;
    }
    let layers = FsKind::Overlay {
        lower: vec![text(&scratch.path("up")), text(&scratch.path("low"))],
        upper: OverlayUpper::Ephemeral,
    };
    let mount = plain(&scratch.path("root"), vec![entry("/o", layers)]);
    assert_eq!(View::new(&mount).look(Path::new("/o/gone")), Sight::Missing);
}
