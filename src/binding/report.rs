//! What calls return to the JS face.

use napi::Either;
use napi_derive::napi;

use crate::cgroup::{Group, Groups};
use crate::config::Manager;
use crate::error::{Error, Failure};
use crate::options::{Problem, Problems};
use crate::plan::{Plan, namespace_names};

/// A result that JavaScript tells apart by its `error`.
pub type Outcome<T> = Either<T, Failed>;

/// Either of the two.
pub fn outcome<T>(result: std::result::Result<T, Error>) -> Outcome<T> {
    match result {
        Ok(value) => Either::A(value),
        Err(error) => Either::B(Failed { error: Description::from(error) }),
    }
}

/// A process that runs.
#[napi(object, use_nullable = true)]
pub struct Spawned {
    /// For the other calls.
    pub id: u32,
    /// As `ps` shows it.
    pub pid: i32,
    /// By stdio index; -1 where there is no pipe.
    pub pipes: Vec<i64>,
    /// `null` without `container`.
    pub container: Option<Container>,
}

/// What is known of a container.
#[napi(object, use_nullable = true)]
pub struct Container {
    /// Of its pid 1, seen from outside.
    pub pid: i32,
    /// Its cgroup, as a directory; of several, the one that counts memory.
    pub cgroup: Option<String>,
    /// What is in force.
    pub isolation: Isolation,
}

/// What is in force: each of it was a step, and every step has succeeded.
#[napi(object, use_nullable = true)]
pub struct Isolation {
    /// `user pid mount …`
    pub namespaces: Vec<String>,
    /// Is pid 1 ours?
    pub init: bool,
    /// Does no set-user-id program gain anything?
    pub no_new_privileges: bool,
    /// Is the old root gone?
    pub root: bool,
    /// How many mounts were made.
    pub mounts: u32,
    /// Where limits are in force.
    pub cgroups: Vec<String>,
    /// `cgroupfs` or `systemd`, if there are limits.
    pub cgroup_manager: Option<String>,
    /// 1 or 2, if there are limits.
    pub cgroup_version: Option<u32>,
}

/// Says why there is no process.
#[napi(object)]
pub struct Failed {
    /// Why.
    pub error: Description,
}

/// An error, for the JS face to build.
#[napi(object)]
pub struct Description {
    /// `invalid` or `spawn`.
    pub kind: String,
    /// What is wrong with the options.
    pub problems: Option<Vec<Described>>,
    /// All lines.
    pub message: Option<String>,
    /// `EPERM`, `ERR_…`.
    pub code: Option<String>,
    /// Negative, as Node's.
    pub errno: Option<i32>,
    /// The system call.
    pub syscall: Option<String>,
    /// What it was about.
    pub path: Option<String>,
    /// Which option asked for it.
    pub option: Option<String>,
    /// Its number in the plan.
    pub step: Option<u32>,
    /// What to do.
    pub hint: Option<String>,
}

/// One mistake in the options.
#[napi(object)]
pub struct Described {
    /// `TypeError` or `RangeError`.
    pub name: String,
    /// `ERR_INVALID_ARG_TYPE`, …
    pub code: String,
    /// Where.
    pub option: String,
    /// The rest of the sentence.
    pub message: String,
}

impl From<Error> for Description {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(problems) => {
                Description { kind: "invalid".into(), problems: Some(listed(problems)), ..empty() }
            }
            Error::Failed(failure) => Description::from(failure),
        }
    }
}

impl From<Failure> for Description {
    fn from(failure: Failure) -> Self {
        Description {
            kind: "spawn".into(),
            message: Some(failure.to_string()),
            code: Some(failure.code.to_string()),
            errno: failure.errno.map(|errno| -errno),
            syscall: failure.syscall.map(str::to_owned),
            path: failure.path.clone(),
            option: Some(failure.option.clone()).filter(|option| !option.is_empty()),
            step: failure.step.map(|(step, _)| step as u32),
            hint: failure.hint.clone(),
            problems: None,
        }
    }
}

fn empty() -> Description {
    Description {
        kind: String::new(),
        problems: None,
        message: None,
        code: None,
        errno: None,
        syscall: None,
        path: None,
        option: None,
        step: None,
        hint: None,
    }
}

fn listed(problems: Problems) -> Vec<Described> {
    let describe = |problem: Problem| Described {
        name: problem.class.name().into(),
        code: problem.class.code().into(),
        option: problem.option,
        message: problem.message,
    };
    problems.0.into_iter().map(describe).collect()
}

/// The plan, step by step.
#[napi(object)]
pub struct Explanation {
    /// A step's `index` is the number that errors name.
    pub steps: Vec<Step>,
}

/// A line of the explanation.
#[napi(object, use_nullable = true)]
pub struct Step {
    /// Its number.
    pub index: u32,
    /// Who.
    pub lane: String,
    /// When.
    pub stage: String,
    /// What.
    pub text: String,
    /// Which option asked.
    pub option: Option<String>,
}

impl Explanation {
    /// Of this plan.
    pub fn of(plan: &Plan) -> Explanation {
        let step = |(index, step): (usize, crate::plan::Explained)| Step {
            index: index as u32,
            lane: step.lane.name().into(),
            stage: step.stage.name().into(),
            text: step.text,
            option: Some(step.option).filter(|option| !option.is_empty()),
        };
        Explanation { steps: plan.explain().into_iter().enumerate().map(step).collect() }
    }
}

/// What is known of a container that runs.
pub fn container(pid: i32, plan: &Plan, groups: Option<&Groups>) -> Container {
    let facts = plan.facts();
    let manager = |groups: &Groups| match groups.manager {
        Manager::Cgroupfs => "cgroupfs".to_owned(),
        Manager::Systemd => "systemd".to_owned(),
    };
    let directory = |group: &Group| group.directory.display().to_string();
    let isolation = Isolation {
        namespaces: namespace_names(facts.namespaces).split_whitespace().map(str::to_owned).collect(),
        init: plan.has_init(),
        no_new_privileges: facts.no_new_privileges,
        root: facts.new_root,
        mounts: facts.mounts as u32,
        cgroup_manager: groups.map(manager),
        cgroup_version: groups.map(|groups| groups.version().into()),
        cgroups: groups.iter().flat_map(|groups| &groups.list).map(directory).collect(),
    };
    Container { pid, cgroup: groups.and_then(Groups::first).map(directory), isolation }
}
