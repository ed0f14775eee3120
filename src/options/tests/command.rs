//! The options outside `container`.

use super::super::{Value, read};
use super::js::js;
use super::{accepted, refused};
use crate::config::{CgroupDirectory, Stdio};

/// A request that is right, with one key put in or replaced.
fn but(key: &str, value: Value) -> Value {
    let Value::Object(mut keys) = js!({ cmd: ["true"], env: {}, stdio: ["ignore", "ignore", "ignore"] })
    else {
        unreachable!("it is an object")
    };
    keys.retain(|(name, _)| name != key);
    keys.push((key.to_owned(), value));
    Value::Object(keys)
}

fn strings(texts: &[std::ffi::CString]) -> Vec<&str> {
    texts.iter().map(|text| text.to_str().expect("UTF-8")).collect()
}

#[test]
fn the_least_request_is_read() {
    let config = accepted(&but("cmd", js!(["ls", "-l"])));
    assert_eq!(strings(&config.command.argv), ["ls", "-l"]);
    assert_eq!(config.command.file.as_c_str(), c"ls");
    assert!(config.command.env.is_empty());
    assert_eq!(config.command.search_path, None);
    assert_eq!(config.command.cwd, None);
    assert_eq!(config.stdio, [Stdio::Ignore; 3]);
    assert!(!config.detached);
    assert_eq!((config.uid, config.gid), (None, None));
    assert_eq!(config.container, None);
}

#[test]
fn a_whole_request_is_read() {
    let config = accepted(&js!({
        cmd: ["node", (&b"\xff"[..]), ""],
        argv0: "-node",
        cwd: "a/../b",
        env: { A: "1=2", PATH: "/bin:/usr/bin", PATHS: "x", E: "", gone: undefined },
        stdio: ["pipe", "inherit", "ignore", 7, "pipe"],
        detached: true,
        uid: 0,
        gid: 4294967294i64,
        container: {},
    }));
    let argv: Vec<&[u8]> = config.command.argv.iter().map(|argument| argument.as_bytes()).collect();
    assert_eq!(argv, [&b"-node"[..], b"\xff", b""]);
    assert_eq!(config.command.file.as_c_str(), c"node", "argv0 does not change what is executed");
    assert_eq!(strings(&config.command.env), ["A=1=2", "PATH=/bin:/usr/bin", "PATHS=x", "E="]);
    assert_eq!(config.command.search_path.as_deref(), Some(c"/bin:/usr/bin"));
    assert_eq!(config.command.cwd.as_deref(), Some(c"a/../b"));
    let stdio = [Stdio::Pipe, Stdio::Inherit, Stdio::Ignore, Stdio::Fd(7), Stdio::Pipe];
    assert_eq!(config.stdio, stdio);
    assert!(config.detached);
    assert_eq!((config.uid, config.gid), (Some(0), Some(u32::MAX - 1)));
    assert!(config.container.is_some());
}

#[test]
fn what_is_not_asked_for_is_as_good_as_missing() {
    let plain = accepted(&but("cmd", js!(["true"])));
    for key in ["argv0", "cwd", "detached", "uid", "gid", "container", "terminal", "cgroup"] {
        for nothing in [Value::Undefined, Value::Null, Value::Bool(false)] {
            assert_eq!(accepted(&but(key, nothing)), plain, "{key}");
        }
    }
}

#[test]
fn each_mistake_is_named() {
    for (key, value, problem) in [
        ("cmd", js!("ls"), "Type: cmd must be an array of strings, not \"ls\""),
        ("cmd", js!(undefined), "Type: cmd is required: an array of strings"),
        ("cmd", js!(false), "Type: cmd is required: an array of strings"),
        ("cmd", js!([]), "Type: cmd must not be empty"),
        ("cmd", js!([""]), "Value: cmd[0] must not be empty"),
        ("cmd", js!([(&b""[..])]), "Value: cmd[0] must not be empty"),
        ("cmd", js!(["a", 5]), "Type: cmd[1] must be a string or a byte array, not 5"),
        ("cmd", js!(["a", false]), "Type: cmd[1] must be a string or a byte array, not false"),
        ("cmd", js!(["a", "b\0c"]), "Value: cmd[1] must be a string without null bytes"),
        ("cmd", js!([(&b"a\0"[..])]), "Value: cmd[0] must be a string without null bytes"),
        ("argv0", js!(5), "Type: argv0 must be a string, not 5"),
        ("argv0", js!("a\0"), "Value: argv0 must be a string without null bytes"),
        ("cwd", js!(""), "Value: cwd must not be empty"),
        ("cwd", js!("/a\0"), "Value: cwd must be a string without null bytes"),
        ("cwd", js!(0), "Type: cwd must be a string, not 0"),
        ("env", js!(["A=1"]), "Type: env must be an object, not an array"),
        ("env", js!({ A: 1 }), "Type: env[\"A\"] must be a string, not 1"),
        ("env", js!({ A: null }), "Type: env[\"A\"] must be a string, not null"),
        ("env", js!({ A: "1\0" }), "Value: env[\"A\"] must be a string without null bytes"),
        (
            "env",
            js!({ "": "1" }),
            "Value: env[\"\"] must have a name that is not empty and has no \"=\" in it",
        ),
        (
            "env",
            js!({ "A=": "1" }),
            "Value: env[\"A=\"] must have a name that is not empty and has no \"=\" in it",
        ),
        (
            "stdio",
            js!("pipe"),
            "Type: stdio must be an array of \"pipe\", \"ignore\", \"inherit\" and file \
                descriptors, not \"pipe\"",
        ),
        (
            "stdio",
            js!(["pipe", "pipe"]),
            "Value: stdio must have at least 3 elements (stdin, stdout, stderr), not 2",
        ),
        (
            "stdio",
            js!(["pipe", "pip", 2]),
            "Value: stdio[1] must be \"pipe\", \"ignore\", \"inherit\" or a file descriptor, not \"pip\"",
        ),
        (
            "stdio",
            js!([0, 1, null]),
            "Type: stdio[2] must be \"pipe\", \"ignore\", \"inherit\" or a file descriptor, not null",
        ),
        ("stdio", js!([0, 1, (-1)]), "Range: stdio[2] must be an integer from 0 to 2147483647, not -1"),
        ("stdio", js!([0, 1, 1.5]), "Range: stdio[2] must be an integer from 0 to 2147483647, not 1.5"),
        ("detached", js!(1), "Type: detached must be true or false, not 1"),
        ("uid", js!(-1), "Range: uid must be an integer from 0 to 4294967294, not -1"),
        ("uid", js!(4294967295i64), "Range: uid must be an integer from 0 to 4294967294, not 4294967295"),
        ("uid", js!("root"), "Type: uid must be a number, not \"root\""),
        ("uid", js!(true), "Type: uid must be a number, not true"),
        ("gid", js!(f64::NAN), "Range: gid must be an integer from 0 to 4294967294, not NaN"),
        ("gid", js!(1e300), "Range: gid must be an integer from 0 to 4294967294, not 1e300"),
        ("container", js!(true), "Type: container must be an object, not true"),
        ("container", js!("user"), "Type: container must be an object, not \"user\""),
        ("container", js!(0), "Type: container must be an object, not 0"),
        ("container", js!([]), "Type: container must be an object, not an array"),
        ("contaner", js!({}), "Unknown: contaner is an unknown option; did you mean \"container\"?"),
        ("stdot", js!("pipe"), "Unknown: stdot is an unknown option; did you mean \"stdout\"?"),
        ("on_exit", js!(0), "Unknown: on_exit is an unknown option; did you mean \"onExit\"?"),
        ("timeuot", js!(5), "Unknown: timeuot is an unknown option; did you mean \"timeout\"?"),
        ("stdin", js!("pipe"), "Unknown: stdin is an unknown option; did you mean \"stdio\"?"),
        ("detach", js!(false), "Unknown: detach is an unknown option; did you mean \"detached\"?"),
        (
            "x y\0",
            js!(1),
            "Unknown: [\"x y\\0\"] is an unknown option; known here: cmd, argv0, cwd, env, \
                stdio, detached, uid, gid, container, terminal, cgroup",
        ),
    ] {
        assert_eq!(refused(&but(key, value)), [problem]);
    }
    let environment = Value::Object(vec![("A\0".to_owned(), js!("1"))]);
    let problem = "Value: env[\"A\\0\"] must be a string without null bytes";
    assert_eq!(refused(&but("env", environment)), [problem]);
    let problem = "Unknown: container[\"a b\"] is an unknown option; known here: ";
    assert!(refused(&but("container", js!({ "a b": 1 })))[0].starts_with(problem));
    assert_eq!(refused(&js!("ls")), ["Type: options must be an object, not \"ls\""]);
    assert_eq!(refused(&js!(undefined)), ["Type: options must be an object, not undefined"]);
}

#[test]
fn a_cgroup_is_a_path_or_a_descriptor() {
    let cgroup = |value| accepted(&but("cgroup", value)).cgroup;
    assert_eq!(cgroup(js!("/sys/fs/cgroup/x")), Some(CgroupDirectory::Path(c"/sys/fs/cgroup/x".to_owned())));
    assert_eq!(cgroup(js!(7)), Some(CgroupDirectory::Fd(7)));
    for (value, problem) in [
        (js!(true), "Type: cgroup must be a directory's path or file descriptor, not true"),
        (js!(-1), "Range: cgroup must be an integer from 0 to 2147483647, not -1"),
        (js!("/x\0"), "Value: cgroup must be a string without null bytes"),
    ] {
        assert_eq!(refused(&but("cgroup", value)), [problem]);
    }
}

#[test]
fn all_problems_are_reported_together() {
    let problems = refused(&js!({
        cmd: ["", 1],
        cwd: "",
        env: { "=": "", B: 2 },
        stdio: [null],
        uid: (-1),
        timeuot: 1,
        containr: {},
        container: {
            namespace: { user: "x", pid: { ini: true }, mount: false, uts: { hostname: "" }, tim: true },
            root: "",
            fs: [{ type: "tmpfs", to: "x", size: "1.5", mode: (-1) }, { type: "bnd" }, 5],
            limit: { cpu: 0, memory: 0, pids: 0 },
            setupTimeout: 0,
            rlimit: {},
            security: { noNewPrivileges: 1, seccomp: "default" },
        },
    }));
    let options: Vec<&str> = problems.iter().filter_map(|problem| problem.split(' ').nth(1)).collect();
    assert_eq!(
        options,
        [
            "cmd[0]",
            "cmd[1]",
            "cwd",
            "env[\"=\"]",
            "env[\"B\"]",
            "stdio[0]",
            "uid",
            "container.namespace.user",
            "container.namespace.pid.ini",
            "container.namespace.mount",
            "container.namespace.uts.hostname",
            "container.namespace.tim",
            "container.root",
            "container.fs[0].to",
            "container.fs[0].size",
            "container.fs[0].mode",
            "container.fs[1].type",
            "container.fs[2]",
            "container.limit.cpu",
            "container.limit.memory",
            "container.limit.pids",
            "container.security.noNewPrivileges",
            "container.security.seccomp",
            "container.setupTimeout",
            "container.rlimit",
            "timeuot",
            "containr",
        ]
    );
}

#[test]
fn problems_are_an_error_with_a_line_each() {
    let problems = read(&js!({ cmd: [], env: {}, stdio: 0 })).expect_err("it is wrong");
    let lines: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0], "cmd must not be empty");
}
