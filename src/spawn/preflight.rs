//! What can be seen to be missing before anything is done.
//!
//! In a root without the command's ELF interpreter the kernel answers ENOENT for a file that plainly exists, and
//! without one of its libraries the command runs, for as long as its loader needs to say so. Both name the missing
//! file here, and nothing has happened yet.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, RootFrom};
use crate::error::Failure;
use crate::filesystem::missing::{Kind, missing_file};
use crate::filesystem::view::{Sight, View};

/// Look at what the command needs, if it will run in another root than the host's.
pub fn check(config: &Config) -> Result<(), Failure> {
    let Some(mount) = config.container.as_ref().and_then(|container| container.mount.as_ref()) else {
        return Ok(());
    };
    let Some(root) = mount.root.as_ref().filter(|root| matches!(root.from, RootFrom::Directory(_))) else {
        return Ok(());
    };
    let view = View::new(mount);
    let Some(command) = command_file(config, &view) else { return Ok(()) };
    let Some(missing) = missing_file(&view, &command, variable(config, b"LD_LIBRARY_PATH=")) else {
        return Ok(());
    };
    let what = match missing.kind {
        Kind::Interpreter => "the ELF interpreter",
        Kind::ScriptInterpreter => "the interpreter",
        Kind::Library => "the library",
    };
    let RootFrom::Directory(directory) = &root.from else { return Ok(()) };
    let summary = format!(
        "{} needs {what} {}, which the new root {} lacks",
        missing.needed_by.display(),
        missing.name,
        directory.to_string_lossy()
    );
    let hint = "bind what is missing into the root (fs: [{ type: \"bind\", from: \"/lib\", to: \"/lib\", readonly: true }, …]), \
                or use a static binary";
    let failure = Failure { summary, ..Failure::call("execve", libc::ENOENT, "") };
    Err(failure.asked_by("container.root").about(missing.name).hinting(hint))
}

/// The file that will be executed, as a path in the container; `None` if that is not known.
fn command_file(config: &Config, view: &View) -> Option<PathBuf> {
    let file = path(&config.command.file);
    let cwd = config.command.cwd.as_deref().map_or(Path::new("/"), path);
    if file.as_os_str().as_bytes().contains(&b'/') {
        return Some(Path::new("/").join(cwd).join(file));
    }
    let search = config.command.search_path.as_deref().unwrap_or(crate::lower::DEFAULT_PATH);
    let directories = search.to_bytes().split(|byte| *byte == b':');
    let candidates =
        directories.map(|directory| Path::new("/").join(cwd).join(OsStr::from_bytes(directory)).join(file));
    candidates.into_iter().find(|candidate| matches!(view.look(candidate), Sight::File(_)))
}

fn variable<'a>(config: &'a Config, prefix: &[u8]) -> Option<&'a [u8]> {
    config.command.env.iter().find_map(|variable| variable.to_bytes().strip_prefix(prefix))
}

fn path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}
