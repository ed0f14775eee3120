//! Whatever is asked, the answer is a configuration or a list of problems that is not empty.

use std::ffi::CString;

use proptest::prelude::*;

use super::super::{Problem, ProblemClass, Value, read, read_update};
use super::js::js;

/// Names that lead on to deeper readers, so that arbitrary trees do not all end at the first key.
const KEYS: &[&str] = &[
    "cmd",
    "argv0",
    "cwd",
    "env",
    "stdio",
    "detached",
    "uid",
    "gid",
    "container",
    "timeout",
    "namespace",
    "user",
    "uid_map",
    "gid_map",
    "inside",
    "inside_id",
    "outside",
    "length",
    "pid",
    "init",
    "mount",
    "network",
    "mode",
    "uts",
    "hostname",
    "time",
    "monotonic",
    "fs",
    "type",
    "to",
    "from",
    "options",
    "overlayfs",
    "lower",
    "upper",
    "work",
    "lower_dirs",
    "tmpfs",
    "size",
    "root",
    "readonly",
    "overlay",
    "limit",
    "cpu",
    "memory",
    "ram",
    "cpuWeight",
    "cpuset",
    "memoryHigh",
    "swap",
    "io",
    "device",
    "rbps",
    "riops",
    "hugetlb",
    "2MB",
    "unified",
    "memory.high",
    "manager",
    "parent",
    "join",
    "setupTimeout",
    "security",
    "noNewPrivileges",
];

const TEXTS: &[&str] = &[
    "",
    "/",
    "/a",
    "a",
    "..",
    "pipe",
    "bind",
    "tmpfs",
    "overlayfs",
    "proc",
    "host",
    "auto",
    "loopback",
    "1.5G",
    "max",
    "0-3,6",
    "8:0",
    "systemd",
    "a.slice",
    "a\0",
];

fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(KEYS).prop_map(str::to_owned), 1 => ".{0,50}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Undefined),
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        prop::num::f64::ANY.prop_map(Value::Number),
        (-2i32..5).prop_map(|number| Value::Number(number.into())),
        "[0-9]{1,30}".prop_map(Value::BigInt),
        prop::sample::select(TEXTS).prop_map(Value::from),
        ".*".prop_map(Value::String),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        Just(Value::Function),
        Just(Value::Other("Date")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..8).prop_map(Value::Object),
        ]
    })
}

/// A request that says something everywhere.
fn full() -> Value {
    js!({
        cmd: ["sh", "-c", "true"],
        argv0: "sh",
        cwd: "/",
        env: { PATH: "/bin", A: "1" },
        stdio: ["pipe", "inherit", 2],
        detached: true,
        uid: 0,
        gid: 0,
        container: {
            namespace: {
                user: {
                    uid_map: [{ inside: 0, outside: 1000, length: 1 },
                              { inside_id: 1, outside_id: 5000, length: 9 }],
                    gid_map: [{ inside: 0, outside: 1000, length: 1 }],
                },
                pid: { init: false },
                mount: true,
                network: { mode: "loopback" },
                uts: { hostname: "a", domainname: "b" },
                ipc: true,
                cgroup: true,
                time: { monotonic: 1.5, boottime: (-1) },
            },
            root: { from: "/mnt", readonly: true, overlay: "/var/changes" },
            fs: [
                { type: "bind", from: "/a", to: "/mnt/a", readonly: true, recursive: true, optional: true },
                { type: "tmpfs", to: "/tmp", size: "1M", mode: 511, exec: false },
                { type: "overlayfs", to: "/o", lower: ["/l"], upper: "/u", work: "/w" },
                { type: "overlayfs", to: "/o", ephemeral: true,
                  options: { overlayfs: { lower_dirs: ["/l"] } } },
                { type: "proc", to: "/proc", suid: false, dev: false },
            ],
            limit: {
                cpu: 50, cpuWeight: 200, cpuset: "0-3,6",
                memory: "1G", memoryHigh: "900M", memoryLow: 0, swap: "max", pids: 100,
                io: [{ device: "8:0", rbps: "1M", wbps: "max" }, { device: "/dev/sdb", riops: 5, wiops: "max" }],
                hugetlb: { "2MB": "1G", "1G": "max" },
                unified: { "memory.oom.group": "0" },
                manager: "systemd", parent: "jobs.slice",
            },
            security: { noNewPrivileges: false },
            setupTimeout: 5,
        },
    })
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(elements) => elements.iter().map(count).sum(),
        Value::Object(keys) => keys.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    }
}

/// Puts another value in place of the one at a position, counted depth first.
fn replace(value: &mut Value, position: &mut usize, with: &Value) {
    if *position == 0 {
        *value = with.clone();
    }
    *position = position.wrapping_sub(1);
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(|element| replace(element, position, with)),
        Value::Object(keys) => keys.iter_mut().for_each(|(_, value)| replace(value, position, with)),
        _ => {}
    }
}

fn check(request: &Value) -> Result<(), TestCaseError> {
    if let Err(problems) = read(request) {
        prop_assert!(!problems.0.is_empty());
        for problem in &problems.0 {
            prop_assert!(!problem.option.is_empty() && !problem.message.is_empty());
            let line = problem.to_string();
            prop_assert!(!line.contains(|c: char| c.is_ascii_control()), "{line:?}");
        }
    }
    Ok(())
}

#[test]
fn a_request_that_says_something_everywhere_is_read() {
    assert_eq!(read(&full()).map_err(|problems| problems.to_string()).err(), None);
}

proptest! {
    #[test]
    fn no_value_panics(value in value()) {
        check(&value)?;
    }

    #[test]
    fn no_update_panics(value in value()) {
        if let Err(problems) = read_update(&value) {
            prop_assert!(!problems.0.is_empty());
            prop_assert!(problems.0.iter().all(|problem| problem.option.starts_with("limit")));
        }
    }

    #[test]
    fn no_request_with_one_value_replaced_panics(position in 0usize..1000, with in value()) {
        let mut request = full();
        let mut position = position % count(&request);
        replace(&mut request, &mut position, &with);
        check(&request)?;
    }

    // No option begins with x. The environment alone takes every name; what huge pages and control files are called is
    // for the options of their own.
    #[test]
    fn no_unknown_key_passes(key in "x[a-z]{1,11}", position in 0usize..1000) {
        let mut request = full();
        let objects = add_key(&mut request, &key, usize::MAX);
        add_key(&mut request, &key, position % objects);
        match read(&request) {
            Ok(config) => {
                let variable = CString::new(format!("{key}=x")).expect("letters");
                prop_assert!(config.command.env.contains(&variable));
            }
            Err(problems) => {
                prop_assert!(!problems.0.is_empty());
                for Problem { class, option, .. } in &problems.0 {
                    let is_name = option.contains(".hugetlb.") || option.contains(".unified.");
                    let wanted = if is_name { ProblemClass::Value } else { ProblemClass::Unknown };
                    prop_assert_eq!(*class, wanted);
                    prop_assert!(option.ends_with(&key));
                }
            }
        }
    }
}

/// Adds a key to the object at a position, counted depth first; returns how many objects there are.
fn add_key(value: &mut Value, key: &str, position: usize) -> usize {
    fn walk(value: &mut Value, key: &str, position: usize, seen: &mut usize) {
        match value {
            Value::Array(elements) => {
                elements.iter_mut().for_each(|element| walk(element, key, position, seen))
            }
            Value::Object(keys) => {
                let this = *seen;
                *seen += 1;
                keys.iter_mut().for_each(|(_, value)| walk(value, key, position, seen));
                if this == position {
                    keys.push((key.to_owned(), Value::from("x")));
                }
            }
            _ => {}
        }
    }
    let mut seen = 0;
    walk(value, key, position, &mut seen);
    seen
}
