//! "Did you mean": the known name that a mistyped one is nearest to.

/// Longer than any name of ours by far; comparing is quadratic, and what is compared may come from anywhere.
const LONGEST: usize = 40;

/// The name nearest to `key`, if one is near: no more than one mistake in three characters. Case, `_` and `-`
/// do not count, so that `set_up_timeout` finds `setupTimeout`.
pub(crate) fn nearest<'n>(key: &str, names: &[&'n str]) -> Option<&'n str> {
    let written = folded(key)?;
    names
        .iter()
        .filter(|name| **name != key)
        .filter_map(|name| {
            let known = folded(name)?;
            let mistakes = distance(&written, &known);
            (mistakes * 3 <= written.len().max(known.len())).then_some((mistakes, *name))
        })
        .min_by_key(|(mistakes, _)| *mistakes)
        .map(|(_, name)| name)
}

fn folded(name: &str) -> Option<Vec<char>> {
    let folded: Vec<char> = name
        .chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .take(LONGEST + 1)
        .collect();
    (1..=LONGEST).contains(&folded.len()).then_some(folded)
}

/// Characters added, left out or exchanged, and neighbours swapped (Damerau and Levenshtein, each place
/// edited once).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let exchange = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = exchange.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = last;
        last = row;
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apart(a: &str, b: &str) -> usize {
        distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
    }

    #[test]
    fn a_swap_is_one_mistake() {
        for (a, b, mistakes) in [
            ("", "", 0),
            ("", "ab", 2),
            ("netwrok", "network", 1),
            ("ca", "abc", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(apart(a, b), mistakes, "{a} {b}");
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["user", "pid", "mount", "network", "hostname", "setupTimeout"];
        for (key, found) in [
            ("netwrok", Some("network")),
            ("networks", Some("network")),
            ("pids", Some("pid")),
            ("hostName", Some("hostname")),
            ("set_up_timeout", Some("setupTimeout")),
            ("zzz", None),
            ("", None),
            ("_", None),
        ] {
            assert_eq!(nearest(key, &names), found, "{key}");
        }
        assert_eq!(nearest("stdin", &["stdin", "stdio"]), Some("stdio"), "never the name itself");
        assert_eq!(nearest(&"network".repeat(10_000), &names), None);
    }

    proptest! {
        #[test]
        fn the_distance_is_symmetric_and_bounded(a in "[a-d]{0,8}", b in "[a-d]{0,8}") {
            prop_assert_eq!(apart(&a, &b), apart(&b, &a));
            prop_assert_eq!(apart(&a, &b) == 0, a == b);
            prop_assert!(apart(&a, &b) <= a.len().max(b.len()));
        }
    }
}
