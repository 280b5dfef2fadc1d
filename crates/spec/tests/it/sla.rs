//! The laws of the SLA language: every byte is kept, what is printed reads back, formatting is
//! done after one pass, and no text makes it panic or pass.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use squall_spec::sla::ast::{
    Aggregate, Bound, Break, Chaos, Clause, Condition, Consistent, Function, MatchOp, Matcher,
    Objective, Place, Rule, Side,
};
use squall_spec::sla::{Facts, check, complete, format, hover, parse, print};
use squall_spec::{Duration, Number, Op, Quantity, Share, Spanned};

fn at<T>(value: T) -> Spanned<T> {
    Spanned::default_value(value)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}",
        "[下单成功率支付错误 a-z]{1,10}",
        r#"[ -~]{0,20}"#,
        r#"["\\']{1,6}"#,
        Just("http_requests_total".to_owned()),
    ]
}

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z_环][a-zA-Z0-9_环-]{0,10}"
}

fn matcher() -> impl Strategy<Value = Spanned<Matcher>> {
    let op = prop_oneof![Just(MatchOp::Equal), Just(MatchOp::NotEqual)];
    let pattern = prop_oneof![Just(MatchOp::Regex), Just(MatchOp::NotRegex)];
    let texts = (prop_oneof![word(), name()], op, prop_oneof![name(), Just("a\nb\t".to_owned())]);
    let patterns =
        (word(), pattern, prop_oneof![Just("5..".to_owned()), Just(r"\d+|a".to_owned())]);
    prop_oneof![texts.boxed(), patterns.boxed()]
        .prop_filter("a label has a name", |(name, ..)| !name.is_empty())
        .prop_map(|(name, op, value)| at(Matcher { name, op, value }))
}

fn side(metric: bool) -> impl Strategy<Value = Side> {
    let metric = if metric { option::of(word()).boxed() } else { Just(None).boxed() };
    (metric, vec(matcher(), 0..4)).prop_map(|(metric, matchers)| Side {
        metric: metric.map(at),
        matchers,
        place: Place::default(),
    })
}

fn duration() -> impl Strategy<Value = Spanned<Duration>> {
    prop_oneof![
        (0_u64..400_000).prop_map(Duration::from_millis),
        (1_u64..100).prop_map(|d| Duration::from_secs(d * 86_400)),
        (1_u64..300_000).prop_map(Duration::from_secs),
    ]
    .prop_map(at)
}

fn share() -> impl Strategy<Value = Share> {
    (0_u32..=1_000_000).prop_map(|n| format!("{}.{:04}%", n / 10_000, n % 10_000).parse().unwrap())
}

fn bound() -> impl Strategy<Value = Bound> {
    let op = prop_oneof![Just(Op::Ge), Just(Op::Gt), Just(Op::Le), Just(Op::Lt)];
    let value = prop_oneof![
        share().prop_map(Quantity::Share),
        (-100_i64..100_000).prop_map(|n| Quantity::Number(Number::whole(n))),
        "0\\.[0-9]{1,6}".prop_map(|n| Quantity::Number(n.parse().unwrap())),
        (0_u64..90_000).prop_map(|n| Quantity::Duration(Duration::from_millis(n))),
        "[1-9][0-9]{0,4}/[smh]".prop_map(|n| Quantity::Rate(n.parse().unwrap())),
    ];
    (op, value).prop_map(|(op, value)| Bound { op: at(op), value: at(value) })
}

fn function() -> impl Strategy<Value = Function> {
    prop_oneof![
        Just(Function::Rate),
        Just(Function::Ratio),
        Just(Function::Avg),
        Just(Function::Min),
        Just(Function::Max),
        Just(Function::Increase),
        share()
            .prop_filter("inside", |s| *s > Share::NONE && *s < Share::ALL)
            .prop_map(Function::Quantile),
    ]
}

fn chaos() -> impl Strategy<Value = Chaos> {
    (name(), vec((word(), name()), 0..3)).prop_map(|(fault, conditions)| Chaos {
        fault: at(fault),
        conditions: conditions
            .into_iter()
            .map(|(key, pattern)| Condition { key: at(key), pattern: at(pattern) })
            .collect(),
    })
}

fn clause() -> impl Strategy<Value = Clause> {
    let breaker = (bound(), duration(), option::of(duration()), option::of(1_u32..1000));
    prop_oneof![
        name().prop_map(|n| Clause::When(at(n))),
        side(false).prop_map(Clause::Where),
        side(true).prop_map(Clause::Good),
        side(true).prop_map(Clause::Total),
        (function(), duration()).prop_map(|(function, window)| {
            Clause::Aggregate(Aggregate { function: at(function), window: Some(window) })
        }),
        Just(Clause::Aggregate(Aggregate { function: at(Function::Ratio), window: None })),
        vec(word().prop_map(at), 1..3).prop_map(Clause::GroupBy),
        bound().prop_map(Clause::Threshold),
        (1_u32..=1000).prop_map(|n| Clause::For(at(n))),
        breaker.prop_map(|(bound, over, decay, recover)| {
            Clause::Break(Break { bound, over, decay, recover: recover.map(at) })
        }),
        (duration(), name(), name()).prop_map(|(within, primary, replica)| {
            Clause::Consistent(Consistent { within, primary: at(primary), replica: at(replica) })
        }),
        (share(), duration()).prop_map(|(target, over)| {
            Clause::Objective(Objective { target: at(target), over })
        }),
        vec(chaos(), 1..3).prop_map(Clause::ImpactedBy),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    (name(), vec(clause().prop_map(at), 0..8))
        .prop_map(|(name, clauses)| Rule { name: at(name), clauses })
}

/// Texts near the language: its words and signs in any order, with comments and rubbish.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "SLA",
            "(",
            ")",
            "\"",
            "WHEN",
            "metric",
            "=",
            "WHERE label=\"{a='b'}\"",
            "AGGREGATE",
            "rate(5m)",
            "p99",
            "THRESHOLD",
            ">=",
            "0.995",
            "99.5%",
            ";",
            ",",
            "\n",
            " ",
            "# c\n",
            "// d\n",
            "BREAK",
            "OVER",
            "IMPACTED_BY",
            "chaos",
            "\"x\"",
            "（",
            "”",
            "é",
            "\\",
            "{",
            "}",
            "GROUP BY",
            "FOR",
            "2 samples",
            "\u{0}",
            "@",
            "SLA(\"a\")",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn printing_and_reading_give_the_same_rule(rule in rule()) {
        let text = print(&rule);
        let parsed = parse(&text);
        prop_assert_eq!(&parsed.diagnostics, &[], "{}", text);
        prop_assert_eq!(&parsed.rules, &[rule], "{}", text);
        prop_assert_eq!(format(&text).unwrap(), text);
    }

    #[test]
    fn every_byte_is_in_the_tree_and_every_place_is_in_the_text(text in soup()) {
        let parsed = parse(&text);
        prop_assert_eq!(parsed.tree().text().to_string(), text.clone());
        let checked = check(&text, &Facts::default());
        prop_assert!(!checked.agreements.is_empty() || !checked.diagnostics.is_empty());
        for d in &checked.diagnostics {
            prop_assert!(d.span.end <= text.len(), "{:?}", d);
            prop_assert!(text.is_char_boundary(d.span.start) && text.is_char_boundary(d.span.end));
            prop_assert!(text.is_empty() || !d.message.is_empty());
        }
        for offset in [0, text.len() / 3, text.len() / 2, text.len()] {
            drop((hover(&text, offset, &Facts::default()), complete(&text, offset)));
        }
    }

    #[test]
    fn formatting_twice_changes_nothing_and_loses_no_comment(
        rules in vec(rule(), 1..4),
        gaps in vec("( |\n|\n\n|# one\n| // two\n|\n\n# 三\n|\r\n)", 200),
    ) {
        let mut text = String::new();
        let mut gaps = gaps.iter().cycle();
        for rule in &rules {
            for token in print(rule).split_inclusive([' ', '\n', ';']) {
                text.push_str(token);
                // Only behind a whole token: a comment inside quotes would be text.
                if text.matches('"').count().is_multiple_of(2) && !text.contains('\\') {
                    text.push_str(gaps.next().unwrap());
                }
            }
        }
        let Some(once) = format(&text) else { return Ok(()) };
        let comments = |t: &str| {
            let tree = parse(t).tree();
            let mut all: Vec<String> = tree
                .descendants_with_tokens()
                .filter_map(|e| e.into_token())
                .filter(|t| t.kind() == squall_spec::sla::syntax::Kind::Comment)
                .map(|t| t.text().trim_end().to_owned())
                .collect();
            all.sort();
            all
        };
        prop_assert_eq!(comments(&once), comments(&text));
        prop_assert_eq!(format(&once).unwrap(), once.clone());
        prop_assert_eq!(parse(&once).rules, parse(&text).rules);
    }
}

#[test]
fn huge_files_end_with_an_answer() {
    let rule = "SLA(\"a\")\nWHEN metric=\"m\"\nWHERE label=\"{s='a'}\"\nAGGREGATE rate(5m)\nTHRESHOLD >= 5;\n";
    let many = rule.repeat(20_000);
    assert_eq!(many.lines().count(), 100_000);
    let checked = check(&many, &Facts::default());
    assert!(checked.agreements.is_empty());
    assert!(checked.diagnostics.len() <= 202, "{}", checked.diagnostics.len());
    for hostile in [
        "(".repeat(1 << 17),
        "\"".repeat(1 << 17),
        "SLA(".repeat(1 << 15),
        format!("SLA(\"{}\")", "x".repeat(10 << 20)),
        format!("SLA(\"a\") {}", "x ".repeat(1 << 17)),
        format!("SLA(\"a\") {}", "WHEM\n".repeat(1 << 15)),
        format!("SLA(\"a\") WHERE label=\"{{{}", "a='b',".repeat(1 << 16)),
        format!("SLA(\"a\") WHERE label=\"{{a=~'{}'}}\"", "(".repeat(1 << 18)),
        format!("SLA(\"a\") WHERE label=\"{{a=~'{}'}}\";", "(".repeat(4_000)),
    ] {
        let checked = check(&hostile, &Facts::default());
        assert!(checked.agreements.is_empty() && !checked.diagnostics.is_empty());
        assert_eq!(checked.parsed.tree().text().len(), rowan_len(&hostile));
    }
}

#[test]
fn each_misspelled_clause_is_said() {
    let text = "SLA(\"a\")\nWHEN metrc=\"m\"\nWHERE lable=\"{a='b'}\"\nAGREGATE rate(5m)\n\
                TRESHOLD >= 99%;\n";
    let found = check(text, &Facts::default()).diagnostics;
    let said: Vec<&str> = found.iter().map(|d| &text[d.span.start..d.span.end]).collect();
    assert_eq!(said, ["metrc", "lable", "AGREGATE", "TRESHOLD"]);
}

fn rowan_len(text: &str) -> rowan::TextSize {
    rowan::TextSize::try_from(text.len()).unwrap()
}
