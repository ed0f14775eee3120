//! `spawnSync` and terminals.

use std::time::Duration;

use napi::bindgen_prelude::{Buffer, Uint8Array, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::counted::Counted;
use super::listener::Environment;
use super::report::{Outcome, outcome};
use crate::error::{Error, Failure};
use crate::sync::{self, Bounds, Stopped};
use crate::{reactor, spawn as core, sys};

/// What bounds a `spawnSync`.
#[napi(object)]
pub struct SyncOptions {
    /// For stdin.
    pub input: Option<Uint8Array>,
    /// In ms.
    pub timeout: Option<f64>,
    /// In bytes, of each output.
    pub max_buffer: Option<f64>,
    /// What ends it.
    pub signal: i32,
    /// In ms, from that signal to SIGKILL.
    pub force_after: Option<f64>,
}

/// What came of a `spawnSync`.
#[napi(object, use_nullable = true)]
pub struct SyncResult {
    /// As `ps` would have shown it.
    pub pid: i32,
    /// As `wait(2)` gives it.
    pub status: i32,
    /// As `listen`'s exit event gives it.
    pub usage: Vec<f64>,
    /// By stdio index.
    pub outputs: Vec<Option<Buffer>>,
    /// `timeout` or `maxBuffer`.
    pub stopped: Option<String>,
    /// What its cgroups have counted.
    pub stats: Option<Counted>,
}

/// `spawnSync(request, options)`.
#[napi(catch_unwind)]
pub fn spawn_sync(request: Unknown, options: SyncOptions) -> Result<Outcome<SyncResult>> {
    let millis = |ms: f64| Duration::from_secs_f64((ms / 1000.0).clamp(0.0, 1e9));
    let bounds = Bounds {
        timeout: options.timeout.map(millis),
        max_buffer: options.max_buffer.map(|bytes| bytes as usize),
        signal: options.signal,
        force_after: options.force_after.map(millis),
    };
    let input = options.input.map(|input| input.to_vec()).unwrap_or_default();
    Ok(outcome(super::read(request)?.and_then(|config| {
        let started = core::spawn(config)?;
        let pid = started.pid;
        let finished = sync::run(started, input, bounds);
        Ok(SyncResult {
            pid,
            status: finished.exit.status,
            usage: finished.exit.usage.to_vec(),
            outputs: finished.outputs.into_iter().map(|bytes| bytes.map(Buffer::from)).collect(),
            stats: finished.exit.stats.map(|stats| Counted::from(*stats)),
            stopped: finished.stopped.map(|why| match why {
                Stopped::Timeout => "timeout".into(),
                Stopped::MaxBuffer => "maxBuffer".into(),
            }),
        })
    })))
}

/// A pseudo-terminal.
#[napi(object)]
pub struct Terminal {
    /// The pipe id of our end.
    pub id: u32,
    /// The pipe id of the command's end, to be closed when the command has it.
    pub peer: u32,
    /// Its descriptor, for `stdio`.
    pub peer_fd: i32,
}

/// `openTerminal(columns, rows)`.
#[napi(catch_unwind)]
pub fn open_terminal(env: Env, columns: u16, rows: u16) -> Outcome<Terminal> {
    let open = || {
        let (ours, theirs) = sys::pseudo_terminal(columns, rows)?;
        sys::set_nonblocking(sys::borrow(&ours))?;
        let reactor = reactor::get()?;
        let environment = Environment::of(&env);
        let peer_fd = std::os::fd::AsRawFd::as_raw_fd(&theirs);
        Ok(Terminal {
            id: reactor.keep(ours, environment.clone()),
            peer: reactor.keep(theirs, environment),
            peer_fd,
        })
    };
    outcome(open().map_err(|error: std::io::Error| {
        let hint = "is devpts mounted on /dev/pts, with a /dev/ptmx?";
        Error::from(
            Failure::io("open", &error, "open a pseudo-terminal")
                .about("/dev/ptmx")
                .asked_by("terminal")
                .hinting(hint),
        )
    }))
}

/// `resizeTerminal(id, columns, rows)`: 0, or a negative error number.
#[napi(catch_unwind)]
pub fn resize_terminal(id: u32, columns: u16, rows: u16) -> i32 {
    super::on_pipe(id, |fd| sys::resize_terminal(fd, columns, rows).map(|()| 0))
}

/// `terminalModes(id)`: input, output, control and local flags, or nothing if it is closed.
#[napi(catch_unwind)]
pub fn terminal_modes(id: u32) -> Option<Vec<u32>> {
    let terminal = reactor::get().ok()?.pipe(id)?;
    sys::terminal_modes(&terminal).ok().map(Vec::from)
}

/// `setTerminalModes(id, flags)`: 0, or a negative error number.
#[napi(catch_unwind)]
pub fn set_terminal_modes(id: u32, flags: Vec<u32>) -> i32 {
    let Ok(flags) = <[u32; 4]>::try_from(flags) else { return -libc::EINVAL };
    super::on_pipe(id, |fd| sys::set_terminal_modes(fd, flags).map(|()| 0))
}
