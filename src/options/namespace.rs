//! `container.namespace`.

use std::ffi::CString;

use super::idmap;
use super::problem::{ProblemClass, Problems, Read};
use super::reader::{Fields, Given};
use super::value::Value;
use crate::config::{Pid, Time, User, Uts};

/// `HOST_NAME_MAX` of Linux, and the same for the domain.
const LONGEST_NAME: usize = 64;

/// Seconds, some 68 years either way. The kernel's own bound depends on its clocks and is not much wider.
const TIME_BOUND: f64 = 2_147_483_648.0;

const NANOSECONDS: f64 = 1e9;

/// What was said about namespaces.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    pub(crate) user: Option<User>,
    pub(crate) pid: Option<Pid>,
    pub(crate) mount: bool,
    pub(crate) network: bool,
    pub(crate) uts: Option<Uts>,
    pub(crate) ipc: bool,
    pub(crate) cgroup: bool,
    pub(crate) time: Option<Time>,
}

/// All of them. `mounting` is the option that implies a mount namespace, if one does.
pub(crate) fn read(given: &Given, mounting: Option<&Given>, problems: &mut Problems) -> Read<Namespaces> {
    let mut fields = given.fields(problems)?;
    let user = fields.asked("user").map(|given| user(&given, problems)).transpose();
    let pid = fields.asked("pid").map(|given| pid(&given, problems)).transpose();
    let mount = mount(&mut fields, mounting, problems);
    let network = fields.asked("network").map_or(Ok(false), |given| network(&given, problems));
    let uts = fields.asked("uts").map(|given| uts(&given, problems)).transpose();
    let ipc = fields.asked("ipc").map_or(Ok(false), |given| plain(&given, problems));
    let cgroup = fields.asked("cgroup").map_or(Ok(false), |given| plain(&given, problems));
    let time = fields.asked("time").map(|given| time(&given, problems)).transpose();
    fields.finish(problems);
    Ok(Namespaces {
        user: user?,
        pid: pid?,
        mount: mount?,
        network: network?,
        uts: uts?,
        ipc: ipc?,
        cgroup: cgroup?,
        time: time?,
    })
}

/// The settings of a namespace, which `true` leaves at their defaults.
fn settings<'v>(given: &Given<'v>, wanted: &str, problems: &mut Problems) -> Read<Option<Fields<'v>>> {
    match given.value {
        Value::Bool(_) => Ok(None),
        Value::Object(_) => {
            let mut fields = given.fields(problems)?;
            fields.unsupported(&["join"], problems)?;
            Ok(Some(fields))
        }
        _ => Err(given.mismatch(wanted, problems)),
    }
}

/// A namespace without settings.
fn plain(given: &Given, problems: &mut Problems) -> Read<bool> {
    match settings(given, "true or false", problems)? {
        None => given.boolean(problems),
        Some(_) => Err(given.mismatch("true or false", problems)),
    }
}

/// To refuse the namespace and to ask for what needs it cannot both be meant, and it would be the host's
/// mounts that change.
fn mount(fields: &mut Fields, mounting: Option<&Given>, problems: &mut Problems) -> Read<bool> {
    match (fields.said("mount"), mounting) {
        (None, _) => Ok(false),
        (Some(given), Some(mounting)) if !given.is_asked() => {
            let message =
                format!("is false, but {} needs a mount namespace: leave one of them out", mounting.path);
            Err(given.problem(ProblemClass::Value, message, problems))
        }
        (Some(given), _) => plain(&given, problems),
    }
}

fn user(given: &Given, problems: &mut Problems) -> Read<User> {
    if matches!(given.value, Value::String(word) if word == "auto") {
        return Err(given.unsupported(problems));
    }
    let Some(mut fields) = settings(given, "true, false or { uid_map, gid_map }", problems)? else {
        return Ok(User::SelfMap);
    };
    let uid_map = idmap::read(&mut fields, "uid_map", problems);
    let gid_map = idmap::read(&mut fields, "gid_map", problems);
    fields.finish(problems);
    Ok(User::Custom { uid_map: uid_map?, gid_map: gid_map? })
}

fn pid(given: &Given, problems: &mut Problems) -> Read<Pid> {
    let Some(mut fields) = settings(given, "true, false or { init }", problems)? else {
        return Ok(Pid { init: true });
    };
    let init = fields.flag("init", true, problems);
    fields.finish(problems);
    Ok(Pid { init: init? })
}

fn network(given: &Given, problems: &mut Problems) -> Read<bool> {
    let Some(mut fields) = settings(given, r#"true, false or { mode: "loopback" }"#, problems)? else {
        return Ok(true);
    };
    let later = fields.unsupported(&["bridge", "address", "gateway", "ports", "allow"], problems);
    let mode = fields.required("mode", r#""loopback""#, problems).and_then(|given| mode(&given, problems));
    fields.finish(problems);
    later.and(mode).map(|()| true)
}

fn mode(given: &Given, problems: &mut Problems) -> Read<()> {
    match given.string(problems)? {
        "loopback" => Ok(()),
        "bridge" | "user" => Err(given.unsupported(problems)),
        _ => {
            let message = format!(r#"must be "loopback", not {}"#, given.value);
            Err(given.problem(ProblemClass::Value, message, problems))
        }
    }
}

fn uts(given: &Given, problems: &mut Problems) -> Read<Uts> {
    let Some(mut fields) = settings(given, "true, false or { hostname, domainname }", problems)? else {
        return Ok(Uts::default());
    };
    let hostname = fields.asked("hostname").map(|given| name(&given, problems)).transpose();
    let domainname = fields.asked("domainname").map(|given| name(&given, problems)).transpose();
    fields.finish(problems);
    Ok(Uts { hostname: hostname?, domainname: domainname? })
}

fn name(given: &Given, problems: &mut Problems) -> Read<CString> {
    let name = given.c_string_not_empty(problems)?;
    let length = name.as_bytes().len();
    if length > LONGEST_NAME {
        let message = format!("must be at most {LONGEST_NAME} bytes, not {length}");
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    Ok(name)
}

fn time(given: &Given, problems: &mut Problems) -> Read<Time> {
    let Some(mut fields) = settings(given, "true, false or { monotonic, boottime }", problems)? else {
        return Ok(Time::default());
    };
    let monotonic = fields.asked("monotonic").map(|given| offset(&given, problems)).transpose();
    let boottime = fields.asked("boottime").map(|given| offset(&given, problems)).transpose();
    fields.finish(problems);
    Ok(Time { monotonic: monotonic?, boottime: boottime? })
}

/// Seconds, and nanoseconds forward from there.
fn offset(given: &Given, problems: &mut Problems) -> Read<(i64, u32)> {
    let offset = given.number(problems)?;
    if offset.is_nan() || offset.abs() >= TIME_BOUND {
        let message =
            format!("must be a number of seconds, less than {TIME_BOUND} either way, not {}", given.value);
        return Err(given.problem(ProblemClass::Range, message, problems));
    }
    let seconds = offset.floor();
    let nanoseconds = ((offset - seconds) * NANOSECONDS).round();
    if nanoseconds >= NANOSECONDS {
        return Ok((seconds as i64 + 1, 0));
    }
    Ok((seconds as i64, nanoseconds as u32))
}
