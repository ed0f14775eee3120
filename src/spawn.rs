//! The only impure arrow: a plan becomes a process, or an error and nothing.
//!
//! The calling thread sleeps while the supervisor works, opens gates, and holds the watch: a set-up that hangs is
//! killed, and where even that does not help (a thread of ours stuck on a dead file server), left behind.

mod blame;
mod parent;
mod preflight;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use container_spawn_child::shared::{NO_FAILURE, Shared, bell, futex_wait, futex_wake, reached};
use container_spawn_child::syscall::Errno;

use crate::cgroup::Groups;
use crate::config::Config;
use crate::error::{Error, Failure};
use crate::host::Host;
use crate::lower::lower;
use crate::plan::Plan;
use crate::supervisor::{self, Job, Settle, Stacks};
use crate::undo::{self, Undo};
use crate::{common, sys};

/// A process that runs.
pub struct Started {
    /// Its pid as we see it; pid 1's, if the container has its own pid namespace.
    pub pid: i32,
    /// The process itself.
    pub pidfd: OwnedFd,
    /// Where init reports, if there is an init.
    pub status: Option<OwnedFd>,
    /// Our ends of `stdio`.
    pub pipes: Vec<Option<OwnedFd>>,
    /// What is to be unmade when it has ended.
    pub undo: Vec<Undo>,
    /// The groups with its limits.
    pub groups: Option<Groups>,
    /// Tells of kills for want of memory, where we have to end the rest of the container.
    pub oom: Option<OwnedFd>,
    /// What was done.
    pub plan: Arc<Plan>,
}

impl Started {
    /// End it, and unmake what was made for it.
    pub fn discard(mut self) {
        bury(&self.pidfd);
        undo::all(&mut self.undo);
    }
}

/// How long the caller stays awake for the end of a set-up.
const WAKEFUL: Duration = Duration::from_micros(500);

/// How long a killed set-up may take to die before we stop waiting for it.
const GRACE: Duration = Duration::from_secs(1);

/// A set-up without a container has one step that can hang, the exec.
const PLAIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Start it. Returns once the command has been exec'ed.
pub fn spawn(config: Config) -> Result<Started, Error> {
    if is_plain(&config) {
        return Ok(plain(config)?);
    }
    let into_cgroup = !CLONES_INTO_NONE.load(Ordering::Relaxed);
    let setup = Arc::new(Setup::new(config).cloning_into_cgroup(into_cgroup));
    match watched(&setup) {
        Err(_) if setup.into_cgroup_refused.load(Ordering::Acquire) => {
            let again = Arc::new(Setup::new(setup.config.clone()).cloning_into_cgroup(false));
            // Only if the cgroup was what was refused, and not a namespace.
            watched(&again).inspect(|_| CLONES_INTO_NONE.store(true, Ordering::Relaxed))
        }
        other => other,
    }
}

/// `CLONE_INTO_CGROUP` has been refused to this process, by a seccomp filter or an emulated kernel, and will be again.
static CLONES_INTO_NONE: AtomicBool = AtomicBool::new(false);

fn watched(setup: &Arc<Setup>) -> Result<Started, Error> {
    let timeout = setup.config.container.as_ref().map_or(PLAIN_TIMEOUT, |container| container.setup_timeout);
    supervisor::submit(setup.clone())
        .map_err(|error| Failure::io("clone", &error, "start the thread that clones"))?;
    setup.watch(timeout)
}

/// Nothing that the supervisor is there for: nothing to die with this thread, to put back, to watch or to do at a
/// gate. The detour through it takes a third of a plain spawn's time.
fn is_plain(config: &Config) -> bool {
    config.container.is_none() && config.uid.is_none() && config.gid.is_none() && config.cgroup.is_none()
}

/// Start a process that is not in a container, on this thread.
pub fn plain(config: Config) -> Result<Started, Failure> {
    here(Setup::new(config))
}

/// Clone on the calling thread.
fn here(setup: Setup) -> Result<Started, Failure> {
    let stacks = Stacks::borrow().map_err(|error| Failure::io("mmap", &error, "map a child's stack"))?;
    let signals = sys::block_all_signals();
    let started = setup.carry_out(&stacks, &mut None);
    sys::restore_signals(signals);
    stacks.give_back();
    started
}

/// One spawn, as the caller, the supervisor and the child see it.
struct Setup {
    config: Config,
    shared: Shared,
    plan: OnceLock<Arc<Plan>>,
    /// The step of the parent lane that is being run, plus one; zero while the plan is made.
    parent_step: AtomicUsize,
    cancelled: AtomicBool,
    pidfd_in_use: Mutex<()>,
    /// A gate that failed: the child has been killed for it.
    gate_failure: Mutex<Option<Failure>>,
    /// Whether the child may be cloned into its version 2 cgroup.
    into_cgroup: bool,
    /// The kernel does not do that.
    into_cgroup_refused: AtomicBool,
    outcome: Mutex<Option<Result<Started, Failure>>>,
}

impl Setup {
    fn new(config: Config) -> Setup {
        Setup {
            config,
            shared: Shared::default(),
            plan: OnceLock::new(),
            parent_step: AtomicUsize::new(0),
            cancelled: AtomicBool::new(false),
            pidfd_in_use: Mutex::new(()),
            gate_failure: Mutex::new(None),
            into_cgroup: true,
            into_cgroup_refused: AtomicBool::new(false),
            outcome: Mutex::new(None),
        }
    }

    fn cloning_into_cgroup(mut self, may: bool) -> Setup {
        self.into_cgroup = may;
        self
    }

    /// The caller's part.
    fn watch(&self, timeout: Duration) -> Result<Started, Error> {
        let mut deadline = Instant::now() + timeout;
        let mut killed = false;
        loop {
            match self.shared.doorbell.load(Ordering::Acquire) {
                bell::DONE => return self.finished(killed, timeout),
                bell::GATE => self.open_gate(),
                _ => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                self.wait_for_bell(left);
            } else if killed {
                supervisor::abandon();
                return Err(self.timed_out(timeout).into());
            } else {
                killed = true;
                self.cancelled.store(true, Ordering::Release);
                self.kill();
                deadline = Instant::now() + GRACE;
            }
        }
    }

    /// End the child. Its pidfd is the supervisor's, which must not close the number under us.
    fn kill(&self) {
        let _open = self.pidfd_in_use.lock().unwrap_or_else(PoisonError::into_inner);
        sys::kill_unborn(&self.shared);
    }

    fn close(&self, pidfd: OwnedFd) {
        let _open = self.pidfd_in_use.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.pidfd.store(-1, Ordering::Release);
        drop(pidfd);
    }

    /// Most set-ups are over before a sleeping thread could be woken. Yielding, the processor is there for whoever else
    /// wants it.
    fn wait_for_bell(&self, at_most: Duration) {
        let until = Instant::now() + at_most.min(WAKEFUL);
        while Instant::now() < until {
            if self.shared.doorbell.load(Ordering::Acquire) != bell::QUIET {
                return;
            }
            std::thread::yield_now();
        }
        let timeout = libc::timespec { tv_sec: at_most.as_secs() as _, tv_nsec: at_most.subsec_nanos() as _ };
        let _ = futex_wait(&self.shared.doorbell, bell::QUIET, Some(&timeout));
    }

    fn finished(&self, killed: bool, timeout: Duration) -> Result<Started, Error> {
        let outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        if killed {
            // It may have got through at the last moment, before the supervisor could see that it shall not.
            if let Some(Ok(started)) = outcome {
                started.discard();
            }
            return Err(self.timed_out(timeout).into());
        }
        if let Some(failure) = self.gate_failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(failure.into());
        }
        match outcome {
            Some(result) => result.map_err(Error::from),
            None => Err(Failure::own("ERR_INTERNAL", "the supervisor has no outcome").into()),
        }
    }

    /// Do what the waiting child cannot do, and let it go on.
    fn open_gate(&self) {
        let _ = self.shared.doorbell.compare_exchange(
            bell::GATE,
            bell::QUIET,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        let Some(plan) = self.plan.get() else { return };
        let number = self.shared.gates_open.load(Ordering::Acquire);
        if let Some(step) = plan.gates.get(number as usize)
            && let Err(failure) = parent::at_gate(&step.op, sys::pid_at_gate(&self.shared))
        {
            let place = plan.number_of_gate(number as usize);
            let failure = failure.or_asked_by(&step.origin).at(place, plan.step_count(), "in the parent");
            *self.gate_failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            self.kill();
            return;
        }
        self.shared.gates_open.store(number + 1, Ordering::Release);
        futex_wake(&self.shared.gates_open);
    }

    fn timed_out(&self, timeout: Duration) -> Failure {
        blame::timed_out(
            self.plan.get().map(Arc::as_ref),
            &self.shared,
            self.parent_step.load(Ordering::Acquire),
            timeout,
        )
    }

    /// The supervisor's part.
    fn carry_out(&self, stacks: &Stacks, settle: &mut Option<Settle>) -> Result<Started, Failure> {
        let mut host = Host::live();
        host.clone_into_cgroup = self.into_cgroup;
        let plan = Arc::new(lower(&self.config, &host)?);
        let plan = self.plan.get_or_init(|| plan).clone();
        let mut made = parent::Made::new(&self.config);
        self.launch(&plan, &mut made, stacks, settle).map_err(|mut failure| {
            failure.left = undo::all(&mut made.undo);
            failure
        })
    }

    fn launch(
        &self,
        plan: &Arc<Plan>,
        made: &mut parent::Made,
        stacks: &Stacks,
        settle: &mut Option<Settle>,
    ) -> Result<Started, Failure> {
        for (number, step) in plan.parent.iter().enumerate() {
            self.parent_step.store(number + 1, Ordering::Release);
            parent::run(&step.op, made, &self.shared).map_err(|failure| {
                failure.or_asked_by(&step.origin).at(number, plan.step_count(), "in the parent")
            })?;
        }
        self.parent_step.store(plan.parent.len() + 1, Ordering::Release);
        let no_descriptor = |error| Failure::io("pipe2", &error, "make the pipes of a child");
        let mut ends = parent::Ends::new(&self.config.stdio, plan.has_init()).map_err(no_descriptor)?;
        let common = common::get().map_err(no_descriptor)?;
        parent::fill_slots(plan, &self.shared, &ends, common);
        if self.cancelled.load(Ordering::Acquire) {
            return Err(Failure::own("ETIMEDOUT", "cancelled"));
        }
        let at_risk = supervisor::is_dumpable_at_risk(plan);
        let settle = settle.insert(Settle::new(at_risk).map_err(no_descriptor)?);
        let child = supervisor::launch(plan, &self.shared, stacks);
        settle.cloned();
        ends.close_theirs();
        let pidfd = child.map_err(|errno| self.not_cloned(plan, errno))?;
        let through = if plan.has_init() { reached::INIT | reached::PAYLOAD } else { reached::PAYLOAD };
        let reached = self.shared.reached.load(Ordering::Acquire) == through
            && self.shared.failed.load(Ordering::Acquire) == NO_FAILURE;
        if reached && !self.cancelled.load(Ordering::Acquire) {
            return Ok(Started {
                pid: self.shared.pid.load(Ordering::Acquire),
                pidfd,
                status: ends.take_status(),
                pipes: ends.take_ours(),
                undo: std::mem::take(&mut made.undo),
                groups: made.take_groups(),
                oom: made.oom.take(),
                plan: plan.clone(),
            });
        }
        let ended = bury(&pidfd);
        self.close(pidfd);
        Err(blame::child(plan, &self.shared, &self.config, ended))
    }
}

impl Setup {
    /// These say that the kernel, or what stands for it, does not know `CLONE_INTO_CGROUP`; EPERM is a seccomp filter's.
    /// Other errors are the group's.
    fn not_cloned(&self, plan: &Plan, errno: Errno) -> Failure {
        const NOT_KNOWN: [Errno; 6] =
            [libc::ENOSYS, libc::EBADF, libc::EINVAL, libc::E2BIG, libc::EOPNOTSUPP, libc::EPERM];
        if plan.into_cgroup.is_some() && NOT_KNOWN.contains(&errno) {
            self.into_cgroup_refused.store(true, Ordering::Release);
        }
        blame::clone(plan, errno, &self.config)
    }
}

impl Job for Setup {
    fn run(&self, stacks: &Stacks) {
        let mut settle = None;
        let outcome = self.carry_out(stacks, &mut settle);
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.shared.doorbell.store(bell::DONE, Ordering::Release);
        futex_wake(&self.shared.doorbell);
        // The caller need not wait for it, the next child must.
        let has_left = settle.is_none_or(Settle::finish);
        if has_left && let Some(plan) = self.plan.get() {
            parent::run_late(plan);
        }
    }
}

/// A child that has failed is on its way out by itself; one that shall not live any more is sent there.
fn bury(pidfd: &OwnedFd) -> Option<i32> {
    let _ = sys::send_signal(sys::borrow(pidfd), libc::SIGKILL);
    sys::wait(sys::borrow(pidfd)).ok().map(|ended| ended.status)
}
