//! Spawn a process inside its own Linux namespaces, file systems and resource limits.
//!
//! # In one sentence
//!
//! Options are compiled, by pure code, into a straight-line program of system calls; the child merely runs it;
//! whatever fails is mapped back to the option that asked for it.
//!
//! ```text
//! Options ──read──▶ Config ──lower(+Host)──▶ Plan ──spawn──▶ Started ──reap──▶ Exit
//!  what the          what it                 what will       the only         what
//!  caller said       means                   be done         impure arrow     happened
//! ```
//!
//! # Terminology
//!
//! - **Options** ([`options`]): what the caller said, as untyped values. Read once, strictly; all mistakes are reported
//!   together.
//! - **Config** ([`config`]): what it means. Illegal states cannot be written.
//! - **Host** ([`host`]): facts about this machine and user.
//! - **Plan** ([`plan`]): what will be done, in two lanes. The *parent lane* may allocate and wait, and each of its
//!   steps has an undo. The *child lane* is raw system calls on memory that the parent has prepared. At a *gate* the
//!   child waits for the parent. A step's *origin* is the path of the option that asked for it.
//! - **Set-up child**: the process that is cloned. It runs the child lane, clones the *payload*, which becomes the
//!   command, and then becomes **init**, the container's pid 1. Without an init it becomes the command itself.
//! - **Lifeline**: a pipe whose other end only this process holds. When it hangs up, this process is gone, and so is
//!   the container.
//!
//! # What is peculiar here
//!
//! The child shares the parent's memory until it execs (`CLONE_VM | CLONE_VFORK`): a fork would copy page tables for
//! as long as a request takes, and leave Node's heap readable in the container. What that costs is written where it
//! is paid: [`supervisor`], [`sys::clone_and_wait`], and the crate `container-spawn-child`, which cannot allocate,
//! lock or panic.
//!
//! # What this is not
//!
//! A security policy. A container has exactly the isolation that was asked for, all of it or an error.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

#[cfg(all(feature = "node-api", not(test)))]
mod binding;
pub mod cgroup;
mod common;
pub mod config;
pub mod error;
pub mod filesystem;
pub mod hint;
pub mod host;
pub mod lower;
pub mod options;
pub mod plan;
pub mod process;
pub mod reactor;
pub mod spawn;
pub mod supervisor;
pub mod sync;
pub mod sys;
pub mod systemd;
pub mod undo;
