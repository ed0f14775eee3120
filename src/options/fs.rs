//! `container.fs`: what is mounted, in the order written.

use std::ffi::{CStr, CString};

use super::bytes;
use super::near::nearest;
use super::overlay;
use super::path;
use super::problem::{ProblemClass, Problems, Read};
use super::reader::{Fields, Given, each};
use super::spelling::Entry;
use super::value::{Value, quoted};
use crate::config::{BindFrom, FsEntry, FsKind, MountFlags};

/// What the root directory of a tmpfs permits unless `mode` says otherwise. The kernel's own default, 0o1777,
/// lets every id write.
const TMPFS_MODE: u32 = 0o755;

/// A type of this version.
#[derive(Debug, Clone, Copy)]
enum Type {
    Bind,
    Tmpfs,
    Overlay,
    Proc,
}

const TYPES: [(&str, Type); 4] =
    [("bind", Type::Bind), ("tmpfs", Type::Tmpfs), ("overlayfs", Type::Overlay), ("proc", Type::Proc)];

/// Types kept for later versions.
const LATER: [&str; 10] =
    ["sysfs", "devpts", "mqueue", "cgroup", "dev", "dir", "symlink", "file", "mask", "readonly"];

/// Every entry. `root` is the directory that becomes the container's root, if one does.
pub(crate) fn read(given: &Given, root: Option<&CStr>, problems: &mut Problems) -> Read<Vec<FsEntry>> {
    let entries = given.array("an array of file systems", problems)?;
    each(&entries, |index, given| entry(index, given, root, problems))
}

fn entry(index: usize, given: &Given, root: Option<&CStr>, problems: &mut Problems) -> Read<FsEntry> {
    let mut fields = given.fields(problems)?;
    let (name, kind) =
        fields.required("type", &types(), problems).and_then(|given| type_of(&given, problems))?;

    let mut entry = Entry::open(fields, name, problems);
    let to = entry
        .fields()
        .required("to", "a path inside the container", problems)
        .and_then(|given| target(&given, kind, root, problems));
    let flags = flags(&mut entry, kind, problems);
    let kind = match kind {
        Type::Bind => bind(entry.fields(), problems),
        Type::Tmpfs => tmpfs(&mut entry, problems),
        Type::Overlay => overlay::read(&mut entry, &given.path, problems),
        Type::Proc => Ok(FsKind::Proc),
    };
    entry.finish(problems)?;
    Ok(FsEntry { index, to: to?, kind: kind?, flags: flags? })
}

fn type_of(given: &Given, problems: &mut Problems) -> Read<(&'static str, Type)> {
    let name = given.string(problems)?;
    if let Some(found) = TYPES.into_iter().find(|(known, _)| *known == name) {
        return Ok(found);
    }
    if LATER.contains(&name) {
        return Err(given.unsupported(problems));
    }
    let names: Vec<&str> = TYPES.iter().map(|(name, _)| *name).chain(LATER).collect();
    let hint =
        nearest(name, &names).map_or_else(String::new, |near| format!("; did you mean {}?", quoted(near)));
    let message = format!("must be {}, not {}{hint}", types(), given.value);
    Err(given.problem(ProblemClass::Value, message, problems))
}

fn types() -> String {
    format!("one of {}", TYPES.map(|(name, _)| quoted(name)).join(", "))
}

/// Where it is mounted. Below `root` it is the older spelling: that design mounted before it entered the
/// root, so its users wrote the root's own path first.
fn target(given: &Given, kind: Type, root: Option<&CStr>, problems: &mut Problems) -> Read<CString> {
    let path = path::inside(given, problems)?;
    let path = root.and_then(|root| path::below(root, &path)).unwrap_or(path);
    if matches!(kind, Type::Proc) && path.as_bytes() == b"/" {
        let message = "must not be the root itself: nothing could be executed there";
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    Ok(path)
}

fn flags(entry: &mut Entry, kind: Type, problems: &mut Problems) -> Read<MountFlags> {
    let default = MountFlags::default();
    let suid = entry.fields().flag("suid", default.suid, problems);
    let dev = entry.fields().flag("dev", default.dev, problems);
    let exec = entry.fields().flag("exec", default.exec, problems);
    let readonly = match kind {
        Type::Bind => entry.flag("readonly", default.readonly, problems),
        Type::Tmpfs | Type::Overlay | Type::Proc => {
            entry.fields().flag("readonly", default.readonly, problems)
        }
    };
    Ok(MountFlags { suid: suid?, dev: dev?, exec: exec?, readonly: readonly? })
}

fn bind(fields: &mut Fields, problems: &mut Problems) -> Read<FsKind> {
    let from =
        fields.required("from", "a path or a file descriptor of the host", problems).and_then(|given| {
            match given.value {
                Value::String(_) => path::on_host(&given, problems).map(BindFrom::Path),
                Value::Number(_) => given.file_descriptor(problems).map(BindFrom::Fd),
                _ => Err(given.mismatch("a path or a file descriptor", problems)),
            }
        });
    let recursive = fields.flag("recursive", true, problems);
    let optional = fields.flag("optional", false, problems);
    fields.unsupported(&["idmap"], problems)?;
    Ok(FsKind::Bind { from: from?, recursive: recursive?, optional: optional? })
}

fn tmpfs(entry: &mut Entry, problems: &mut Problems) -> Read<FsKind> {
    let size = entry.asked("size", problems).and_then(|given| {
        let why = "the kernel takes 0 for no limit";
        given.map(|given| bytes::size(&given, 1, why, problems)).transpose()
    });
    let mode =
        entry.fields().asked("mode").map_or(Ok(TMPFS_MODE), |given| given.integer(0..=0o7777, problems));
    Ok(FsKind::Tmpfs { size: size?, mode: mode? })
}
