//! What holds for every fault, by loop.

use squall_faults::catalog::{ALL, find};
use squall_faults::fault::{Fault, Param};
use squall_faults::values::check;
use squall_wire::injection::Values;

/// The summary has to fit its column of `squall faults`.
const SUMMARY_CHARS_MAX: usize = 46;

#[test]
fn names_are_unique_and_sorted_and_summaries_fit() {
    let names: Vec<_> = ALL.iter().map(|entry| entry.fault.describe().name).collect();
    assert!(names.is_sorted(), "{names:?}");
    for entry in ALL {
        let described = entry.fault.describe();
        assert!(described.summary.chars().count() <= SUMMARY_CHARS_MAX, "{}", described.name);
        assert!(!described.summary.ends_with('.'), "{}", described.name);
        assert!(described.example.contains(described.name), "{}", described.name);
        assert!(find(described.name).is_some());
        let keys = || described.params.iter().chain(described.filters).map(|param| param.name);
        assert!(keys().all(|key| keys().filter(|other| *other == key).count() == 1));
    }
    assert!(find("no.such").is_none());
}

/// Each row of the table in `cases.md`: values, then `ok` or the code of the issue.
fn rows(cases: &str) -> Vec<(Vec<(String, String)>, String)> {
    let table = cases.lines().skip_while(|line| !line.starts_with("| values ")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = line.trim_matches('|').split(" | ").map(str::trim);
        let values = cells.next().unwrap();
        let pairs = values.split_whitespace().filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        (pairs, cells.next().unwrap().to_owned())
    });
    rows.collect()
}

fn blocks(fault: &dyn Fault, row: &[(String, String)]) -> (Values, Values) {
    let is_filter = |key: &str| fault.describe().filters.iter().any(|param| param.name == key);
    let filters = row.iter().filter(|(key, _)| is_filter(key)).cloned().collect();
    (row.iter().filter(|(key, _)| !is_filter(key)).cloned().collect(), filters)
}

#[test]
fn cases_hold_and_good_values_round_trip() {
    for entry in ALL {
        let described = entry.fault.describe();
        let rows = rows(described.cases);
        assert!(rows.len() >= 3, "{} has too few cases", described.name);
        for (row, expected) in rows {
            let (with, filters) = blocks(entry.fault, &row);
            match check(entry.fault, &with, &filters) {
                Ok(checked) => {
                    assert_eq!(expected, "ok", "{} {row:?}", described.name);
                    let print = |params: &[Param]| checked.print(params);
                    let again =
                        check(entry.fault, &print(described.params), &print(described.filters));
                    assert_eq!(again.as_ref(), Ok(&checked), "{} {row:?}", described.name);
                    let bound = entry.fault.bound(&checked);
                    assert!(bound.per_mille_hurt <= 1000 && !bound.text.is_empty());
                }
                Err(issues) => {
                    let codes: Vec<_> = issues.iter().map(|issue| issue.code).collect();
                    assert_eq!(codes, [expected.as_str()], "{} {row:?}", described.name);
                }
            }
        }
    }
}
