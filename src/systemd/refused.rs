//! Why systemd has not done what it was asked for.

use std::fmt;
use std::io;
use std::time::Duration;

/// A call, or a way to systemd, that came to nothing.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Refused {
    /// What was tried: `StartTransientUnit job.scope`, `connect to /run/systemd/private`.
    pub what: String,
    /// What came of it.
    pub why: Why,
}

/// What came of it.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// A system call failed, or the other side hung up.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Nothing came within this time. What was asked for may still happen.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The other side answered with this error.
    #[error("{name}: {message}")]
    Bus {
        /// `org.freedesktop.systemd1.UnitExists`
        name: String,
        /// In the other side's words; may be empty.
        message: String,
    },
    /// systemd accepted the job, but it ended like this: `failed`, `canceled`, `timeout`, `dependency`, `skipped`.
    #[error("the job ended with result {0:?} instead of \"done\"")]
    Job(String),
    /// The other side does not know us, and said this.
    #[error("authentication was answered with {0:?}")]
    Unauthenticated(String),
    /// What came, or what was to be sent, is not D-Bus.
    #[error("{0}")]
    Malformed(&'static str),
    /// An address that this client does not understand.
    #[error("not an address of a Unix socket")]
    Address,
    /// All ways that there are, and what came of each.
    #[error("{}", Listed(.0))]
    Unreachable(Vec<Refused>),
}

impl Why {
    /// The same, with what was tried.
    pub(super) fn of(self, what: impl Into<String>) -> Refused {
        Refused { what: what.into(), why: self }
    }
}

impl Refused {
    /// The name of the D-Bus error, if that is what came.
    pub fn error_name(&self) -> Option<&str> {
        match &self.why {
            Why::Bus { name, .. } => Some(name),
            _ => None,
        }
    }
}

struct Listed<'a>(&'a [Refused]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, refused) in self.0.iter().enumerate() {
            write!(f, "{}{refused}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
