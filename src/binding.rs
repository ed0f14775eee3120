//! The addon's face: glue between JavaScript values and the core, and no logic.
//!
//! Expected failures are returned as values, from which the JS face makes the errors that people see. Every export
//! catches panics: one that left a function called by Node would abort the user's whole program.

mod blocking;
mod container;
mod counted;
mod listener;
mod report;
mod value;

use std::sync::Arc;

use napi::bindgen_prelude::{Function, Uint8Array, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use crate::config::Config;
use crate::error::{Error, Failure};
use crate::host::Host;
use crate::process::Process;
use crate::reactor::{self, Reactor};
use crate::{lower, options, spawn as core, sys};
use listener::{Callback, Environment};
use report::{Explanation, Outcome, Spawned, outcome};

/// `spawn(request)`: start a process.
#[napi(catch_unwind)]
pub fn spawn(env: Env, request: Unknown) -> Result<Outcome<Spawned>> {
    Ok(outcome(read(request)?.and_then(|config| start(&env, config))))
}

fn read(request: Unknown) -> Result<std::result::Result<Config, Error>> {
    let request = value::from_js(request)?;
    Ok(options::read(&request).map_err(Error::Invalid))
}

fn start(env: &Env, config: Config) -> std::result::Result<Spawned, Error> {
    let no_reactor = |error| Failure::io("epoll_create1", &error, "start the thread that waits");
    let reactor = reactor::get().map_err(no_reactor)?;
    let environment = Environment::of(env);
    let in_container = config.container.is_some();
    let started = core::spawn(config)?;
    let (pid, plan) = (started.pid, started.plan.clone());
    let (process, pipes) = Process::new(started);
    let container = in_container.then(|| report::container(pid, &plan, process.groups()));
    let id = reactor.watch(process, environment.clone()).map_err(no_reactor)?;
    let pipes = pipes
        .into_iter()
        .map(|pipe| pipe.map_or(-1, |fd| reactor.keep(fd, environment.clone()).into()))
        .collect();
    Ok(Spawned { id, pid, pipes, container })
}

/// `explain(request)`: what `spawn` would do.
#[napi(catch_unwind)]
pub fn explain(request: Unknown) -> Result<Outcome<Explanation>> {
    let plan = read(request)?.and_then(|config| lower::lower(&config, &Host::live()).map_err(Error::from));
    Ok(outcome(plan.map(|plan| Explanation::of(&plan))))
}

/// `listen(callback)`: where this environment's events go; returns a number for `hold`.
#[napi(catch_unwind)]
pub fn listen(env: Env, callback: Function<Callback, ()>) -> Result<u32> {
    Environment::of(&env).listen(&env, callback)
}

/// `hold(listener, n)`: the event loop goes on while `n` is not zero.
#[napi(catch_unwind)]
pub fn hold(env: Env, listener: u32, reasons: u32) -> Result<()> {
    Environment::of(&env).hold(&env, listener, reasons > 0)
}

/// `kill(id, signal)`: 0, or a negative error number.
#[napi(catch_unwind)]
pub fn kill(id: u32, signal: i32) -> i32 {
    let process = reactor::get().ok().and_then(|reactor| reactor.process(id));
    match process.map(|process| process.kill(signal)) {
        Some(Ok(())) => 0,
        Some(Err(errno)) => -errno,
        None => -libc::ESRCH,
    }
}

/// `pipeRead(id, buffer)`: how many bytes, or a negative error number.
#[napi(catch_unwind)]
pub fn pipe_read(id: u32, mut buffer: Uint8Array) -> i32 {
    #[allow(unsafe_code)]
    // SAFETY: this call runs on the thread that owns the buffer, so nobody changes it meanwhile.
    let buffer = unsafe { buffer.as_mut() };
    on_pipe(id, |fd| sys::read(sys::borrow(fd), buffer))
}

/// `pipeWrite(id, data)`: how many bytes, or a negative error number.
#[napi(catch_unwind)]
pub fn pipe_write(id: u32, data: Uint8Array) -> i32 {
    on_pipe(id, |fd| sys::write(sys::borrow(fd), &data))
}

/// `pipeArm(id, write)`: one event when it is ready.
#[napi(catch_unwind)]
pub fn pipe_arm(id: u32, write: bool) -> i32 {
    match reactor::get().and_then(|reactor| reactor.arm(id, write)) {
        Ok(()) => 0,
        Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// `pipeClose(id)`: twice is once.
#[napi(catch_unwind)]
pub fn pipe_close(id: u32) {
    if let Ok(reactor) = reactor::get() {
        reactor.close(id);
    }
}

/// `pipeShutdown(id)`: nothing more comes from us through this socket, which stays to be read; 0, or a negative error
/// number.
#[napi(catch_unwind)]
pub fn pipe_shutdown(id: u32) -> i32 {
    on_pipe(id, |fd| sys::shutdown_writes(fd).map(|()| 0))
}

/// `pipeDetach(id)`: the descriptor, which the caller owns from now on, or -1.
#[napi(catch_unwind)]
pub fn pipe_detach(id: u32) -> i32 {
    let detached = reactor::get().ok().and_then(|reactor| reactor.detach(id));
    detached.map_or(-1, std::os::fd::IntoRawFd::into_raw_fd)
}

fn on_pipe(id: u32, call: impl FnOnce(&Arc<std::os::fd::OwnedFd>) -> std::io::Result<usize>) -> i32 {
    let pipe = reactor::get().ok().and_then(|reactor: &Reactor| reactor.pipe(id));
    match pipe.as_ref().map(call) {
        Some(Ok(bytes)) => bytes as i32,
        Some(Err(error)) => -error.raw_os_error().unwrap_or(libc::EIO),
        None => -libc::EBADF,
    }
}
