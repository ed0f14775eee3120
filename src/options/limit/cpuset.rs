//! `cpuset`: processors, as `"0-3,6"`.

use super::super::problem::{ProblemClass, Problems, Read};
use super::super::reader::Given;
use crate::config::CpuList;

/// The last processor of the largest machine that the kernel can be built for (`NR_CPUS` of x86-64).
const LAST: u32 = 8191;

/// Why something is no list of processors.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NoList {
    Empty,
    Syntax,
    Backwards(u32, u32),
    /// The number may be longer than any integer.
    TooLarge(String),
}

/// The list, sorted and without overlaps.
pub(crate) fn read(given: &Given, problems: &mut Problems) -> Read<CpuList> {
    let text = given.string(problems)?;
    let reason = match parse(text) {
        Ok(list) => return Ok(list),
        Err(reason) => reason,
    };
    let (class, message) = match reason {
        NoList::Empty => {
            (ProblemClass::Value, "must not be empty: without a processor nothing runs".to_owned())
        }
        NoList::Syntax => (
            ProblemClass::Value,
            format!("must be a list of processors such as \"0-3,6\", without spaces, not {}", given.value),
        ),
        NoList::Backwards(first, last) => (
            ProblemClass::Value,
            format!("has the range {first}-{last}, which is backwards; did you mean \"{last}-{first}\"?"),
        ),
        NoList::TooLarge(number) => (
            ProblemClass::Range,
            format!("names processor {number}, and the kernel numbers them from 0 to {LAST}"),
        ),
    };
    Err(given.problem(class, message, problems))
}

fn parse(text: &str) -> Result<CpuList, NoList> {
    if text.is_empty() {
        return Err(NoList::Empty);
    }
    let ranges: Result<Vec<(u32, u32)>, NoList> = text.split(',').map(range).collect();
    Ok(CpuList(merged(ranges?)))
}

fn range(text: &str) -> Result<(u32, u32), NoList> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (processor(first)?, processor(last)?);
    if first > last { Err(NoList::Backwards(first, last)) } else { Ok((first, last)) }
}

fn processor(text: &str) -> Result<u32, NoList> {
    // Parsing would take "+1" too.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NoList::Syntax);
    }
    match text.parse() {
        Ok(number) if number <= LAST => Ok(number),
        _ => Err(NoList::TooLarge(text.chars().take(20).collect())),
    }
}

/// Ranges that overlap or touch become one.
fn merged(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, reach)) if first <= *reach + 1 => *reach = last.max(*reach),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_sorted_and_merged() {
        for (text, list) in [
            ("0", vec![(0, 0)]),
            ("0-3,6", vec![(0, 3), (6, 6)]),
            ("6,0-3", vec![(0, 3), (6, 6)]),
            ("0-3,2-5", vec![(0, 5)]),
            ("0-9,2-5,7", vec![(0, 9)]),
            ("0,1,2", vec![(0, 2)]),
            ("3,3", vec![(3, 3)]),
            ("007-8191", vec![(7, 8191)]),
        ] {
            assert_eq!(parse(text), Ok(CpuList(list)), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_says_why() {
        for (text, reason) in [
            ("", NoList::Empty),
            (",", NoList::Syntax),
            ("0,", NoList::Syntax),
            ("0, 1", NoList::Syntax),
            ("0\n", NoList::Syntax),
            ("-1", NoList::Syntax),
            ("1-", NoList::Syntax),
            ("1-2-3", NoList::Syntax),
            ("+1", NoList::Syntax),
            ("all", NoList::Syntax),
            ("0-7:2/4", NoList::Syntax),
            ("٣", NoList::Syntax),
            ("3-1", NoList::Backwards(3, 1)),
            ("0,8192", NoList::TooLarge("8192".into())),
            ("99999999999999999999999", NoList::TooLarge("99999999999999999999".into())),
        ] {
            assert_eq!(parse(text), Err(reason), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_list_has_the_processors_that_were_named(
            ranges in prop::collection::vec((0u32..100, 0u32..20), 1..12),
        ) {
            let ranges: Vec<(u32, u32)> = ranges.iter().map(|(first, more)| (*first, first + more)).collect();
            let text: Vec<String> = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
            let list = parse(&text.join(",")).expect("it is a list").0;
            let all = |ranges: &[(u32, u32)]| -> BTreeSet<u32> {
                ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
            };
            prop_assert_eq!(all(&list), all(&ranges));
            prop_assert!(list.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0), "{:?}", list);
        }

        #[test]
        fn no_text_panics(text in ".*|[0-9,-]{0,40}") {
            let _ = parse(&text);
        }
    }
}
