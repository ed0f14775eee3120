//! What can be done with a container that runs. Whatever may have to wait for the kernel or for systemd is done on a
//! thread of libuv's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use napi::bindgen_prelude::{AsyncTask, Unknown};
use napi::{Env, Result, Task};
use napi_derive::napi;

use super::counted::Counted;
use super::report::{Outcome, outcome};
use super::value;
use crate::cgroup::{Groups, Stats};
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

/// An operation on a container's groups, away from the event loop.
pub struct OnGroups {
    /// Or what is wrong with it.
    operation: std::result::Result<Operation, Option<Error>>,
}

enum Operation {
    Stats(Arc<Process>),
    /// What comes of a change, which has a thread of its own. Changes wait for one another, and if they did so on the
    /// threads of a pool, the last of them could keep the first from having one.
    Change(Receiver<std::result::Result<(), Error>>),
}

impl OnGroups {
    fn task(operation: std::result::Result<Operation, Error>) -> AsyncTask<OnGroups> {
        AsyncTask::new(OnGroups { operation: operation.map_err(Some) })
    }

    fn run(&mut self) -> std::result::Result<Option<Stats>, Error> {
        match &mut self.operation {
            Ok(Operation::Stats(process)) => {
                let groups = groups_of(process)?;
                let stats = groups.stats();
                if is_gone(groups) { Err(has_ended()) } else { Ok(Some(stats)) }
            }
            Ok(Operation::Change(done)) => done.recv().unwrap_or_else(|_| Err(internal())).map(|()| None),
            Err(error) => Err(error.take().unwrap_or_else(internal)),
        }
    }
}

/// When a container ends, its groups go with it: that is not a fault of theirs.
fn is_gone(groups: &Groups) -> bool {
    groups.list.iter().any(|group| !group.directory.exists())
}

fn running(id: u32) -> std::result::Result<Arc<Process>, Error> {
    reactor::get().ok().and_then(|reactor| reactor.process(id)).ok_or_else(has_ended)
}

/// Begin a change, after those that have been asked for before it.
fn change(
    id: u32,
    make: impl FnOnce(&Groups) -> std::result::Result<(), Failure> + Send + 'static,
) -> std::result::Result<Operation, Error> {
    let process = running(id)?;
    let turn = groups_of(&process)?.turns.take();
    let (sender, receiver) = channel();
    let run = move || {
        turn.wait();
        if let Some(groups) = process.groups() {
            let made = make(groups);
            let result = if is_gone(groups) { Err(has_ended()) } else { made.map_err(Error::from) };
            // Nobody waits when the environment has ended.
            let _ = sender.send(result);
        }
    };
    let thread = thread::Builder::new().name("container-change".into()).stack_size(256 * 1024);
    thread.spawn(run).map_err(|error| Failure::io("clone", &error, "start a thread"))?;
    Ok(Operation::Change(receiver))
}

fn has_ended() -> Error {
    Failure::call("kill", libc::ESRCH, "the container has ended").into()
}

fn internal() -> Error {
    Failure::own("ERR_INTERNAL", "an operation on a container failed in an unexpected way").into()
}

/// The JS face knows which containers have groups, and asks for these only.
fn groups_of(process: &Process) -> std::result::Result<&Groups, Error> {
    process.groups().ok_or_else(internal)
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
    OnGroups::task(running(id).map(Operation::Stats))
}

/// `containerUpdate(id, limit)`: other limits.
#[napi(catch_unwind)]
pub fn container_update(id: u32, limit: Unknown) -> Result<AsyncTask<OnGroups>> {
    let limit = options::read_update(&value::from_js(limit)?).map_err(Error::Invalid);
    Ok(OnGroups::task(limit.and_then(|limit| change(id, move |groups| groups.update(&limit, &Host::live())))))
}

/// `containerFreeze(id, frozen)`: every process stands still, or goes on.
#[napi(catch_unwind)]
pub fn container_freeze(id: u32, frozen: bool) -> AsyncTask<OnGroups> {
    OnGroups::task(change(id, move |groups| groups.freeze(frozen)))
}

/// `containerKill(id)`: SIGKILL to every process of a container with a cgroup or a pid namespace.
#[napi(catch_unwind)]
pub fn container_kill(id: u32) -> Outcome<Done> {
    outcome(running(id).map(|process| {
        process.kill_all();
        Done { stats: None }
    }))
}
