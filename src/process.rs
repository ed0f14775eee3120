//! A process that runs, and how it ended.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use container_spawn_child::syscall::Errno;

use crate::cgroup::{Groups, Stats};
use crate::spawn::Started;
use crate::sys;
use crate::undo::{self, Undo};

/// What init takes for a request to stop the payload, see `child/init.rs`.
const STOP_REQUEST: i32 = 0x7374_6f70;

/// How long the kernel may take to choose whom to kill, in ms.
const OOM_ROUNDS: usize = 20;

/// A running process. It is signalled and waited for through its pidfd only.
pub struct Process {
    pidfd: OwnedFd,
    /// Where init reports how the payload ended.
    status: Option<OwnedFd>,
    undo: Mutex<Vec<Undo>>,
    groups: Option<Groups>,
    /// Readable when a version 1 group has run out of memory.
    oom: Option<OwnedFd>,
}

/// How a process ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// As `wait(2)` gives it.
    pub status: i32,
    /// `getrusage(2)`, in the order of its structure from `ru_utime` on, but for `ru_ixrss`, which is last: times in µs, the
    /// resident maximum in bytes, counts. What Linux does not keep (`ru_idrss`, `ru_isrss`) is left out.
    pub usage: [f64; 14],
    /// What its groups have counted, if it had any.
    pub stats: Option<Box<Stats>>,
}

impl Process {
    /// Of what has been started; its pipes are not the process's.
    pub fn new(started: Started) -> (Process, Vec<Option<OwnedFd>>) {
        let process = Process {
            pidfd: started.pidfd,
            status: started.status,
            undo: Mutex::new(started.undo),
            groups: started.groups,
            oom: started.oom,
        };
        (process, started.pipes)
    }

    /// The groups with its limits.
    pub fn groups(&self) -> Option<&Groups> {
        self.groups.as_ref()
    }

    /// Readable when its version 1 group has run out of memory; then [`Process::after_oom`] is to be called.
    pub fn oom(&self) -> Option<BorrowedFd<'_>> {
        self.oom.as_ref().map(sys::borrow)
    }

    /// If the kernel has killed one process of the container, end the others: half of a container is no use to anybody.
    /// Version 2 does that by itself. The kernel tells of the need before it kills, so its choice is waited for; there may
    /// be none, if memory became free meanwhile.
    pub fn after_oom(&self) {
        let (Some(oom), Some(groups)) = (self.oom(), &self.groups) else { return };
        let _ = sys::read(oom, &mut [0; 8]);
        for _ in 0..OOM_ROUNDS {
            if groups.oom_kills() > 0 {
                groups.kill();
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The process.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        sys::borrow(&self.pidfd)
    }

    /// Send a signal. To a container with an init it goes to the command, except SIGKILL, which ends all of it.
    pub fn kill(&self, signal: i32) -> Result<(), Errno> {
        // Nobody can catch SIGSTOP, so init cannot forward it either; it is told in other words.
        if signal == libc::SIGSTOP && self.status.is_some() {
            return sys::queue_signal(self.pidfd(), libc::SIGTSTP, STOP_REQUEST);
        }
        sys::send_signal(self.pidfd(), signal)?;
        if signal == libc::SIGKILL
            && let Some(groups) = &self.groups
        {
            groups.doom();
        }
        Ok(())
    }

    /// End every process of a container that has a cgroup or a pid namespace: with its pid 1, such a namespace ends.
    pub fn kill_all(&self) {
        match &self.groups {
            Some(groups) => groups.kill(),
            // Not there any more is as good.
            None => drop(self.kill(libc::SIGKILL)),
        }
    }

    /// End it, wait for that, and unmake what was made for it.
    pub fn discard(&self) {
        let _ = sys::send_signal(self.pidfd(), libc::SIGKILL);
        let _ = sys::wait(self.pidfd());
        undo::all(&mut self.undo.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// If it has ended: how, and what is to be unmade.
    pub fn reap(&self) -> Option<(Exit, Vec<Undo>)> {
        let (status, usage) = match sys::reap(self.pidfd()) {
            Ok(None) => return None,
            Ok(Some(ended)) => (ended.status, usage(&ended.usage)),
            // Somebody has made this process ignore SIGCHLD since the reactor was started, and the kernel has thrown the
            // status away; init's report is not lost by that.
            Err(_) => (0, [0.0; 14]),
        };
        let status = self.reported().unwrap_or(status);
        let undo = std::mem::take(&mut *self.undo.lock().unwrap_or_else(PoisonError::into_inner));
        let stats = self.groups.as_ref().map(|groups| Box::new(groups.stats()));
        Some((Exit { status, usage, stats }, undo))
    }

    /// What init said. It says nothing when it was killed itself.
    fn reported(&self) -> Option<i32> {
        let mut bytes = [0u8; 4];
        match sys::read(sys::borrow(self.status.as_ref()?), &mut bytes) {
            Ok(4) => Some(i32::from_ne_bytes(bytes)),
            _ => None,
        }
    }
}

fn usage(usage: &libc::rusage) -> [f64; 14] {
    let micros = |time: libc::timeval| time.tv_sec as f64 * 1e6 + time.tv_usec as f64;
    [
        micros(usage.ru_utime),
        micros(usage.ru_stime),
        usage.ru_maxrss as f64 * 1024.0,
        usage.ru_minflt as f64,
        usage.ru_majflt as f64,
        usage.ru_nswap as f64,
        usage.ru_inblock as f64,
        usage.ru_oublock as f64,
        usage.ru_msgsnd as f64,
        usage.ru_msgrcv as f64,
        usage.ru_nsignals as f64,
        usage.ru_nvcsw as f64,
        usage.ru_nivcsw as f64,
        usage.ru_ixrss as f64,
    ]
}
