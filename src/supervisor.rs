//! The thread that clones.
//!
//! One for the process, for three reasons. `PR_SET_PDEATHSIG` means the death of the parent *thread*: a Worker that
//! ends would take its children along. A child that shares our memory may change what is the whole process's, its
//! dumpable flag, and putting that back must not meet another child half-way. And `CLONE_VFORK` suspends the thread
//! that clones, while somebody has to write id maps and watch the clock.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use container_spawn_child::op::Op;
use container_spawn_child::shared::Shared;
use container_spawn_child::syscall::Errno;

use crate::plan::{Image, Plan};
use crate::sys::{self, Stack};

/// Something for the supervisor to do.
pub trait Job: Send + Sync {
    /// Do it. `stacks` are free.
    fn run(&self, stacks: &Stacks);
}

/// A stack for the set-up child and one for the payload, used by one spawn after the other.
pub struct Stacks {
    setup: Stack,
    payload: Stack,
}

/// Stacks for spawns on other threads than the supervisor's.
static SPARE: Mutex<Vec<Stacks>> = Mutex::new(Vec::new());

impl Stacks {
    fn new() -> io::Result<Stacks> {
        Ok(Stacks { setup: Stack::new()?, payload: Stack::new()? })
    }

    /// Spare ones, or new ones.
    pub fn borrow() -> io::Result<Stacks> {
        let spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.map_or_else(Stacks::new, Ok)
    }

    /// For the next.
    pub fn give_back(self) {
        SPARE.lock().unwrap_or_else(PoisonError::into_inner).push(self);
    }
}

static SUPERVISOR: Mutex<Option<Sender<Arc<dyn Job>>>> = Mutex::new(None);

/// Hand a job to the supervisor, starting it if there is none.
pub fn submit(job: Arc<dyn Job>) -> io::Result<()> {
    let mut supervisor = SUPERVISOR.lock().unwrap_or_else(PoisonError::into_inner);
    let job = match supervisor.as_ref().map(|sender| sender.send(job.clone())) {
        Some(Ok(())) => return Ok(()),
        _ => job,
    };
    let sender = start()?;
    // A supervisor that has just been started is there to receive.
    let _ = sender.send(job);
    *supervisor = Some(sender);
    Ok(())
}

/// Give up on a supervisor that is stuck in the kernel; the next job starts another. It ends by itself, once its
/// job is over, because nobody can send it anything any more.
pub fn abandon() {
    *SUPERVISOR.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

fn start() -> io::Result<Sender<Arc<dyn Job>>> {
    let (sender, receiver) = channel::<Arc<dyn Job>>();
    let stacks = Stacks::new()?;
    thread::Builder::new().name("container-spawn".into()).stack_size(256 * 1024).spawn(move || {
        let _ = sys::block_all_signals();
        for job in receiver {
            job.run(&stacks);
        }
    })?;
    Ok(sender)
}

/// Whether a child made from this plan changes what is the whole process's: it makes itself undumpable, or becomes
/// another user, which the kernel answers by the same.
pub fn is_dumpable_at_risk(plan: &Plan) -> bool {
    plan.child.iter().any(|child| matches!(child.step.op, Op::NotDumpable | Op::SetUid(_) | Op::SetGid(_)))
}

/// Clone, and wait until the child has exec'ed or died.
pub fn launch(plan: &Plan, shared: &Shared, stacks: &Stacks) -> Result<OwnedFd, Errno> {
    let image = Image::new(plan, shared);
    let program = image.program(shared, &stacks.payload);
    sys::clone_and_wait(&program, shared, plan.namespaces, plan.into_cgroup, &stacks.setup)
}

/// Puts the dumpable flag back once the child has left our memory.
///
/// Not at once. The kernel wakes a `CLONE_VFORK` parent while the child's exec is still under way, before the child
/// has its new memory; whoever may look at the child could look at ours in between (1 of 100 starts on a busy
/// machine). The child's close-on-exec descriptors are closed after the change of memory, so the end of file of a
/// pipe is what to wait for.
pub struct Settle {
    dumpable: usize,
    exec_pipe: Option<(OwnedFd, Option<OwnedFd>)>,
}

/// How long an exec may take from the wake-up of the parent to the change of memory. With one percent of a processor that
/// is seconds.
const EXEC_PATIENCE: Duration = Duration::from_secs(10);

/// What a child that did not get through its exec in time has left to the next to put back.
static OWED: AtomicUsize = AtomicUsize::new(NOTHING);
const NOTHING: usize = usize::MAX;

impl Settle {
    /// To be made before the clone. `at_risk` as [`is_dumpable_at_risk`].
    pub fn new(at_risk: bool) -> io::Result<Settle> {
        let exec_pipe = if at_risk { Some(sys::pipe()?) } else { None };
        let exec_pipe = exec_pipe.map(|(read, write)| (read, Some(write)));
        let owed = OWED.swap(NOTHING, Ordering::AcqRel);
        let dumpable = if owed == NOTHING { sys::dumpable() } else { owed };
        Ok(Settle { dumpable, exec_pipe })
    }

    /// The child has its copies of the pipe; ours would keep it open.
    pub fn cloned(&mut self) {
        if let Some((_, write)) = &mut self.exec_pipe {
            *write = None;
        }
    }

    /// Wait, and put it back. A child that does not get through its exec leaves the process undumpable: that is an
    /// inconvenience, the other a leak.
    ///
    /// `true`: the child has left our memory.
    pub fn finish(self) -> bool {
        let left = self.exec_pipe.is_none_or(|(read, _)| sys::wait_for_hang_up(&read, EXEC_PATIENCE));
        if sys::dumpable() != self.dumpable {
            if left {
                sys::set_dumpable(self.dumpable);
            } else {
                OWED.store(self.dumpable, Ordering::Release);
            }
        }
        left
    }
}
