//! A mistake in the options, and the list of all of them.

use std::fmt;

use thiserror::Error;

/// What is wrong with an option, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemClass {
    /// It has the wrong type, or it is required and missing.
    Type,
    /// The type is right, the value cannot be used.
    Value,
    /// A number beyond what is possible.
    Range,
    /// There is no such option.
    Unknown,
    /// There will be such an option, so it is no typo; this version does not have it.
    Unsupported,
}

impl ProblemClass {
    /// The name of the JavaScript error.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "RangeError",
            Self::Type | Self::Value | Self::Unknown | Self::Unsupported => "TypeError",
        }
    }

    /// The `code` of the JavaScript error; Node's own where Node has one.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Type => "ERR_INVALID_ARG_TYPE",
            Self::Value => "ERR_INVALID_ARG_VALUE",
            Self::Range => "ERR_OUT_OF_RANGE",
            Self::Unknown => "ERR_UNKNOWN_OPTION",
            Self::Unsupported => "ERR_NOT_SUPPORTED",
        }
    }
}

/// One mistake. `option` and `message`, with a space between, are a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{option} {message}")]
pub struct Problem {
    /// Its kind.
    pub class: ProblemClass,
    /// The option's path: `container.fs[2].to`.
    pub option: String,
    /// The rest of the sentence: `must be a string, not 5`.
    pub message: String,
}

/// Every mistake that was found, in the order in which the options are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Error)]
pub struct Problems(pub Vec<Problem>);

/// One to a line.
impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{problem}")?;
        }
        Ok(())
    }
}

/// Proof that a problem has been added to the list: only adding one makes it. So whoever fails to read
/// something cannot forget to say so, and whoever calls it need not say so again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reported(());

/// Something that was read, or is not there because of a problem on the list.
pub(crate) type Read<T> = Result<T, Reported>;

impl Problems {
    /// Puts a problem on the list; reading goes on.
    pub(crate) fn add(
        &mut self,
        class: ProblemClass,
        option: impl Into<String>,
        message: impl Into<String>,
    ) -> Reported {
        self.0.push(Problem { class, option: option.into(), message: message.into() });
        Reported(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_those_of_the_javascript_errors() {
        for (class, name, code) in [
            (ProblemClass::Type, "TypeError", "ERR_INVALID_ARG_TYPE"),
            (ProblemClass::Value, "TypeError", "ERR_INVALID_ARG_VALUE"),
            (ProblemClass::Range, "RangeError", "ERR_OUT_OF_RANGE"),
            (ProblemClass::Unknown, "TypeError", "ERR_UNKNOWN_OPTION"),
            (ProblemClass::Unsupported, "TypeError", "ERR_NOT_SUPPORTED"),
        ] {
            assert_eq!((class.name(), class.code()), (name, code));
        }
    }

    #[test]
    fn problems_are_sentences_one_to_a_line() {
        let mut problems = Problems::default();
        problems.add(ProblemClass::Type, "cmd", "must be an array");
        problems.add(ProblemClass::Range, "uid", "must be an integer");
        assert_eq!(problems.to_string(), "cmd must be an array\nuid must be an integer");
    }
}
