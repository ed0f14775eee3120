//! What can be seen to be missing before anything is done.
//!
//! In a root without the command's ELF interpreter the kernel answers ENOENT for a file that plainly exists, and
//! without one of its libraries the command runs, for as long as its loader needs to say so. Both name the missing
//! file here, and nothing has happened yet.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, Mount, RootFrom};
use crate::error::Failure;
use crate::filesystem::missing::{Kind, missing_file};
use crate::filesystem::view::{Sight, View};

/// Look at what the command needs, if it will run in another root than the host's.
pub fn check(config: &Config) -> Result<(), Failure> {
    let root = mount(config).and_then(|mount| mount.root.as_ref());
    match root.map(|root| &root.from) {
        Some(RootFrom::Directory(directory)) => {
            let lacking = format!("the new root {}", directory.to_string_lossy());
            lacks(config, &lacking)
                .map_or(Ok(()), |failure| Err(failure.asked_by("container.root").hinting(BIND)))
        }
        Some(RootFrom::Host) | None => Ok(()),
    }
}

const BIND: &str = "bind what is missing into the root (fs: [{ type: \"bind\", from: \"/lib\", to: \"/lib\", readonly: true }, …]), \
                    or use a static binary";

/// After the kernel has said ENOENT: is it the command that is missing, or something that it names?
pub fn explain(config: &Config) -> Option<Failure> {
    lacks(config, "its tree")
}

fn mount(config: &Config) -> Option<&Mount> {
    config.container.as_ref()?.mount.as_ref()
}

fn lacks(config: &Config, lacking: &str) -> Option<Failure> {
    let host = Mount::default();
    let view = View::new(mount(config).unwrap_or(&host));
    let command = command_file(config, &view)?;
    let missing = missing_file(&view, &command, variable(config, b"LD_LIBRARY_PATH="))?;
    let what = match missing.kind {
        Kind::Interpreter => "the ELF interpreter",
        Kind::ScriptInterpreter => "the interpreter",
        Kind::Library => "the library",
    };
    let (needed_by, name) = (missing.needed_by.display(), &missing.name);
    let summary = format!("{needed_by} needs {what} {name}, which {lacking} lacks");
    Some(Failure::call("execve", libc::ENOENT, "").saying(summary).about(missing.name))
}

/// The file that will be executed, as a path in the container; `None` if that is not known.
fn command_file(config: &Config, view: &View) -> Option<PathBuf> {
    let file = path(&config.command.file);
    let here = if config.container.is_none() { std::env::current_dir().ok()? } else { PathBuf::from("/") };
    let cwd = here.join(config.command.cwd.as_deref().map_or(Path::new(""), path));
    if file.as_os_str().as_bytes().contains(&b'/') {
        return Some(cwd.join(file));
    }
    let search = config.command.search_path.as_deref().unwrap_or(crate::lower::DEFAULT_PATH);
    let directories = search.to_bytes().split(|byte| *byte == b':');
    let candidates = directories.map(|directory| cwd.join(OsStr::from_bytes(directory)).join(file));
    candidates.into_iter().find(|candidate| matches!(view.look(candidate), Sight::File(_)))
}

fn variable<'a>(config: &'a Config, prefix: &[u8]) -> Option<&'a [u8]> {
    config.command.env.iter().find_map(|variable| variable.to_bytes().strip_prefix(prefix))
}

fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}
