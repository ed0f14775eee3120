//! Values of systemd's properties.

use super::wire::Writer;

/// A value, of one of the types that a scope's properties have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `b`: Delegate.
    Bool(bool),
    /// `s`: Description, Slice, CollectMode, OOMPolicy.
    Str(String),
    /// `au`: PIDs.
    U32s(Vec<u32>),
}

impl Value {
    /// Its type, in D-Bus's notation.
    fn signature(&self) -> &'static str {
        match self {
            Value::Bool(_) => "b",
            Value::Str(_) => "s",
            Value::U32s(_) => "au",
        }
    }

    /// As a VARIANT.
    pub(super) fn write_variant(&self, to: &mut Writer) {
        to.signature(self.signature());
        match self {
            Value::Bool(value) => to.u32((*value).into()),
            Value::Str(value) => to.string(value),
            Value::U32s(values) => to.array(4, |to| values.iter().for_each(|value| to.u32(*value))),
        }
    }
}

/// `a(sv)`
pub(super) fn write_properties(to: &mut Writer, properties: &[(&str, Value)]) {
    to.array(8, |to| {
        for (name, value) in properties {
            to.align(8);
            to.string(name);
            value.write_variant(to);
        }
    });
}
