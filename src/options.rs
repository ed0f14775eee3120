//! What the caller said, read into a [`Config`].
//!
//! Four rules hold for every option:
//!
//! 1. **All or nothing.** A request is read whole or refused whole. Nothing is skipped, weakened or corrected
//!    in silence, and nothing has happened yet when it is refused.
//! 2. **Strict.** An unknown key, a wrong type, NaN, an absurd number, a NUL byte or a contradiction is a
//!    [`Problem`] that names the option's path (`container.fs[2].to`) and, for a typo, the nearest key. All
//!    problems are found and reported together. An option of a later version is told apart from a typo.
//! 3. **`false`, `undefined` and a missing key are one**: not asked for; `null` too, as in `Bun.spawn`. `0`
//!    and `""` are not: they are values, and mostly wrong ones. A switch that is on by default (`exec`,
//!    `recursive`, `init`, `noNewPrivileges`) is turned off by `false`, and `namespace.mount: false` beside a
//!    `root` or `fs` is a contradiction. An unknown key is reported even when it is `false`.
//! 4. **One spelling.** What was once spelled differently is accepted by one file, `spelling.rs`, and to say
//!    one thing in both spellings is a problem.

use crate::config::{Config, Limit};

mod bytes;
mod command;
mod container;
mod fs;
mod idmap;
mod limit;
mod namespace;
mod near;
mod overlay;
mod path;
pub mod problem;
mod reader;
mod root;
mod spelling;
pub mod value;

#[cfg(test)]
mod tests;

pub use problem::{Problem, ProblemClass, Problems};
pub use value::Value;

use problem::Read;
use reader::Given;

/// The ids that can be changed to; 4294967295 is `(uid_t)-1`, by which the kernel means "leave it".
const LAST_ID: i64 = u32::MAX as i64 - 1;

/// What the JavaScript side has turned into `stdio`, or kept for itself, before a request is made.
const JAVASCRIPT: [&str; 15] = [
    "stdin",
    "stdout",
    "stderr",
    "onExit",
    "timeout",
    "signal",
    "maxBuffer",
    "killSignal",
    "forceKillAfter",
    "ipc",
    "onDisconnect",
    "serialization",
    "lazy",
    "windowsHide",
    "windowsVerbatimArguments",
];

/// Reads a request. The only fact about the machine that it looks up is the current directory, for relative
/// paths.
pub fn read(request: &Value) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    match config(&Given::request(request), &mut problems) {
        Ok(config) if problems.0.is_empty() => Ok(config),
        _ => Err(problems),
    }
}

/// Reads what a running container shall be limited to from now on: the `limit` of `container.update(limit)`.
pub fn read_update(limit: &Value) -> Result<Limit, Problems> {
    let mut problems = Problems::default();
    match limit::read_update(&Given { path: "limit".into(), value: limit }, &mut problems) {
        Ok(limit) if problems.0.is_empty() => Ok(limit),
        _ => Err(problems),
    }
}

fn config(request: &Given, problems: &mut Problems) -> Read<Config> {
    let mut fields = request.fields(problems)?;
    let command = command::command(&mut fields, problems);
    let stdio = command::stdio(&mut fields, problems);
    let detached = fields.flag("detached", false, problems);
    let uid = fields.asked("uid").map(|given| given.integer(0..=LAST_ID, problems)).transpose();
    let gid = fields.asked("gid").map(|given| given.integer(0..=LAST_ID, problems)).transpose();
    let container = fields.asked("container").map(|given| container::read(&given, problems)).transpose();
    let terminal = fields.flag("terminal", false, problems);
    let cgroup = fields.asked("cgroup").map(|given| command::cgroup(&given, problems)).transpose();
    fields.finish_beside(&JAVASCRIPT, problems);
    Ok(Config {
        command: command?,
        stdio: stdio?,
        detached: detached?,
        uid: uid?,
        gid: gid?,
        terminal: terminal?,
        cgroup: cgroup?,
        container: container?,
    })
}
