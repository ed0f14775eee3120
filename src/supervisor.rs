//! The thread that clones.
//!
//! One for the process, for three reasons. `PR_SET_PDEATHSIG` means the death of the parent *thread*: a Worker that
//! ends would take its children along. A child that shares our memory may change what is the whole process's, its
//! dumpable flag, and putting that back must not meet another child half-way. And `CLONE_VFORK` suspends the thread
//! that clones, while somebody has to write id maps and watch the clock.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

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
    let stacks = Stacks { setup: Stack::new()?, payload: Stack::new()? };
    thread::Builder::new().name("container-spawn".into()).stack_size(256 * 1024).spawn(move || {
        sys::block_all_signals();
        for job in receiver {
            job.run(&stacks);
        }
    })?;
    Ok(sender)
}

/// Clone, wait until the child has exec'ed or died, and put right what it changed for all of us.
pub fn launch(plan: &Plan, shared: &Shared, stacks: &Stacks) -> Result<OwnedFd, Errno> {
    let image = Image::new(plan, shared);
    let program = image.program(shared, &stacks.payload);
    let dumpable = sys::dumpable();
    let child = sys::clone_and_wait(&program, shared, plan.namespaces, plan.into_cgroup, &stacks.setup);
    if sys::dumpable() != dumpable {
        sys::set_dumpable(dumpable);
    }
    child
}
