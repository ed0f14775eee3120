//! What can be done with a container that runs. Whatever may have to wait for the kernel or for systemd is done on a
//! thread of libuv's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::counted::Counted;
use super::report::{Outcome, outcome};
use super::value;
use crate::cgroup::{Stats, Turn};
use crate::config::Limit;
use crate::error::{Error, Failure};
use crate::host::Host;
use crate::process::Process;
use crate::{options, reactor};

/// What came of an operation.
#[napi(object)]
pub struct Done {
    /// What the groups have counted, if that was asked.
    pub stats: Option<Counted>,
}

enum Operation {
    Stats,
    Update(Box<Limit>),
    Freeze(bool),
}

/// An operation on a container's groups, away from the event loop.
pub struct OnGroups {
    /// Or what is wrong with it.
    operation: std::result::Result<Ready, Option<Error>>,
}

/// An operation that can be done.
struct Ready {
    process: Arc<Process>,
    operation: Operation,
    /// Changes are made in the order of the calls, not in that in which libuv's threads come to them.
    turn: Option<Turn>,
}

impl OnGroups {
    fn task(id: u32, operation: std::result::Result<Operation, Error>) -> AsyncTask<OnGroups> {
        let operation = operation.and_then(|operation| Ready::new(id, operation)).map_err(Some);
        AsyncTask::new(OnGroups { operation })
    }

    fn run(&mut self) -> std::result::Result<Option<Stats>, Error> {
        match &mut self.operation {
            Ok(ready) => ready.run(),
            Err(error) => Err(error.take().unwrap_or_else(internal)),
        }
    }
}

impl Ready {
    fn new(id: u32, operation: Operation) -> std::result::Result<Ready, Error> {
        let process = reactor::get().ok().and_then(|reactor| reactor.process(id)).ok_or_else(has_ended)?;
        let groups = process.groups().ok_or_else(|| no_cgroup(&operation))?;
        let turn = (!matches!(operation, Operation::Stats)).then(|| groups.turns.take());
        Ok(Ready { process, operation, turn })
    }

    fn run(&mut self) -> std::result::Result<Option<Stats>, Error> {
        let turn = self.turn.take();
        turn.iter().for_each(Turn::wait);
        let groups = self.process.groups().ok_or_else(|| no_cgroup(&self.operation))?;
        let done = match &self.operation {
            Operation::Stats => Ok(Some(groups.stats())),
            Operation::Update(limit) => groups.update(limit, &Host::live()).map(|()| None),
            Operation::Freeze(frozen) => groups.freeze(*frozen).map(|()| None),
        };
        // When it ends, its groups go with it: that is not a fault of theirs.
        let is_gone = groups.list.iter().any(|group| !group.directory.exists());
        if is_gone { Err(has_ended()) } else { done.map_err(Error::from) }
    }
}

fn has_ended() -> Error {
    Failure::call("kill", libc::ESRCH, "the container has ended").into()
}

fn internal() -> Error {
    Failure::own("ERR_INTERNAL", "an operation on a container failed in an unexpected way").into()
}

fn no_cgroup(operation: &Operation) -> Error {
    let cannot = match operation {
        Operation::Stats => "counts nothing",
        Operation::Update(_) => "has no limits to change",
        Operation::Freeze(_) => "cannot be paused as a whole",
    };
    without_cgroup(cannot)
}

fn without_cgroup(cannot: &str) -> Error {
    let hint =
        "start it with a limit; container.limit: { pids: \"max\" } limits nothing and counts everything";
    Failure::own("ERR_NO_CGROUP", format!("a container without a cgroup {cannot}"))
        .asked_by("container.limit")
        .hinting(hint)
        .into()
}

impl Task for OnGroups {
    type Output = std::result::Result<Option<Stats>, Error>;
    type JsValue = Outcome<Done>;

    // A panic that left this would abort the user's program.
    fn compute(&mut self) -> Result<Self::Output> {
        Ok(catch_unwind(AssertUnwindSafe(|| self.run())).unwrap_or_else(|_| Err(internal())))
    }

    fn resolve(&mut self, _: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(outcome(output.map(|stats| Done { stats: stats.map(Counted::from) })))
    }
}

/// `containerStats(id)`: what its groups have counted so far.
#[napi(catch_unwind)]
pub fn container_stats(id: u32) -> AsyncTask<OnGroups> {
    OnGroups::task(id, Ok(Operation::Stats))
}

/// `containerUpdate(id, limit)`: other limits.
#[napi(catch_unwind)]
pub fn container_update(id: u32, limit: Unknown) -> Result<AsyncTask<OnGroups>> {
    let limit = options::read_update(&value::from_js(limit)?);
    Ok(OnGroups::task(id, limit.map(|limit| Operation::Update(Box::new(limit))).map_err(Error::Invalid)))
}

/// `containerFreeze(id, frozen)`: every process stands still, or goes on.
#[napi(catch_unwind)]
pub fn container_freeze(id: u32, frozen: bool) -> AsyncTask<OnGroups> {
    OnGroups::task(id, Ok(Operation::Freeze(frozen)))
}

/// `containerKill(id)`: SIGKILL to every process.
#[napi(catch_unwind)]
pub fn container_kill(id: u32) -> Outcome<Done> {
    let process = reactor::get().ok().and_then(|reactor| reactor.process(id));
    let done = match process.map(|process| process.kill_all()) {
        None => Err(has_ended()),
        Some(false) => Err(without_cgroup("or a pid namespace cannot be killed as a whole")),
        Some(true) => Ok(Done { stats: None }),
    };
    outcome(done)
}
