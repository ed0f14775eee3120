//! `root`.

use std::ffi::CString;

use super::super::Value;
use super::js::js;
use super::{container, refused_container};
use crate::config::{Root, RootFrom, RootOverlay};

fn root(root: Value) -> Root {
    let mount = container(js!({ root: root })).mount.expect("a root implies it");
    assert!(mount.fs.is_empty());
    mount.root.expect("it was asked for")
}

fn here(path: &str) -> CString {
    let here = std::env::current_dir().expect("tests run in a directory");
    CString::new(format!("{}/{path}", here.display())).expect("without NUL")
}

#[test]
fn a_path_is_short_for_a_directory() {
    for (written, path) in
        [("/mnt", c"/mnt".to_owned()), ("rootfs/..", here("rootfs/..")), ("./host", here("./host"))]
    {
        let from = RootFrom::Directory(path);
        let expected = Root { from, readonly: false, overlay: RootOverlay::None };
        assert_eq!(root(js!(written)), expected);
        assert_eq!(root(js!({ from: written, readonly: false, overlay: false })), expected);
    }
}

#[test]
fn every_setting_is_read() {
    assert_eq!(
        root(js!({ from: "host", readonly: true })),
        Root { from: RootFrom::Host, readonly: true, overlay: RootOverlay::None }
    );
    assert_eq!(
        root(js!({ from: "host", overlay: true })),
        Root { from: RootFrom::Host, readonly: false, overlay: RootOverlay::Ephemeral }
    );
    let kept = RootOverlay::Kept(here("changes"));
    assert_eq!(
        root(js!({ from: "/mnt", readonly: true, overlay: "changes" })),
        Root { from: RootFrom::Directory(c"/mnt".into()), readonly: true, overlay: kept },
        "what was changed before, to be looked at"
    );
}

#[test]
fn wrong_roots_are_refused() {
    let from = "a directory, or \"host\" for the host's own tree";
    for (root, problem) in [
        (js!(""), "Value: root must not be empty".to_owned()),
        (js!("/a\0"), "Value: root must be a string without null bytes".into()),
        (
            js!("host"),
            "Value: root must be { from: \"host\" } for the host's own tree, or \"./host\" for a directory"
                .into(),
        ),
        (js!(0), "Type: root must be a path or an object, not 0".into()),
        (js!(true), "Type: root must be a path or an object, not true".into()),
        (js!({}), format!("Type: root.from is required: {from}")),
        (js!({ from: 5 }), format!("Type: root.from must be {from}, not 5")),
        (js!({ from: {} }), format!("Type: root.from must be {from}, not an object")),
        (js!({ from: "" }), "Value: root.from must not be empty".into()),
        (
            js!({ from: { image: "x.tar" } }),
            "Unsupported: root.from.image is not supported by this version of container-spawn".into(),
        ),
        (
            js!({ from: "/", readonly: "yes" }),
            "Type: root.readonly must be true or false, not \"yes\"".into(),
        ),
        (
            js!({ from: "/", overlay: 0 }),
            "Type: root.overlay must be true, or a directory to keep what is written, not 0".into(),
        ),
        (js!({ from: "/", overlay: "" }), "Value: root.overlay must not be empty".into()),
        (
            js!({ from: "/", overlay: "a\0" }),
            "Value: root.overlay must be a string without null bytes".into(),
        ),
        (
            js!({ from: "/", read_only: true }),
            "Unknown: root.read_only is an unknown option; did you mean \"readonly\"?".into(),
        ),
        (
            js!({ from: "/", to: "/" }),
            "Unknown: root.to is an unknown option; known here: from, readonly, overlay".into(),
        ),
    ] {
        assert_eq!(refused_container(js!({ root: root })), [problem]);
    }
}
