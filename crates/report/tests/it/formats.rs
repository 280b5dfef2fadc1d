//! JSON, JUnit and Markdown.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use crate::builder::{self, SCENARIOS};
use crate::text::render;
use squall_report::{Options, format, formats};

#[test]
fn formats_are_sorted_and_found_by_name() {
    let names: Vec<&str> = formats::ALL.iter().map(|f| f.name).collect();
    assert_eq!(names, ["html", "json", "junit", "markdown", "text"]);
    assert!(names.iter().all(|name| format::find(name).is_some()));
    assert!(format::find("pdf").is_none());
}

#[test]
fn json_is_a_stable_summary() {
    let text = render(builder::refuted(), "json", &Options::default());
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    let check = |pointer: &str, expected: serde_json::Value| {
        assert_eq!(summary.pointer(pointer), Some(&expected), "{pointer}");
    };
    check("/version", 1.into());
    check("/kind", "RunSummary".into());
    check("/verdict", "refuted".into());
    check("/standing", "refuted".into());
    check("/exit", 1.into());
    check("/startedAt", "2026-11-24T09:14:06Z".into());
    check("/indicators/0/name", "order success".into());
    check("/indicators/0/outcome", "refuted".into());
    check("/indicators/0/during", "94.8 % [93.3, 96.1]".into());
    check("/indicators/0/n", 4461.into());
    check("/indicators/0/e", 412.0.into());
    check("/restored/ok", true.into());
    check("/causes/0/rung", "C".into());
    check("/fingerprint/equal", 16.into());
    check("/excessBadEvents", 683.into());
    let text = render(builder::interrupted(), "json", &Options::default());
    let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["verdict"], serde_json::Value::Null);
    assert_eq!(summary["standing"], "interrupted");
    assert_eq!(summary["restored"]["ok"], false);
    assert_eq!(summary["doNow"][0]["text"], "squall undo");
}

#[test]
fn junit_says_failure_error_and_skipped() {
    let check = |builder: builder::Builder, totals: &str, parts: &[&str]| {
        let xml = render(builder, "junit", &Options::default());
        well_formed(&xml);
        assert!(xml.contains(totals), "{totals} in {xml}");
        parts.iter().for_each(|part| assert!(xml.contains(part), "{part} in {xml}"));
    };
    check(
        builder::refuted(),
        r#"tests="3" failures="2" errors="0" skipped="0""#,
        &[
            r#"<testcase classname="payment-slow" name="order success""#,
            r#"<failure type="refuted" message="order success: 94.8 % of 4,461"#,
            "during    15.2 % late [13.0, 17.6], 99 %, n 4,461",
        ],
    );
    check(builder::held(), r#"tests="3" failures="0" errors="0" skipped="0""#, &[]);
    check(
        builder::inconclusive(),
        r#"failures="0" errors="1" skipped="0""#,
        &[r#"<error type="inconclusive""#],
    );
    check(builder::invalid(), r#"failures="0" errors="2""#, &[r#"<error type="invalid""#]);
    check(builder::stopped(), r#"failures="0" errors="2""#, &[r#"<error type="aborted""#]);
    check(
        builder::not_restored(),
        r#"failures="3" errors="0""#,
        &["do this now: kill -CONT 4121, then: squall undo"],
    );
    check(builder::interrupted(), r#"failures="0" errors="3""#, &[r#"<error type="interrupted""#]);
}

#[test]
fn junit_of_hostile_text_is_still_xml() {
    for (_, scenario) in SCENARIOS {
        let xml = render(scenario(), "junit", &Options::default());
        well_formed(&xml);
        assert!(!xml.contains("<script"));
    }
}

/// Tags are balanced, attributes quoted, no stray markup, no character XML forbids.
fn well_formed(xml: &str) {
    assert!(!xml.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap();
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "stray >: {text}");
        text.match_indices('&').for_each(|(i, _)| assert!(text[i..].contains(';'), "{text}"));
        let end = at + rest[at..].find('>').unwrap();
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<'), "stray <: {tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "open quote: {tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
        rest = &rest[end + 1..];
    }
    assert_eq!(open, Vec::<&str>::new());
    assert_eq!(rest.trim(), "");
}

#[test]
fn markdown_leads_with_the_verdict() {
    let text = render(builder::refuted(), "markdown", &Options::default());
    assert!(text.starts_with("### ✗ Refuted: orders did not keep succeeding\n"), "{text}");
    let row = "| ✗ | order success | ≥ 99.95 % | 99.97 % | 61.2 % | 94.8 % \\[93.3, 96.1\\] | \
               4,461 | 412 |";
    assert!(text.contains(row), "{text}");
    assert!(text.ends_with("\nexit 1, refuted\n"), "{text}");
    let text = render(builder::not_restored(), "markdown", &Options::default());
    assert!(text.contains("- **do this now**: `kill -CONT 4121, then: squall undo`"), "{text}");
}

#[test]
fn markdown_of_hostile_text_stays_text() {
    let text = render(builder::hostile(), "markdown", &Options::default());
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("订单成功率 &lt;script&gt;"), "{text}");
}

/// What the design of a run shows, in every format that people read.
#[test]
fn rungs_beyond_the_bite_are_shown_everywhere_with_what_they_rest_on() {
    for (scenario, rung, said, rests_on) in [
        (builder::controlled as fn() -> builder::Builder, "D", "attributed", "1 of 2,971"),
        (builder::switched, "E", "caused", "31.0 more failed a sample"),
    ] {
        for name in ["html", "markdown", "text"] {
            let page = render(scenario(), name, &Options::default());
            let page: String = page.split_whitespace().collect::<Vec<_>>().join(" ");
            let page = page.replace('\u{a0}', " ");
            assert!(page.contains(said) && page.contains(rests_on), "{name}: {said}: {page}");
            assert!(page.contains(&format!("rung {rung}")), "{name}");
            assert!(page.contains("as chaos"), "{name}: what was burnt");
        }
        let text = render(scenario(), "json", &Options::default());
        let summary: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(summary.pointer("/causes/0/rung"), Some(&rung.into()));
    }
}
