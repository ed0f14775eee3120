//! Reading a [`Value`] with its option path at hand.
//!
//! [`Fields`] hands out each key of an object once, as a [`Given`], and at the end reports the keys that
//! nobody asked for. A `Given` turns into what its reader wants, or into a problem that names the option.

use std::ffi::CString;
use std::ops::RangeInclusive;

use super::near::nearest;
use super::problem::{ProblemClass, Problems, Read, Reported};
use super::value::{Value, quoted};

const UNSUPPORTED: &str = "is not supported by this version of container-spawn";

/// A value that was given, and where.
#[derive(Debug, Clone)]
pub(crate) struct Given<'v> {
    /// The option's path.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) value: &'v Value,
}

impl<'v> Given<'v> {
    /// The whole request; its keys are paths by themselves.
    pub(crate) fn request(value: &'v Value) -> Self {
        Self { path: String::new(), value }
    }

    /// Whether this asks for something: `false` does not, and nor do `undefined` and `null`.
    pub(crate) fn is_asked(&self) -> bool {
        !matches!(self.value, Value::Undefined | Value::Null | Value::Bool(false))
    }

    /// Whether this is an array with nothing in it.
    pub(crate) fn is_empty_array(&self) -> bool {
        matches!(self.value, Value::Array(elements) if elements.is_empty())
    }

    /// Reports a problem of this option.
    pub(crate) fn problem(
        &self,
        class: ProblemClass,
        message: impl Into<String>,
        problems: &mut Problems,
    ) -> Reported {
        let option = if self.path.is_empty() { "options" } else { &self.path };
        problems.add(class, option, message)
    }

    /// Reports that this is not what it must be.
    pub(crate) fn mismatch(&self, wanted: &str, problems: &mut Problems) -> Reported {
        self.problem(ProblemClass::Type, format!("must be {wanted}, not {}", self.value), problems)
    }

    /// Reports something that a later version will take.
    pub(crate) fn unsupported(&self, problems: &mut Problems) -> Reported {
        let message = match self.value {
            Value::String(name) => format!("{} {UNSUPPORTED}", quoted(name)),
            _ => UNSUPPORTED.to_owned(),
        };
        self.problem(ProblemClass::Unsupported, message, problems)
    }

    /// Exactly `true` or `false`.
    pub(crate) fn boolean(&self, problems: &mut Problems) -> Read<bool> {
        match self.value {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.mismatch("true or false", problems)),
        }
    }

    /// A string.
    pub(crate) fn string(&self, problems: &mut Problems) -> Read<&'v str> {
        match self.value {
            Value::String(text) => Ok(text),
            _ => Err(self.mismatch("a string", problems)),
        }
    }

    /// A string that a C string can hold.
    pub(crate) fn c_string(&self, problems: &mut Problems) -> Read<CString> {
        let text = self.string(problems)?;
        self.without_nul(text, problems)
    }

    /// A string that a C string can hold, and that says something.
    pub(crate) fn c_string_not_empty(&self, problems: &mut Problems) -> Read<CString> {
        let text = self.c_string(problems)?;
        if text.is_empty() {
            return Err(self.problem(ProblemClass::Value, "must not be empty", problems));
        }
        Ok(text)
    }

    /// Bytes that the kernel takes whole; it would read up to the first NUL and no further.
    pub(crate) fn without_nul(&self, bytes: impl Into<Vec<u8>>, problems: &mut Problems) -> Read<CString> {
        CString::new(bytes)
            .map_err(|_| self.problem(ProblemClass::Value, "must be a string without null bytes", problems))
    }

    /// A number, NaN and the infinities among them.
    pub(crate) fn number(&self, problems: &mut Problems) -> Read<f64> {
        match self.value {
            Value::Number(number) => Ok(*number),
            _ => Err(self.mismatch("a number", problems)),
        }
    }

    /// A whole number within a range.
    pub(crate) fn integer<T: TryFrom<i64>>(
        &self,
        range: RangeInclusive<i64>,
        problems: &mut Problems,
    ) -> Read<T> {
        let number = self.number(problems)?;
        // Casting saturates, and no range of ours reaches the ends of i64.
        let whole = number as i64;
        if number.fract() == 0.0
            && range.contains(&whole)
            && let Ok(value) = T::try_from(whole)
        {
            return Ok(value);
        }
        let (least, most) = (range.start(), range.end());
        let message = format!("must be an integer from {least} to {most}, not {}", self.value);
        Err(self.problem(ProblemClass::Range, message, problems))
    }

    /// The number of an open file of the parent.
    pub(crate) fn file_descriptor(&self, problems: &mut Problems) -> Read<i32> {
        self.integer(0..=i64::from(i32::MAX), problems)
    }

    /// The elements of an array, each with its own path.
    pub(crate) fn array(&self, wanted: &str, problems: &mut Problems) -> Read<Vec<Given<'v>>> {
        let Value::Array(elements) = self.value else {
            return Err(self.mismatch(wanted, problems));
        };
        let element = |(index, value)| Given { path: format!("{}[{index}]", self.path), value };
        Ok(elements.iter().enumerate().map(element).collect())
    }

    /// The properties of an object, in order.
    pub(crate) fn properties(&self, problems: &mut Problems) -> Read<&'v [(String, Value)]> {
        match self.value {
            Value::Object(properties) => Ok(properties),
            _ => Err(self.mismatch("an object", problems)),
        }
    }

    /// The properties of an object whose keys are names of the caller's own, each with its path.
    pub(crate) fn entries(&self, problems: &mut Problems) -> Read<Vec<(&'v str, Given<'v>)>> {
        let properties = self.properties(problems)?;
        let entry =
            |(key, value): &'v (String, Value)| (key.as_str(), Given { path: child(&self.path, key), value });
        Ok(properties.iter().map(entry).collect())
    }

    /// The properties of an object whose keys are options.
    pub(crate) fn fields(&self, problems: &mut Problems) -> Read<Fields<'v>> {
        let properties = self.properties(problems)?;
        Ok(Fields { path: self.path.clone(), properties, known: Vec::new(), foreseen: Vec::new() })
    }
}

/// Reads every element, so that each mistake is found, before it fails.
pub(crate) fn each<'v, T>(
    elements: &[Given<'v>],
    mut read: impl FnMut(usize, &Given<'v>) -> Read<T>,
) -> Read<Vec<T>> {
    let all: Vec<Read<T>> =
        elements.iter().enumerate().map(|(index, element)| read(index, element)).collect();
    all.into_iter().collect()
}

/// The keys of one object of options.
#[derive(Debug)]
pub(crate) struct Fields<'v> {
    path: String,
    properties: &'v [(String, Value)],
    known: Vec<&'static str>,
    foreseen: Vec<&'static str>,
}

impl<'v> Fields<'v> {
    /// What was said under this key, `false` included; `undefined` and `null` say nothing.
    pub(crate) fn said(&mut self, key: &'static str) -> Option<Given<'v>> {
        self.known.push(key);
        self.find(key).filter(|given| !matches!(given.value, Value::Undefined | Value::Null))
    }

    /// What was asked for under this key.
    pub(crate) fn asked(&mut self, key: &'static str) -> Option<Given<'v>> {
        self.said(key).filter(Given::is_asked)
    }

    /// What must be there.
    pub(crate) fn required(
        &mut self,
        key: &'static str,
        wanted: &str,
        problems: &mut Problems,
    ) -> Read<Given<'v>> {
        self.asked(key).ok_or_else(|| {
            problems.add(ProblemClass::Type, child(&self.path, key), format!("is required: {wanted}"))
        })
    }

    /// A switch. Here alone `false` says something, where the default is `true`.
    pub(crate) fn flag(&mut self, key: &'static str, default: bool, problems: &mut Problems) -> Read<bool> {
        self.said(key).map_or(Ok(default), |given| given.boolean(problems))
    }

    /// Keys of the design that this version does not have: asking for one is an error, and no typo.
    pub(crate) fn unsupported(&mut self, keys: &[&'static str], problems: &mut Problems) -> Read<()> {
        self.refuse(keys, ProblemClass::Unsupported, UNSUPPORTED, problems)
    }

    /// Keys that exist, but cannot be asked for here.
    pub(crate) fn refuse(
        &mut self,
        keys: &[&'static str],
        class: ProblemClass,
        why: &str,
        problems: &mut Problems,
    ) -> Read<()> {
        let mut result = Ok(());
        for key in keys {
            self.foreseen.push(key);
            if let Some(given) = self.find(key).filter(Given::is_asked) {
                result = Err(given.problem(class, why, problems));
            }
        }
        result
    }

    /// Reports every key that was not asked about. One that holds `undefined` is as good as missing; `false`
    /// is not: whoever writes `exce: false` means something.
    pub(crate) fn finish(self, problems: &mut Problems) {
        self.finish_beside(&[], problems);
    }

    /// The same, where "did you mean" may also name what is not read here.
    pub(crate) fn finish_beside(mut self, elsewhere: &[&'static str], problems: &mut Problems) {
        let mut names = self.known.clone();
        names.append(&mut self.foreseen);
        let read = names.len();
        names.extend(elsewhere);
        for (key, value) in self.properties {
            if names[..read].contains(&key.as_str()) || matches!(value, Value::Undefined) {
                continue;
            }
            let help = match nearest(key, &names) {
                Some(name) => format!("did you mean {}?", quoted(name)),
                None => format!("known here: {}", self.known.join(", ")),
            };
            problems.add(
                ProblemClass::Unknown,
                child(&self.path, key),
                format!("is an unknown option; {help}"),
            );
        }
    }

    fn find(&self, key: &str) -> Option<Given<'v>> {
        let (_, value) = self.properties.iter().find(|(name, _)| name == key)?;
        Some(Given { path: child(&self.path, key), value })
    }
}

/// The path of a key: `a.b`, or `a["b c"]` where the dot would not do.
fn child(path: &str, key: &str) -> String {
    let mut characters = key.chars();
    let plain = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        && key.len() <= 80;
    match (plain, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{}]", quoted(key)),
    }
}
