//! The one place that knows other spellings than the canonical ones: those of the draft for `Bun.spawn` that
//! this package grew from, which nests `options: { overlayfs: { lower_dirs } }` and says `limit.ram`.

use super::problem::{ProblemClass, Problems, Read};
use super::reader::{Fields, Given};

/// The canonical key, and the other.
const SPELLINGS: [(&str, &str); 6] = [
    ("memory", "ram"),
    ("inside", "inside_id"),
    ("outside", "outside_id"),
    ("lower", "lower_dirs"),
    ("upper", "upper_dir"),
    ("work", "work_dir"),
];

/// What was asked for under a key, in either spelling of it.
pub(crate) fn asked<'v>(
    fields: &mut Fields<'v>,
    key: &'static str,
    problems: &mut Problems,
) -> Read<Option<Given<'v>>> {
    let canonical = fields.asked(key);
    let other = fields.asked(other(key));
    one_of(canonical, other, problems)
}

/// An entry of `fs`, with what it nests below `options` for its type.
#[derive(Debug)]
pub(crate) struct Entry<'v> {
    fields: Fields<'v>,
    nested: Read<Option<Fields<'v>>>,
}

impl<'v> Entry<'v> {
    /// Looks into `options` for what belongs to this type; what belongs to another is unknown there.
    pub(crate) fn open(mut fields: Fields<'v>, kind: &'static str, problems: &mut Problems) -> Self {
        let nested = fields.asked("options").map(|given| {
            let mut options = given.fields(problems)?;
            let nested = options.asked(kind).map(|given| given.fields(problems)).transpose();
            options.finish(problems);
            nested
        });
        Self { fields, nested: nested.transpose().map(Option::flatten) }
    }

    /// The keys that have one spelling.
    pub(crate) fn fields(&mut self) -> &mut Fields<'v> {
        &mut self.fields
    }

    /// What was asked for under a key that may be nested, in either spelling of it.
    pub(crate) fn asked(&mut self, key: &'static str, problems: &mut Problems) -> Read<Option<Given<'v>>> {
        let canonical = self.fields.asked(key);
        let other = self.nested().and_then(|nested| nested.asked(other(key)));
        one_of(canonical, other, problems)
    }

    /// A switch that may be nested.
    pub(crate) fn flag(&mut self, key: &'static str, default: bool, problems: &mut Problems) -> Read<bool> {
        let canonical = self.fields.said(key);
        let other = self.nested().and_then(|nested| nested.said(other(key)));
        one_of(canonical, other, problems)?.map_or(Ok(default), |given| given.boolean(problems))
    }

    /// Reports the unknown keys, and fails if `options` could not be read.
    pub(crate) fn finish(self, problems: &mut Problems) -> Read<()> {
        self.fields.finish(problems);
        if let Some(nested) = self.nested? {
            nested.finish(problems);
        }
        Ok(())
    }

    fn nested(&mut self) -> Option<&mut Fields<'v>> {
        self.nested.as_mut().ok()?.as_mut()
    }
}

/// Some keys are only nested, under the same name.
fn other(key: &'static str) -> &'static str {
    SPELLINGS.iter().find(|(canonical, _)| *canonical == key).map_or(key, |(_, other)| other)
}

fn one_of<'v>(
    canonical: Option<Given<'v>>,
    other: Option<Given<'v>>,
    problems: &mut Problems,
) -> Read<Option<Given<'v>>> {
    match (canonical, other) {
        (Some(canonical), Some(other)) => {
            let message = format!("says the same as {}: leave one of them out", canonical.path);
            Err(other.problem(ProblemClass::Value, message, problems))
        }
        (canonical, other) => Ok(canonical.or(other)),
    }
}
