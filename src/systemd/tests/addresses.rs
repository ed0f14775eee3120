//! Where systemd is looked for.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::super::address::{Address, Route, routes};
use super::super::{Instance, variable};
use proptest::prelude::*;

fn bus(text: &str) -> Vec<Option<Address>> {
    Route::bus(text.as_ref()).into_iter().map(|route| route.address).collect()
}

fn path(path: &str) -> Option<Address> {
    Some(Address::Path(path.into()))
}

#[test]
fn reads_addresses() {
    assert_eq!(bus("unix:path=/run/bus"), [path("/run/bus")]);
    assert_eq!(bus("unix:guid=0123,path=/run/bus"), [path("/run/bus")]);
    assert_eq!(bus("unix:path=/a%20b%2c%3B"), [path("/a b,;")]);
    assert_eq!(bus("unix:abstract=/tmp/x,guid=1"), [Some(Address::Abstract(b"/tmp/x".to_vec()))]);
    assert_eq!(bus("tcp:host=a,port=1;unix:path=/a;;unix:path=/b;"), [None, path("/a"), path("/b")]);
    assert_eq!(bus(""), []);
}

#[test]
fn does_not_guess() {
    for wrong in [
        "unix:",
        "unix:path",
        "unix:path=/a,abstract=b",
        "unix:path=/a%2",
        "unix:path=%+1",
        "unix:path=%zz",
        "/a",
        "unix:tmpdir=/tmp",
    ] {
        assert_eq!(bus(wrong), [None], "{wrong}");
    }
}

fn shown(instance: Instance, variables: &[(&str, &str)]) -> Vec<(String, bool)> {
    let variable = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value))
    };
    // Nobody has this number, nor a directory.
    let routes = routes(instance, variable, 3_999_999_999);
    routes.into_iter().map(|route| (route.shown, route.bus)).collect()
}

#[test]
fn knows_the_ways() {
    let way = |shown: &str, bus| (shown.to_owned(), bus);
    let private = way("/run/systemd/private", false);
    let default = way("unix:path=/run/dbus/system_bus_socket", true);
    assert_eq!(shown(Instance::System, &[]), [default.clone(), private.clone()]);
    assert_eq!(shown(Instance::System, &[("DBUS_SYSTEM_BUS_ADDRESS", "")]), [default, private.clone()]);
    let set = [("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/a;unix:path=/b")];
    assert_eq!(
        shown(Instance::System, &set),
        [way("unix:path=/a", true), way("unix:path=/b", true), private]
    );

    assert_eq!(shown(Instance::User, &[]), []);
    let runtime = ("XDG_RUNTIME_DIR", "/r");
    let private = way("/r/systemd/private", false);
    assert_eq!(shown(Instance::User, &[runtime]), [way("/r/bus", true), private.clone()]);
    let session = ("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=x");
    assert_eq!(shown(Instance::User, &[runtime, session]), [way("unix:abstract=x", true), private]);
    assert_eq!(shown(Instance::User, &[session]), [way("unix:abstract=x", true)]);
}

#[test]
fn reads_the_environment() {
    let environment =
        b"PATH=/bin\0XDG_RUNTIME_DIR_OLD=/old\0XDG_RUNTIME_DIR=/r=\xff\0XDG_RUNTIME_DIR=/2\0EMPTY=\0bare\0";
    let read = |name| variable(environment, name);
    assert_eq!(read("PATH"), Some("/bin".into()));
    // The first, as getenv(3) has it; the name is all of the name, the value all of the rest.
    assert_eq!(read("XDG_RUNTIME_DIR"), Some(OsStr::from_bytes(b"/r=\xff").to_owned()));
    assert_eq!(read("EMPTY"), Some("".into()));
    for missing in ["bare", "XDG_RUNTIME", "RUNTIME_DIR", "path", "MISSING"] {
        assert_eq!(read(missing), None, "{missing}");
    }
    assert_eq!(variable(b"", "PATH"), None);
    assert_eq!(variable(b"PATH=/cut/off", "PATH"), Some("/cut/off".into()));
}

proptest! {
    #[test]
    fn no_address_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = Route::bus(OsStr::from_bytes(&bytes));
        let _ = variable(&bytes, "A");
        let _ = Route::bus(OsStr::from_bytes(&[b"unix:path=", &bytes[..]].concat()));
    }
}
