//! A process that runs, and how it ended.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use container_spawn_child::syscall::Errno;

use crate::spawn::Started;
use crate::sys;
use crate::undo::{self, Undo};

/// What init takes for a request to stop the payload, see `child/init.rs`.
const STOP_REQUEST: i32 = 0x7374_6f70;

/// A running process. It is signalled and waited for through its pidfd only.
pub struct Process {
    pidfd: OwnedFd,
    /// Where init reports how the payload ended.
    status: Option<OwnedFd>,
    undo: Mutex<Vec<Undo>>,
}

/// How a process ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// As `wait(2)` gives it.
    pub status: i32,
    /// `getrusage(2)`, in the order of its structure from `ru_utime` on, but for `ru_ixrss`, which is last: times in µs, the
    /// resident maximum in bytes, counts. What Linux does not keep (`ru_idrss`, `ru_isrss`) is left out.
    pub usage: [f64; 14],
}

impl Process {
    /// Of what has been started; its pipes are not the process's.
    pub fn new(started: Started) -> (Process, Vec<Option<OwnedFd>>) {
        let process =
            Process { pidfd: started.pidfd, status: started.status, undo: Mutex::new(started.undo) };
        (process, started.pipes)
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
        sys::send_signal(self.pidfd(), signal)
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
        Some((Exit { status, usage }, undo))
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
