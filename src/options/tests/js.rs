//! Values, written as JavaScript writes them.

use super::super::Value;

/// `js!({ cmd: ["true"], "a b": (-1), c: undefined })`; a negative number needs its parentheses.
macro_rules! js {
    (undefined) => { $crate::options::Value::Undefined };
    (null) => { $crate::options::Value::Null };
    ([$($element:tt),* $(,)?]) => { $crate::options::Value::Array(vec![$(js!($element)),*]) };
    ({$($key:tt: $value:tt),* $(,)?}) => {
        $crate::options::Value::Object(vec![
            $((stringify!($key).trim_matches('"').to_owned(), js!($value))),*
        ])
    };
    ($value:expr) => { $crate::options::Value::from($value) };
}
pub(super) use js;

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Number(value as f64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Self::Array(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_owned())
    }
}
