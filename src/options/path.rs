//! Paths on the host and paths inside the container.

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt;

use super::problem::{ProblemClass, Problems, Read};
use super::reader::Given;

/// A path on the host. A relative one starts at the current directory; nothing else is touched, since only
/// the kernel knows where `..` leads when there are symbolic links.
pub(crate) fn on_host(given: &Given, problems: &mut Problems) -> Read<CString> {
    let path = given.c_string_not_empty(problems)?;
    if path.as_bytes().starts_with(b"/") {
        return Ok(path);
    }
    let directory = std::env::current_dir().map_err(|error| {
        let message = format!("is relative, and the current directory cannot be told: {error}");
        given.problem(ProblemClass::Value, message, problems)
    })?;
    let mut absolute = directory.into_os_string().into_vec();
    if !absolute.ends_with(b"/") {
        absolute.push(b'/');
    }
    absolute.extend(path.as_bytes());
    given.without_nul(absolute, problems)
}

/// A path inside the container, without what does not change where it leads. `..` is refused: it leads
/// elsewhere when a part before it is a symbolic link, and nobody needs it here.
pub(crate) fn inside(given: &Given, problems: &mut Problems) -> Read<CString> {
    let path = given.c_string_not_empty(problems)?;
    if !path.as_bytes().starts_with(b"/") {
        let message = format!("must be absolute (start with \"/\"), not {}", given.value);
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    let parts: Vec<&[u8]> = parts(&path).collect();
    if parts.contains(&&b".."[..]) {
        let message = format!("must not contain \"..\", as {} does", given.value);
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    given.without_nul(joined(&parts), problems)
}

/// What is left of a path below a directory, compared part by part as written.
pub(crate) fn below(directory: &CStr, path: &CStr) -> Option<CString> {
    let mut rest = parts(path);
    for part in parts(directory) {
        if rest.next() != Some(part) {
            return None;
        }
    }
    // Both are C strings already, so neither can hold a NUL.
    CString::new(joined(&rest.collect::<Vec<_>>())).ok()
}

fn parts(path: &CStr) -> impl Iterator<Item = &[u8]> {
    path.to_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".")
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    [&b"/"[..], &parts.join(&b'/')].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::value::Value;
    use super::*;

    fn read(path: &str, read: fn(&Given, &mut Problems) -> Read<CString>) -> Result<String, String> {
        let value = Value::String(path.to_owned());
        let mut problems = Problems::default();
        read(&Given { path: "to".into(), value: &value }, &mut problems)
            .map(|path| path.into_string().expect("what was UTF-8 stays so"))
            .map_err(|_| problems.to_string())
    }

    #[test]
    fn a_path_inside_is_normalised() {
        for (written, path) in [
            ("/", "/"),
            ("//", "/"),
            ("/.", "/"),
            ("/a", "/a"),
            ("//a//./b/", "/a/b"),
            ("/a b,c:\\", "/a b,c:\\"),
        ] {
            assert_eq!(read(written, inside).as_deref(), Ok(path), "{written}");
        }
    }

    #[test]
    fn a_path_inside_is_absolute_and_goes_only_down() {
        for (written, why) in [
            ("", "to must not be empty"),
            ("a", "to must be absolute (start with \"/\"), not \"a\""),
            ("/a/../b", "to must not contain \"..\", as \"/a/../b\" does"),
            ("/..", "to must not contain \"..\", as \"/..\" does"),
            ("/a\0b", "to must be a string without null bytes"),
        ] {
            assert_eq!(read(written, inside).as_deref(), Err(&why.to_owned()), "{written:?}");
        }
        assert_eq!(read("/..a/b..", inside).as_deref(), Ok("/..a/b.."));
    }

    #[test]
    fn a_path_on_the_host_is_only_joined() {
        let here = std::env::current_dir().expect("tests run in a directory");
        let here = here.to_str().expect("of a UTF-8 name");
        for (written, path) in [
            ("/a/../b//", "/a/../b//".to_owned()),
            ("a/../b", format!("{here}/a/../b")),
            (".", format!("{here}/.")),
        ] {
            assert_eq!(read(written, on_host), Ok(path), "{written}");
        }
        assert_eq!(read("", on_host).as_deref(), Err(&"to must not be empty".to_owned()));
        assert_eq!(
            read("a\0", on_host).as_deref(),
            Err(&"to must be a string without null bytes".to_owned())
        );
    }

    #[test]
    fn below_compares_whole_parts() {
        for (directory, path, rest) in [
            (c"/mnt", c"/mnt/data", Some(c"/data")),
            (c"/mnt/", c"/mnt", Some(c"/")),
            (c"/mnt/./x", c"/mnt/x/y", Some(c"/y")),
            (c"/", c"/a/b", Some(c"/a/b")),
            (c"/mnt", c"/mnt2", None),
            (c"/mnt/data", c"/mnt", None),
            (c"/mnt/../x", c"/x/y", None),
        ] {
            assert_eq!(below(directory, path).as_deref(), rest, "{directory:?} {path:?}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_is_normalising_once(path in "/[a./]{0,12}") {
            if let Ok(once) = read(&path, inside) {
                prop_assert!(once.starts_with('/') && !once.contains("//") && !once.contains("/./"));
                prop_assert_eq!(read(&once, inside), Ok(once));
            }
        }
    }
}
