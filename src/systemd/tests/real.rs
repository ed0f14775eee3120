//! A real dbus-daemon, private to the test; and a real systemd, where there is one to play with.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::super::address::{Address, Route};
use super::super::connection::{Connection, Deadline};
use super::super::message::Call;
use super::super::refused::Why;
use super::super::wire::Writer;
use super::super::{BUS, Instance, SYSTEMD, Systemd, Value, bus_call, manager_call};
use super::Scratch;
use super::fake::{PATIENCE, RETURN, job_removed, message};

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A dbus-daemon that listens here, or `None` and a word about it where there is none.
fn dbus_daemon(directory: &Path) -> Option<Running> {
    let config = directory.join("config");
    let socket = directory.join("a bus");
    let listen = format!("<listen>unix:path={}</listen>", socket.display().to_string().replace(' ', "%20"));
    let rules = "<allow own=\"*\"/><allow send_destination=\"*\"/><allow eavesdrop=\"false\"/>";
    let policy = format!("<policy context=\"default\">{rules}</policy>");
    let text = format!("<busconfig><type>session</type>{listen}<auth>EXTERNAL</auth>{policy}</busconfig>");
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("dbus-daemon");
    command.arg("--config-file").arg(&config).args(["--nofork", "--nopidfile", "--print-address"]);
    let Ok(mut child) = command.stdout(Stdio::piped()).spawn() else {
        // Not with a macro, whose output the test harness keeps to itself.
        let _ =
            writeln!(std::io::stderr(), "SKIPPED: there is no dbus-daemon, so the real bus is not tested");
        return None;
    };
    // It says its address once it listens.
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("unix:path="), "{line:?}");
    Some(Running(child))
}

fn bus_client(socket: &Path) -> Connection {
    let deadline = Deadline::after(PATIENCE);
    let mut connection = Connection::open(&Address::Path(socket.into()), deadline).unwrap();
    let hello = connection.call(bus_call("Hello", None), deadline, |_| ()).unwrap();
    let name = hello.body("s").unwrap().string().unwrap().to_owned();
    assert!(name.starts_with(":1."), "{name}");
    assert_eq!(hello.sender, BUS);
    connection
}

#[test]
fn a_real_bus_knows_us() {
    let scratch = Scratch::new();
    let Some(_daemon) = dbus_daemon(scratch.path()) else { return };
    let socket = scratch.path().join("a bus");
    let mut connection = bus_client(&socket);
    let call = Call { destination: "org.example.Missing", ..manager_call("Subscribe") };
    let why = connection.call(call, Deadline::after(PATIENCE), |_| ()).unwrap_err();
    assert!(
        matches!(&why, Why::Bus { name, message }
            if name == "org.freedesktop.DBus.Error.ServiceUnknown" && message.contains("org.example.Missing")),
        "{why}"
    );

    let address = format!("unix:path={}", socket.display().to_string().replace(' ', "%20"));
    let refused = Systemd::by(&Route::bus(address.as_ref()), PATIENCE).err().unwrap();
    assert!(refused.to_string().contains("org.freedesktop.DBus.Error.NameHasNoOwner"), "{refused}");
}

/// The match rule lets the signal of our scope through, and the sender's name in it is what we take it for.
#[test]
fn a_real_bus_brings_the_signal() {
    let scratch = Scratch::new();
    let Some(_daemon) = dbus_daemon(scratch.path()) else { return };
    let socket = scratch.path().join("a bus");
    let mut service = bus_client(&socket);
    let deadline = Deadline::after(PATIENCE);
    let mut request = bus_call("RequestName", Some(SYSTEMD));
    request.signature = "su";
    request.body.u32(0);
    service.call(request, deadline, |_| ()).unwrap();
    let thread = std::thread::spawn(move || {
        let say = |service: &mut Connection, bytes: Vec<u8>| service.write(&bytes, deadline).unwrap();
        loop {
            let call = service.receive(deadline).unwrap();
            let to = [(6, "s", call.sender.as_str())];
            let mut body = Writer::default();
            match call.member.as_str() {
                "Subscribe" => say(&mut service, message(RETURN, &to, call.serial, "", body)),
                "StartTransientUnit" => {
                    say(&mut service, job_removed("", "/job/1", "b.scope", "failed"));
                    say(&mut service, job_removed("", "/job/2", "a.scope", "done"));
                    body.string("/job/2");
                    say(&mut service, message(RETURN, &to, call.serial, "o", body));
                }
                "Unsubscribe" => break,
                _ => {}
            }
        }
    });
    let mut systemd = Systemd::by(&[Route { bus: true, ..Route::private(&socket) }], PATIENCE).unwrap();
    systemd.start_scope("a.scope", &[("PIDs", Value::U32s(vec![1]))]).unwrap();
    thread.join().unwrap();
}

/// Makes scopes, which end with their processes: only where systemd is there to play with, as in a virtual machine. Set
/// CONTAINER_SPAWN_TEST_SYSTEMD to `system` or `user` and run with `--ignored`.
#[test]
#[ignore = "needs a systemd, which CONTAINER_SPAWN_TEST_SYSTEMD names"]
fn a_real_systemd_makes_a_scope() {
    let instance = match std::env::var("CONTAINER_SPAWN_TEST_SYSTEMD").as_deref() {
        Ok("system") => Instance::System,
        Ok("user") => Instance::User,
        other => panic!("CONTAINER_SPAWN_TEST_SYSTEMD is {other:?}"),
    };
    let user = nix::unistd::geteuid().as_raw();
    let routes = super::super::address::routes(instance, |name| std::env::var_os(name), user);
    let mut tried = Vec::new();
    for route in routes {
        let there = matches!(&route.address, Some(Address::Path(path)) if path.exists());
        if there {
            make_a_scope(&route);
            tried.push(if route.bus { "bus" } else { "private" });
        }
    }
    let _ = writeln!(std::io::stderr(), "made a scope by each of these ways: {tried:?}");
    assert!(!tried.is_empty());
    Systemd::connect(instance, PATIENCE).unwrap();
}

fn make_a_scope(route: &Route) {
    let mut systemd = Systemd::by(std::slice::from_ref(route), PATIENCE).unwrap();
    let sleep = Running(Command::new("sleep").arg("600").spawn().unwrap());
    let name = format!("container-spawn-test-{}.scope", sleep.0.id());
    let text = |text: &str| Value::Str(text.into());
    let properties = [
        ("Description", text("a test of container-spawn")),
        ("PIDs", Value::U32s(vec![sleep.0.id()])),
        ("Delegate", Value::Bool(true)),
        ("CollectMode", text("inactive-or-failed")),
    ];
    systemd.start_scope(&name, &properties).unwrap();
    let group = group_of(sleep.0.id());
    assert!(group.ends_with(&format!("/{name}")), "{group}");

    let again = systemd.start_scope(&name, &properties).unwrap_err();
    assert_eq!(again.error_name(), Some("org.freedesktop.systemd1.UnitExists"), "{again}");

    // It is delegated: groups below it are ours to make.
    std::fs::create_dir(format!("/sys/fs/cgroup{group}/below")).unwrap();
    systemd.attach(&name, "/below", sleep.0.id()).unwrap();
    assert_eq!(group_of(sleep.0.id()), format!("{group}/below"));
    let missing = systemd.attach("container-spawn-test-missing.scope", "/below", sleep.0.id()).unwrap_err();
    assert_eq!(missing.error_name(), Some("org.freedesktop.systemd1.NoSuchUnit"), "{missing}");
    let nobody = systemd.start_scope("container-spawn-test-nobody.scope", &[]).unwrap_err();
    let _ = writeln!(std::io::stderr(), "without PIDs: {nobody}");
}

/// Where a process is in the unified hierarchy.
fn group_of(pid: u32) -> String {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap().to_owned()
}
