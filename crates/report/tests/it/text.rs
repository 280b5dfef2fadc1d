//! The exact text a run ends with.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use crate::builder::{self, Builder};
use squall_report::{Model, Options, format, read};

pub(crate) fn render(builder: Builder, name: &str, options: &Options) -> String {
    let record = read(&builder.bytes()).unwrap();
    (format::find(name).unwrap().render)(&Model::of(&record), options)
}

fn check(builder: Builder, expected: &str) {
    let options = Options {
        report: Some(".squall/7k2f9/report.html".into()),
        record: Some(".squall/7k2f9/record.jsonl".into()),
        ..Options::default()
    };
    let text = render(builder, "text", &options);
    assert_eq!(text, expected.trim_start_matches('\n'), "\n{text}");
    for line in text.lines() {
        assert!(squall_report::width::of(line) <= 100, "wider than 100 columns: {line}");
        assert_eq!(line, line.trim_end(), "ends in spaces");
    }
}

#[test]
fn refuted() {
    check(
        builder::refuted(),
        r#"
✗ REFUTED   orders did not keep succeeding                               payment-slow   run 7k2f9

  With http.delay on payment-1, jitter 500ms, mean 500ms (1 of 2 payment instances, 1 host):

                        bound       baseline     worst    during the fault, 99 %         n      E
  ✗ order success       ≥ 99.95 %    99.97 %    61.2 %    94.8 % [93.3, 96.1]        4,461    412
  ✗ order latency p95   ≤ 300 ms      142 ms    1.94 s    15.2 % late [13.0, 17.6]   4,461    2.0

  ■ aborted     at 9.00 s of 60 s: 2 anomalous samples in a row, E 412 (limit 100)
  ✓ restored    in 38 ms: host fingerprint equal, 16 of 16, residue 0
  ✓ recovered   inside both bounds after 3.0 s, confirmed after 24.0 s (30 s allowed)

  cause         http.delay → payment-1, bit at the target (rung C): 517 of 517 hit, 498 ms
                delivered, 500 ms asked
  budget        683 bad events above what the bounds allow, n 4,461
  burnt         103 times what order success may lose in this time as chaos, 0.6 times organic
  try           ORDER_PAYMENT_TIMEOUT=300ms: order calls payment without a deadline
                (order/data/payment.go:57, read from the source, not proven by this run)

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

exit 1, refuted
"#,
    );
}

#[test]
fn held() {
    check(
        builder::held(),
        r#"
✓ HELD      orders kept succeeding                                        payment-slow   run 8c0d4

                        bound       baseline     worst    during the fault, 99 %          n      E
  ✓ order success       ≥ 99.95 %   100.00 %   99.80 %    99.997 % [99.955, 100)     30,012    0.4
  ✓ order latency p95   ≤ 300 ms      141 ms    288 ms       3.1 % late [2.7, 3.6]   30,012    0.1

  ✓ restored    in 36 ms: host fingerprint equal, 16 of 16, residue 0

  effect        http.delay → payment-1: 14,902 of 14,902 hit, 498 ms delivered, 500 ms asked
  budget        0 bad events above what the bounds allow, n 30,012

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

exit 0, held
"#,
    );
}

#[test]
fn inconclusive() {
    check(
        builder::inconclusive(),
        r#"
? INCONCLUSIVE   order success: 30,000 orders cannot tell 99.97 % from 99.95 %
  payment-slow   run 3m1x0
  ask again with hold: 8m, or expect: ">= 99.9%"

                        bound       baseline     worst    during the fault, 99 %          n      E
  ? order success       ≥ 99.95 %    99.97 %   99.80 %    99.97 % [99.91, 99.99]     30,000    0.6
  ✓ order latency p95   ≤ 300 ms      142 ms    200 ms      1.0 % late [0.8, 1.3]    30,000    0.1

  ✓ restored    in 36 ms: host fingerprint equal, 16 of 16, residue 0

  effect        http.delay → payment-1: 14,902 of 14,902 hit, 498 ms delivered, 500 ms asked
  budget        0 bad events above what the bounds allow, n 30,000

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

exit 4, inconclusive
"#,
    );
}

#[test]
fn invalid() {
    check(
        builder::invalid(),
        r#"
∅ INVALID   http.delay had no effect: 0 of 14,902 requests to payment-1 were delayed
  payment-slow   run 5p9w2
  no request matched path /api/payment; seen: /api/v2/payment (14,902)

                        bound       baseline      worst    during the fault, 99 %          n      E
  ? order success       ≥ 99.95 %    99.97 %   100.00 %    100.00 % [99.97, 100)      30,000    0.0
  ? order latency p95   ≤ 300 ms      142 ms     142 ms      0.00 % late [0, 0.03]    30,000    0.0

  ✓ restored    in 36 ms: host fingerprint equal, 16 of 16, residue 0

  effect        http.delay → payment-1: 0 of 14,902 hit
  budget        0 bad events above what the bounds allow, n 30,000

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

exit 4, invalid
"#,
    );
}

#[test]
fn stopped() {
    check(
        builder::stopped(),
        r#"
■ ABORTED   stopped by Ctrl-C at 4.20 s of 60 s, before the data could decide
  payment-slow   run 9t4r1

  With http.delay on payment-1, jitter 500ms, mean 500ms (1 of 2 payment instances, 1 host):

                        bound       baseline      worst    during the fault, 99 %         n    E
  ? order success       ≥ 99.95 %    99.97 %   100.00 %    0 of 5 samples anomalous   2,500    –
  ? order latency p95   ≤ 300 ms      142 ms     200 ms    0 of 5 samples anomalous   2,500    –

  ✓ restored    in 37 ms: host fingerprint equal, 16 of 16, residue 0

  effect        http.delay → payment-1: 1 of 1 hit, 498 ms delivered, 500 ms asked
  budget        0 bad events above what the bounds allow, n 2,500

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

exit 3, aborted and restored
"#,
    );
}

#[test]
fn not_restored() {
    check(
        builder::not_restored(),
        r#"
! NOT RESTORED   payment-1 is still paused: process 4121 did not continue in 5 s
  payment-slow   run 2d8s6
  do this now   kill -CONT 4121, then: squall undo
  receipt       r-0193, kept until it is undone
  difference    frozen or stopped processes: new: process 4121 (payment) stopped
  verdict       refuted: orders did not keep succeeding

  With http.delay on payment-1, jitter 500ms, mean 500ms (1 of 2 payment instances, 1 host):

                        bound       baseline     worst    during the fault, 99 %         n      E
  ✗ order success       ≥ 99.95 %    99.97 %    61.2 %    94.8 % [93.3, 96.1]        4,461    412
  ✗ order latency p95   ≤ 300 ms      142 ms    1.94 s    15.2 % late [13.0, 17.6]   4,461    2.0

  ■ aborted     at 9.00 s of 60 s: 2 anomalous samples in a row, E 412 (limit 100)
  ! restored    no: 1 of 1 still there, residue 1

  cause         http.delay → payment-1, bit at the target (rung C): 1 of 1 hit, 498 ms delivered,
                500 ms asked
  budget        683 bad events above what the bounds allow, n 4,461
  burnt         103 times what order success may lose in this time as chaos, 0.6 times organic

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

exit 5, a person must act
"#,
    );
}

#[test]
fn interrupted() {
    check(
        builder::interrupted(),
        r#"
? INTERRUPTED   the run was killed while holding the fault; its record has no verdict
  payment-slow   run 4h7q3
  do this now   squall undo
  lease         the agent ends the fault by itself when its lease of 5 s ends
  receipt       r-0193, kept until it is undone

                        bound       baseline     worst    during the fault, 99 %          n      E
  ? order success       ≥ 99.95 %   100.00 %    61.2 %    2 of 10 samples anomalous   4,951    412
  ? order latency p95   ≤ 300 ms      142 ms    1.94 s    2 of 10 samples anomalous   4,951    2.0

  ■ aborted     at 9.00 s of 60 s: 2 anomalous samples in a row, E 412 (limit 100)
  ! restored    unknown: the record ends before 1 of 1 was undone

  effect        http.delay → payment-1: 1 of 1 hit, 498 ms delivered, 500 ms asked

  report        .squall/7k2f9/report.html
  record        .squall/7k2f9/record.jsonl

no exit code: the run was killed before its verdict
"#,
    );
}

#[test]
fn color_repeats_what_glyph_and_word_say() {
    let plain = render(builder::refuted(), "text", &Options::default());
    let color = render(builder::refuted(), "text", &Options { color: true, ..Options::default() });
    assert!(color.starts_with("\u{1b}[1;31m✗ REFUTED\u{1b}[0m   orders did not"), "{color:?}");
    let mut bare = String::new();
    let mut rest = color.as_str();
    while let Some(at) = rest.find('\u{1b}') {
        bare.push_str(&rest[..at]);
        rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
    }
    bare.push_str(rest);
    assert_eq!(bare, plain);
}

#[test]
fn ascii_is_ascii() {
    let options = Options { ascii: true, ..Options::default() };
    for (name, scenario) in builder::SCENARIOS {
        let text = render(scenario(), "text", &options);
        assert!(text.is_ascii(), "{name}: {text}");
    }
    let text = render(builder::refuted(), "text", &options);
    assert!(text.starts_with("XX REFUTED   orders did not keep succeeding"), "{text}");
    assert!(text.contains("  XX order success       >= 99.95 %    99.97 %    61.2 %"), "{text}");
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_control() {
    let text = render(builder::hostile(), "text", &Options::default());
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    assert!(text.contains("订单成功率"));
}

#[test]
fn a_changed_host_and_a_lost_service_are_said() {
    let text = render(builder::changed(), "text", &Options::default());
    for line in [
        "  ✓ restored    in 38 ms by the watchdog: residue 0, host fingerprint equal in 15 of 16 categories",
        "  ✗ recovered   no: not inside every bound within 30.00 s",
        "  difference    addresses: new: inet 10.0.0.7/24 dev eth0",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
    let text = render(builder::denied(), "text", &Options::default());
    let expected = "! NOT RESTORED   addresses: new: inet 10.0.0.7/24 dev eth0               \
                    payment-slow   run 6c2k8\n  \
                    do this now   squall undo\n  \
                    difference    addresses: new: inet 10.0.0.7/24 dev eth0\n  \
                    verdict       refuted\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains("  ! restored    no: something is still there after every fault was undone")
    );
    assert!(!text.contains("✓ restored") && !text.contains("  try "));
}

#[test]
fn a_value_smoothed_by_its_window_gives_way_to_what_was_judged() {
    let text = render(builder::smoothed(), "text", &Options::default());
    let row = "  ✗ order latency p95   ≤ 300 ms      0.05 %    16.6 %    15.2 % late [13.0, 17.6]   4,461    2.0";
    assert!(text.contains(row), "{text}");
    let page = render(builder::smoothed(), "html", &Options::default()).replace('\u{a0}', " ");
    for part in ["share late, %", "≤ 5 % late</text>", "16.6 % late"] {
        assert!(page.contains(part), "{part}");
    }
}
