//! Which file a command lacks in a new root.
//!
//! When the dynamic loader of a program is missing, `execve(2)` says `ENOENT` about a program that plainly exists; when
//! a library is missing, the loader says so, but only on the container's standard error. [`missing_file`] finds both
//! beforehand. What it finds stops a spawn, so it speaks only when it is sure: anything that it cannot read, or that
//! is not laid out as usual, counts as present.

mod libraries;
mod loader;
mod object;

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::view::{Sight, View};
use loader::Loader;
use object::{Object, Program};

/// The kernel follows no more scripts than this to their interpreters.
const MAX_SCRIPTS: usize = 5;

/// A file that a command needs and the container's tree lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What needs it: the command, or an interpreter or a library on the way. A path inside the container.
    pub needed_by: PathBuf,
    /// What it is needed as.
    pub kind: Kind,
    /// The path of an interpreter; the name of a library.
    pub name: String,
}

/// What a missing file is needed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The dynamic loader of an ELF program.
    Interpreter,
    /// The program in the first line of a script.
    ScriptInterpreter,
    /// A shared library.
    Library,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs {}, which the new root lacks", self.needed_by.display(), self.name)
    }
}

impl Missing {
    fn new(needed_by: &Path, kind: Kind, name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name).into_owned();
        Self { needed_by: needed_by.to_path_buf(), kind, name }
    }
}

/// The first file that `command` (an absolute path inside the container) needs and `view` lacks. A command that is
/// itself missing lacks nothing: that error is plain enough. `library_path` is the command's `LD_LIBRARY_PATH`.
pub fn missing_file(view: &View<'_>, command: &Path, library_path: Option<&[u8]>) -> Option<Missing> {
    let mut program = command.to_path_buf();
    for _ in 0..=MAX_SCRIPTS {
        if !program.is_absolute() {
            return None;
        }
        let Sight::File(host) = view.look(&program) else { return None };
        match object::read(&host)? {
            Program::Elf(object) => return missing_for(view, &program, object, library_path),
            Program::Script(interpreter) => {
                let next = absolute(&interpreter)?;
                if view.look(next) == Sight::Missing {
                    return Some(Missing::new(&program, Kind::ScriptInterpreter, &interpreter));
                }
                program = next.to_path_buf();
            }
        }
    }
    None
}

/// The same for an ELF program. Without an interpreter it is static, and needs nothing.
fn missing_for(
    view: &View<'_>,
    program: &Path,
    object: Object,
    library_path: Option<&[u8]>,
) -> Option<Missing> {
    let name = object.interpreter.clone()?;
    let interpreter = absolute(&name)?;
    // Programs for another machine are run by an emulator, with rules of its own.
    if !object.machine.is_native() && !object.machine.is_compatible() {
        return None;
    }
    match view.look(interpreter) {
        Sight::Missing => Some(Missing::new(program, Kind::Interpreter, &name)),
        Sight::File(host) => {
            let loader = Loader::recognise(view, interpreter, &host, object.machine)?;
            libraries::missing_library(view, program, object, &loader, library_path)
        }
        Sight::Directory(_) | Sight::Unknown => None,
    }
}

/// A path, unless it depends on the working directory.
fn absolute(path: &[u8]) -> Option<&Path> {
    let path = Path::new(OsStr::from_bytes(path));
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests;
