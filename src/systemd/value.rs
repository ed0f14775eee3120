//! Values of systemd's properties.

use super::refused::Why;
use super::wire::{Reader, Writer};

/// A value, of one of the types that a scope's properties have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `b`: Delegate.
    Bool(bool),
    /// `u`
    U32(u32),
    /// `t`: MemoryMax, TasksMax, CPUWeight, CPUQuotaPerSecUSec. `u64::MAX` is "infinity".
    U64(u64),
    /// `s`: Description, Slice, CollectMode, OOMPolicy.
    Str(String),
    /// `au`: PIDs.
    U32s(Vec<u32>),
    /// `ay`: AllowedCPUs, one bit for each CPU, the lowest first.
    Bytes(Vec<u8>),
    /// `a(st)`: IOReadBandwidthMax and its like, (path of a device, limit).
    DeviceLimits(Vec<(String, u64)>),
    /// `as`: DelegateControllers.
    Strs(Vec<String>),
}

impl Value {
    /// Its type, in D-Bus's notation.
    pub fn signature(&self) -> &'static str {
        match self {
            Value::Bool(_) => "b",
            Value::U32(_) => "u",
            Value::U64(_) => "t",
            Value::Str(_) => "s",
            Value::U32s(_) => "au",
            Value::Bytes(_) => "ay",
            Value::DeviceLimits(_) => "a(st)",
            Value::Strs(_) => "as",
        }
    }

    fn write(&self, to: &mut Writer) {
        match self {
            Value::Bool(value) => to.u32((*value).into()),
            Value::U32(value) => to.u32(*value),
            Value::U64(value) => to.u64(*value),
            Value::Str(value) => to.string(value),
            Value::U32s(values) => to.array(4, |to| values.iter().for_each(|value| to.u32(*value))),
            Value::Bytes(values) => to.array(1, |to| to.raw(values)),
            Value::DeviceLimits(limits) => to.array(8, |to| {
                for (device, limit) in limits {
                    to.align(8);
                    to.string(device);
                    to.u64(*limit);
                }
            }),
            Value::Strs(values) => to.array(4, |to| values.iter().for_each(|value| to.string(value))),
        }
    }

    /// As a VARIANT.
    pub(super) fn write_variant(&self, to: &mut Writer) {
        to.signature(self.signature());
        self.write(to);
    }

    /// From a VARIANT.
    pub(super) fn read_variant(from: &mut Reader) -> Result<Value, Why> {
        Ok(match from.signature()? {
            "b" => Value::Bool(from.bool()?),
            "u" => Value::U32(from.u32()?),
            "t" => Value::U64(from.u64()?),
            "s" | "o" => Value::Str(from.string()?.to_owned()),
            "au" => Value::U32s(from.array(4, Reader::u32)?),
            "ay" => Value::Bytes(from.array(1, Reader::u8)?),
            "a(st)" => Value::DeviceLimits(from.array(8, |from| {
                from.align(8)?;
                Ok((from.string()?.to_owned(), from.u64()?))
            })?),
            "as" => Value::Strs(from.array(4, |from| from.string().map(str::to_owned))?),
            _ => return Err(Why::Malformed("a value of a type that was not expected")),
        })
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
