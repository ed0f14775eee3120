//! Plans of typical options on machines that need not be at hand, compared with what is written down in `plans/`.
//!
//! `UPDATE_PLANS=1 cargo test --no-default-features --test plans` writes them anew; read the difference.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::path::Path;

use container_spawn::host::Host;
use container_spawn::lower::lower;
use container_spawn::options::{Value, read};

const MOUNTS: &str = "22 27 0:21 / /proc rw - proc proc rw
23 27 0:22 / /sys rw - sysfs sysfs rw
24 27 0:6 / /dev rw - devtmpfs devtmpfs rw
27 1 254:0 / / rw - ext4 /dev/vda rw
29 27 254:1 / /home rw - ext4 /dev/vdb rw
32 23 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
35 23 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

const DIRECTORIES: &[(&str, &[&str])] = &[("/", &["dev", "etc", "home", "proc", "sys", "usr"])];

fn root_with_cgroup_v1() -> Host {
    Host::fixture(0, (6, 18), MOUNTS, DIRECTORIES).with_cgroup("4:memory:/job\n1:cpu:/\n0::/\n")
}

fn rootless_6_1() -> Host {
    Host::fixture(1000, (6, 1), MOUNTS, DIRECTORIES)
}

fn rootless_6_3() -> Host {
    Host::fixture(1000, (6, 3), MOUNTS, DIRECTORIES)
}

const V2: &str = "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate";
const SERVICE: &str = "/sys/fs/cgroup/system.slice/job.service";
const USERS: &str = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service";

/// An ordinary user on a machine with systemd, in a group of the system's.
fn on_v2(own: &str, files: &[(&str, &str)], writable: &[&str]) -> Host {
    let always = [
        ("/run/systemd/system/x", ""),
        ("/sys/devices/system/cpu/online", "0-7\n"),
        ("/sys/fs/cgroup/system.slice/job.service/cgroup.type", "domain\n"),
        ("/sys/fs/cgroup/system.slice/job.service/cgroup.controllers", "cpu io memory pids\n"),
    ];
    Host::fixture(1000, (6, 12), V2, DIRECTORIES)
        .with_files(&always, writable)
        .with_files(files, &[])
        .with_cgroup(own)
}

fn delegated() -> Host {
    on_v2("0::/system.slice/job.service/container-spawn.leaf\n", &[], &[SERVICE])
}

fn with_user_systemd() -> Host {
    let controllers = format!("{USERS}/cgroup.controllers");
    on_v2(
        "0::/system.slice/job.service\n",
        &[("/run/user/1000/bus", ""), (&controllers, "cpu memory pids\n")],
        &[],
    )
}

fn some_limits() -> Value {
    let limit =
        object(&[("cpu", Value::Number(50.0)), ("memory", text("100M")), ("pids", Value::Number(32.0))]);
    object(&[("namespace", all_true(&["user", "cgroup"])), ("limit", limit)])
}

fn refusal(limit: &[(&str, Value)], host: &Host) -> String {
    let config = read(&request(Some(object(&[("limit", object(limit))])))).expect("valid options");
    match lower(&config, host) {
        Ok(_) => panic!("there is a plan"),
        Err(failure) => failure.to_string(),
    }
}

fn text(value: &str) -> Value {
    Value::String(value.into())
}

fn object(entries: &[(&str, Value)]) -> Value {
    Value::Object(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn list(items: &[Value]) -> Value {
    Value::Array(items.to_vec())
}

fn all_true(keys: &[&str]) -> Value {
    object(&keys.iter().map(|key| (*key, Value::Bool(true))).collect::<Vec<_>>())
}

fn request(container: Option<Value>) -> Value {
    let mut entries = vec![
        ("cmd", list(&[text("sh"), text("-c"), text("exit 7")])),
        ("env", object(&[("PATH", text("/usr/bin:/bin"))])),
        ("stdio", list(&[text("ignore"), text("pipe"), text("inherit")])),
    ];
    entries.extend(container.map(|container| ("container", container)));
    object(&entries)
}

/// The plan as text. The name of a cgroup is different each time.
fn plan(container: Option<Value>, host: &Host) -> String {
    let config = read(&request(container)).expect("valid options");
    let plan = lower(&config, host).unwrap_or_else(|failure| panic!("{failure}"));
    let mut lines = String::new();
    for (index, step) in plan.explain().iter().enumerate() {
        let text = hide_cgroup_name(&step.text);
        let line =
            format!("{index:3} {:8}{:9}{text}  <- {}", step.lane.name(), step.stage.name(), step.option);
        let _ = writeln!(lines, "{}", line.trim_end().trim_end_matches(" <-").trim_end());
    }
    lines
}

fn hide_cgroup_name(text: &str) -> String {
    let mut hidden = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("container-spawn.") {
        let end = after.find(['/', ' ']).unwrap_or(after.len());
        let suffix = if after[..end].ends_with(".scope") { ".scope" } else { "" };
        hidden.push_str(&format!("{before}NAME{suffix}"));
        rest = &after[end..];
    }
    hidden.push_str(rest);
    hidden
}

fn compare(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_PLANS").is_some() {
        std::fs::write(&file, actual).expect("can write the plan");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(actual, expected, "the plan {name} has changed; see the head of tests/plans.rs");
}

#[test]
fn plain() {
    compare("plain", &plan(None, &root_with_cgroup_v1()));
}

#[test]
fn empty_container() {
    compare("empty-container", &plan(Some(object(&[])), &root_with_cgroup_v1()));
}

#[test]
fn all_namespaces() {
    let mut namespace = vec![("uts", object(&[("hostname", text("box"))]))];
    for key in ["user", "pid", "mount", "network", "ipc", "cgroup"] {
        namespace.push((key, Value::Bool(true)));
    }
    namespace.push(("time", object(&[("boottime", Value::Number(-1.5))])));
    compare("all-namespaces", &plan(Some(object(&[("namespace", object(&namespace))])), &rootless_6_3()));
}

#[test]
fn a_time_namespace_before_6_3_is_an_error() {
    let container = object(&[("namespace", object(&[("time", Value::Bool(true))]))]);
    let config = read(&request(Some(container))).expect("valid options");
    let Err(failure) = lower(&config, &rootless_6_1()) else { panic!("there is a plan") };
    assert_eq!(failure.option, "container.namespace.time");
    assert!(failure.to_string().contains("since Linux 6.3, and this is 6.1"), "{failure}");
}

#[test]
fn limits_on_cgroup_v1() {
    let container = object(&[
        ("namespace", all_true(&["cgroup"])),
        ("limit", object(&[("cpu", Value::Number(50.0)), ("memory", text("100M"))])),
    ]);
    compare("limits-on-cgroup-v1", &plan(Some(container), &root_with_cgroup_v1()));
}

#[test]
fn limits_in_a_delegated_group() {
    compare("limits-delegated", &plan(Some(some_limits()), &delegated()));
}

#[test]
fn limits_without_clone_into_cgroup() {
    let mut host = delegated();
    host.clone_into_cgroup = false;
    compare("limits-without-clone-into-cgroup", &plan(Some(some_limits()), &host));
}

#[test]
fn limits_by_the_users_systemd() {
    compare("limits-by-systemd", &plan(Some(some_limits()), &with_user_systemd()));
}

#[test]
fn a_limit_that_cannot_be_had_says_how_to_get_it() {
    let memory = [("memory", text("100M"))];
    let nobody = on_v2("0::/system.slice/job.service\n", &[], &[]);
    for needed in ["ERR_CGROUP_UNAVAILABLE", "loginctl enable-linger", "Delegate=yes"] {
        let refusal = refusal(&memory, &nobody);
        assert!(refusal.contains(needed), "{needed}: {refusal}");
    }
    let cpuset = [("cpuset", text("0"))];
    for (host, needed) in [
        (with_user_systemd(), "/etc/systemd/system/user@.service.d/delegate.conf"),
        (with_user_systemd(), "the cgroup controller \"cpuset\""),
        (delegated(), "the cgroup controller \"cpuset\""),
    ] {
        let refusal = refusal(&cpuset, &host);
        assert!(
            refusal.contains(needed) && refusal.contains("container.limit.cpuset"),
            "{needed}: {refusal}"
        );
    }
    let by_systemd = [("manager", text("systemd")), ("pids", Value::Number(9.0))];
    let refusal = refusal(&by_systemd, &root_with_cgroup_v1());
    assert!(refusal.contains("container.limit.manager") && refusal.contains("version 1"), "{refusal}");
}

#[test]
fn mounts_in_the_order_written() {
    let bind = object(&[
        ("type", text("bind")),
        ("from", text("/usr")),
        ("to", text("/box/usr")),
        ("readonly", Value::Bool(true)),
    ]);
    let tmpfs = object(&[("type", text("tmpfs")), ("to", text("/tmp")), ("size", text("1M"))]);
    let overlay = object(&[
        ("type", text("overlayfs")),
        ("to", text("/data")),
        ("lower", list(&[text("/a"), text("/b:c")])),
        ("ephemeral", Value::Bool(true)),
    ]);
    let container = |fs: &[Value]| {
        object(&[("namespace", all_true(&["user"])), ("fs", list(fs)), ("root", text("/srv/root"))])
    };
    let fs = [bind, tmpfs, overlay];
    compare("mounts-before-6.5", &plan(Some(container(&fs)), &rootless_6_1()));
    compare("mounts", &plan(Some(container(&fs)), &root_with_cgroup_v1()));
}

#[test]
fn host_tree_under_overlays() {
    let root = object(&[("from", text("host")), ("overlay", Value::Bool(true))]);
    compare("host-tree-under-overlays", &plan(Some(object(&[("root", root)])), &root_with_cgroup_v1()));
}

#[test]
fn command_as_pid_1() {
    let pid = object(&[("init", Value::Bool(false))]);
    let container = object(&[("namespace", object(&[("pid", pid)]))]);
    compare("command-as-pid-1", &plan(Some(container), &root_with_cgroup_v1()));
}
