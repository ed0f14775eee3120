//! `container` itself, `security` and `setupTimeout`.

use std::time::Duration;

use super::super::Value;
use super::js::js;
use super::{container, refused_container};
use crate::config::Container;

fn empty() -> Container {
    Container {
        user: None,
        pid: None,
        mount: None,
        network: false,
        uts: None,
        ipc: false,
        cgroup: false,
        time: None,
        limit: None,
        setup_timeout: Duration::from_secs(10),
        no_new_privileges: true,
    }
}

#[test]
fn an_empty_container_is_one() {
    assert_eq!(container(js!({})), empty());
    assert_eq!(container(js!({ namespace: {}, fs: [], limit: {}, security: {} })), empty());
}

#[test]
fn what_is_not_asked_for_is_as_good_as_missing() {
    for key in [
        "namespace",
        "fs",
        "root",
        "limit",
        "security",
        "rlimit",
        "sysctl",
        "umask",
        "oomScoreAdj",
        "nice",
        "setupTimeout",
        "detached",
    ] {
        for nothing in [Value::Undefined, Value::Null, Value::Bool(false)] {
            assert_eq!(container(Value::Object(vec![(key.to_owned(), nothing)])), empty(), "{key}");
        }
    }
}

#[test]
fn security_is_on_unless_turned_off() {
    assert!(container(js!({ security: { noNewPrivileges: true } })).no_new_privileges);
    assert!(container(js!({ security: { noNewPrivileges: null } })).no_new_privileges);
    assert!(!container(js!({ security: { noNewPrivileges: false } })).no_new_privileges);
    for (security, problem) in [
        (
            js!({ noNewPrivileges: 0 }),
            "Type: security.noNewPrivileges must be true or false, not 0".to_owned(),
        ),
        (
            js!({ noNewPrivs: false }),
            "Unknown: security.noNewPrivs is an unknown option; did you mean \"noNewPrivileges\"?".to_owned(),
        ),
    ] {
        assert_eq!(refused_container(js!({ security: security })), [problem]);
    }
    for key in ["capabilities", "seccomp", "landlock", "apparmor", "selinux"] {
        let security = Value::Object(vec![(key.to_owned(), js!("x"))]);
        let problem =
            format!("Unsupported: security.{key} is not supported by this version of container-spawn");
        assert_eq!(refused_container(js!({ security: security })), [problem]);
    }
}

#[test]
fn options_of_later_versions_are_no_typos() {
    for key in ["rlimit", "sysctl", "umask", "oomScoreAdj", "nice", "detached"] {
        let options = Value::Object(vec![(key.to_owned(), js!(0))]);
        let problem = format!("Unsupported: {key} is not supported by this version of container-spawn");
        assert_eq!(refused_container(options), [problem]);
    }
}

#[test]
fn typos_find_their_option() {
    for (key, problem) in [
        ("namespaces", "Unknown: namespaces is an unknown option; did you mean \"namespace\"?"),
        ("limits", "Unknown: limits is an unknown option; did you mean \"limit\"?"),
        ("setup_timeout", "Unknown: setup_timeout is an unknown option; did you mean \"setupTimeout\"?"),
        ("rlimits", "Unknown: rlimits is an unknown option; did you mean \"rlimit\"?"),
        (
            "mounts",
            "Unknown: mounts is an unknown option; known here: root, fs, namespace, limit, \
                security, setupTimeout",
        ),
    ] {
        // What follows from false is the same, but not what was meant.
        for value in [js!(true), js!(false), js!(null), js!(0)] {
            assert_eq!(refused_container(Value::Object(vec![(key.to_owned(), value)])), [problem]);
        }
        assert_eq!(container(Value::Object(vec![(key.to_owned(), js!(undefined))])), empty());
    }
}

#[test]
fn the_set_up_has_a_time_limit() {
    for (written, milliseconds) in [(1, 1), (500, 500), (i32::MAX, 2_147_483_647)] {
        let timeout = container(js!({ setupTimeout: written })).setup_timeout;
        assert_eq!(timeout, Duration::from_millis(milliseconds));
    }
    for (written, shown) in [
        (js!(0), "0"),
        (js!(-1), "-1"),
        (js!(1.5), "1.5"),
        (js!(2147483648i64), "2147483648"),
        (js!(f64::INFINITY), "Infinity"),
        (js!(f64::NAN), "NaN"),
    ] {
        let problem = format!("Range: setupTimeout must be an integer from 1 to 2147483647, not {shown}");
        assert_eq!(refused_container(js!({ setupTimeout: written })), [problem]);
    }
    let problem = "Type: setupTimeout must be a number, not \"1s\"";
    assert_eq!(refused_container(js!({ setupTimeout: "1s" })), [problem]);
}
