//! A JavaScript value as the options' reader sees it: already fetched, so that no getter runs twice.

use std::fmt;

/// Longer text is cut in messages, so that a message stays one.
const SHOWN: usize = 80;

/// What a property held when it was read, once.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `undefined`.
    Undefined,
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A bigint, in decimal.
    BigInt(String),
    /// A string.
    String(String),
    /// A byte array; what is in it need not be UTF-8.
    Bytes(Vec<u8>),
    /// An array.
    Array(Vec<Value>),
    /// A plain object: its own enumerable string keys, in order.
    Object(Vec<(String, Value)>),
    /// A function.
    Function,
    /// Anything else, by the name of its class: `Symbol`, `Date`.
    Other(&'static str),
}

/// As it is put into an error message: a scalar as JavaScript would write it, anything else by its kind.
impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undefined => out.write_str("undefined"),
            Self::Null => out.write_str("null"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Number(value) => write_number(out, *value),
            Self::BigInt(digits) => write!(out, "the bigint {digits}"),
            Self::String(text) => out.write_str(&quoted(text)),
            Self::Bytes(_) => out.write_str("a byte array"),
            Self::Array(_) => out.write_str("an array"),
            Self::Object(_) => out.write_str("an object"),
            Self::Function => out.write_str("a function"),
            Self::Other(class) => write!(out, "a value of class {class}"),
        }
    }
}

/// Rust writes `inf`, and 1e300 with all its zeros.
fn write_number(out: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    if value.is_infinite() {
        out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else if value.abs() >= 1e21 || (value != 0.0 && value.abs() < 1e-6) {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    }
}

/// Text in double quotes. Rust's escapes are JavaScript's too, so control characters never reach a terminal.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_shown_as_javascript_writes_them() {
        for (value, shown) in [
            (Value::Undefined, "undefined"),
            (Value::Null, "null"),
            (Value::Bool(false), "false"),
            (Value::Number(-1.5), "-1.5"),
            (Value::Number(f64::NAN), "NaN"),
            (Value::Number(f64::INFINITY), "Infinity"),
            (Value::Number(f64::NEG_INFINITY), "-Infinity"),
            (Value::Number(1e300), "1e300"),
            (Value::Number(1e-9), "1e-9"),
            (Value::Number(4_294_967_296.0), "4294967296"),
            (Value::BigInt("12".into()), "the bigint 12"),
            (Value::String("a\0\u{1b}\"".into()), r#""a\0\u{1b}\"""#),
            (Value::Bytes(vec![0]), "a byte array"),
            (Value::Array(vec![]), "an array"),
            (Value::Object(vec![]), "an object"),
            (Value::Function, "a function"),
            (Value::Other("Symbol"), "a value of class Symbol"),
        ] {
            assert_eq!(value.to_string(), shown);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let shown = quoted(&"ü".repeat(SHOWN + 1));
        assert_eq!(shown, format!("\"{}\"…", "ü".repeat(SHOWN)));
        assert_eq!(quoted(&"ü".repeat(SHOWN)), format!("\"{}\"", "ü".repeat(SHOWN)));
    }
}
