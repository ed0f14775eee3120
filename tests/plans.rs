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
    let Some(start) = text.find("container-spawn.") else { return text.to_owned() };
    let (before, name) = text.split_at(start);
    let rest = name.find('/').map_or("", |end| &name[end..]);
    format!("{before}NAME{rest}")
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
    compare("all-namespaces", &plan(Some(object(&[("namespace", object(&namespace))])), &rootless_6_1()));
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
