//! Laws that hold for any input: print after parse is the same, and no text makes a reader panic.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;
use squall_spec::{
    ByteRate, Bytes, Checks, Code, Diagnostic, Duration, Expect, FaultUse, Number, Port, Rate,
    Share, Spanned, UnitError, check_experiment, parse_experiment, parse_policy, parse_services,
};
use std::fmt::{Debug, Display};
use std::str::FromStr;

fn round<T>(text: &str) -> Result<(), TestCaseError>
where
    T: FromStr<Err = UnitError> + Display + PartialEq + Debug,
{
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        let again: T = printed.parse().unwrap();
        prop_assert_eq!(&again, &value, "{} printed as {}", text, printed);
        prop_assert_eq!(again.to_string(), printed);
    }
    Ok(())
}

fn all(text: &str) -> Result<(), TestCaseError> {
    round::<Duration>(text)?;
    round::<Share>(text)?;
    round::<Rate>(text)?;
    round::<Bytes>(text)?;
    round::<ByteRate>(text)?;
    round::<Port>(text)?;
    round::<Number>(text)?;
    round::<Expect>(text)
}

proptest! {
    #[test]
    fn what_prints_reads_back(
        whole in 0_u64..2_000_000,
        fraction in "(\\.[0-9]{1,10})?",
        unit in "ns|us|ms|s|m|h|%|/s|/m|/h|B|KiB|MiB|GiB|TiB|kB|MB|GB|TB|KiB/s|MB/s|bit/s|kbit/s|Mbit/s|Gbit/s|",
        second in "([0-9]{1,3}(ns|us|ms|s|m|h))?",
        op in ">= |> |<= |< |",
    ) {
        all(&format!("{op}{whole}{fraction}{unit}{second}"))?;
    }

    #[test]
    fn any_text_is_a_unit_or_an_error(text in "[-<>=0-9.%/a-zµBMGK ]{0,24}") {
        all(&text)?;
    }

    #[test]
    fn nanoseconds_survive(nanos in 0_u64..31_622_400_000_000_000) {
        let duration = Duration::from_nanos(nanos);
        prop_assert_eq!(duration.to_string().parse::<Duration>().unwrap(), duration);
    }

    #[test]
    fn a_damaged_file_never_panics(at in 0_usize..1600, cut in 0_usize..40, put in "[-{}:\\[\\]a0%\" \n#&*é]{0,6}") {
        let mut text = whole_file();
        let floor = |text: &str, mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) { at -= 1; }
            at
        };
        let start = floor(&text, at);
        let end = floor(&text, start + cut);
        text.replace_range(start..end, &put);
        let (experiment, diagnostics) = parse_experiment(&text);
        prop_assert!(experiment.is_some() || diagnostics.iter().any(|d| d.is_error()));
        for diagnostic in &diagnostics {
            prop_assert!(text.get(diagnostic.span.start..diagnostic.span.end).is_some());
            for (span, _) in &diagnostic.others {
                prop_assert!(text.get(span.start..span.end).is_some());
            }
        }
        prop_assert!(diagnostics.is_sorted_by_key(|d| d.span.start));
        parse_policy(&text);
        parse_services(&text);
    }
}

fn whole_file() -> String {
    let page = include_str!("../../../../docs/language/experiment.md");
    let file = page.split("```yaml\n").nth(1).unwrap();
    file.split("```").next().unwrap().to_owned()
}

#[test]
fn the_units_say_what_is_wrong() {
    fn check<T: FromStr<Err = UnitError> + Debug>(text: &str, expected: &str) {
        assert_eq!(text.parse::<T>().unwrap_err().to_string(), expected);
    }
    check::<Duration>("300", "300 has no unit");
    check::<Duration>("5 s", "5 s is not a duration such as 250ms or 1h30m");
    check::<Duration>("1d", "1d is not a duration such as 250ms or 1h30m");
    check::<Duration>("-5s", "-5s is below zero");
    check::<Duration>("9999999h", "9999999h is too large; 8784h is the most");
    check::<Duration>("0.1ns", "0.1ns is finer than a nanosecond");
    check::<Share>("0.9995", "0.9995 has no unit");
    check::<Share>("101%", "a share cannot exceed 100%");
    check::<Rate>("500", "500 has no unit");
    check::<Bytes>("64Mi", "64Mi is not a size such as 64MiB");
    check::<Port>("0", "0 is not a port from 1 to 65535");
}

#[test]
fn bounds_are_exact_in_the_query_s_unit() {
    let bound = |text: &str| text.parse::<Expect>().unwrap().bound_in_query_unit();
    assert_eq!(bound(">= 99.95%"), 0.9995);
    assert_eq!(bound("<= 300ms"), 0.3);
    assert_eq!(bound("< 5"), 5.0);
    assert_eq!(bound("<= 64MiB"), 67_108_864.0);
    assert_eq!(bound("> 30/m"), 0.5);
    let expect: Expect = "<= 300ms".parse().unwrap();
    assert!(expect.holds(0.3) && !expect.holds(0.300_000_1) && !expect.holds(f64::NAN));
}

struct EveryMean;

impl Checks for EveryMean {
    fn fault(&self, used: &FaultUse<'_>) -> Vec<Diagnostic> {
        let mean = used.with.get("mean").unwrap();
        vec![Diagnostic::new(Code::error("F012"), mean.span, used.fault.value.clone())]
    }

    fn query(&self, query: &Spanned<String>) -> Vec<Diagnostic> {
        vec![Diagnostic::new(Code::warning("Q001"), query.span, "a query")]
    }
}

#[test]
fn the_catalog_is_asked_although_the_file_is_broken() {
    let text = whole_file().replace("99.95%", "101%");
    let (experiment, diagnostics) = check_experiment(&text, &EveryMean);
    assert!(experiment.is_none());
    let codes: Vec<_> = diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["Q001", "S203", "Q001", "F012"]);
}

#[test]
fn a_file_of_mistakes_is_cut_off_in_time() {
    let mut text = String::from("apiVersion: squall.dev/v1\nkind: Experiment\nspec:\n");
    for n in 0..40_000 {
        text.push_str(&format!("  hypotesis{n}: x\n"));
    }
    let (experiment, diagnostics) = parse_experiment(&text);
    assert!(experiment.is_none());
    assert_eq!(diagnostics.len(), 101);
    assert!(diagnostics[100].message.ends_with("more mistakes from here on are not shown"));
}
