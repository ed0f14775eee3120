//! Against byte vectors, a fake systemd, a real dbus-daemon and, when asked, a real systemd.

mod addresses;
mod fake;
mod marshalling;
mod peer;
mod real;
mod trouble;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::refused::Why;
use super::value::Value;
use super::wire::Reader;

/// What `write_variant` has written.
fn read_variant(from: &mut Reader) -> Result<Value, Why> {
    Ok(match from.signature()? {
        "b" => Value::Bool(from.u32()? != 0),
        "s" => Value::Str(from.string()?.to_owned()),
        "au" => Value::U32s(from.array(4, Reader::u32)?),
        _ => return Err(Why::Malformed("a value of a type that was not expected")),
    })
}

/// What `write_properties` has written.
fn read_properties(from: &mut Reader) -> Result<Vec<(String, Value)>, Why> {
    from.array(8, |from| {
        from.align(8)?;
        Ok((from.string()?.to_owned(), read_variant(from)?))
    })
}

/// A directory that is removed again.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("cs-dbus-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Scratch(directory)
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
