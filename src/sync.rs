//! Run a process to its end while the caller waits: `spawnSync`.
//!
//! No JavaScript runs meanwhile, so what the event loop would do is done here: feed stdin, collect output, hold the
//! clock. Nothing else of this process waits; the reactor has no part in it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::process::{Exit, Process};
use crate::spawn::Started;
use crate::{sys, undo};

/// What bounds the run.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// From the start to `signal`.
    pub timeout: Option<Duration>,
    /// Bytes of one output.
    pub max_buffer: Option<usize>,
    /// What ends it.
    pub signal: i32,
    /// From `signal` to SIGKILL.
    pub force_after: Option<Duration>,
}

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The clock.
    Timeout,
    /// An output larger than was allowed.
    MaxBuffer,
}

/// What came of it.
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// By stdio index; `None` where there was no pipe to read.
    pub outputs: Vec<Option<Vec<u8>>>,
    /// Who ended it, if not it itself.
    pub stopped: Option<Stopped>,
}

/// One read. Larger than the kernel's own pipe buffers are by default.
const CHUNK: usize = 256 * 1024;

/// A command that writes as fast as it is read must not make us forget the clock.
const CHUNKS_A_TURN: usize = 16;

/// How long a command that has written too much may go on: its signal is to arrive before a SIGPIPE does.
const GRACE: Duration = Duration::from_millis(100);

struct Output {
    index: usize,
    fd: Option<OwnedFd>,
    bytes: Vec<u8>,
}

struct Run {
    process: Process,
    bounds: Bounds,
    input: Option<(OwnedFd, Vec<u8>, usize)>,
    outputs: Vec<Output>,
    exit: Option<Exit>,
    undo: Vec<crate::undo::Undo>,
    stopped: Option<Stopped>,
    /// When the next signal is due, and whether it is SIGKILL.
    due: Option<(Instant, bool)>,
    /// When the outputs are closed on a command that goes on writing too much.
    close_at: Option<Instant>,
}

/// Wait for the end of what has been started. `input` goes to its stdin.
pub fn run(started: Started, input: Vec<u8>, bounds: Bounds) -> Finished {
    let (process, pipes) = Process::new(started);
    let count = pipes.len();
    let mut pipes = pipes.into_iter();
    let stdin = pipes.next().flatten();
    let outputs = pipes
        .enumerate()
        .filter_map(|(index, fd)| Some(Output { index: index + 1, fd: Some(fd?), bytes: Vec::new() }));
    let due = bounds.timeout.map(|timeout| (Instant::now() + timeout, false));
    let mut run = Run {
        outputs: outputs.collect(),
        input: stdin.map(|fd| (fd, input, 0)),
        process,
        bounds,
        exit: None,
        undo: Vec::new(),
        stopped: None,
        due,
        close_at: None,
    };
    while !run.is_over() {
        run.turn();
    }
    undo::all(&mut run.undo);
    let mut outputs: Vec<Option<Vec<u8>>> = (0..count).map(|_| None).collect();
    for output in run.outputs {
        if let Some(place) = outputs.get_mut(output.index) {
            *place = Some(output.bytes);
        }
    }
    let exit = run.exit.unwrap_or(Exit { status: 0, usage: [0.0; 14], stats: None });
    Finished { exit, outputs, stopped: run.stopped }
}

impl Run {
    /// A grandchild may keep the outputs open, and is waited for; not after we have ended the command.
    fn is_over(&self) -> bool {
        let drained = self.outputs.iter().all(|output| output.fd.is_none());
        self.exit.is_some() && (drained || self.stopped.is_some())
    }

    fn turn(&mut self) {
        let mut polled = Vec::with_capacity(3 + self.outputs.len());
        let mut poll = |fd: i32, events: i16| polled.push(libc::pollfd { fd, events, revents: 0 });
        poll(if self.exit.is_none() { self.process.pidfd().as_raw_fd() } else { -1 }, libc::POLLIN);
        poll(self.input.as_ref().map_or(-1, |(fd, ..)| fd.as_raw_fd()), libc::POLLOUT);
        let is_running = self.exit.is_none();
        poll(self.process.oom().filter(|_| is_running).map_or(-1, |oom| oom.as_raw_fd()), libc::POLLIN);
        for output in &self.outputs {
            poll(output.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd), libc::POLLIN);
        }
        let next = self.due.map(|(due, _)| due).into_iter().chain(self.close_at).min();
        let timeout = next.map(|next| next.saturating_duration_since(Instant::now()));
        sys::poll(&mut polled, timeout);
        let mut ready = polled.iter().map(|entry| entry.revents != 0);
        let (ended, writable) = (ready.next() == Some(true), ready.next() == Some(true));
        let out_of_memory = ready.next() == Some(true);
        if writable {
            self.feed();
        }
        if out_of_memory {
            self.process.after_oom();
        }
        let readable: Vec<bool> = ready.collect();
        for (position, _) in readable.iter().enumerate().filter(|(_, ready)| **ready) {
            self.collect(position);
        }
        if ended && let Some((exit, undo)) = self.process.reap() {
            self.exit = Some(exit);
            self.undo = undo;
            // What it wrote before its end is in the pipes by now.
            (0..self.outputs.len()).for_each(|position| self.collect(position));
        }
        self.keep_time();
    }

    fn feed(&mut self) {
        let Some((fd, data, done)) = &mut self.input else { return };
        let written = sys::write(sys::borrow(fd), data.get(*done..).unwrap_or_default());
        match written {
            Ok(bytes) => *done += bytes,
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return,
            // It does not want more.
            Err(_) => *done = data.len(),
        }
        if *done >= data.len() {
            self.input = None;
        }
    }

    /// Read what is there.
    fn collect(&mut self, position: usize) {
        let most = self.bounds.max_buffer.unwrap_or(usize::MAX);
        let Some(output) = self.outputs.get_mut(position) else { return };
        for _ in 0..CHUNKS_A_TURN {
            let Some(fd) = &output.fd else { return };
            let start = output.bytes.len();
            output.bytes.resize(start + CHUNK, 0);
            let read = sys::read(sys::borrow(fd), output.bytes.get_mut(start..).unwrap_or_default());
            output.bytes.truncate(start + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => output.fd = None,
                Ok(_) if output.bytes.len() > most => {
                    output.bytes.truncate(most);
                    self.stop(Stopped::MaxBuffer);
                    return;
                }
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return,
                Err(_) => output.fd = None,
            }
        }
    }

    fn stop(&mut self, why: Stopped) {
        if self.stopped.is_some() {
            return;
        }
        self.stopped = Some(why);
        self.input = None;
        self.due = None;
        if self.exit.is_none() {
            let _ = self.process.kill(self.bounds.signal);
            self.due = self.bounds.force_after.map(|delay| (Instant::now() + delay, true));
            self.close_at = (why == Stopped::MaxBuffer).then(|| Instant::now() + GRACE);
        }
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if self.close_at.is_some_and(|at| at <= now) {
            self.close_at = None;
            self.outputs.iter_mut().for_each(|output| output.fd = None);
        }
        match self.due {
            Some((due, force)) if due <= now => {
                self.due = None;
                if force {
                    let _ = self.process.kill(libc::SIGKILL);
                } else {
                    // If the command is over, what holds its outputs open is not waited for any longer.
                    self.stop(Stopped::Timeout);
                }
            }
            _ => {}
        }
    }
}
