//! The id maps of `container.namespace.user`.

use super::problem::{ProblemClass, Problems, Read};
use super::reader::{Fields, Given, each};
use super::spelling;
use crate::config::IdMap;

/// The kernel takes no more lines (`UID_GID_MAP_MAX_EXTENTS`).
const MOST: usize = 340;

/// 4294967295 is `(uid_t)-1`, by which the kernel means "no id": a range ends before it.
const END: u64 = u32::MAX as u64;

const WANTED: &str = "an array of { inside, outside, length }";

/// One map, required.
pub(crate) fn read(fields: &mut Fields, key: &'static str, problems: &mut Problems) -> Read<Vec<IdMap>> {
    let given = fields.required(key, WANTED, problems)?;
    let entries = given.array(WANTED, problems)?;
    if entries.is_empty() || entries.len() > MOST {
        let message = format!("must have from 1 to {MOST} entries, not {}", entries.len());
        return Err(given.problem(ProblemClass::Value, message, problems));
    }
    let map = each(&entries, |_, given| entry(given, problems))?;
    disjoint("inside", &entries, &map, |entry| entry.inside, problems).and(disjoint(
        "outside",
        &entries,
        &map,
        |entry| entry.outside,
        problems,
    ))?;
    Ok(map)
}

fn entry(given: &Given, problems: &mut Problems) -> Read<IdMap> {
    let mut fields = given.fields(problems)?;
    let inside = id(given, &mut fields, "inside", problems);
    let outside = id(given, &mut fields, "outside", problems);
    let length = fields
        .required("length", "how many ids", problems)
        .and_then(|given| given.integer(1..=i64::from(u32::MAX), problems));
    fields.finish(problems);

    let entry = IdMap { inside: inside?, outside: outside?, length: length? };
    for (name, first) in [("inside", entry.inside), ("outside", entry.outside)] {
        if u64::from(first) + u64::from(entry.length) > END {
            let message =
                format!("reaches beyond the last id, 4294967294: {name} {first}, length {}", entry.length);
            return Err(given.problem(ProblemClass::Range, message, problems));
        }
    }
    Ok(entry)
}

fn id(given: &Given, fields: &mut Fields, key: &'static str, problems: &mut Problems) -> Read<u32> {
    match spelling::asked(fields, key, problems)? {
        Some(id) => id.integer(0..=i64::from(u32::MAX) - 1, problems),
        None => {
            let option = format!("{}.{key}", given.path);
            Err(problems.add(ProblemClass::Type, option, format!("is required: the first id {key}")))
        }
    }
}

/// The kernel refuses a map in which one id stands twice, on either side.
fn disjoint(
    side: &str,
    entries: &[Given],
    map: &[IdMap],
    first: fn(&IdMap) -> u32,
    problems: &mut Problems,
) -> Read<()> {
    let mut sorted: Vec<(&IdMap, &Given)> = map.iter().zip(entries).collect();
    sorted.sort_by_key(|(entry, _)| first(entry));
    let mut furthest: Option<(u32, &Given)> = None;
    let mut result = Ok(());
    for (entry, given) in sorted {
        if let Some((reach, earlier)) = furthest
            && reach > first(entry)
        {
            let message = format!("overlaps {} in its ids {side}", earlier.path);
            result = Err(given.problem(ProblemClass::Value, message, problems));
        }
        let end = first(entry) + entry.length;
        if furthest.is_none_or(|(reach, _)| end > reach) {
            furthest = Some((end, given));
        }
    }
    result
}
