//! `/proc/self/mountinfo`, see proc_pid_mountinfo(5).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One mount.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mounted {
    /// Where.
    pub at: PathBuf,
    /// Which directory of its file system is its root: not `/` for a bind mount.
    pub root: PathBuf,
    /// `ext4`, `proc`, `cgroup2`, …
    pub kind: String,
    /// Options of the file system (not of the mount).
    pub options: String,
}

/// Lines that cannot be read are passed over: the format has only ever grown at its end.
pub fn parse(text: &str) -> Vec<Mounted> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mounted> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut fields = mount.split(' ');
    let root = unescape(fields.nth(3)?);
    let at = unescape(fields.next()?);
    let mut fields = filesystem.split(' ');
    let kind = fields.next()?.to_owned();
    let options = fields.nth(1).unwrap_or_default().to_owned();
    Some(Mounted { at, root, kind, options })
}

/// Space, tab, newline and backslash are written as `\` and three octal digits.
fn unescape(field: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match after.first_chunk::<3>().filter(|_| byte == b'\\').and_then(octal) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_mount_with_optional_fields_and_escapes() {
        let text = r"36 35 98:0 /mnt1 /mnt\0402\134x rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue";
        let parsed = parse(text);
        assert_eq!(
            parsed,
            [Mounted {
                at: PathBuf::from("/mnt 2\\x"),
                root: PathBuf::from("/mnt1"),
                kind: "ext3".into(),
                options: "rw,errors=continue".into()
            }]
        );
    }

    #[test]
    fn passes_over_what_is_no_mount() {
        assert!(parse("\n1 2\n - x y z\n").is_empty());
    }
}
