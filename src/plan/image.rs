//! A plan in the form that a child reads: steps without their origins, strings as pointers.

use std::ffi::c_char;
use std::ptr;

use container_spawn_child::interpreter::Program;
use container_spawn_child::op::{Step, Text};
use container_spawn_child::shared::Shared;

use super::Plan;
use crate::sys::Stack;

/// Owns what a [`Program`] points to, until the child has exec'ed.
pub struct Image<'a> {
    plan: &'a Plan,
    steps: Vec<Step>,
    argv: Vec<*const c_char>,
    envp: Vec<*const c_char>,
    init_argv: [*const c_char; 3],
}

impl<'a> Image<'a> {
    /// Lay it out. After this nothing may move until the child has exec'ed; the borrow sees to it.
    pub fn new(plan: &'a Plan, shared: &'a Shared) -> Self {
        let pointer = |text: &Text| plan.arena.as_ptr().wrapping_add(text.0 as usize).cast::<c_char>();
        let terminated = |texts: &[Text]| texts.iter().map(pointer).chain([ptr::null()]).collect();
        Image {
            steps: plan.child.iter().map(|child| child.step).collect(),
            argv: terminated(&plan.argv),
            envp: terminated(&plan.envp),
            init_argv: [c"container-init".as_ptr(), shared.payload.get().cast::<c_char>(), ptr::null()],
            plan,
        }
    }

    /// What the child is given.
    pub fn program(&self, shared: &'a Shared, payload_stack: &Stack) -> Program<'_> {
        Program {
            steps: &self.steps,
            payload: self.plan.payload as u32,
            init: self.plan.init as u32,
            arena: &self.plan.arena,
            argv: self.argv.as_ptr(),
            envp: self.envp.as_ptr(),
            init_argv: self.init_argv.as_ptr(),
            shared,
            payload_stack: payload_stack.area(),
        }
    }
}
