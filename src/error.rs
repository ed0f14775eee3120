//! What went wrong, where, and what to do about it.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};

use container_spawn_child::syscall::Errno;

use crate::options::Problems;

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options are wrong; nothing has happened.
    #[error("the options are not valid")]
    Invalid(Problems),
    /// A step failed, and what was done before it has been undone.
    #[error("{0}")]
    Failed(Failure),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Error::Failed(failure)
    }
}

/// A step that failed. Boxed: what is large is rare, and every `Result` would be as large.
#[derive(Debug, Clone)]
pub struct Failure(Box<Details>);

/// What is known of a failure.
#[derive(Debug, Default, Clone)]
pub struct Details {
    /// `EPERM`, or a name of ours that begins with `ERR_`.
    pub code: Cow<'static, str>,
    /// The error number, positive.
    pub errno: Option<Errno>,
    /// The system call.
    pub syscall: Option<&'static str>,
    /// The path that it was about.
    pub path: Option<String>,
    /// The option that asked for it.
    pub option: String,
    /// Its number in the plan and the plan's length.
    pub step: Option<(usize, usize)>,
    /// `in the child`, `in the parent`.
    pub place: &'static str,
    /// What was being done, and the error in words.
    pub summary: String,
    /// What to do about it, on this machine.
    pub hint: Option<String>,
    /// What could not be undone afterwards.
    pub left: Option<String>,
}

impl Deref for Failure {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Failure {
    /// A failed system call.
    pub fn call(syscall: &'static str, errno: Errno, doing: impl fmt::Display) -> Failure {
        Failure(Box::new(Details {
            code: errno_name(errno),
            errno: Some(errno),
            syscall: Some(syscall),
            summary: format!("{doing}: {}", errno_words(errno)),
            ..Details::default()
        }))
    }

    /// A failed operation of the standard library's.
    pub fn io(syscall: &'static str, error: &io::Error, doing: impl fmt::Display) -> Failure {
        Failure::call(syscall, error.raw_os_error().unwrap_or(libc::EIO), doing)
    }

    /// A condition of ours, with a code of ours.
    pub fn own(code: &'static str, summary: impl Into<String>) -> Failure {
        Failure(Box::new(Details { code: code.into(), summary: summary.into(), ..Details::default() }))
    }

    /// The same, in other words.
    pub fn saying(mut self, summary: impl Into<String>) -> Failure {
        self.summary = summary.into();
        self
    }

    /// The plan wants more descriptors than a child has slots for.
    pub fn too_many_mounts(option: &str) -> Failure {
        Failure::own(
            "ERR_TOO_MANY_MOUNTS",
            "more mounts in one container than its set-up has descriptors for",
        )
        .asked_by(option)
        .hinting("bind a common parent directory instead of many entries")
    }

    /// The option that asked for it.
    pub fn asked_by(mut self, option: &str) -> Failure {
        self.option = option.to_owned();
        self
    }

    /// The option that asked for it, unless that is known more exactly.
    pub fn or_asked_by(self, option: &str) -> Failure {
        if self.option.is_empty() { self.asked_by(option) } else { self }
    }

    /// The path that it was about.
    pub fn about(mut self, path: impl Into<String>) -> Failure {
        self.path = Some(path.into());
        self
    }

    /// What to do about it.
    pub fn hinting(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    /// Where it is in the plan.
    pub fn at(mut self, step: usize, steps: usize, place: &'static str) -> Failure {
        self.step = Some((step, steps));
        self.place = place;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.summary)?;
        if !self.option.is_empty() {
            write!(f, "\n  option  {}", self.option)?;
        }
        if let Some((step, steps)) = self.step {
            write!(f, "\n  step    {step} of {steps}")?;
            if let Some(syscall) = self.syscall {
                write!(f, ", {syscall}(2)")?;
            }
            write!(f, ", {}", self.place)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint    {hint}")?;
        }
        if let Some(left) = &self.left {
            write!(f, "\n  left    {left}")?;
        }
        Ok(())
    }
}

/// `EPERM`.
pub fn errno_name(errno: Errno) -> Cow<'static, str> {
    format!("{:?}", nix::errno::Errno::from_raw(errno)).into()
}

/// `operation not permitted`.
pub fn errno_words(errno: Errno) -> String {
    let words = nix::errno::Errno::from_raw(errno).desc();
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_to_do() {
        let failure = Failure::call("mount", libc::EPERM, "mount overlayfs on /data")
            .asked_by("container.fs[0]")
            .at(14, 31, "in the child")
            .hinting("do this");
        assert_eq!(
            failure.to_string(),
            "EPERM: mount overlayfs on /data: operation not permitted\n  option  container.fs[0]\n  step    14 of 31, \
             mount(2), in the child\n  hint    do this"
        );
    }
}
