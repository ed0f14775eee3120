//! systemd as a maker of cgroups: transient scopes, over D-Bus.
//!
//! A client of our own, of exactly the size that this takes: blocking, with a deadline on everything, a few method
//! calls and one signal. zbus would bring some 70 crates and an asynchronous executor into a process that has Node's
//! event loop already; libdbus and sd-bus are C libraries that a machine may lack, and that an addon would have to
//! find when it runs.
//!
//! The wire protocol is that of the [D-Bus specification]; methods, signals and properties are those of
//! org.freedesktop.systemd1(5).
//!
//! [D-Bus specification]: https://dbus.freedesktop.org/doc/dbus-specification.html

mod address;
mod connection;
mod message;
mod refused;
#[cfg(test)]
mod tests;
mod value;
mod wire;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::time::Duration;

use address::{Route, routes};
use connection::{Connection, Deadline};
use message::{Call, Kind, Message};
use wire::Writer;

pub use refused::{Refused, Why};
pub use value::Value;

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// Signals of one unit's jobs that are kept until it is known which of them matters. There should be one.
const KEPT_SIGNALS: usize = 64;

/// Whose systemd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Instance {
    /// The machine's, pid 1.
    System,
    /// This user's.
    User,
}

/// A connection to systemd.
///
/// Meant to be made for a container and dropped. Kept, it costs nothing on a bus; but to a private connection systemd
/// sends all of its signals, and hangs up once too many are unread.
pub struct Systemd {
    connection: Connection,
    /// Whether a bus is between us.
    bus: bool,
    patience: Duration,
}

/// A job's end, as JobRemoved tells it.
struct Ended {
    sender: String,
    job: String,
    result: String,
}

impl Systemd {
    /// Connect: over the bus, or to systemd itself where there is no bus with a systemd. `patience` is for this, and
    /// for each of the calls later on.
    ///
    /// The environment that counts is the one that this process was started with: any thread may read that at any time.
    pub fn connect(instance: Instance, patience: Duration) -> Result<Systemd, Refused> {
        let user = nix::unistd::geteuid().as_raw();
        Systemd::by(&routes(instance, |name| variable(initial_environment(), name), user), patience)
    }

    /// By the first of these ways that leads to a systemd. One that hangs leaves time for the others.
    fn by(routes: &[Route], patience: Duration) -> Result<Systemd, Refused> {
        let deadline = Deadline::after(patience);
        let mut refused = Vec::new();
        for (route, ways_left) in routes.iter().zip((1..=routes.len() as u32).rev()) {
            let share = deadline.left().map(|left| left.checked_div(ways_left).unwrap_or(left));
            match share.and_then(|share| Systemd::along(route, Deadline::after(share))) {
                Ok(connection) => return Ok(Systemd { connection, bus: route.bus, patience }),
                Err(why) => refused.push(why.of(format!("connect to {}", route.shown))),
            }
        }
        Err(Why::Unreachable(refused).of("no way to systemd"))
    }

    fn along(route: &Route, deadline: Deadline) -> Result<Connection, Why> {
        let mut connection = Connection::open(route.address.as_ref().ok_or(Why::Address)?, deadline)?;
        if route.bus {
            connection.call(bus_call("Hello", None), deadline, |_| ())?;
            // A bus without a systemd is not for us. And a call to a name without an owner would have it activated,
            // which takes the bus its own time.
            connection.call(bus_call("GetNameOwner", Some(SYSTEMD)), deadline, |_| ())?;
        }
        Ok(connection)
    }

    /// Make a transient scope with these properties, of which PIDs is needed, and wait until it is there.
    ///
    /// After an error other than [`Why::Bus`] the scope may have come to be, or still come; it goes when its process
    /// ends.
    pub fn start_scope(&mut self, name: &str, properties: &[(&str, Value)]) -> Result<(), Refused> {
        let deadline = Deadline::after(self.patience);
        let rule = format!(
            "type='signal',sender='{SYSTEMD}',path='{MANAGER_PATH}',interface='{MANAGER}',member='JobRemoved',\
             arg2='{name}'"
        );
        self.listen(&rule, deadline)?;
        let result = self.start_and_wait(name, properties, deadline);
        // Nobody waits for these: if they are lost, so is the connection.
        let _ = self.connection.send(Call { silent: true, ..manager_call("Unsubscribe") }, deadline);
        if self.bus {
            let call = Call { silent: true, ..bus_call("RemoveMatch", Some(&rule)) };
            let _ = self.connection.send(call, deadline);
        }
        result
    }

    /// Before the job exists: it may be done before we would hear of it.
    fn listen(&mut self, rule: &str, deadline: Deadline) -> Result<(), Refused> {
        if self.bus {
            self.call(bus_call("AddMatch", Some(rule)), "", deadline, |_| ())?;
        }
        match self.call(manager_call("Subscribe"), "", deadline, |_| ()) {
            Err(refused) if refused.error_name() == Some("org.freedesktop.systemd1.AlreadySubscribed") => {
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn start_and_wait(
        &mut self,
        name: &str,
        properties: &[(&str, Value)],
        deadline: Deadline,
    ) -> Result<(), Refused> {
        let mut call = manager_call("StartTransientUnit");
        call.signature = "ssa(sv)a(sa(sv))";
        call.body.string(name);
        // Not "replace": another's unit of this name, or its jobs, are not ours to touch.
        call.body.string("fail");
        value::write_properties(&mut call.body, properties);
        call.body.array(8, |_no_other_units| ());
        let mut heard = Vec::new();
        let reply = self.call(call, name, deadline, |signal| {
            if heard.len() < KEPT_SIGNALS {
                heard.extend(job_removed(signal, name));
            }
        })?;
        let result = self.result_of_job(&reply, heard, name, deadline);
        result.map_err(|why| why.of(format!("StartTransientUnit {name}")))
    }

    /// Wait for the job that `reply` names. `heard` is what was faster than the reply.
    fn result_of_job(
        &mut self,
        reply: &Message,
        heard: Vec<Ended>,
        name: &str,
        deadline: Deadline,
    ) -> Result<(), Why> {
        let job = reply.body("o")?.string()?;
        // Anybody on the bus can send us a signal. Only of systemd's we know that it has taken the job.
        let is_it = |ended: &Ended| ended.job == job && ended.sender == reply.sender;
        let mut found = heard.into_iter().find(is_it);
        while found.is_none() {
            found = job_removed(&self.connection.receive(deadline)?, name).filter(is_it);
        }
        match found {
            Some(ended) if ended.result != "done" => Err(Why::Job(ended.result)),
            _ => Ok(()),
        }
    }

    /// Have a process moved to a group below that of a unit that is delegated: `group` is absolute, from there.
    pub fn attach(&mut self, name: &str, group: &str, pid: u32) -> Result<(), Refused> {
        let mut call = manager_call("AttachProcessesToUnit");
        call.signature = "ssau";
        call.body.string(name);
        call.body.string(group);
        call.body.array(4, |to| to.u32(pid));
        self.call(call, name, Deadline::after(self.patience), |_| ()).map(drop)
    }

    fn call(
        &mut self,
        call: Call,
        about: &str,
        deadline: Deadline,
        heard: impl FnMut(&Message),
    ) -> Result<Message, Refused> {
        let what = format!("{} {about}", call.member);
        self.connection.call(call, deadline, heard).map_err(|why| why.of(what.trim_end()))
    }
}

/// Kept once it could be read: while a child of ours shares our memory, it may not be.
fn initial_environment() -> &'static [u8] {
    static READ: OnceLock<Vec<u8>> = OnceLock::new();
    if READ.get().is_none()
        && let Ok(environment) = std::fs::read("/proc/self/environ")
    {
        let _ = READ.set(environment);
    }
    READ.get().map_or(&[], Vec::as_slice)
}

/// One of `KEY=value`, each with a NUL after it.
fn variable(environment: &[u8], name: &str) -> Option<OsString> {
    let value = |entry: &[u8]| {
        Some(OsStr::from_bytes(entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?).to_owned())
    };
    environment.split(|byte| *byte == 0).find_map(value)
}

fn manager_call(member: &str) -> Call<'_> {
    Call { destination: SYSTEMD, path: MANAGER_PATH, interface: MANAGER, member, ..Call::default() }
}

/// A call to the bus itself.
fn bus_call<'a>(member: &'a str, argument: Option<&str>) -> Call<'a> {
    let mut body = Writer::default();
    argument.iter().for_each(|text| body.string(text));
    let signature = if argument.is_some() { "s" } else { "" };
    Call { destination: BUS, path: BUS_PATH, interface: BUS, member, signature, body, silent: false }
}

/// What a signal says of the end of a job of this unit, if that is what it is about.
fn job_removed(message: &Message, unit: &str) -> Option<Ended> {
    let wanted =
        message.kind == Kind::Signal && message.member == "JobRemoved" && message.interface == MANAGER;
    let mut body = message.body("uoss").ok().filter(|_| wanted && message.path == MANAGER_PATH)?;
    let _id = body.u32().ok()?;
    let job = body.string().ok()?.to_owned();
    let is_units = body.string().ok()? == unit;
    let result = body.string().ok()?.to_owned();
    is_units.then(|| Ended { sender: message.sender.clone(), job, result })
}
