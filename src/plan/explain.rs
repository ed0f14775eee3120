//! The plan as a list that people and programs read: the same numbers as errors name.

use super::describe::{Described, namespace_names};
use super::{Plan, Stage};

/// Who does a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// This process.
    Parent,
    /// The set-up child.
    Child,
    /// The child that becomes the command.
    Payload,
    /// The set-up child on its way to pid 1.
    Init,
}

impl Lane {
    /// As `explain()` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Parent => "parent",
            Lane::Child => "child",
            Lane::Payload => "payload",
            Lane::Init => "init",
        }
    }
}

impl Stage {
    /// As `explain()` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Prepare => "prepare",
            Stage::Clone => "clone",
            Stage::Identity => "identity",
            Stage::Cgroup => "cgroup",
            Stage::Names => "names",
            Stage::Sources => "sources",
            Stage::Mounts => "mounts",
            Stage::Root => "root",
            Stage::Payload => "payload",
            Stage::Exec => "exec",
            Stage::Init => "init",
        }
    }
}

/// One line of the list.
pub struct Explained {
    /// Who.
    pub lane: Lane,
    /// When.
    pub stage: Stage,
    /// What.
    pub text: String,
    /// Which option asked; empty for what every spawn does.
    pub option: String,
}

impl Plan {
    /// Which lane a child's step belongs to.
    pub fn lane(&self, index: usize) -> Lane {
        if index >= self.init {
            Lane::Init
        } else if index >= self.payload {
            Lane::Payload
        } else {
            Lane::Child
        }
    }

    /// The whole plan; an entry's position is the number that errors name.
    pub fn explain(&self) -> Vec<Explained> {
        let parent = self.parent.iter().map(|step| Explained {
            lane: Lane::Parent,
            stage: Stage::Prepare,
            text: step.op.to_string(),
            option: step.origin.to_string(),
        });
        let origins: Vec<_> = self.namespace_origins.iter().map(|(_, origin)| origin.as_ref()).collect();
        let names = namespace_names(self.namespaces);
        let mut text =
            if names.is_empty() { "clone3".into() } else { format!("clone3, new namespaces: {names}") };
        if self.into_cgroup.is_some() {
            text.push_str(", into the cgroup");
        }
        let clone = Explained { lane: Lane::Parent, stage: Stage::Clone, text, option: origins.join(" ") };
        let gates = self.gates.iter().map(|step| Explained {
            lane: Lane::Parent,
            stage: Stage::Identity,
            text: format!("at the gate: {}", step.op),
            option: step.origin.to_string(),
        });
        let child = self.child.iter().enumerate().map(|(index, child)| Explained {
            lane: self.lane(index),
            stage: child.stage,
            text: Described { plan: self, op: &child.step.op }.to_string(),
            option: child.origin.to_string(),
        });
        parent.chain([clone]).chain(gates).chain(child).collect()
    }
}
