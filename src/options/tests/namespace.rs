//! `namespace`, and the id maps in it.

use super::super::Value;
use super::js::js;
use super::{container, refused_container};
use crate::config::{Container, IdMap, Mount, Pid, Time, User, Uts};

fn namespaces(namespace: Value) -> Container {
    container(js!({ namespace: namespace }))
}

fn refused(namespace: Value) -> Vec<String> {
    let problems = refused_container(js!({ namespace: namespace }));
    problems.iter().map(|problem| problem.replacen("namespace.", "", 1)).collect()
}

const KEYS: [&str; 8] = ["user", "pid", "mount", "network", "uts", "ipc", "cgroup", "time"];

#[test]
fn each_is_made_when_asked_for_and_not_else() {
    let none = container(js!({}));
    for key in KEYS {
        let only = |value: Value| namespaces(Value::Object(vec![(key.to_owned(), value)]));
        for nothing in [Value::Undefined, Value::Null, Value::Bool(false)] {
            assert_eq!(only(nothing), none, "{key}");
        }
        let mut expected = none.clone();
        match key {
            "user" => expected.user = Some(User::SelfMap),
            "pid" => expected.pid = Some(Pid { init: true }),
            "mount" => expected.mount = Some(Mount::default()),
            "network" => expected.network = true,
            "uts" => expected.uts = Some(Uts::default()),
            "ipc" => expected.ipc = true,
            "cgroup" => expected.cgroup = true,
            _ => expected.time = Some(Time::default()),
        }
        assert_eq!(only(js!(true)), expected, "{key}");
    }
}

#[test]
fn a_wrong_type_is_refused_and_zero_is_one() {
    for (key, wanted) in [
        ("user", "true, false or { uid_map, gid_map }"),
        ("pid", "true, false or { init }"),
        ("mount", "true or false"),
        ("network", "true, false or { mode: \"loopback\" }"),
        ("uts", "true, false or { hostname, domainname }"),
        ("ipc", "true or false"),
        ("cgroup", "true or false"),
        ("time", "true, false or { monotonic, boottime }"),
    ] {
        for (value, shown) in [(js!(0), "0"), (js!("invalid"), "\"invalid\""), (js!([]), "an array")] {
            let problem = format!("Type: {key} must be {wanted}, not {shown}");
            assert_eq!(refused(Value::Object(vec![(key.to_owned(), value)])), [problem]);
        }
    }
    for key in ["mount", "ipc", "cgroup"] {
        let problem = format!("Type: {key} must be true or false, not an object");
        assert_eq!(refused(Value::Object(vec![(key.to_owned(), js!({}))])), [problem]);
    }
    assert_eq!(refused_container(js!({ namespace: true })), ["Type: namespace must be an object, not true"]);
    let problem = "Unknown: netwrok is an unknown option; did you mean \"network\"?";
    assert_eq!(refused(js!({ netwrok: false })), [problem]);
}

#[test]
fn joining_is_for_a_later_version() {
    for key in KEYS {
        let problem = format!("Unsupported: {key}.join is not supported by this version of container-spawn");
        assert_eq!(refused(Value::Object(vec![(key.to_owned(), js!({ join: 1 }))])), [problem]);
    }
}

#[test]
fn pid_takes_init() {
    for (value, init) in [(js!({}), true), (js!({ init: true }), true), (js!({ init: false }), false)] {
        assert_eq!(namespaces(js!({ pid: value })).pid, Some(Pid { init }));
    }
    assert_eq!(refused(js!({ pid: { init: 0 } })), ["Type: pid.init must be true or false, not 0"]);
}

#[test]
fn network_takes_the_loopback_mode() {
    assert!(namespaces(js!({ network: { mode: "loopback" } })).network);
    for (network, problem) in [
        (js!({}), "Type: network.mode is required: \"loopback\""),
        (js!({ mode: "host" }), "Value: network.mode must be \"loopback\", not \"host\""),
        (
            js!({ mode: "user" }),
            "Unsupported: network.mode \"user\" is not supported by this version of container-spawn",
        ),
        (
            js!({ mode: "bridge" }),
            "Unsupported: network.mode \"bridge\" is not supported by this version of container-spawn",
        ),
        (
            js!({ mode: "loopback", ports: [] }),
            "Unsupported: network.ports is not supported by this version of container-spawn",
        ),
        (
            js!({ mode: "loopback", port: [] }),
            "Unknown: network.port is an unknown option; did you mean \"ports\"?",
        ),
    ] {
        assert_eq!(refused(js!({ network: network })), [problem]);
    }
}

#[test]
fn uts_takes_names() {
    let uts = namespaces(js!({ uts: { hostname: "box", domainname: "local" } })).uts.expect("asked for");
    assert_eq!(uts.hostname.as_deref(), Some(c"box"));
    assert_eq!(uts.domainname.as_deref(), Some(c"local"));
    assert_eq!(namespaces(js!({ uts: {} })).uts, Some(Uts::default()));
    for key in ["hostname", "domainname"] {
        let only = |name: &str| js!({ uts: (Value::Object(vec![(key.to_owned(), js!(name))])) });
        assert!(namespaces(only(&"é".repeat(32))).uts.is_some(), "64 bytes");
        for (name, problem) in [
            ("", "must not be empty"),
            ("a\0", "must be a string without null bytes"),
            (&"a".repeat(65), "must be at most 64 bytes, not 65"),
            (&"é".repeat(33), "must be at most 64 bytes, not 66"),
        ] {
            assert_eq!(refused(only(name)), [format!("Value: uts.{key} {problem}")]);
        }
    }
    assert_eq!(refused(js!({ uts: { hostname: 5 } })), ["Type: uts.hostname must be a string, not 5"]);
}

#[test]
fn time_takes_offsets_in_seconds() {
    for (written, offset) in [
        (js!(0), (0, 0)),
        (js!(3600), (3600, 0)),
        (js!(1.25), (1, 250_000_000)),
        (js!(-1), (-1, 0)),
        (js!(-0.5), (-1, 500_000_000)),
        (js!(-0.0), (0, 0)),
        (js!(1e-12), (0, 0)),
        (js!(-1e-12), (0, 0)),
        (js!(0.9999999999), (1, 0)),
        (js!(2147483647), (2_147_483_647, 0)),
        (js!(-2147483647), (-2_147_483_647, 0)),
    ] {
        let time = namespaces(js!({ time: { monotonic: written, boottime: undefined } })).time;
        assert_eq!(time, Some(Time { monotonic: Some(offset), boottime: None }));
    }
    assert_eq!(
        namespaces(js!({ time: { boottime: 5 } })).time,
        Some(Time { monotonic: None, boottime: Some((5, 0)) })
    );
    for (written, shown) in [
        (js!(2147483648i64), "2147483648"),
        (js!(-2147483648i64), "-2147483648"),
        (js!(f64::NAN), "NaN"),
        (js!(f64::INFINITY), "Infinity"),
    ] {
        let problem = format!(
            "Range: time.boottime must be a number of seconds, less than 2147483648 either way, not {shown}"
        );
        assert_eq!(refused(js!({ time: { boottime: written } })), [problem]);
    }
    assert_eq!(
        refused(js!({ time: { monotonic: "5" } })),
        ["Type: time.monotonic must be a number, not \"5\""]
    );
}

#[test]
fn users_are_mapped_as_written() {
    let user = namespaces(js!({ user: {
        uid_map: [{ inside: 0, outside: 1000, length: 1 },
                  { inside_id: 1, outside_id: 100000, length: 65535 }],
        gid_map: [{ inside: 4294967294i64, outside: 0, length: 1 }],
    } }))
    .user;
    let map = |inside, outside, length| IdMap { inside, outside, length };
    assert_eq!(
        user,
        Some(User::Custom {
            uid_map: vec![map(0, 1000, 1), map(1, 100_000, 65_535)],
            gid_map: vec![map(4_294_967_294, 0, 1)],
        })
    );
}

#[test]
fn id_maps_have_1_to_340_entries() {
    let entries = |count: i32| -> Vec<Value> {
        (0..count).map(|id| js!({ inside: id, outside: (id * 2), length: 1 })).collect()
    };
    let user = |uid_map: Vec<Value>| js!({ user: { uid_map: uid_map, gid_map: (entries(1)) } });
    assert!(namespaces(user(entries(340))).user.is_some());
    for count in [0, 341] {
        let problem = format!("Value: user.uid_map must have from 1 to 340 entries, not {count}");
        assert_eq!(refused(user(entries(count))), [problem]);
    }
}

#[test]
fn both_id_maps_are_required() {
    let wanted = "is required: an array of { inside, outside, length }";
    assert_eq!(
        refused(js!({ user: {} })),
        [format!("Type: user.uid_map {wanted}"), format!("Type: user.gid_map {wanted}")]
    );
    let problem = "Unsupported: user \"auto\" is not supported by this version of container-spawn";
    assert_eq!(refused(js!({ user: "auto" })), [problem]);
}

#[test]
fn wrong_id_maps_are_refused() {
    let id = "must be an integer from 0 to 4294967294";
    for (uid_map, problems) in [
        (js!({}), vec!["Type: M must be an array of { inside, outside, length }, not an object".to_owned()]),
        (js!([0]), vec!["Type: M[0] must be an object, not 0".into()]),
        (
            js!([{}]),
            vec![
                "Type: M[0].inside is required: the first id inside".into(),
                "Type: M[0].outside is required: the first id outside".into(),
                "Type: M[0].length is required: how many ids".into(),
            ],
        ),
        (
            js!([{ inside: (-1), outside: 1.5, length: 0 }]),
            vec![
                format!("Range: M[0].inside {id}, not -1"),
                format!("Range: M[0].outside {id}, not 1.5"),
                "Range: M[0].length must be an integer from 1 to 4294967295, not 0".into(),
            ],
        ),
        (
            js!([{ inside: 4294967295i64, outside: "0", length: 4294967296i64 }]),
            vec![
                format!("Range: M[0].inside {id}, not 4294967295"),
                "Type: M[0].outside must be a number, not \"0\"".into(),
                "Range: M[0].length must be an integer from 1 to 4294967295, not 4294967296".into(),
            ],
        ),
        (
            js!([{ inside: 4294967294i64, outside: 0, length: 2 }]),
            vec!["Range: M[0] reaches beyond the last id, 4294967294: inside 4294967294, length 2".into()],
        ),
        (
            js!([{ inside: 0, outside: 1, length: 4294967295i64 }]),
            vec!["Range: M[0] reaches beyond the last id, 4294967294: outside 1, length 4294967295".into()],
        ),
        (
            js!([{ inside: 0, inside_id: 0, outside: 0, length: 1 }]),
            vec![
                "Value: M[0].inside_id says the same as container.namespace.M[0].inside: leave \
                one of them out"
                    .into(),
            ],
        ),
        (
            js!([{ inside: 0, outside: 0, length: 1, size: 1 }]),
            vec![
                "Unknown: M[0].size is an unknown option; known here: inside, inside_id, outside, \
                outside_id, length"
                    .into(),
            ],
        ),
        (
            js!([{ inside: 0, outside: 0, length: 10 }, { inside: 9, outside: 10, length: 1 }]),
            vec!["Value: M[1] overlaps container.namespace.M[0] in its ids inside".into()],
        ),
        (
            js!([{ inside: 5, outside: 100, length: 1 },
                { inside: 0, outside: 0, length: 9 }, { inside: 7, outside: 8, length: 9 }]),
            vec![
                "Value: M[0] overlaps container.namespace.M[1] in its ids inside".into(),
                "Value: M[2] overlaps container.namespace.M[1] in its ids inside".into(),
                "Value: M[2] overlaps container.namespace.M[1] in its ids outside".into(),
            ],
        ),
    ] {
        let problems: Vec<String> =
            problems.iter().map(|problem| problem.replace('M', "user.uid_map")).collect();
        let gid_map = js!([{ inside: 0, outside: 0, length: 4294967295i64 }]);
        assert_eq!(refused(js!({ user: { uid_map: uid_map, gid_map: gid_map } })), problems);
    }
}

#[test]
fn to_refuse_the_mount_namespace_and_to_mount_is_a_contradiction() {
    let because = |what| {
        format!(
            "Value: namespace.mount is false, but container.{what} needs a mount namespace: \
                leave one of them out"
        )
    };
    let fs = || js!([{ type: "tmpfs", to: "/tmp" }]);
    for (options, problem) in [
        (js!({ namespace: { mount: false }, root: "/mnt" }), because("root")),
        (js!({ namespace: { mount: false }, fs: (fs()) }), because("fs")),
        (js!({ namespace: { mount: false }, root: "/mnt", fs: (fs()) }), because("root")),
    ] {
        assert_eq!(refused_container(options), [problem]);
    }
    for options in
        [js!({ namespace: { mount: false } }), js!({ namespace: { mount: false }, root: false, fs: [] })]
    {
        assert_eq!(container(options).mount, None);
    }
    for options in [
        js!({ namespace: { mount: undefined }, root: "/mnt" }),
        js!({ namespace: { mount: null }, fs: (fs()) }),
        js!({ namespace: { mount: true }, fs: (fs()) }),
        js!({ fs: (fs()) }),
    ] {
        assert!(container(options).mount.is_some());
    }
}
