//! One thread that waits for everything: processes to end, pipes to become ready, clean-up to be possible.
//!
//! Processes are waited for through their pidfds and never by number, and there is no SIGCHLD handler: Node's own
//! children are none of our business. Descriptors leave the epoll set before they are closed, because a child that is
//! being cloned may hold a copy of them, and a closed number would go on reporting.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use std::{io, thread};

use crate::process::{Exit, Process};
use crate::{sys, undo};

/// What happens to a listener's processes and pipes.
#[derive(Debug, Clone)]
pub enum Event {
    /// A process has ended and been cleaned up after.
    Exit(u32, Exit),
    /// A pipe may be read.
    Readable(u32),
    /// A pipe may be written.
    Writable(u32),
}

/// Who is told: one for each JavaScript environment.
pub trait Listener: Send + Sync {
    /// Called on the reactor's thread; must not wait.
    fn tell(&self, event: Event);
}

/// How often what is busy is tried again, in ms.
const RETRY: i32 = 2;

const READ: u32 = libc::EPOLLIN as u32;
const WRITE: u32 = libc::EPOLLOUT as u32;
const ONCE: u32 = libc::EPOLLONESHOT as u32;
const BROKEN: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;

/// Tells a process's key in the epoll set from a pipe's.
const PROCESS: u64 = 1 << 32;

/// A process's group is out of memory.
const OOM: u64 = 1 << 33;

struct Pipe {
    fd: Arc<OwnedFd>,
    listener: Arc<dyn Listener>,
    interest: u32,
    watched: bool,
}

struct Watched {
    process: Arc<Process>,
    listener: Arc<dyn Listener>,
}

#[derive(Default)]
struct Tables {
    processes: HashMap<u32, Watched>,
    pipes: HashMap<u32, Pipe>,
}

/// The thread's face.
pub struct Reactor {
    epoll: OwnedFd,
    tables: Mutex<Tables>,
    next_id: AtomicU32,
}

/// The reactor, started at the first use.
pub fn get() -> io::Result<&'static Reactor> {
    static REACTOR: Mutex<Option<&'static Reactor>> = Mutex::new(None);
    let mut reactor = REACTOR.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(reactor) = *reactor {
        return Ok(reactor);
    }
    sys::keep_exit_statuses();
    let made: &'static Reactor = Box::leak(Box::new(Reactor {
        epoll: sys::epoll()?,
        tables: Mutex::default(),
        next_id: AtomicU32::new(1),
    }));
    thread::Builder::new().name("container-react".into()).stack_size(256 * 1024).spawn(|| {
        let _ = sys::block_all_signals();
        made.run();
    })?;
    *reactor = Some(made);
    Ok(made)
}

impl Reactor {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn id(&self) -> u32 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Watch a process. From here on it is reaped and cleaned up after, whoever forgets about it.
    pub fn watch(&self, process: Process, listener: Arc<dyn Listener>) -> io::Result<u32> {
        let id = self.id();
        let process = Arc::new(process);
        // Held while it is added: its end may be reported at once.
        let mut tables = self.tables();
        let key = PROCESS | u64::from(id);
        if let Err(error) = sys::epoll_control(&self.epoll, libc::EPOLL_CTL_ADD, process.pidfd(), READ, key) {
            process.discard();
            return Err(error);
        }
        if let Some(oom) = process.oom() {
            // Without it the container does not die whole, which is no reason not to start it.
            let _ = sys::epoll_control(&self.epoll, libc::EPOLL_CTL_ADD, oom, READ, OOM | u64::from(id));
        }
        tables.processes.insert(id, Watched { process, listener });
        Ok(id)
    }

    /// A process that has not been reaped yet.
    pub fn process(&self, id: u32) -> Option<Arc<Process>> {
        self.tables().processes.get(&id).map(|watched| watched.process.clone())
    }

    /// Keep a pipe. It is watched only when that is asked for.
    pub fn keep(&self, fd: OwnedFd, listener: Arc<dyn Listener>) -> u32 {
        let id = self.id();
        self.tables().pipes.insert(id, Pipe { fd: Arc::new(fd), listener, interest: 0, watched: false });
        id
    }

    /// The descriptor of a pipe.
    pub fn pipe(&self, id: u32) -> Option<Arc<OwnedFd>> {
        self.tables().pipes.get(&id).map(|pipe| pipe.fd.clone())
    }

    /// Tell the listener, once, when the pipe may be read, or written.
    pub fn arm(&self, id: u32, write: bool) -> io::Result<()> {
        let mut tables = self.tables();
        let Some(pipe) = tables.pipes.get_mut(&id) else { return Ok(()) };
        pipe.interest |= if write { WRITE } else { READ };
        let operation = if pipe.watched { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_ADD };
        sys::epoll_control(
            &self.epoll,
            operation,
            sys::borrow(&pipe.fd),
            pipe.interest | ONCE,
            u64::from(id),
        )?;
        pipe.watched = true;
        Ok(())
    }

    /// Close a pipe; twice is once.
    pub fn close(&self, id: u32) {
        let removed = self.tables().pipes.remove(&id);
        if let Some(pipe) = removed {
            self.forget(&pipe);
        }
    }

    /// Give up a pipe without closing it: its descriptor is the caller's from now on.
    pub fn detach(&self, id: u32) -> Option<OwnedFd> {
        let pipe = self.tables().pipes.remove(&id)?;
        self.forget(&pipe);
        // Somebody may be in the middle of a read.
        let fd = pipe.fd;
        Arc::try_unwrap(fd).or_else(|shared| sys::duplicate(shared.as_raw_fd())).ok()
    }

    /// A listener is gone: its pipes go with it, its processes go on and are reaped.
    pub fn drop_pipes_of(&self, listener: &Arc<dyn Listener>) {
        let mut tables = self.tables();
        let gone: Vec<_> = tables.pipes.extract_if(|_, pipe| Arc::ptr_eq(&pipe.listener, listener)).collect();
        drop(tables);
        for (_, pipe) in &gone {
            self.forget(pipe);
        }
    }

    fn forget(&self, pipe: &Pipe) {
        if pipe.watched {
            let _ = sys::epoll_control(&self.epoll, libc::EPOLL_CTL_DEL, sys::borrow(&pipe.fd), 0, 0);
        }
    }

    fn run(&self) {
        let mut ending = Vec::new();
        loop {
            let timeout = if ending.is_empty() { -1 } else { RETRY };
            for (events, key) in sys::epoll_wait(&self.epoll, timeout) {
                let id = key as u32;
                if key & PROCESS != 0 {
                    ending.extend(self.ended(id));
                } else if key & OOM != 0 {
                    self.process(id).iter().for_each(|process| process.after_oom());
                } else {
                    self.ready(id, events);
                }
            }
            ending.retain_mut(|end: &mut Ending| !end.attempt());
        }
    }

    fn ended(&self, id: u32) -> Option<Ending> {
        let process = self.process(id)?;
        let (exit, undo) = process.reap()?;
        for fd in [Some(process.pidfd()), process.oom()].into_iter().flatten() {
            let _ = sys::epoll_control(&self.epoll, libc::EPOLL_CTL_DEL, fd, 0, 0);
        }
        let watched = self.tables().processes.remove(&id)?;
        Some(Ending {
            id,
            exit: Some(exit),
            undo,
            listener: watched.listener,
            deadline: Instant::now() + undo::PATIENCE,
        })
    }

    fn ready(&self, id: u32, events: u32) {
        let mut tables = self.tables();
        let Some(pipe) = tables.pipes.get_mut(&id) else { return };
        // A broken pipe is ready for everything: the next read or write says what it is.
        let ready = if events & BROKEN != 0 { READ | WRITE } else { events } & pipe.interest;
        pipe.interest &= !ready;
        if pipe.interest != 0 {
            let events = pipe.interest | ONCE;
            let _ = sys::epoll_control(
                &self.epoll,
                libc::EPOLL_CTL_MOD,
                sys::borrow(&pipe.fd),
                events,
                u64::from(id),
            );
        }
        let listener = pipe.listener.clone();
        drop(tables);
        if ready & READ != 0 {
            listener.tell(Event::Readable(id));
        }
        if ready & WRITE != 0 {
            listener.tell(Event::Writable(id));
        }
    }
}

/// An ended process whose traces are being removed. Its end is told when they are gone.
struct Ending {
    id: u32,
    exit: Option<Exit>,
    undo: Vec<undo::Undo>,
    listener: Arc<dyn Listener>,
    deadline: Instant,
}

impl Ending {
    /// `true`: done.
    fn attempt(&mut self) -> bool {
        while let Some(item) = self.undo.last_mut() {
            let busy = matches!(item.attempt(), Ok(false));
            if busy && Instant::now() < self.deadline {
                return false;
            }
            self.undo.pop();
        }
        if let Some(exit) = self.exit.take() {
            self.listener.tell(Event::Exit(self.id, exit));
        }
        true
    }
}
