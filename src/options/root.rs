//! `container.root`.

use super::path;
use super::problem::{ProblemClass, Problems, Read};
use super::reader::Given;
use super::value::Value;
use crate::config::{Root, RootFrom, RootOverlay};

const HOST: &str = "host";

const FROM: &str = r#"a directory, or "host" for the host's own tree"#;

/// The root, as a path or as an object.
pub(crate) fn read(given: &Given, problems: &mut Problems) -> Read<Root> {
    match given.value {
        Value::String(path) if path == HOST => {
            // Either reading would be a surprise to somebody, and one of them hands over the host's tree.
            let message = r#"must be { from: "host" } for the host's own tree, or "./host" for a directory"#;
            Err(given.problem(ProblemClass::Value, message, problems))
        }
        Value::String(_) => {
            let from = RootFrom::Directory(path::on_host(given, problems)?);
            Ok(Root { from, readonly: false, overlay: RootOverlay::None })
        }
        Value::Object(_) => object(given, problems),
        _ => Err(given.mismatch("a path or an object", problems)),
    }
}

fn object(given: &Given, problems: &mut Problems) -> Read<Root> {
    let mut fields = given.fields(problems)?;
    let from = fields.required("from", FROM, problems).and_then(|given| from(&given, problems));
    let readonly = fields.flag("readonly", false, problems);
    let overlay = fields.asked("overlay").map_or(Ok(RootOverlay::None), |given| overlay(&given, problems));
    fields.finish(problems);
    Ok(Root { from: from?, readonly: readonly?, overlay: overlay? })
}

fn from(given: &Given, problems: &mut Problems) -> Read<RootFrom> {
    match given.value {
        Value::String(path) if path == HOST => Ok(RootFrom::Host),
        Value::String(_) => Ok(RootFrom::Directory(path::on_host(given, problems)?)),
        Value::Object(_) => {
            given.fields(problems)?.unsupported(&["image"], problems)?;
            Err(given.mismatch(FROM, problems))
        }
        _ => Err(given.mismatch(FROM, problems)),
    }
}

fn overlay(given: &Given, problems: &mut Problems) -> Read<RootOverlay> {
    match given.value {
        Value::Bool(_) => Ok(RootOverlay::Ephemeral),
        Value::String(_) => Ok(RootOverlay::Kept(path::on_host(given, problems)?)),
        _ => Err(given.mismatch("true, or a directory to keep what is written", problems)),
    }
}
