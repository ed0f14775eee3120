use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl, open};
use nix::sys::stat::Mode;

use super::*;
use crate::filesystem::view::tests::Scratch;

fn base(scratch: &Scratch) -> OwnedFd {
    open(&scratch.path("base"), OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).unwrap()
}

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.dir("base");
    scratch
}

fn prepare(scratch: &Scratch, path: &str, kind: Kind) -> Result<Option<MountPoint>, Error> {
    MountPoint::prepare(base(scratch).as_fd(), Path::new(path), || Some(kind))
}

fn directory(scratch: &Scratch, path: &str) -> MountPoint {
    prepare(scratch, path, Kind::Directory).unwrap().unwrap()
}

fn file(scratch: &Scratch, path: &str) -> MountPoint {
    prepare(scratch, path, Kind::File).unwrap().unwrap()
}

/// Everything below `base`, links not followed, sorted.
fn tree(scratch: &Scratch) -> Vec<String> {
    fn list(directory: &Path, top: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(top).unwrap().to_str().unwrap().to_owned());
            if !path.is_symlink() && path.is_dir() {
                list(&path, top, found);
            }
        }
    }
    let top = scratch.path("base");
    let mut found = Vec::new();
    list(&top, &top, &mut found);
    found.sort();
    found
}

fn mode(scratch: &Scratch, path: &str) -> u32 {
    fs::symlink_metadata(scratch.path(path)).unwrap().mode() & 0o7777
}

fn set_mode(scratch: &Scratch, path: &str, mode: u32) {
    fs::set_permissions(scratch.path(path), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_missing_is_made_and_removed() {
    let scratch = scratch();
    scratch.dir("base/user");
    let made = directory(&scratch, "/user/a/b");
    assert_eq!(tree(&scratch), ["user", "user/a", "user/a/b"]);
    assert_eq!((mode(&scratch, "base/user/a"), mode(&scratch, "base/user/a/b")), (0o1755, 0o1755));
    made.release().unwrap();
    assert_eq!(tree(&scratch), ["user"]);

    let made = file(&scratch, "user/c/file");
    assert_eq!(mode(&scratch, "base/user/c/file"), 0o1644);
    assert_eq!(fs::metadata(scratch.path("base/user/c/file")).unwrap().len(), 0);
    drop(made);
    assert_eq!(tree(&scratch), ["user"]);
}

#[test]
fn what_exists_is_left_alone() {
    let scratch = scratch();
    scratch.dir("base/d/empty").file("base/d/file").link("base/l", "d/empty");
    let before = tree(&scratch);
    for path in ["/", "", "/d/empty", "d/file", "/l", "/../d/./empty"] {
        for kind in [Kind::Directory, Kind::File] {
            assert!(prepare(&scratch, path, kind).unwrap().is_none(), "{path}");
        }
    }
    assert_eq!(tree(&scratch), before);
    assert_eq!(mode(&scratch, "base/d/empty") & 0o1000, 0);
}

#[test]
fn the_last_user_removes_it() {
    let scratch = scratch();
    let (first, second) = (directory(&scratch, "/a/b"), directory(&scratch, "/a/b"));
    let (other, above) = (directory(&scratch, "/a/c"), directory(&scratch, "/a"));
    first.release().unwrap();
    assert_eq!(tree(&scratch), ["a", "a/b", "a/c"]);
    second.release().unwrap();
    assert_eq!(tree(&scratch), ["a", "a/c"]);
    other.release().unwrap();
    assert_eq!(tree(&scratch), ["a"]);
    above.release().unwrap();
    assert!(tree(&scratch).is_empty());
}

#[test]
fn leftovers_are_taken_over() {
    let scratch = scratch();
    scratch.dir("base/a/b").file("base/f");
    fs::write(scratch.path("base/f"), "").unwrap();
    // As left by processes with another umask, and below a set-group-id directory.
    for (path, mode) in [("base/a", 0o1755), ("base/a/b", 0o3700), ("base/f", 0o1600)] {
        set_mode(&scratch, path, mode);
    }
    let (a, f) = (directory(&scratch, "/a/b"), file(&scratch, "/f"));
    a.release().unwrap();
    f.release().unwrap();
    assert!(tree(&scratch).is_empty());
}

#[test]
fn a_leftover_of_the_wrong_kind_gives_way_unless_it_is_used() {
    let scratch = scratch();
    let used = file(&scratch, "/f");
    assert_eq!(prepare(&scratch, "/f/below", Kind::Directory).unwrap_err().errno, Errno::ENOTDIR);
    assert!(prepare(&scratch, "/f", Kind::Directory).unwrap().is_none());
    used.release().unwrap();

    scratch.file("base/f").dir("base/d");
    fs::write(scratch.path("base/f"), "").unwrap();
    set_mode(&scratch, "base/f", 0o1644);
    set_mode(&scratch, "base/d", 0o1755);
    let (below, instead) = (directory(&scratch, "/f/below"), file(&scratch, "/d"));
    assert_eq!(tree(&scratch), ["d", "f", "f/below"]);
    assert!(scratch.path("base/d").is_file());
    drop((below, instead));
    assert!(tree(&scratch).is_empty());
}

#[test]
fn what_became_somebodys_stays() {
    let scratch = scratch();
    let filled = directory(&scratch, "/filled/d");
    scratch.file("base/filled/d/theirs");
    let written = file(&scratch, "/written");
    fs::write(scratch.path("base/written"), "theirs").unwrap();
    let claimed = directory(&scratch, "/claimed");
    set_mode(&scratch, "base/claimed", 0o755);
    let replaced = directory(&scratch, "/replaced");
    fs::remove_dir(scratch.path("base/replaced")).unwrap();
    scratch.dir("base/replaced");
    let gone = directory(&scratch, "/gone");
    fs::remove_dir(scratch.path("base/gone")).unwrap();
    for point in [filled, written, claimed, replaced, gone] {
        point.release().unwrap();
    }
    assert_eq!(tree(&scratch), ["claimed", "filled", "filled/d", "filled/d/theirs", "replaced", "written"]);
}

#[test]
fn what_only_looks_marked_is_locked_but_not_removed() {
    let scratch = scratch();
    scratch.dir("base/shared").dir("base/theirs/sub").file("base/full");
    set_mode(&scratch, "base/shared", 0o1777);
    set_mode(&scratch, "base/theirs", 0o1755);
    set_mode(&scratch, "base/full", 0o1644);
    assert!(prepare(&scratch, "/shared", Kind::Directory).unwrap().is_none());
    assert!(prepare(&scratch, "/full", Kind::File).unwrap().is_none());

    let point = directory(&scratch, "/theirs");
    let probe =
        || Flock::lock(File::open(scratch.path("base/theirs")).unwrap(), FlockArg::LockExclusiveNonblock);
    assert!(probe().is_err());
    fs::remove_dir(scratch.path("base/theirs/sub")).unwrap();
    point.release().unwrap();
    assert!(probe().is_ok());
    assert_eq!(tree(&scratch), ["full", "shared", "theirs"]);
}

#[test]
fn what_belongs_to_another_user_is_not_removed() {
    let scratch = scratch();
    scratch.dir("base/theirs");
    set_mode(&scratch, "base/theirs", 0o1755);
    if std::os::unix::fs::chown(scratch.path("base/theirs"), Some(12345), None).is_err() {
        // Only root can give a directory away.
        return;
    }
    directory(&scratch, "/theirs").release().unwrap();
    assert_eq!(tree(&scratch), ["theirs"]);
}

#[test]
fn links_do_not_lead_out_of_the_base() {
    let scratch = scratch();
    let outside = scratch.path("outside");
    scratch.dir("outside").link("base/up", "../../outside").link("base/loop", "loop");
    symlink(&outside, scratch.path("base/absolute")).unwrap();
    scratch.link("base/d/back", "..").link("base/dangling", "d/missing/../deep");

    let inside = outside.strip_prefix("/").unwrap();
    let absolute = directory(&scratch, "/absolute/x");
    assert!(scratch.path("base").join(inside).join("x").is_dir());
    let up = directory(&scratch, "/up/x");
    assert!(scratch.path("base/outside/x").is_dir());
    let back = directory(&scratch, "/d/back/../../x");
    assert!(scratch.path("base/x").is_dir());
    let dangling = file(&scratch, "/dangling");
    assert!(scratch.path("base/d/deep").is_file() && scratch.path("base/d/missing").is_dir());
    assert_eq!(prepare(&scratch, "/loop/x", Kind::Directory).unwrap_err().errno, Errno::ELOOP);
    drop((absolute, up, back, dangling));
    assert_eq!(tree(&scratch), ["absolute", "d", "d/back", "dangling", "loop", "up"]);
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
}

#[test]
fn failures_say_where_and_leave_nothing() {
    let scratch = scratch();
    scratch.file("base/d/file");
    let error = prepare(&scratch, "/d/file/x", Kind::Directory).unwrap_err();
    assert_eq!((error.path.as_path(), error.errno), (Path::new("/d/file"), Errno::ENOTDIR));
    let long = "x".repeat(300);
    let error = prepare(&scratch, &format!("/made/{long}"), Kind::Directory).unwrap_err();
    assert_eq!((error.path, error.errno), (Path::new("/made").join(long), Errno::ENAMETOOLONG));
    assert_eq!(tree(&scratch), ["d", "d/file"]);

    let proc = File::open("/proc").unwrap();
    for kind in [Kind::Directory, Kind::File] {
        let error = MountPoint::prepare(proc.as_fd(), Path::new("/nothing"), || Some(kind)).unwrap_err();
        assert_eq!(error.path, Path::new("/nothing"));
        let told = io::Error::from(error).to_string();
        assert!(told.contains("/nothing: "), "{told}");
    }
}

#[test]
fn a_lock_that_stays_exclusive_ends_patience() {
    let scratch = scratch();
    let made = directory(&scratch, "/a");
    let file = File::from(made.held[0].file.try_clone().unwrap());
    let lock = Flock::lock(file, FlockArg::LockExclusive).unwrap();
    let started = Instant::now();
    let error = prepare(&scratch, "/a/b", Kind::Directory).unwrap_err();
    assert_eq!((error.syscall, error.errno), ("flock", Errno::EBUSY));
    assert!(started.elapsed() >= PATIENCE);
    drop(lock);
    made.release().unwrap();
    assert!(tree(&scratch).is_empty());
}

#[test]
fn no_descriptor_survives_exec() {
    let scratch = scratch();
    let made = directory(&scratch, "/a/b");
    for held in &made.held {
        let flags = FdFlag::from_bits_truncate(fcntl(&held.file, FcntlArg::F_GETFD).unwrap());
        assert!(flags.contains(FdFlag::FD_CLOEXEC));
    }
}

/// Uses mount points as a container does: while one is held, its name must not go away.
fn use_often(base: BorrowedFd<'_>, directory: &Path, rounds: usize, seed: usize) {
    let paths = ["a/b", "a/b", "a/c", "a", "d", "a/b/e"];
    for round in 0..rounds {
        let choice = (seed * 7 + round * 5 + round / 11) % (paths.len() + 1);
        let (path, kind) = paths.get(choice).map_or(("a/f", Kind::File), |path| (*path, Kind::Directory));
        let point = MountPoint::prepare(base, Path::new(path), || Some(kind)).unwrap().unwrap();
        let inode = |path: &Path| fs::symlink_metadata(path).map(|found| found.ino()).ok();
        let before = inode(&directory.join(path));
        if round % 3 == 0 {
            thread::yield_now();
        }
        assert!(before.is_some() && before == inode(&directory.join(path)), "{path} went away while in use");
        point.release().unwrap();
    }
}

#[test]
fn threads_race() {
    let scratch = scratch();
    let base = base(&scratch);
    thread::scope(|scope| {
        for seed in 0..8 {
            let (base, directory) = (base.as_fd(), scratch.path("base"));
            scope.spawn(move || use_often(base, &directory, 2500, seed));
        }
    });
    assert!(tree(&scratch).is_empty());
}

#[test]
fn processes_race() {
    let scratch = scratch();
    let helpers: Vec<_> = ["race 1", "race 2", "race 3"].map(|task| helper(&scratch, task)).into();
    for mut helper in helpers {
        assert!(helper.wait().unwrap().success());
    }
    assert!(tree(&scratch).is_empty());
}

#[test]
fn a_hostile_tree_gains_nothing() {
    let scratch = scratch();
    scratch.dir("outside/empty").dir("base/real");
    set_mode(&scratch, "outside/empty", 0o1755);
    let (link, real, there) = (scratch.path("base/link"), scratch.path("base/real"), scratch.path("base/x"));
    symlink(scratch.path("outside"), &link).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // "x" is now a directory, now a link out, now missing.
            let swap =
                |from: &PathBuf| fs::rename(from, &there).is_ok_and(|()| fs::rename(&there, from).is_ok());
            while !stop.load(Ordering::Relaxed) {
                swap(&real);
                swap(&link);
            }
        });
        for _ in 0..3000 {
            // Any answer will do; what matters is what it does.
            let _ = prepare(&scratch, "/x/empty/y", Kind::Directory);
            let _ = prepare(&scratch, "/x/file", Kind::File);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let outside: Vec<_> =
        fs::read_dir(scratch.path("outside")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(outside, ["empty"]);
    assert_eq!(fs::read_dir(scratch.path("outside/empty")).unwrap().count(), 0);
}

#[test]
fn another_process_keeps_it_and_leaves_it_when_killed() {
    let scratch = scratch();
    let mut helper = helper(&scratch, "hold");
    let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "held"));
    directory(&scratch, "/a/b").release().unwrap();
    assert_eq!(tree(&scratch), ["a", "a/b"]);
    // Whatever the umask of the one who made it.
    assert_eq!((mode(&scratch, "base/a"), mode(&scratch, "base/a/b")), (0o1755, 0o1755));
    helper.kill().unwrap();
    helper.wait().unwrap();
    assert_eq!(tree(&scratch), ["a", "a/b"]);
    directory(&scratch, "/a/b").release().unwrap();
    assert!(tree(&scratch).is_empty());
}

const TASK: &str = "CONTAINER_SPAWN_TEST_TASK";
const BASE: &str = "CONTAINER_SPAWN_TEST_BASE";

/// Starts this test program again, to do one task, with an umask that lets others do nothing.
fn helper(scratch: &Scratch, task: &str) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    Command::new("/bin/sh")
        .args(["-c", "umask 077; exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(format!("{module}::do_a_task"))
        .env(TASK, task)
        .env(BASE, scratch.path("base"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What the helper does; without a task, nothing.
#[test]
fn do_a_task() {
    let (Ok(task), Some(path)) = (std::env::var(TASK), std::env::var_os(BASE)) else { return };
    let base = File::open(&path).unwrap();
    if let Some(seed) = task.strip_prefix("race ") {
        use_often(base.as_fd(), Path::new(&path), 2500, seed.parse().unwrap());
        return;
    }
    let _held =
        MountPoint::prepare(base.as_fd(), Path::new("/a/b"), || Some(Kind::Directory)).unwrap().unwrap();
    println!("\nheld");
    // Until it is killed, and not for ever should the test die first.
    thread::sleep(Duration::from_secs(60));
}
