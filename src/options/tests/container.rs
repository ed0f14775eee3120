//! `container` itself, `limit`, `security` and `setupTimeout`.

use std::time::Duration;

use super::super::Value;
use super::js::js;
use super::{container, refused_container};
use crate::config::{Container, Limit};

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
fn limits_are_read_in_both_spellings() {
    for (limit, cpu, memory) in [
        (js!({ cpu: 50 }), Some(50.0), None),
        (js!({ cpu: 1 }), Some(1.0), None),
        (js!({ cpu: 12.5, memory: 4096 }), Some(12.5), Some(4096)),
        (js!({ cpu: 819200, memory: "100M" }), Some(819_200.0), Some(100 << 20)),
        (js!({ ram: 104857600 }), None, Some(100 << 20)),
        (js!({ ram: "1.5GiB", memory: undefined }), None, Some(3 << 29)),
        (js!({ ram: false, memory: "64k", pids: false }), None, Some(64 << 10)),
        (js!({ memory: "9223372036854775807" }), None, Some(i64::MAX as u64)),
    ] {
        assert_eq!(container(js!({ limit: limit })).limit, Some(Limit { cpu, memory }));
    }
}

#[test]
fn impossible_cpu_limits_are_refused() {
    for (cpu, shown) in [
        (js!(0), "0"),
        (js!(0.5), "0.5"),
        (js!(-50), "-50"),
        (js!(819201), "819201"),
        (js!(f64::NAN), "NaN"),
        (js!(f64::INFINITY), "Infinity"),
    ] {
        let problem = format!(
            "Range: limit.cpu must be from 1 to 819200 percent of one core, not {shown} \
             (the kernel takes no less than 1 ms in a period of 100 ms)"
        );
        assert_eq!(refused_container(js!({ limit: { cpu: cpu } })), [problem]);
    }
    let problem = "Type: limit.cpu must be a number, not \"50%\"";
    assert_eq!(refused_container(js!({ limit: { cpu: "50%" } })), [problem]);
}

#[test]
fn impossible_memory_limits_are_refused() {
    let syntax = r#"a number of bytes, or a string such as "512", "512K", "1.5G" or "2GiB" (powers of 1024)"#;
    let number = r#"a number of bytes or a string such as "512M""#;
    for (memory, class, problem) in [
        (js!(0), "Range", "at least 4096 bytes, not 0: the kernel counts whole pages".to_owned()),
        (js!("3K"), "Range", "at least 4096 bytes, not \"3K\": the kernel counts whole pages".into()),
        (js!(-1000), "Range", "0 bytes or more, not -1000".into()),
        (js!(4096.5), "Range", "a whole number of bytes, not 4096.5".into()),
        (js!(f64::NAN), "Range", "a finite number of bytes, not NaN".into()),
        (js!(1e22), "Range", "at most 9223372036854775807 bytes, not 1e22".into()),
        (js!("1MB"), "Value", format!("{syntax}, not \"1MB\"")),
        (js!(true), "Type", format!("{number}, not true")),
        (Value::BigInt("1".into()), "Type", format!("{number}, not the bigint 1")),
    ] {
        for key in ["memory", "ram"] {
            let limit = Value::Object(vec![(key.to_owned(), memory.clone())]);
            let problem = format!("{class}: limit.{key} must be {problem}");
            assert_eq!(refused_container(js!({ limit: limit })), [problem]);
        }
    }
}

#[test]
fn wrong_limits_are_refused() {
    for (limit, problem) in [
        (
            js!({ ram: "1G", memory: "1G" }),
            "Value: limit.ram says the same as container.limit.memory: leave one of them out",
        ),
        (js!({ memry: 1 }), "Unknown: limit.memry is an unknown option; did you mean \"memory\"?"),
        (js!({ disk: 1 }), "Unknown: limit.disk is an unknown option; known here: cpu, memory, ram"),
        (js!(5), "Type: limit must be an object, not 5"),
    ] {
        assert_eq!(refused_container(js!({ limit: limit })), [problem]);
    }
}

#[test]
fn limits_of_later_versions_are_no_typos() {
    for key in [
        "cpuWeight",
        "cpuset",
        "memoryHigh",
        "memoryLow",
        "swap",
        "pids",
        "io",
        "hugetlb",
        "unified",
        "manager",
        "parent",
    ] {
        let limit = Value::Object(vec![(key.to_owned(), js!(0))]);
        let problem = format!("Unsupported: limit.{key} is not supported by this version of container-spawn");
        assert_eq!(refused_container(js!({ limit: limit })), [problem]);
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
