//! The two dynamic loaders whose rules we know, and where each looks for libraries.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::object::{self, Machine, Program};
use crate::filesystem::view::{Sight, View};

/// A configuration file longer than this is not read.
const MAX_TEXT: usize = 64 * 1024;
/// Nor a loader, nor a cache, longer than this.
const MAX_BINARY: usize = 8 * 1024 * 1024;

const TRIPLET: &str = if cfg!(target_arch = "aarch64") { "aarch64-linux-gnu" } else { "x86_64-linux-gnu" };
const GLIBC: &str =
    if cfg!(target_arch = "aarch64") { "/lib/ld-linux-aarch64.so.1" } else { "/lib64/ld-linux-x86-64.so.2" };
const MUSL: &str =
    if cfg!(target_arch = "aarch64") { "/lib/ld-musl-aarch64.so.1" } else { "/lib/ld-musl-x86_64.so.1" };
const MUSL_PATH: &str =
    if cfg!(target_arch = "aarch64") { "/etc/ld-musl-aarch64.path" } else { "/etc/ld-musl-x86_64.path" };

/// Below every directory glibc also looks in these, the ones after the first two in old versions.
const VARIANTS: [&str; 8] = [
    "glibc-hwcaps/x86-64-v2",
    "glibc-hwcaps/x86-64-v3",
    "glibc-hwcaps/x86-64-v4",
    "haswell",
    "avx512_1",
    "x86_64",
    "tls",
    "atomics",
];

/// Whose rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Glibc,
    Musl,
}

/// A dynamic loader in its usual place.
#[derive(Debug)]
pub(super) struct Loader {
    pub family: Family,
    host: PathBuf,
    soname: Vec<u8>,
}

impl Loader {
    /// The loader at `interpreter`, which is `host` on the host, if it is one that we know, for this machine and
    /// where distributions keep it. Distributions that keep it elsewhere (NixOS, Guix) built other directories into it.
    pub fn recognise(view: &View<'_>, interpreter: &Path, host: &Path, machine: Machine) -> Option<Self> {
        if !machine.is_native() {
            return None;
        }
        let soname = interpreter.file_name()?.as_bytes().to_vec();
        let loader = |family| Some(Self { family, host: host.to_path_buf(), soname: soname.clone() });
        if interpreter == Path::new(MUSL) {
            return loader(Family::Musl);
        }
        if interpreter != Path::new(GLIBC) {
            return None;
        }
        let real = view.canonical(interpreter);
        let usual =
            glibc_directories().any(|directory| Some(view.canonical(&directory).as_path()) == real.parent());
        // Beside musl it is either a shim, or a glibc with a prefix of its own.
        if !usual || view.look(Path::new(MUSL)) != Sight::Missing {
            return None;
        }
        // A shim (nix-ld, gcompat) has the name of the file, but not the name inside it.
        match object::read(host)? {
            Program::Elf(object) if object.soname.as_ref() == Some(&soname) => loader(Family::Glibc),
            Program::Elf(_) | Program::Script(_) => None,
        }
    }

    /// Whether a library of this name is part of the loader.
    pub fn provides(&self, name: &[u8]) -> bool {
        let parts: [&[u8]; 7] = [b"c", b"pthread", b"rt", b"m", b"dl", b"util", b"xnet"];
        match self.family {
            Family::Glibc => name == self.soname,
            Family::Musl => {
                let part = name.strip_prefix(b"lib").and_then(|rest| rest.split(|byte| *byte == b'.').next());
                name == self.soname || part.is_some_and(|part| parts.contains(&part))
            }
        }
    }

    /// The directories that are always searched.
    pub fn directories(&self) -> Vec<PathBuf> {
        match self.family {
            Family::Glibc => glibc_directories().collect(),
            Family::Musl => ["/lib", "/usr/local/lib", "/usr/lib"].map(PathBuf::from).to_vec(),
        }
    }

    /// The directories that the container's configuration names; `None` if that cannot be read.
    pub fn configured(&self, view: &View<'_>) -> Option<Vec<PathBuf>> {
        if self.family == Family::Musl {
            let list = text(view, Path::new(MUSL_PATH))?;
            return absolute_paths(list.split(|byte| matches!(byte, b'\n' | b':')));
        }
        let mut directories = configured_in(&text(view, Path::new("/etc/ld.so.conf"))?)?;
        let parts = Path::new("/etc/ld.so.conf.d");
        let mut names = view.names(parts)?;
        names.sort();
        for name in names.iter().filter(|name| name.as_bytes().ends_with(b".conf")) {
            directories.extend(configured_in(&text(view, &parts.join(name))?)?);
        }
        Some(directories)
    }

    /// Whether the loader may find `name` in a way that we do not follow, so that it must not be called missing.
    pub fn may_find(&self, view: &View<'_>, name: &[u8], searched: &[PathBuf]) -> bool {
        if self.family == Family::Musl {
            return false;
        }
        let found = |directory: &PathBuf, variant| {
            view.look(&directory.join(variant).join(OsStr::from_bytes(name))) != Sight::Missing
        };
        let in_variant =
            searched.iter().any(|directory| VARIANTS.iter().any(|variant| found(directory, variant)));
        in_variant || !self.is_built_as_usual() || may_be_cached(view, name)
    }

    /// Whether the usual directories are the ones that were built into the loader: it has them as strings.
    fn is_built_as_usual(&self) -> bool {
        let Some(binary) = whole(&self.host, MAX_BINARY) else { return false };
        let has = |directory: &Path| {
            let mut string = vec![0];
            string.extend(directory.as_os_str().as_bytes());
            string.extend(b"/\0");
            contains(&binary, &string)
        };
        contains(&binary, b"\0/etc/ld.so.cache\0") && glibc_directories().any(|directory| has(&directory))
    }
}

/// What glibc searches on the distributions that keep the loader in its usual place; each has some of them.
fn glibc_directories() -> impl Iterator<Item = PathBuf> {
    let triplets = ["/lib", "/usr/lib"].map(|directory| Path::new(directory).join(TRIPLET));
    triplets.into_iter().chain(["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(PathBuf::from))
}

/// Whether `/etc/ld.so.cache` mentions `name`, or cannot be read. It may lead to any directory.
fn may_be_cached(view: &View<'_>, name: &[u8]) -> bool {
    match view.look(Path::new("/etc/ld.so.cache")) {
        Sight::Missing => false,
        Sight::File(host) => whole(&host, MAX_BINARY).is_none_or(|cache| contains(&cache, name)),
        Sight::Directory(_) | Sight::Unknown => true,
    }
}

/// The directories in one file of `ld.so.conf(5)`'s syntax. Of `include` only the usual pattern is followed.
fn configured_in(text: &[u8]) -> Option<Vec<PathBuf>> {
    let mut directories = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        if let Some(pattern) = line.strip_prefix(b"include") {
            match pattern.trim_ascii() {
                b"ld.so.conf.d/*.conf" | b"/etc/ld.so.conf.d/*.conf" => continue,
                _ => return None,
            }
        }
        if !line.starts_with(b"hwcap") {
            // "directory=type" names the C library that a directory is for.
            let words = line.split(|byte| matches!(byte, b' ' | b'\t' | b':' | b',' | b'\r'));
            let names = words.map(|word| word.split(|byte| *byte == b'=').next().unwrap_or_default());
            directories.extend(absolute_paths(names)?);
        }
    }
    Some(directories)
}

/// The paths that are not empty; `None` if one of them depends on the working directory.
fn absolute_paths<'t>(paths: impl Iterator<Item = &'t [u8]>) -> Option<Vec<PathBuf>> {
    let paths = paths.map(<[u8]>::trim_ascii).filter(|path| !path.is_empty());
    paths.map(|path| super::absolute(path).map(Path::to_path_buf)).collect()
}

/// The contents of a file of the container, empty if it is missing.
fn text(view: &View<'_>, path: &Path) -> Option<Vec<u8>> {
    match view.look(path) {
        Sight::Missing => Some(Vec::new()),
        Sight::File(host) => whole(&host, MAX_TEXT),
        Sight::Directory(_) | Sight::Unknown => None,
    }
}

/// The contents of a regular file of the host with no more than `most` bytes.
fn whole(host: &Path, most: usize) -> Option<Vec<u8>> {
    let file = object::open(host)?;
    let bytes = object::read_upto(&file, 0, most + 1)?;
    (bytes.len() <= most).then_some(bytes)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len().max(1)).any(|window| window == needle)
}
