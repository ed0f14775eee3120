//! `hugetlb`: bytes of huge pages, by their size.

use std::collections::HashMap;

use super::super::bytes::size_or_max;
use super::super::problem::{ProblemClass, Problems, Read};
use super::super::reader::Given;
use super::Asked;
use crate::config::Bound;

/// What is not huge.
const SMALLEST_PAGE: u64 = 4096;

const SUCH_AS: &str = r#"such as "2MB" or "1GB""#;

/// Every size, as the kernel names it; none twice.
pub(crate) fn read(
    given: &Given,
    asked: &mut Asked,
    problems: &mut Problems,
) -> Read<Vec<(String, Bound<u64>)>> {
    let mut limits = Vec::new();
    let mut seen = HashMap::new();
    for (key, given) in given.entries(problems)? {
        let page = page(key, &given, problems);
        if !given.is_asked() {
            limits.push(page.map(|_| None));
            continue;
        }
        let amount = size_or_max(&given, 0, "", problems);
        let limit = page.and_then(|page| {
            let name = name(page);
            asked.note(&format!("hugetlb.{name}.max"), &given);
            let once = once(&name, &given, &mut seen, problems);
            let amount = multiple(amount?, page, &given, problems)?;
            once.map(|()| Some((name, amount)))
        });
        limits.push(limit);
    }
    limits.into_iter().filter_map(Result::transpose).collect()
}

/// The size of a page in bytes.
fn page(key: &str, given: &Given, problems: &mut Problems) -> Read<u64> {
    let message = match parse(key) {
        Some(size) if size.is_power_of_two() && size > SMALLEST_PAGE => return Ok(size),
        Some(_) => format!("is named for no size that huge pages have: those are powers of two, {SUCH_AS}"),
        None => format!("must be named for a size of huge pages, {SUCH_AS}"),
    };
    Err(given.problem(ProblemClass::Value, message, problems))
}

/// `2M`, `2MB`, `2MiB`; and `2048kB`, as in `/sys/kernel/mm/hugepages`.
fn parse(key: &str) -> Option<u64> {
    let end = key.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = key.split_at(end);
    let unit = unit.strip_suffix("iB").or(unit.strip_suffix('B')).unwrap_or(unit);
    let factor: u64 = match unit {
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        _ => return None,
    };
    // A size that cannot be written in bytes is none that a page has.
    Some(number.parse::<u64>().ok()?.checked_mul(factor).unwrap_or(0))
}

/// As in the names of the control files (`mem_fmt` in the kernel).
fn name(size: u64) -> String {
    match size.ilog2() {
        ..20 => format!("{}KB", size >> 10),
        20..30 => format!("{}MB", size >> 20),
        _ => format!("{}GB", size >> 30),
    }
}

fn once(name: &str, given: &Given, seen: &mut HashMap<String, String>, problems: &mut Problems) -> Read<()> {
    match seen.insert(name.to_owned(), given.path.clone()) {
        None => Ok(()),
        Some(earlier) => {
            let message = format!("says the same as {earlier}: leave one of them out");
            Err(given.problem(ProblemClass::Value, message, problems))
        }
    }
}

fn multiple(amount: Bound<u64>, page: u64, given: &Given, problems: &mut Problems) -> Read<Bound<u64>> {
    match amount {
        Bound::At(bytes) if bytes % page != 0 => {
            let down = bytes - bytes % page;
            let message = format!(
                "must be a multiple of {}, not {}: the kernel counts whole pages, and would make it {down} bytes",
                name(page),
                given.value
            );
            Err(given.problem(ProblemClass::Range, message, problems))
        }
        bound => Ok(bound),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_named_as_the_kernel_does() {
        for (key, named) in [
            ("2M", Some("2MB")),
            ("2MB", Some("2MB")),
            ("2MiB", Some("2MB")),
            ("2m", Some("2MB")),
            ("2048kB", Some("2MB")),
            ("64KB", Some("64KB")),
            ("512K", Some("512KB")),
            ("1024K", Some("1MB")),
            ("1G", Some("1GB")),
            ("1024M", Some("1GB")),
            ("16GiB", Some("16GB")),
            ("", None),
            ("2", None),
            ("2097152", None),
            ("MB", None),
            ("2 MB", None),
            ("-2MB", None),
            ("1.5G", None),
            ("2T", None),
            ("2Mi", None),
            ("2B", None),
        ] {
            assert_eq!(parse(key).map(name).as_deref(), named, "{key}");
        }
        assert_eq!(parse("99999999999G"), Some(0));
    }

    proptest! {
        #[test]
        fn a_name_means_its_size(power in 13u32..40) {
            prop_assert_eq!(parse(&name(1 << power)), Some(1 << power));
        }

        #[test]
        fn no_key_panics(key in ".*|[0-9]{0,30}[kKMG]?(B|iB)?") {
            let _ = parse(&key);
        }
    }
}
