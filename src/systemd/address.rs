//! Where systemd listens.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Instance;

/// A Unix socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// In the file system.
    Path(PathBuf),
    /// In the network namespace, by name.
    Abstract(Vec<u8>),
}

/// A way to systemd.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The address, as it is to be shown.
    pub shown: String,
    /// Where to; `None` if that is not understood.
    pub address: Option<Address>,
    /// Whether a message bus is there, or systemd itself.
    pub bus: bool,
}

impl Route {
    /// To systemd itself.
    pub fn private(path: impl Into<PathBuf>) -> Route {
        let path = path.into();
        Route { shown: path.display().to_string(), address: Some(Address::Path(path)), bus: false }
    }

    /// To a bus, which may have several addresses: to be tried in their order.
    pub fn bus(addresses: &OsStr) -> Vec<Route> {
        let entries = addresses.as_bytes().split(|byte| *byte == b';').filter(|entry| !entry.is_empty());
        entries
            .map(|entry| Route {
                shown: String::from_utf8_lossy(entry).into_owned(),
                address: parse(entry),
                bus: true,
            })
            .collect()
    }
}

/// The ways there are, the bus first: administrators give rights there, systemd itself only listens to root and to its
/// own user. But it does so without a bus, too.
pub fn routes(instance: Instance, variable: impl Fn(&str) -> Option<OsString>, user: u32) -> Vec<Route> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    match instance {
        Instance::System => {
            let bus = set("DBUS_SYSTEM_BUS_ADDRESS");
            let bus = bus.unwrap_or_else(|| "unix:path=/run/dbus/system_bus_socket".into());
            let mut routes = Route::bus(&bus);
            routes.push(Route::private("/run/systemd/private"));
            routes
        }
        Instance::User => {
            let runtime = set("XDG_RUNTIME_DIR").map(PathBuf::from).or_else(|| default_runtime(user));
            let mut routes = match (set("DBUS_SESSION_BUS_ADDRESS"), &runtime) {
                (Some(bus), _) => Route::bus(&bus),
                (None, Some(runtime)) => {
                    let path = runtime.join("bus");
                    let shown = path.display().to_string();
                    vec![Route { shown, address: Some(Address::Path(path)), bus: true }]
                }
                (None, None) => Vec::new(),
            };
            routes.extend(runtime.map(|runtime| Route::private(runtime.join("systemd/private"))));
            routes
        }
    }
}

/// Where the directory is without the variable, as after su(1) or in a cron job. Somebody else's is not believed.
fn default_runtime(user: u32) -> Option<PathBuf> {
    let directory = Path::new("/run/user").join(user.to_string());
    let metadata = directory.symlink_metadata().ok()?;
    (metadata.is_dir() && metadata.uid() == user).then_some(directory)
}

/// `unix:path=/run/bus,guid=…`
fn parse(entry: &[u8]) -> Option<Address> {
    let mut found = None;
    for pair in entry.strip_prefix(b"unix:")?.split(|byte| *byte == b',') {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (key, value) = (parts.next()?, parts.next()?);
        let address = match key {
            b"path" => Address::Path(PathBuf::from(OsString::from_vec(unescape(value)?))),
            b"abstract" => Address::Abstract(unescape(value)?),
            _ => continue,
        };
        if found.replace(address).is_some() {
            return None;
        }
    }
    found
}

/// `%20` is a space.
fn unescape(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = value.iter().copied();
    let mut unescaped = Vec::new();
    while let Some(byte) = bytes.next() {
        unescaped.push(if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok().filter(|text| !text.starts_with('+'))?;
            u8::from_str_radix(digits, 16).ok()?
        } else {
            byte
        });
    }
    Some(unescaped)
}
