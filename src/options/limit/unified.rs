//! `unified`: control files of cgroup version 2, by their names.

use super::super::problem::{ProblemClass, Problems, Read};
use super::super::reader::Given;
use super::super::value::quoted;
use super::{Asked, text};

/// Files of version 1 that are often named, and the option for what they do.
const VERSION_1: [(&str, &str); 6] = [
    ("cpu.shares", "cpuWeight"),
    ("cpu.cfs_quota_us", "cpu"),
    ("cpu.cfs_period_us", "cpu"),
    ("memory.limit_in_bytes", "memory"),
    ("memory.soft_limit_in_bytes", "memoryLow"),
    ("memory.memsw.limit_in_bytes", "swap"),
];

/// Every file that is asked for, with what is written to it; that is the kernel's to understand.
pub(crate) fn read(given: &Given, asked: &Asked, problems: &mut Problems) -> Read<Vec<(String, String)>> {
    let mut files = Vec::new();
    for (name, given) in given.entries(problems)? {
        let file = check(name, asked)
            .map_err(|message| given.problem(ProblemClass::Value, message, problems))
            .map(|()| name.to_owned());
        if given.is_asked() {
            let content = text(&given, problems).map(str::to_owned);
            files.push(file.and_then(|file| Ok(Some((file, content?)))));
        } else {
            files.push(file.map(|_| None));
        }
    }
    files.into_iter().filter_map(Result::transpose).collect()
}

/// Fails with what is wrong with a name.
fn check(name: &str, asked: &Asked) -> Result<(), String> {
    match name {
        "cgroup.kill" => return Err("cannot be written to: use container.kill()".into()),
        "cgroup.freeze" => {
            return Err("cannot be written to: use container.pause() and container.resume()".into());
        }
        _ if name.starts_with("cgroup.") => {
            return Err("cannot be written to: container-spawn itself needs the files cgroup.*".into());
        }
        _ => {}
    }
    if let Some((_, option)) = VERSION_1.iter().find(|(file, _)| *file == name) {
        return Err(format!("is a file of cgroup version 1, not 2: use the option {}", quoted(option)));
    }
    if !is_control_file(name) {
        return Err("must be named for a control file of cgroup version 2, such as \"memory.high\"".into());
    }
    match asked.option(same_as(name)) {
        Some(option) => Err(format!("says the same as {option}: leave one of them out")),
        None => Ok(()),
    }
}

/// `controller.file`, in lower case; but the sizes of huge pages are `2MB`.
fn is_control_file(name: &str) -> bool {
    let Some((controller, file)) = name.split_once('.') else { return false };
    let is_controller = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let is_file = |byte: u8| match controller {
        "hugetlb" => byte.is_ascii_alphanumeric() || byte == b'_',
        _ => is_controller(byte) || byte.is_ascii_digit(),
    };
    let mut parts = file.split('.');
    !controller.is_empty()
        && controller.bytes().all(is_controller)
        && parts.all(|part| !part.is_empty() && part.bytes().all(is_file))
}

/// The file that has the same in it, on another scale.
fn same_as(name: &str) -> &str {
    if name == "cpu.weight.nice" { "cpu.weight" } else { name }
}
