//! Sizes in bytes: `536870912`, `"512M"`, `"1.5GiB"`.

use thiserror::Error;

use super::problem::{ProblemClass, Problems, Read};
use super::reader::Given;
use super::value::Value;
use crate::config::Bound;

/// The kernel counts sizes in signed 64-bit integers.
const MOST: u64 = i64::MAX as u64;

/// Why something is not a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
enum NoSize {
    #[error(
        r#"must be a number of bytes, or a string such as "512", "512K", "1.5G" or "2GiB" (powers of 1024)"#
    )]
    Syntax,
    #[error("must be 0 bytes or more")]
    Negative,
    #[error("must be a finite number of bytes")]
    NotFinite,
    #[error("must be a whole number of bytes")]
    Fraction,
    #[error("must be at most {MOST} bytes")]
    TooLarge,
}

impl NoSize {
    const fn class(self) -> ProblemClass {
        match self {
            Self::Syntax => ProblemClass::Value,
            Self::Negative | Self::NotFinite | Self::Fraction | Self::TooLarge => ProblemClass::Range,
        }
    }
}

/// A size of at least `least` bytes; `why` completes the sentence for a smaller one.
pub(crate) fn size(given: &Given, least: u64, why: &str, problems: &mut Problems) -> Read<u64> {
    read(given, least, why, "", problems)
}

/// The same, or `"max"`.
pub(crate) fn size_or_max(given: &Given, least: u64, why: &str, problems: &mut Problems) -> Read<Bound<u64>> {
    if matches!(given.value, Value::String(text) if text == "max") {
        return Ok(Bound::Max);
    }
    read(given, least, why, r#", or "max""#, problems).map(Bound::At)
}

/// `or` is what may be written besides a size.
fn read(given: &Given, least: u64, why: &str, or: &str, problems: &mut Problems) -> Read<u64> {
    let size = match given.value {
        Value::Number(number) => from_number(*number),
        Value::String(text) => from_text(text),
        _ => {
            let wanted = format!(r#"a number of bytes or a string such as "512M"{or}"#);
            return Err(given.mismatch(&wanted, problems));
        }
    };
    match size {
        Ok(size) if size < least => {
            let unit = if least == 1 { "byte" } else { "bytes" };
            let message = format!("must be at least {least} {unit}, not {}: {why}", given.value);
            Err(given.problem(ProblemClass::Range, message, problems))
        }
        Ok(size) => Ok(size),
        Err(reason) => {
            let or = if reason == NoSize::Syntax { or } else { "" };
            let message = format!("{reason}{or}, not {}", given.value);
            Err(given.problem(reason.class(), message, problems))
        }
    }
}

fn from_number(number: f64) -> Result<u64, NoSize> {
    if !number.is_finite() {
        Err(NoSize::NotFinite)
    } else if number < 0.0 {
        Err(NoSize::Negative)
    } else if number.fract() != 0.0 {
        Err(NoSize::Fraction)
    } else if number >= MOST as f64 {
        // No float is the most itself: it becomes 2⁶³ here.
        Err(NoSize::TooLarge)
    } else {
        Ok(number as u64)
    }
}

fn from_text(text: &str) -> Result<u64, NoSize> {
    if let Some(rest) = text.strip_prefix('-') {
        return Err(if from_text(rest) == Err(NoSize::Syntax) { NoSize::Syntax } else { NoSize::Negative });
    }
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let doublings = doublings(suffix).ok_or(NoSize::Syntax)?;
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return Err(NoSize::Syntax),
        Some(parts) => parts,
        None => (number, ""),
    };
    if whole.is_empty() || fraction.contains('.') {
        return Err(NoSize::Syntax);
    }
    let whole: u64 = whole.parse().map_err(|_| NoSize::TooLarge)?;
    scale(whole, fraction, doublings)
}

/// What a suffix multiplies by, as a power of two.
fn doublings(suffix: &str) -> Option<u32> {
    let unit = suffix.strip_suffix("iB").unwrap_or(suffix);
    match unit {
        "" if suffix.is_empty() => Some(0),
        "K" | "k" => Some(10),
        "M" | "m" => Some(20),
        "G" | "g" => Some(30),
        "T" | "t" => Some(40),
        _ => None,
    }
}

/// Doubles a decimal number digit by digit, so that it is exact however many digits there are.
fn scale(mut whole: u64, fraction: &str, doublings: u32) -> Result<u64, NoSize> {
    let mut digits: Vec<u8> = fraction.bytes().map(|digit| digit - b'0').collect();
    for _ in 0..doublings {
        let mut carry = 0;
        for digit in digits.iter_mut().rev() {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        whole = whole.checked_mul(2).and_then(|w| w.checked_add(u64::from(carry))).ok_or(NoSize::TooLarge)?;
    }
    if digits.iter().any(|digit| *digit != 0) {
        return Err(NoSize::Fraction);
    }
    if whole > MOST { Err(NoSize::TooLarge) } else { Ok(whole) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_with_powers_of_1024() {
        for (text, size) in [
            ("0", 0),
            ("512", 512),
            ("007", 7),
            ("1K", 1 << 10),
            ("1k", 1 << 10),
            ("1KiB", 1 << 10),
            ("1kiB", 1 << 10),
            ("512M", 512 << 20),
            ("512m", 512 << 20),
            ("512MiB", 512 << 20),
            ("3G", 3 << 30),
            ("3g", 3 << 30),
            ("3GiB", 3 << 30),
            ("2T", 2 << 40),
            ("2t", 2 << 40),
            ("2TiB", 2 << 40),
            ("1.5G", 3 << 29),
            ("1.50G", 3 << 29),
            ("2.0", 2),
            ("0.5K", 512),
            ("0.0009765625K", 1),
            ("0.0000000000009094947017729282379150390625T", 1),
            ("8388607.9999999999990905052982270717620849609375T", MOST),
            ("9223372036854775807", MOST),
        ] {
            assert_eq!(from_text(text), Ok(size), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        for (text, reason) in [
            ("", NoSize::Syntax),
            ("M", NoSize::Syntax),
            ("-", NoSize::Syntax),
            ("--1", NoSize::Negative),
            ("+1", NoSize::Syntax),
            (" 1", NoSize::Syntax),
            ("1 M", NoSize::Syntax),
            (".5G", NoSize::Syntax),
            ("1.G", NoSize::Syntax),
            ("1..5G", NoSize::Syntax),
            ("1.5.G", NoSize::Syntax),
            ("1e3", NoSize::Syntax),
            ("0x10", NoSize::Syntax),
            ("1MB", NoSize::Syntax),
            ("1B", NoSize::Syntax),
            ("1iB", NoSize::Syntax),
            ("1Mi", NoSize::Syntax),
            ("1MIB", NoSize::Syntax),
            ("1P", NoSize::Syntax),
            ("٣", NoSize::Syntax),
            ("Infinity", NoSize::Syntax),
            ("-5M", NoSize::Negative),
            ("-1.5", NoSize::Negative),
            ("-x", NoSize::Syntax),
            ("1.5", NoSize::Fraction),
            ("0.3K", NoSize::Fraction),
            ("0.00000000000090949470177292823791503906250001T", NoSize::Fraction),
            ("9223372036854775808", NoSize::TooLarge),
            ("8388608T", NoSize::TooLarge),
            ("18446744073709551615", NoSize::TooLarge),
            ("18446744073709551616", NoSize::TooLarge),
            ("99999999999999999999999999T", NoSize::TooLarge),
        ] {
            assert_eq!(from_text(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        assert_eq!(from_number(0.0), Ok(0));
        assert_eq!(from_number(-0.0), Ok(0));
        assert_eq!(from_number(4096.0), Ok(4096));
        assert_eq!(from_number(2f64.powi(62)), Ok(1 << 62));
        for (number, reason) in [
            (f64::NAN, NoSize::NotFinite),
            (f64::INFINITY, NoSize::NotFinite),
            (f64::NEG_INFINITY, NoSize::NotFinite),
            (-1.0, NoSize::Negative),
            (0.5, NoSize::Fraction),
            (2f64.powi(63), NoSize::TooLarge),
            (f64::MAX, NoSize::TooLarge),
        ] {
            assert_eq!(from_number(number), Err(reason), "{number}");
        }
    }

    proptest! {
        #[test]
        fn a_whole_number_comes_back(size in 0..=MOST) {
            prop_assert_eq!(from_text(&size.to_string()), Ok(size));
        }

        #[test]
        fn a_suffix_shifts(count in 0u64..1 << 22, unit in 0usize..4, long: bool, lower: bool) {
            let letter = ["K", "M", "G", "T"][unit];
            let letter = if lower { letter.to_lowercase() } else { letter.to_owned() };
            let text = format!("{count}{letter}{}", if long { "iB" } else { "" });
            prop_assert_eq!(from_text(&text), Ok(count << (10 * (unit + 1))));
        }

        #[test]
        fn a_fraction_of_a_unit_is_exact(size in 0u64..1 << 50) {
            // 2⁻¹⁰ has ten decimals, so every size is a decimal number of KiB.
            let thousandths = (u128::from(size) * 10u128.pow(10)) >> 10;
            let text = format!("{}.{:010}K", thousandths / 10u128.pow(10), thousandths % 10u128.pow(10));
            prop_assert_eq!(from_text(&text), Ok(size));
        }

        #[test]
        fn an_exact_float_comes_back(size in 0u64..1 << 53) {
            prop_assert_eq!(from_number(size as f64), Ok(size));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = from_text(&text);
        }

        #[test]
        fn no_near_miss_panics(text in "-?[0-9]{0,25}[.]?[0-9]{0,50}(K|M|G|T|t|iB|KiB|B)?") {
            let _ = from_text(&text);
        }

        #[test]
        fn no_float_panics(number in prop::num::f64::ANY) {
            let _ = from_number(number);
        }
    }
}
