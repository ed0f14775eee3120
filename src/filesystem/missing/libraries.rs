//! The libraries that a program needs, and those that they need, in the order in which a loader loads them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::loader::{Family, Loader};
use super::object::{self, Object, Program};
use super::{Kind, Missing};
use crate::filesystem::view::{Sight, View};

/// More libraries than this are not followed.
const MAX_OBJECTS: usize = 512;

/// An object in the process to be.
struct Loaded {
    /// Where it was found, inside the container.
    path: PathBuf,
    object: Object,
    /// What needed it first.
    parent: Option<usize>,
}

/// A directory to search, or one that only the running process knows.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Directory(PathBuf),
    Unknown,
}

/// What a search came to.
enum Found {
    Object(PathBuf, Object),
    /// There is something, or there may be, that we cannot follow.
    Unsure,
    Missing,
}

/// What stays the same for all searches of one program.
struct Search<'s> {
    view: &'s View<'s>,
    loader: &'s Loader,
    /// `LD_LIBRARY_PATH`.
    environment: Option<&'s [u8]>,
    /// Searched last.
    system: Vec<PathBuf>,
}

/// The first library that `program` lacks. Usually the loader's own directories hold all; only when they do not are
/// the configured ones read, which the loader searches before its own.
pub(super) fn missing_library(
    view: &View<'_>,
    program: &Path,
    object: Object,
    loader: &Loader,
    library_path: Option<&[u8]>,
) -> Option<Missing> {
    let mut objects = vec![Loaded { path: program.to_path_buf(), object, parent: None }];
    let mut search = Search { view, loader, environment: library_path, system: loader.directories() };
    search.first_missing(&mut objects)?;
    let mut system = loader.configured(view)?;
    system.append(&mut search.system);
    search.system = system;
    objects.truncate(1);
    search.first_missing(&mut objects)
}

impl Search<'_> {
    /// Loads breadth first, as loaders do; a name that was met once is not searched again.
    fn first_missing(&self, objects: &mut Vec<Loaded>) -> Option<Missing> {
        let mut met: HashSet<Vec<u8>> = HashSet::new();
        let mut at = 0;
        while let Some(current) = objects.get(at)
            && at < MAX_OBJECTS
        {
            for name in current.object.needed.clone() {
                if self.loader.provides(&name) || !met.insert(name.clone()) {
                    continue;
                }
                match self.find(objects, at, &name) {
                    Found::Object(path, object) => {
                        met.extend(object.soname.clone());
                        objects.push(Loaded { path, object, parent: Some(at) });
                    }
                    Found::Unsure => {}
                    Found::Missing => {
                        let needed_by = &objects.get(at)?.path;
                        return Some(Missing::new(needed_by, Kind::Library, &name));
                    }
                }
            }
            at += 1;
        }
        None
    }

    /// Searches `name` for the object at `at`.
    fn find(&self, objects: &[Loaded], at: usize, name: &[u8]) -> Found {
        let machine = objects.first().map(|program| program.object.machine);
        let mut searched = Vec::new();
        for place in self.places(objects, at, name) {
            let Place::Directory(directory) = place else { return Found::Unsure };
            let path = directory.join(OsStr::from_bytes(name));
            searched.push(directory);
            match self.view.look(&path) {
                Sight::Missing | Sight::Directory(_) => {}
                Sight::Unknown => return Found::Unsure,
                Sight::File(host) => match object::read(&host) {
                    Some(Program::Elf(object)) if Some(object.machine) == machine => {
                        return Found::Object(path, object);
                    }
                    // Loaders pass over libraries for another machine.
                    Some(Program::Elf(_)) => {}
                    Some(Program::Script(_)) | None => return Found::Unsure,
                },
            }
        }
        if self.loader.may_find(self.view, name, &searched) { Found::Unsure } else { Found::Missing }
    }

    /// Where `name` is searched for the object at `at`, in order. `ld.so(8)` has glibc's rules.
    fn places(&self, objects: &[Loaded], at: usize, name: &[u8]) -> Vec<Place> {
        if name.contains(&b'/') {
            let directory = super::absolute(name).and_then(Path::parent).filter(|_| !name.contains(&b'$'));
            return vec![
                directory.map_or(Place::Unknown, |directory| Place::Directory(directory.to_path_buf())),
            ];
        }
        let chain = Chain { objects, next: Some(at) };
        let environment = self.environment.unwrap_or_default();
        let origin = objects.first().map(|program| self.origin(program)).unwrap_or_default();
        let is_separator = |byte: &u8| *byte == b':' || *byte == b';';
        let environment = expand(environment.split(is_separator), &origin).into_iter();
        // An empty variable is no empty directory.
        let environment = environment.filter(|_| self.environment.is_some_and(|list| !list.is_empty()));
        let own = objects.get(at).map(|own| &own.object);
        let mut places = Vec::new();
        match self.loader.family {
            Family::Glibc => {
                if own.is_some_and(|own| own.runpath.is_none()) {
                    let inherited = chain.filter(|object| object.object.runpath.is_none());
                    places.extend(
                        inherited.flat_map(|object| self.listed(object, object.object.rpath.as_ref())),
                    );
                }
                places.extend(environment);
                if let Some(object) = objects.get(at) {
                    places.extend(self.listed(object, object.object.runpath.as_ref()));
                }
            }
            Family::Musl => {
                places.extend(environment);
                places.extend(chain.flat_map(|object| {
                    let path = object.object.runpath.as_ref().or(object.object.rpath.as_ref());
                    self.listed(object, path)
                }));
            }
        }
        places.extend(self.system.iter().cloned().map(Place::Directory));
        places
    }

    /// The directories that `object` lists in `path`.
    fn listed(&self, object: &Loaded, path: Option<&Vec<u8>>) -> Vec<Place> {
        path.map(|path| expand(path.split(|byte| *byte == b':'), &self.origin(object))).unwrap_or_default()
    }

    /// `$ORIGIN`: of the program its real directory, of a library the one in which it was found.
    fn origin(&self, object: &Loaded) -> PathBuf {
        let path =
            if object.parent.is_none() { self.view.canonical(&object.path) } else { object.path.clone() };
        path.parent().map(Path::to_path_buf).unwrap_or_default()
    }
}

/// An object, what needed it, what needed that, up to the program.
struct Chain<'o> {
    objects: &'o [Loaded],
    next: Option<usize>,
}

impl<'o> Iterator for Chain<'o> {
    type Item = &'o Loaded;

    fn next(&mut self) -> Option<Self::Item> {
        let object = self.objects.get(self.next?)?;
        self.next = object.parent;
        Some(object)
    }
}

/// The directories of a list, `$ORIGIN` replaced. Other tokens, and directories relative to the working directory,
/// have a meaning that we do not know.
fn expand<'l>(list: impl Iterator<Item = &'l [u8]>, origin: &Path) -> Vec<Place> {
    list.map(|directory| {
        let directory = replace(&replace(directory, b"${ORIGIN}", origin), b"$ORIGIN", origin);
        match super::absolute(&directory) {
            Some(path) if !directory.contains(&b'$') => Place::Directory(path.to_path_buf()),
            _ => Place::Unknown,
        }
    })
    .collect()
}

fn replace(text: &[u8], token: &[u8], with: &Path) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(tail) = rest.strip_prefix(token) {
            result.extend(with.as_os_str().as_bytes());
            rest = tail;
        } else {
            result.push(*first);
            rest = tail;
        }
    }
    result
}
