//! From (step, error number) back to what the caller wrote.

use std::sync::atomic::Ordering;
use std::time::Duration;

use container_spawn_child::op::Op;
use container_spawn_child::shared::{NO_FAILURE, Shared};
use container_spawn_child::syscall::Errno;

use crate::config::Config;
use crate::error::{Failure, errno_words};
use crate::hint;
use crate::plan::{Described, Lane, Plan, Stage, namespace_names};

/// The clone itself was refused.
pub fn clone(plan: &Plan, errno: Errno, config: &Config) -> Failure {
    let names = namespace_names(plan.namespaces);
    let doing = if names.is_empty() { "clone".into() } else { format!("make new namespaces ({names})") };
    let origins: Vec<_> = plan.namespace_origins.iter().map(|(_, origin)| origin.as_ref()).collect();
    // A limit on processes, or a group that is frozen or that we may not put anybody into.
    let is_groups = matches!(errno, libc::EAGAIN | libc::EBUSY | libc::EACCES | libc::ENODEV | libc::ENOENT);
    if plan.into_cgroup.is_some() && is_groups {
        let option = if config.cgroup.is_some() { "cgroup" } else { "container.limit" };
        let failure = Failure::call("clone3", errno, "clone into the cgroup").asked_by(option);
        return hint::clone_into(failure.at(plan.number_of_clone(), plan.step_count(), "in the parent"));
    }
    let option = match origins.as_slice() {
        [] => "",
        [only] => only,
        _ => "container.namespace",
    };
    let failure = Failure::call("clone3", errno, doing).asked_by(option);
    hint::clone(
        failure.at(plan.number_of_clone(), plan.step_count(), "in the parent"),
        plan.namespaces,
        config,
    )
}

/// The child did not get to the command.
pub fn child(plan: &Plan, shared: &Shared, config: &Config, status: Option<i32>) -> Failure {
    let failed = shared.failed.load(Ordering::Acquire);
    let errno = shared.errno.load(Ordering::Acquire);
    let index = if failed == NO_FAILURE { shared.step.load(Ordering::Acquire) } else { failed } as usize;
    let Some(step) = plan.child.get(index) else {
        return Failure::own("ERR_INTERNAL", format!("a step {index} that the plan does not have"));
    };
    let op = &step.step.op;
    let described = Described { plan, op };
    let place = match plan.lane(index) {
        Lane::Payload => "in the payload",
        Lane::Init => "in init",
        Lane::Child | Lane::Parent => "in the child",
    };
    let at = |failure: Failure| {
        failure.asked_by(&step.origin).at(plan.number_of_child(index), plan.step_count(), place)
    };
    if failed == NO_FAILURE || (*op == Op::StartPayload && errno == libc::ECHILD) {
        let signal = status.map_or(0, |status| status & 0x7f);
        let summary = format!("{}: killed by signal {signal} before the command ran", described.attempt());
        return hint::killed(at(Failure::own("ERR_SETUP_KILLED", summary)), config);
    }
    let mut failure = match step.stage {
        Stage::Exec if errno == libc::ENOENT => {
            super::preflight::explain(config).unwrap_or_else(|| exec(config, op, plan, errno))
        }
        Stage::Exec => exec(config, op, plan, errno),
        _ if step.origin == "cwd" => directory(config, &described, errno),
        _ => Failure::call(described.syscall(), errno, described.attempt()),
    };
    if failure.path.is_none() {
        failure.path = described.path();
    }
    hint::child(at(failure), op, config)
}

/// The command's file: `ENOENT` and `EACCES` of anything else never say this.
fn exec(config: &Config, op: &Op, plan: &Plan, errno: Errno) -> Failure {
    let file = config.command.file.to_string_lossy();
    let summary = match (op, errno) {
        (Op::NotFound, libc::ENOENT) => format!("executable not found in $PATH: \"{file}\""),
        _ => format!("execute {file}: {}", errno_words(errno)),
    };
    let path = match op {
        Op::Exec(path) => plan.text(*path).to_string_lossy().into_owned(),
        _ => file.into_owned(),
    };
    Failure::call("execve", errno, "").saying(summary).about(path)
}

fn directory(config: &Config, described: &Described, errno: Errno) -> Failure {
    let given = config.command.cwd.as_ref().map(|cwd| cwd.to_string_lossy().into_owned());
    let cwd = given.or_else(|| described.path()).unwrap_or_default();
    let summary = format!("enter the working directory {cwd}: {}", errno_words(errno));
    Failure::call(described.syscall(), errno, "").saying(summary).about(cwd)
}

/// The set-up took too long.
pub fn timed_out(plan: Option<&Plan>, shared: &Shared, parent_step: usize, timeout: Duration) -> Failure {
    let after = format!("not done after {} ms (container.setupTimeout)", timeout.as_millis());
    let timed_out = |doing: String| {
        let summary = format!("{doing}: {after}");
        let mut failure = Failure::call("", libc::ETIMEDOUT, "").saying(summary);
        failure.syscall = None;
        failure
            .hinting("what this step waits for does not answer: a dead file server, a FIFO, a frozen cgroup")
    };
    let Some(plan) = plan else { return timed_out("look at the host".into()) };
    if let Some(number) = parent_step.checked_sub(1)
        && let Some(step) = plan.parent.get(number)
    {
        return timed_out(step.op.to_string()).asked_by(&step.origin).at(
            number,
            plan.step_count(),
            "in the parent",
        );
    }
    let index = shared.step.load(Ordering::Acquire) as usize;
    let Some(step) = plan.child.get(index) else { return timed_out("start".into()) };
    let described = Described { plan, op: &step.step.op };
    let mut failure = timed_out(described.attempt());
    failure.syscall = Some(described.syscall());
    failure.path = described.path();
    failure.asked_by(&step.origin).at(plan.number_of_child(index), plan.step_count(), "in the child")
}
