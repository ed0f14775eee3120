//! `cmd`, `argv0`, `cwd`, `env` and `stdio`: what every process has.

use std::ffi::{CStr, CString};

use super::path::on_host;
use super::problem::{ProblemClass, Problems, Read};
use super::reader::{Fields, Given, each};
use super::value::{Value, quoted};
use crate::config::{CgroupDirectory, Command, Stdio};
use crate::sys;

const CMD: &str = "an array of strings";
const STDIO: &str = r#"an array of "pipe", "ignore", "inherit" and file descriptors"#;

/// The program, its arguments, environment and working directory.
pub(crate) fn command(fields: &mut Fields, problems: &mut Problems) -> Read<Command> {
    let argv = fields.required("cmd", CMD, problems).and_then(|given| argv(&given, problems));
    let argv0 = fields.asked("argv0").map(|given| given.c_string(problems)).transpose();
    let cwd = fields.asked("cwd").map(|given| given.c_string_not_empty(problems)).transpose();
    // Our own by default, taken as it is: fetched as a hundred JavaScript strings it costs as much as a clone.
    let env = fields.asked("env").map_or_else(|| Ok(sys::environment()), |given| env(&given, problems));

    let (mut argv, file) = argv?;
    if let (Some(first), Some(argv0)) = (argv.first_mut(), argv0?) {
        *first = argv0;
    }
    let env = env?;
    let search_path = search_path(&env);
    Ok(Command { argv, file, env, search_path, cwd: cwd? })
}

/// The arguments, and the first of them by itself.
fn argv(given: &Given, problems: &mut Problems) -> Read<(Vec<CString>, CString)> {
    let arguments = given.array(CMD, problems)?;
    let argv = each(&arguments, |index, argument| {
        let text = match argument.value {
            // A file name is bytes, and not every one is UTF-8.
            Value::Bytes(bytes) => argument.without_nul(bytes.as_slice(), problems)?,
            Value::String(_) => argument.c_string(problems)?,
            _ => return Err(argument.mismatch("a string or a byte array", problems)),
        };
        if index == 0 && text.is_empty() {
            return Err(argument.problem(ProblemClass::Value, "must not be empty", problems));
        }
        Ok(text)
    })?;
    match argv.first().cloned() {
        Some(file) => Ok((argv, file)),
        // The class that Bun.spawn throws.
        None => Err(given.problem(ProblemClass::Type, "must not be empty", problems)),
    }
}

fn search_path(env: &[CString]) -> Option<CString> {
    env.iter()
        .find_map(|variable| variable.as_bytes_with_nul().strip_prefix(b"PATH="))
        .and_then(|path| CStr::from_bytes_with_nul(path).ok())
        .map(CStr::to_owned)
}

/// The environment that was given: an object or, as the JS face writes what it has checked, `KEY=value` strings joined
/// by NUL bytes, which saves a conversion for each.
fn env(given: &Given, problems: &mut Problems) -> Read<Vec<CString>> {
    if let Value::String(block) = given.value {
        let variables = block.split('\0').filter(|variable| !variable.is_empty());
        return Ok(variables.filter_map(|variable| CString::new(variable).ok()).collect());
    }
    let mut variables = Vec::new();
    for (key, value) in given.properties(problems)? {
        if !matches!(value, Value::Undefined) {
            let given = Given { path: format!("{}[{}]", given.path, quoted(key)), value };
            variables.push(variable(key, &given, problems));
        }
    }
    variables.into_iter().collect()
}

/// `KEY=value`. The kernel takes any bytes; it is programs that split at the first `=`.
fn variable(key: &str, given: &Given, problems: &mut Problems) -> Read<CString> {
    if key.is_empty() || key.contains('=') {
        let message = "must have a name that is not empty and has no \"=\" in it";
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    let text = given.string(problems)?;
    given.without_nul(format!("{key}={text}"), problems)
}

/// An existing cgroup: a path or a descriptor, as Bun takes it.
pub(crate) fn cgroup(given: &Given, problems: &mut Problems) -> Read<CgroupDirectory> {
    match given.value {
        Value::String(_) => on_host(given, problems).map(CgroupDirectory::Path),
        Value::Number(_) => given.file_descriptor(problems).map(CgroupDirectory::Fd),
        _ => Err(given.mismatch("a directory's path or file descriptor", problems)),
    }
}

/// What the file descriptors are, from 0 on.
pub(crate) fn stdio(fields: &mut Fields, problems: &mut Problems) -> Read<Vec<Stdio>> {
    let given = fields.required("stdio", STDIO, problems)?;
    let entries = given.array(STDIO, problems)?;
    let stdio = each(&entries, |_, entry| match entry.value {
        Value::String(name) => match name.as_str() {
            "pipe" => Ok(Stdio::Pipe),
            "ignore" => Ok(Stdio::Ignore),
            "inherit" => Ok(Stdio::Inherit),
            _ => {
                let message = format!(
                    r#"must be "pipe", "ignore", "inherit" or a file descriptor, not {}"#,
                    entry.value
                );
                Err(entry.problem(ProblemClass::Value, message, problems))
            }
        },
        Value::Number(_) => entry.file_descriptor(problems).map(Stdio::Fd),
        _ => Err(entry.mismatch(r#""pipe", "ignore", "inherit" or a file descriptor"#, problems)),
    })?;
    if stdio.len() < 3 {
        let message = format!("must have at least 3 elements (stdin, stdout, stderr), not {}", stdio.len());
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    Ok(stdio)
}
