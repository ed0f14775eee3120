//! What will be done: two lanes of steps and the gates between them. Sealed and printable; nothing here acts.
//!
//! The parent lane may allocate and wait; each of its steps says how it is undone. The child lane is a straight line
//! of raw system calls on memory that the parent has prepared. A step carries its origin, the path of the option
//! that asked for it, so that an error number can be turned back into what the caller wrote.

mod describe;
mod explain;
mod image;

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::fmt;
use std::path::PathBuf;

use container_spawn_child::op::{Op, SLOTS, Slot, Step, Text};
use container_spawn_child::syscall::Errno;

pub use describe::{Described, namespace_names};
pub use explain::{Explained, Lane};
pub use image::Image;

use crate::cgroup::{Control, Group, Scope};
use crate::config::{BindFrom, IdMap};
use crate::error::Failure;

/// The path of the option that asked for a step, `container.fs[2].to`; empty for what every spawn does.
pub type Origin = Cow<'static, str>;

/// The order of the protocol is the order of this declaration; the builder asserts that it never goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// The parent makes what only it can make.
    Prepare,
    /// The child is cloned into its namespaces.
    Clone,
    /// Who the child is: signals, ids.
    Identity,
    /// Which cgroup it is in.
    Cgroup,
    /// Host name, clock offsets, loopback.
    Names,
    /// Every source of a mount is opened, before the first mount hides anything.
    Sources,
    /// Mounts are attached, in the order written.
    Mounts,
    /// The new root is entered and the old one is gone.
    Root,
    /// What the command itself is given: descriptors, session, ids, directory.
    Payload,
    /// The command runs.
    Exec,
    /// The set-up child becomes pid 1.
    Init,
}

/// What fills a slot before the clone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotSource {
    /// The child's end of `stdio[n]`.
    Stdio(usize),
    /// A descriptor of the caller's.
    Caller(i32),
    /// `/dev/null`.
    Null,
    /// The end of the lifeline that hangs up.
    LifelineRead,
    /// The end that only the parent may hold.
    LifelineWrite,
    /// The pipe on which init reports.
    StatusWrite,
    /// Init's program.
    InitProgram,
}

/// A step of the parent lane. Its undo follows from its kind: a made mount point is released, a made cgroup removed.
#[derive(Clone, PartialEq, Debug)]
pub enum ParentOp {
    /// Make the mount point `to` on the host, if that is where it is and it is missing, for the life of the container.
    MountPoint {
        /// Where, as the container will see it.
        to: PathBuf,
        /// How many entries of `fs` are mounted before: they say what `to` leads to.
        before: usize,
        /// What will be mounted there: a directory, unless this is a file.
        like: Option<BindFrom>,
    },
    /// See whether the new root has what the command needs: its ELF interpreter and libraries.
    CheckRoot,
    /// Have a version 2 group pass controllers on to the groups below it.
    EnableControllers {
        /// The group.
        group: PathBuf,
        /// Those without which a limit cannot be put in force.
        required: Vec<String>,
        /// Those that come along if they can.
        companions: Vec<String>,
        /// Whether its processes may be moved to a leaf of it for that.
        may_move: bool,
    },
    /// Make a cgroup, and remove what dead processes of ours have left beside it.
    MakeCgroup(Group),
    /// Open a cgroup for the child to join.
    OpenCgroup {
        /// The group.
        directory: PathBuf,
        /// The file that takes the child's id; without one it is cloned into the directory.
        file: Option<&'static str>,
        /// Where the descriptor goes.
        to: Slot,
        /// Not made by us: it may be frozen, and then the child would never run.
        foreign: bool,
    },
    /// Write a control file.
    WriteControl {
        /// The group.
        directory: PathBuf,
        /// The file, and its new content.
        control: Control,
    },
    /// See to it that this process has a scope of systemd's.
    StartScope(Scope),
    /// Have systemd move the child that waits at this gate.
    AttachToScope {
        /// Our scope.
        scope: Scope,
        /// The group in it.
        group: PathBuf,
    },
    /// Write the id maps of the child that waits at this gate.
    WriteMaps {
        /// User ids.
        uid_map: Vec<IdMap>,
        /// Group ids.
        gid_map: Vec<IdMap>,
    },
}

/// A step of the parent lane with the option that asked for it.
#[derive(Clone, PartialEq, Debug)]
pub struct ParentStep {
    /// What to do.
    pub op: ParentOp,
    /// Who asked.
    pub origin: Origin,
}

/// A step of a child's lane with the option that asked for it.
#[derive(Clone, PartialEq, Debug)]
pub struct ChildStep {
    /// What to do, and which errors mean that it was done already.
    pub step: Step,
    /// When.
    pub stage: Stage,
    /// Who asked.
    pub origin: Origin,
}

/// The compiled program.
pub struct Plan {
    /// Before the clone.
    pub parent: Vec<ParentStep>,
    /// While the child waits at gate n.
    pub gates: Vec<ParentStep>,
    /// `CLONE_NEW*`.
    pub namespaces: u64,
    /// The version 2 cgroup to be cloned into.
    pub into_cgroup: Option<Slot>,
    /// Which option asked for each of them.
    pub namespace_origins: Vec<(u64, Origin)>,
    /// All lanes of the children, back to back.
    pub child: Vec<ChildStep>,
    /// Where the payload's lane begins; `child.len()` without an init.
    pub payload: usize,
    /// Where init's lane begins; `child.len()` without an init.
    pub init: usize,
    /// NUL-terminated strings.
    pub arena: Vec<u8>,
    /// The command's arguments.
    pub argv: Vec<Text>,
    /// Its environment.
    pub envp: Vec<Text>,
    /// What to put into slots before the clone.
    pub slots: Vec<(Slot, SlotSource)>,
}

impl Plan {
    /// A string of the arena.
    pub fn text(&self, text: Text) -> &CStr {
        let rest = self.arena.get(text.0 as usize..).unwrap_or(b"\0");
        CStr::from_bytes_until_nul(rest).unwrap_or(c"")
    }

    /// Does pid 1 of this container reap, forward and report?
    pub fn has_init(&self) -> bool {
        self.init < self.child.len()
    }

    /// How many steps `explain` lists: the parent's, the clone, the gates' and the children's.
    pub fn step_count(&self) -> usize {
        self.parent.len() + 1 + self.gates.len() + self.child.len()
    }

    /// The number of the clone, of gate n's step, of child step n, in `explain`'s list.
    pub fn number_of_clone(&self) -> usize {
        self.parent.len()
    }

    /// See [`Plan::number_of_clone`].
    pub fn number_of_gate(&self, gate: usize) -> usize {
        self.parent.len() + 1 + gate
    }

    /// See [`Plan::number_of_clone`].
    pub fn number_of_child(&self, index: usize) -> usize {
        self.parent.len() + 1 + self.gates.len() + index
    }
}

/// What a plan that was carried out has put in force.
pub struct Facts {
    /// `CLONE_NEW*`, whoever made them.
    pub namespaces: u64,
    /// `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privileges: bool,
    /// The old root is gone.
    pub new_root: bool,
    /// How many mounts were attached.
    pub mounts: usize,
}

impl Plan {
    /// Read back from the steps: each of them has succeeded when there is a process.
    pub fn facts(&self) -> Facts {
        let mut facts =
            Facts { namespaces: self.namespaces, no_new_privileges: false, new_root: false, mounts: 0 };
        for child in &self.child {
            match child.step.op {
                Op::Unshare(flags) => facts.namespaces |= flags as u32 as u64,
                Op::NoNewPrivileges => facts.no_new_privileges = true,
                Op::PivotRoot => facts.new_root = true,
                Op::Attach { .. } => facts.mounts += 1,
                Op::Detach(_) => facts.mounts -= 1,
                _ => {}
            }
        }
        facts
    }
}

/// Names of file systems and parameters come again, and are among the first.
const MOST_KNOWN: usize = 64;

/// Collects steps in the order of [`Stage`].
pub struct Builder {
    plan: Plan,
    stage: Stage,
    origin: Origin,
    next_slot: usize,
    /// Strings to look among before one is added.
    known: Vec<Text>,
}

impl Default for Builder {
    fn default() -> Self {
        let plan = Plan {
            parent: Vec::new(),
            gates: Vec::new(),
            namespaces: 0,
            into_cgroup: None,
            namespace_origins: Vec::new(),
            child: Vec::with_capacity(64),
            payload: 0,
            init: 0,
            arena: Vec::with_capacity(8192),
            argv: Vec::new(),
            envp: Vec::new(),
            slots: Vec::new(),
        };
        Builder {
            plan,
            stage: Stage::Prepare,
            origin: "".into(),
            next_slot: 0,
            known: Vec::with_capacity(MOST_KNOWN),
        }
    }
}

impl Builder {
    /// From here on, steps belong to `stage` and were asked for by `origin`.
    pub fn enter(&mut self, stage: Stage, origin: impl Into<Origin>) {
        assert!(stage >= self.stage, "{stage:?} after {:?}: the protocol never goes back", self.stage);
        self.stage = stage;
        self.origin = origin.into();
    }

    /// From here on, steps were asked for by `origin`.
    pub fn origin(&mut self, origin: impl Into<Origin>) {
        self.origin = origin.into();
    }

    /// Who asks for the steps that are being added.
    pub fn asking(&self) -> &str {
        &self.origin
    }

    /// Add a step of the child's lane.
    pub fn child(&mut self, op: Op) {
        self.tolerating(op, &[]);
    }

    /// Add a step that may fail with these errors.
    pub fn tolerating(&mut self, op: Op, errors: &[Errno]) {
        let mut tolerated = [0; 4];
        for (place, errno) in tolerated.iter_mut().zip(errors) {
            *place = *errno;
        }
        let step = Step { op, tolerated };
        self.plan.child.push(ChildStep { step, stage: self.stage, origin: self.origin.clone() });
    }

    /// Add a step of the parent's lane.
    pub fn parent(&mut self, op: ParentOp) {
        self.plan.parent.push(ParentStep { op, origin: self.origin.clone() });
    }

    /// Add what the parent does while the child waits, and the waiting.
    pub fn gate(&mut self, op: ParentOp) {
        let number = self.plan.gates.len() as u32;
        self.plan.gates.push(ParentStep { op, origin: self.origin.clone() });
        self.child(Op::Gate(number));
    }

    /// Make this namespace with the clone.
    pub fn namespace(&mut self, flag: i32, origin: impl Into<Origin>) {
        let flag = flag as u32 as u64;
        self.plan.namespaces |= flag;
        self.plan.namespace_origins.push((flag, origin.into()));
    }

    /// Clone into the version 2 cgroup whose directory this slot holds.
    pub fn into_cgroup(&mut self, directory: Slot) {
        self.plan.into_cgroup = Some(directory);
    }

    /// Will the child be cloned into a version 2 cgroup?
    pub fn is_into_cgroup(&self) -> bool {
        self.plan.into_cgroup.is_some()
    }

    /// Put a string into the arena; the same string is kept once, while there are few.
    pub fn text(&mut self, text: &CStr) -> Text {
        let bytes = text.to_bytes_with_nul();
        let is_same = |known: &&Text| {
            self.plan.arena.get(known.0 as usize..).is_some_and(|rest| rest.starts_with(bytes))
        };
        if let Some(&known) = self.known.iter().find(is_same) {
            return known;
        }
        let place = self.append(text);
        if self.known.len() < MOST_KNOWN {
            self.known.push(place);
        }
        place
    }

    fn append(&mut self, text: &CStr) -> Text {
        let place = Text(self.plan.arena.len() as u32);
        self.plan.arena.extend_from_slice(text.to_bytes_with_nul());
        place
    }

    /// Put a formatted string into the arena. It has no NUL in it: it is made of numbers and names of ours.
    pub fn format(&mut self, text: fmt::Arguments) -> Text {
        let text = CString::new(text.to_string()).unwrap_or_default();
        self.text(&text)
    }

    /// The command's arguments and environment.
    pub fn command(&mut self, argv: &[CString], envp: &[CString]) {
        self.plan.argv = argv.iter().map(|argument| self.append(argument)).collect();
        self.plan.envp = envp.iter().map(|variable| self.append(variable)).collect();
    }

    /// A slot that a step will fill.
    pub fn slot(&mut self) -> Result<Slot, Failure> {
        if self.next_slot >= SLOTS {
            return Err(Failure::too_many_mounts(&self.origin));
        }
        self.next_slot += 1;
        Ok(Slot((self.next_slot - 1) as u16))
    }

    /// A slot that the parent fills before the clone.
    pub fn slot_from(&mut self, source: SlotSource) -> Result<Slot, Failure> {
        let slot = self.slot()?;
        self.plan.slots.push((slot, source));
        Ok(slot)
    }

    /// The set-up child's lane ends here; what follows is the payload's.
    pub fn begin_payload(&mut self) {
        self.plan.payload = self.plan.child.len();
    }

    /// The payload's lane ends here; what follows is init's.
    pub fn begin_init(&mut self) {
        self.plan.init = self.plan.child.len();
    }

    /// One child runs everything.
    pub fn without_init(&mut self) {
        self.plan.payload = self.plan.child.len();
        self.plan.init = self.plan.child.len();
    }

    /// Seal it.
    pub fn finish(self) -> Plan {
        self.plan
    }
}
