//! What runs between `clone` and `execve`, in memory that is shared with a running Node.
//!
//! The parent is suspended (`CLONE_VFORK`) in one thread and alive in all others, and this code runs on its heap.
//! A lock it took would be a lock that another thread holds for ever; an allocation would take such a lock; a panic
//! would unwind into frames of another process; `errno` is the parent's thread-local. So none of that exists here:
//! the crate is `no_std` without `alloc`, the lints that find panics are denied, and a test reads the built
//! object's undefined symbols, which may only be `memcpy`, `memset` and `memcmp`.
//!
//! - [`op`]: the vocabulary, one variant a system call (or one call and what makes it whole);
//! - [`interpreter`]: one loop, one error exit; `calls` and `text` hold what it needs;
//! - [`shared`]: what the child tells the parent, through the memory both have;
//! - [`syscall`]: system calls by number, errors by value.
//!
//! `init.rs` beside this file is not part of the crate: it is the container's pid 1, a program of its own.
#![no_std]

mod calls;
pub mod interpreter;
pub mod op;
pub mod shared;
pub mod syscall;
mod text;
