//! `fs`.

use std::ffi::CString;

use super::super::Value;
use super::js::js;
use super::{container, refused_container};
use crate::config::{BindFrom, FsEntry, FsKind, MountFlags, OverlayUpper};

fn entries(options: Value) -> Vec<FsEntry> {
    container(options).mount.expect("file systems imply it").fs
}

fn entry(entry: Value) -> FsEntry {
    let mut all = entries(js!({ fs: [entry] }));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// The problems of one entry, without the path's beginning.
fn refused(entry: Value) -> Vec<String> {
    let problems = refused_container(js!({ fs: [entry] }));
    problems.iter().map(|problem| problem.replacen("fs[0].", "", 1)).collect()
}

fn here(path: &str) -> CString {
    let here = std::env::current_dir().expect("tests run in a directory");
    CString::new(format!("{}/{path}", here.display())).expect("without NUL")
}

#[test]
fn binds_are_read() {
    let from = BindFrom::Path(c"/srv/..".into());
    assert_eq!(
        entry(js!({ type: "bind", from: "/srv/..", to: "//data/./x/" })),
        FsEntry {
            index: 0,
            to: c"/data/x".into(),
            kind: FsKind::Bind { from, recursive: true, optional: false },
            flags: MountFlags { suid: false, dev: false, exec: true, readonly: false },
        }
    );
    assert_eq!(
        entry(js!({
            type: "bind", from: 5, to: "/x", recursive: false, optional: true,
            readonly: true, suid: true, dev: true, exec: false, idmap: false, options: undefined,
        })),
        FsEntry {
            index: 0,
            to: c"/x".into(),
            kind: FsKind::Bind { from: BindFrom::Fd(5), recursive: false, optional: true },
            flags: MountFlags { suid: true, dev: true, exec: false, readonly: true },
        }
    );
    let relative = entry(js!({ type: "bind", from: "a,b:c\\ d", to: "/x" }));
    let from = BindFrom::Path(here("a,b:c\\ d"));
    assert_eq!(relative.kind, FsKind::Bind { from, recursive: true, optional: false });
}

#[test]
fn tmpfs_and_proc_are_read() {
    let plain = entry(js!({ type: "tmpfs", to: "/tmp" }));
    assert_eq!(plain.kind, FsKind::Tmpfs { size: None, mode: 0o755 });
    let full = entry(js!({ type: "tmpfs", to: "/tmp", size: "64M", mode: 1023, readonly: true }));
    assert_eq!(full.kind, FsKind::Tmpfs { size: Some(64 << 20), mode: 0o1777 });
    assert!(full.flags.readonly);
    let open = entry(js!({ type: "tmpfs", to: "/tmp", size: 1, mode: 0 }));
    assert_eq!(open.kind, FsKind::Tmpfs { size: Some(1), mode: 0 });
    let proc = entry(js!({ type: "proc", to: "/proc", exec: false }));
    assert_eq!((proc.kind, proc.flags.exec), (FsKind::Proc, false));
}

#[test]
fn overlays_are_read() {
    for (written, upper) in [
        (js!({ type: "overlayfs", to: "/o", lower: ["/a", "b"] }), OverlayUpper::None),
        (js!({ type: "overlayfs", to: "/o", lower: ["/a", "b"], ephemeral: true }), OverlayUpper::Ephemeral),
        (
            js!({ type: "overlayfs", to: "/o", lower: ["/a", "b"],
                upper: "/u/upper", work: "/u/upper.work" }),
            OverlayUpper::Dirs { upper: c"/u/upper".into(), work: c"/u/upper.work".into() },
        ),
    ] {
        let lower = vec![c"/a".into(), here("b")];
        assert_eq!(entry(written).kind, FsKind::Overlay { lower, upper });
    }
}

#[test]
fn the_older_spelling_means_the_same() {
    for (older, canonical) in [
        (
            js!({ type: "overlayfs", to: "/o", options: { overlayfs: {
                lower_dirs: ["/l"], upper_dir: "/u", work_dir: "/w" } } }),
            js!({ type: "overlayfs", to: "/o", lower: ["/l"], upper: "/u", work: "/w" }),
        ),
        (
            js!({ type: "overlayfs", to: "/o", ephemeral: true,
                options: { overlayfs: { lower_dirs: ["/l"] } } }),
            js!({ type: "overlayfs", to: "/o", lower: ["/l"], ephemeral: true }),
        ),
        (
            js!({ type: "tmpfs", to: "/t", options: { tmpfs: { size: 4096 } } }),
            js!({ type: "tmpfs", to: "/t", size: 4096 }),
        ),
        (js!({ type: "tmpfs", to: "/t", options: {} }), js!({ type: "tmpfs", to: "/t" })),
        (
            js!({ type: "bind", from: "/f", to: "/b", options: { bind: { readonly: true } } }),
            js!({ type: "bind", from: "/f", to: "/b", readonly: true }),
        ),
        (
            js!({ type: "bind", from: "/f", to: "/b", options: { bind: { readonly: false } } }),
            js!({ type: "bind", from: "/f", to: "/b" }),
        ),
    ] {
        assert_eq!(entry(older), entry(canonical));
    }
}

#[test]
fn one_thing_in_both_spellings_is_refused() {
    let same = |option: &str, canonical: &str| {
        format!("Value: options.{option} says the same as container.fs[0].{canonical}: leave one of them out")
    };
    for (written, problems) in [
        (
            js!({ type: "overlayfs", to: "/o", lower: ["/l"], upper: "/u", work: "/w",
                options: { overlayfs: { lower_dirs: ["/l"], upper_dir: "/u", work_dir: "/w" } } }),
            vec![
                same("overlayfs.lower_dirs", "lower"),
                same("overlayfs.upper_dir", "upper"),
                same("overlayfs.work_dir", "work"),
            ],
        ),
        (
            js!({ type: "tmpfs", to: "/t", size: 1, options: { tmpfs: { size: 1 } } }),
            vec![same("tmpfs.size", "size")],
        ),
        (
            js!({ type: "bind", from: "/f", to: "/b", readonly: true,
                options: { bind: { readonly: false } } }),
            vec![same("bind.readonly", "readonly")],
        ),
    ] {
        assert_eq!(refused(written), problems);
    }
}

#[test]
fn what_is_nested_belongs_to_the_type() {
    for (written, problem) in [
        (js!({ type: "tmpfs", to: "/t", options: 5 }), "Type: options must be an object, not 5"),
        (
            js!({ type: "tmpfs", to: "/t", options: { tmpfs: [] } }),
            "Type: options.tmpfs must be an object, not an array",
        ),
        (
            js!({ type: "tmpfs", to: "/t", options: { bind: {} } }),
            "Unknown: options.bind is an unknown option; known here: tmpfs",
        ),
        (
            js!({ type: "tmpfs", to: "/t", options: { tmpfs: { sise: 1 } } }),
            "Unknown: options.tmpfs.sise is an unknown option; did you mean \"size\"?",
        ),
        (
            js!({ type: "tmpfs", to: "/t", options: { tmpfs: { readonly: true } } }),
            "Unknown: options.tmpfs.readonly is an unknown option; known here: size",
        ),
        (
            js!({ type: "overlayfs", to: "/o", options: { overlayfs: { lower_dir: ["/l"] } } }),
            "Type: lower is required: an array of directories",
        ),
    ] {
        assert_eq!(refused(written).first().map(String::as_str), Some(problem));
    }
}

#[test]
fn order_and_positions_are_kept() {
    let all = entries(
        js!({ fs: [{ type: "proc", to: "/b" }, { type: "tmpfs", to: "/a" }, { type: "proc", to: "/b" }] }),
    );
    let order: Vec<(usize, &str)> =
        all.iter().map(|entry| (entry.index, entry.to.to_str().expect("UTF-8"))).collect();
    assert_eq!(order, [(0, "/b"), (1, "/a"), (2, "/b")]);
}

#[test]
fn a_target_below_the_roots_own_path_is_inside_it() {
    let directory = here("rootfs");
    let below = format!("{}/etc", directory.to_str().expect("UTF-8"));
    for (root, to, target) in [
        (js!("/mnt"), "/mnt/data", c"/data"),
        (js!("/mnt"), "/mnt", c"/"),
        (js!("/mnt/"), "//mnt//data/", c"/data"),
        (js!({ from: "/mnt", readonly: true }), "/mnt/data", c"/data"),
        (js!("/mnt"), "/data", c"/data"),
        (js!("/mnt"), "/mnt2", c"/mnt2"),
        (js!("/mnt"), "/mnt/mnt/data", c"/mnt/data"),
        (js!("/mnt"), "/", c"/"),
        (js!("/"), "/a", c"/a"),
        (js!({ from: "host" }), "/mnt/data", c"/mnt/data"),
        (js!(false), "/mnt/data", c"/mnt/data"),
        (js!("rootfs"), &below, c"/etc"),
    ] {
        let all = entries(js!({ root: root, fs: [{ type: "tmpfs", to: to }] }));
        assert_eq!(all[0].to.as_c_str(), target, "{to}");
    }
}

#[test]
fn the_root_itself_can_be_mounted_but_is_no_proc() {
    for written in [
        js!({ type: "bind", from: "/", to: "/" }),
        js!({ type: "tmpfs", to: "/" }),
        js!({ type: "overlayfs", to: "/", lower: ["/l"] }),
    ] {
        assert_eq!(entry(written).to.as_c_str(), c"/");
    }
    let problem = "Value: to must not be the root itself: nothing could be executed there";
    assert_eq!(refused(js!({ type: "proc", to: "/" })), [problem]);
    let below = refused_container(js!({ root: "/mnt", fs: [{ type: "proc", to: "/mnt" }] }));
    assert_eq!(below, [problem.replace("to must", "fs[0].to must")]);
}

#[test]
fn wrong_entries_are_refused() {
    for (written, problem) in [
        (js!({ to: "/t" }), "Type: type is required: one of \"bind\", \"tmpfs\", \"overlayfs\", \"proc\""),
        (js!({ type: 5 }), "Type: type must be a string, not 5"),
        (
            js!({ type: "tempfs" }),
            "Value: type must be one of \"bind\", \"tmpfs\", \"overlayfs\", \"proc\", not \
                \"tempfs\"; did you mean \"tmpfs\"?",
        ),
        (
            js!({ type: "overlay" }),
            "Value: type must be one of \"bind\", \"tmpfs\", \"overlayfs\", \"proc\", not \
                \"overlay\"; did you mean \"overlayfs\"?",
        ),
        (
            js!({ type: "ext4" }),
            "Value: type must be one of \"bind\", \"tmpfs\", \"overlayfs\", \"proc\", not \"ext4\"",
        ),
        (js!({ type: "tmpfs" }), "Type: to is required: a path inside the container"),
        (js!({ type: "tmpfs", to: "" }), "Value: to must not be empty"),
        (js!({ type: "tmpfs", to: "t" }), "Value: to must be absolute (start with \"/\"), not \"t\""),
        (js!({ type: "tmpfs", to: "/a/.." }), "Value: to must not contain \"..\", as \"/a/..\" does"),
        (js!({ type: "tmpfs", to: "/a\0" }), "Value: to must be a string without null bytes"),
        (js!({ type: "tmpfs", to: 5 }), "Type: to must be a string, not 5"),
        (
            js!({ type: "tmpfs", to: "/t", size: 0 }),
            "Range: size must be at least 1 byte, not 0: the kernel takes 0 for no limit",
        ),
        (
            js!({ type: "tmpfs", to: "/t", size: "0K" }),
            "Range: size must be at least 1 byte, not \"0K\": the kernel takes 0 for no limit",
        ),
        (js!({ type: "tmpfs", to: "/t", size: (-1) }), "Range: size must be 0 bytes or more, not -1"),
        (
            js!({ type: "tmpfs", to: "/t", mode: 4096 }),
            "Range: mode must be an integer from 0 to 4095, not 4096",
        ),
        (js!({ type: "tmpfs", to: "/t", mode: "0755" }), "Type: mode must be a number, not \"0755\""),
        (
            js!({ type: "tmpfs", to: "/t", from: "/f" }),
            "Unknown: from is an unknown option; known here: type, options, to, suid, dev, \
                exec, readonly, size, mode",
        ),
        (
            js!({ type: "tmpfs", to: "/t", exce: false }),
            "Unknown: exce is an unknown option; did you mean \"exec\"?",
        ),
        (js!({ type: "proc", to: "/p", suid: 1 }), "Type: suid must be true or false, not 1"),
        (
            js!({ type: "proc", to: "/p", readonly: "yes" }),
            "Type: readonly must be true or false, not \"yes\"",
        ),
        (js!({ type: "bind", to: "/b" }), "Type: from is required: a path or a file descriptor of the host"),
        (js!({ type: "bind", to: "/b", from: "" }), "Value: from must not be empty"),
        (js!({ type: "bind", to: "/b", from: "/f\0" }), "Value: from must be a string without null bytes"),
        (
            js!({ type: "bind", to: "/b", from: (-1) }),
            "Range: from must be an integer from 0 to 2147483647, not -1",
        ),
        (
            js!({ type: "bind", to: "/b", from: true }),
            "Type: from must be a path or a file descriptor, not true",
        ),
        (
            js!({ type: "bind", to: "/b", from: "/f", recursive: 0 }),
            "Type: recursive must be true or false, not 0",
        ),
        (
            js!({ type: "bind", to: "/b", from: "/f", idmap: true }),
            "Unsupported: idmap is not supported by this version of container-spawn",
        ),
    ] {
        assert_eq!(refused(written), [problem]);
    }
    assert_eq!(refused_container(js!({ fs: [null] })), ["Type: fs[0] must be an object, not null"]);
    assert_eq!(refused_container(js!({ fs: [false] })), ["Type: fs[0] must be an object, not false"]);
    assert_eq!(
        refused_container(js!({ fs: {} })),
        ["Type: fs must be an array of file systems, not an object"]
    );
}

#[test]
fn types_of_later_versions_are_no_typos() {
    for name in ["sysfs", "devpts", "mqueue", "cgroup", "dev", "dir", "symlink", "file", "mask", "readonly"] {
        let problem =
            format!("Unsupported: type \"{name}\" is not supported by this version of container-spawn");
        assert_eq!(refused(js!({ type: name, to: "/x", target: "y" })), [problem]);
    }
}

#[test]
fn wrong_overlays_are_refused() {
    let alone = |this: &str, other: &str| {
        format!(
            "Value: {this} needs {other} beside it: overlayfs prepares in work what it then moves to upper, \
             so it takes both, on one file system"
        )
    };
    let apart = "Value: work must be neither container.fs[0].upper nor inside it nor around it: \
                 overlayfs wants two separate directories";
    let ephemeral = |this: &str| {
        format!(
            "Value: {this} contradicts ephemeral, which keeps what is written in memory: \
                leave one of them out"
        )
    };
    let with = |more: Value| {
        let Value::Object(mut keys) = js!({ type: "overlayfs", to: "/o", lower: ["/l"] }) else {
            unreachable!("it is an object")
        };
        let Value::Object(more) = more else { unreachable!("so is this") };
        keys.retain(|(key, _)| !more.iter().any(|(other, _)| other == key));
        keys.extend(more);
        Value::Object(keys)
    };
    for (more, problem) in [
        (js!({ lower: undefined }), "Type: lower is required: an array of directories".to_owned()),
        (js!({ lower: "/l" }), "Type: lower must be an array of directories, not \"/l\"".into()),
        (js!({ lower: [] }), "Value: lower must be from 1 to 500 directories, not 0".into()),
        (
            js!({ lower: (vec![js!("/l"); 501]) }),
            "Value: lower must be from 1 to 500 directories, not 501".into(),
        ),
        (js!({ lower: [""] }), "Value: lower[0] must not be empty".into()),
        (js!({ lower: ["/l", "/\0"] }), "Value: lower[1] must be a string without null bytes".into()),
        (js!({ lower: [1] }), "Type: lower[0] must be a string, not 1".into()),
        (js!({ upper: "/u" }), alone("upper", "work")),
        (js!({ work: "/w" }), alone("work", "upper")),
        (js!({ upper: "/u", work: "/u" }), apart.into()),
        (js!({ upper: "/u", work: "/./u//" }), apart.into()),
        (js!({ upper: "/u", work: "/u/w" }), apart.into()),
        (js!({ upper: "/w/u", work: "/w" }), apart.into()),
        (js!({ upper: "u", work: "./u/w" }), apart.into()),
        (js!({ upper: "/u\0", work: "/w" }), "Value: upper must be a string without null bytes".into()),
        (js!({ upper: "/u", work: "" }), "Value: work must not be empty".into()),
        (js!({ upper: "/u", work: "/w", ephemeral: true }), ephemeral("upper")),
        (js!({ work: "/w", ephemeral: true }), ephemeral("work")),
        (js!({ ephemeral: "yes" }), "Type: ephemeral must be true or false, not \"yes\"".into()),
        (js!({ uper: "/u" }), "Unknown: uper is an unknown option; did you mean \"upper\"?".into()),
    ] {
        assert_eq!(refused(with(more)), [problem]);
    }
    let nested =
        js!({ type: "overlayfs", to: "/o", options: { overlayfs: { lower_dirs: [""], upper_dir: "/u" } } });
    assert_eq!(
        refused(nested),
        [
            "Value: options.overlayfs.lower_dirs[0] must not be empty".to_owned(),
            alone("options.overlayfs.upper_dir", "work"),
        ],
        "problems name the option as it was written"
    );
}
