//! Builds records for tests and for `examples/sample.rs`: one scenario a function, every number
//! invented to fit the design's example run.

use squall_wire::fingerprint::{Difference, Fingerprint};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Bite, Injection};
use squall_wire::record::{
    AbortCause, Arm, Arms, Check, ControlVerdict, Event, Indicator, IndicatorVerdict, Line,
    Outcome, Phase, RECORD_VERSION, Reading, Sample, Started, ToggledEffect, Unit, Verdict, When,
    Word,
};
use squall_wire::target::Target;
use std::collections::{BTreeMap, BTreeSet};

/// 2026-11-24 09:14:38.000 UTC: the moment of injection.
const ZERO_UNIX_MS: i64 = 1_795_511_678_000;

const FILE: &str = r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {name: payment-slow, labels: {env: staging, team: checkout}}
spec:
  hypothesis: Orders keep succeeding while a payment takes up to a second.
  signals:
    - scrape: http://127.0.0.1:8080/metrics
  steadyState:
    - name: order success
      query: sum(rate(orders_total{result="ok"}[30s])) / sum(rate(orders_total[30s]))
      expect: ">= 99.95%"
    - name: order latency p95
      query: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{path="/api/order"}[30s])))
      expect: "<= 300ms"
  abort: {consecutive: 2, every: 1s}
  method:
    - fault: http.delay
      target: {service: payment, instances: 1}
      where: {path: /api/payment}
      with: {mean: 500ms, jitter: 500ms}
      hold: 60s
  recovery: {within: 30s}
"#;

/// A record in the making.
pub(crate) struct Builder {
    pub(crate) started: Started,
    lines: Vec<(i64, Event)>,
}

/// The start of the design's example run.
pub(crate) fn payment_slow(run: &str) -> Builder {
    let injection = Injection {
        id: "i1".into(),
        run: run.into(),
        fault: "http.delay".into(),
        params: BTreeMap::from([
            ("mean".into(), "500ms".into()),
            ("jitter".into(), "500ms".into()),
        ]),
        filters: BTreeMap::from([("path".into(), "/api/payment".into())]),
        target: Target {
            name: "payment-1".into(),
            service: "payment".into(),
            process: ProcessIdentity { pid: 4121, start_ticks: 99 },
            netns: 1,
            cgroup: "/".into(),
            listening: vec![],
            probes: vec![],
        },
        lease_ms: 5000,
        cap_ms: 65_000,
        seed: 7,
    };
    let started = Started {
        run: run.into(),
        experiment: "payment-slow".into(),
        labels: BTreeMap::from([
            ("env".into(), "staging".into()),
            ("team".into(), "checkout".into()),
        ]),
        hypothesis: "Orders keep succeeding while a payment takes up to a second.".into(),
        file: FILE.into(),
        squall: "squall 0.1.0".into(),
        host: "demo, Linux 6.1.0, 2 cores".into(),
        seed: 7,
        indicators: vec![success(), latency()],
        sources: vec!["scrape http://127.0.0.1:8080/metrics".into()],
        consecutive: 2,
        every_ms: 1000,
        literal: false,
        false_alarm: 0.01,
        baseline_ms: 30_000,
        hold_ms: 60_000,
        recovery_ms: 30_000,
        lease_ms: 5000,
        injections: vec![injection],
        toggled: Vec::new(),
        spared: vec!["payment-2".into()],
        radius: "1 of 2 payment instances, 1 host".into(),
    };
    Builder { lines: vec![(-31_200, Event::Started(Box::new(started.clone())))], started }
}

fn success() -> Indicator {
    Indicator {
        name: "order success".into(),
        query: "sum(rate(orders_total{result=\"ok\"}[30s])) / sum(rate(orders_total[30s]))".into(),
        expect: ">= 99.95%".into(),
        unit: Unit::Share,
        bound: 0.9995,
        at_least: true,
        bad_share: Some(0.0005),
        bad_word: "failed".into(),
    }
}

fn latency() -> Indicator {
    Indicator {
        name: "order latency p95".into(),
        query: "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket\
                {path=\"/api/order\"}[30s])))"
            .into(),
        expect: "<= 300ms".into(),
        unit: Unit::Seconds,
        bound: 0.3,
        at_least: false,
        bad_share: Some(0.05),
        bad_word: "late".into(),
    }
}

impl Builder {
    /// Adds an event at a time in milliseconds from injection.
    pub(crate) fn at(mut self, t_ms: i64, event: Event) -> Builder {
        self.lines.push((t_ms, event));
        self
    }

    /// Replaces the first event, after `started` was changed.
    pub(crate) fn restart(mut self) -> Builder {
        self.lines[0].1 = Event::Started(Box::new(self.started.clone()));
        self
    }

    /// The lines as the engine would have written them.
    pub(crate) fn lines(self) -> Vec<Line> {
        let line = |(seq, (t_ms, event)): (usize, (i64, Event))| Line {
            v: RECORD_VERSION,
            seq: seq as u64,
            link: None,
            at_unix_ms: ZERO_UNIX_MS + t_ms,
            t_ms: (t_ms >= 0).then_some(t_ms),
            event,
        };
        self.lines.into_iter().enumerate().map(line).collect()
    }

    /// The record's bytes.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut out = Vec::new();
        for line in self.lines() {
            serde_json::to_writer(&mut out, &line).expect("a line is JSON");
            out.push(b'\n');
        }
        out
    }

    fn baseline(self) -> Builder {
        let mut run = self.at(-30_000, Event::Phase(Phase::Baseline));
        for i in 0..30_u64 {
            let bad = u64::from(i % 8 == 3);
            let wobble = f64::from((i * 7 % 11) as u32) / 1000.0;
            run =
                run.sample(i as i64 * 1000 - 30_000, i, Phase::Baseline, 500, bad, 0.137 + wobble);
        }
        run.at(-90, check(When::Before))
            .at(-60, fingerprint(When::Before, &[]))
            .at(-50, Event::Phase(Phase::Injecting))
            .at(-20, receipt())
    }

    fn sample(
        self,
        t_ms: i64,
        index: u64,
        phase: Phase,
        total: u64,
        bad: u64,
        p95: f64,
    ) -> Builder {
        let share = |bad: u64| 1.0 - bad as f64 / total as f64;
        let spread = 0.004 + (bad as f64).sqrt() * 2.6 / total as f64;
        let anomalous = bad > 2 && phase == Phase::Holding;
        let e = (phase == Phase::Holding).then_some(match bad {
            0..=2 => 0.4,
            3..=99 => 2.2,
            _ => 412.0,
        });
        let good = Reading {
            value: Some(share(bad)),
            query_value: Some(share(bad)),
            total: Some(total),
            bad_least: Some(bad),
            bad_most: Some(bad),
            gap: None,
            anomalous,
            interval: Some((share(bad) - spread, (share(bad) + spread).min(1.0))),
            e,
            arms: None,
        };
        let late = if p95 > 0.3 { total / 6 } else { u64::from(p95 > 0.145) };
        let slow = Reading {
            value: Some(p95),
            query_value: Some(p95 * 0.9),
            total: Some(total),
            bad_least: Some(late),
            bad_most: Some(late),
            gap: None,
            anomalous: p95 > 0.3 && phase == Phase::Holding,
            interval: Some((p95 * 0.92, p95 * 1.08)),
            e: e.map(|e| if e > 1.0 { 2.0 } else { 0.1 }),
            arms: None,
        };
        self.at(t_ms, Event::Sample(Sample { index, phase, readings: vec![good, slow] }))
    }

    /// A sample without numbers.
    pub(crate) fn gap(self, t_ms: i64, index: u64, phase: Phase, why: &str) -> Builder {
        let reading = || Reading { gap: Some(why.into()), ..Reading::default() };
        self.at(t_ms, Event::Sample(Sample { index, phase, readings: vec![reading(), reading()] }))
    }

    fn injected(self) -> Builder {
        let mechanism = "in-memory proxy, kernel-held redirect".to_string();
        let inject = Event::Inject { injection: "i1".into(), mechanism, took_us: 4100 };
        self.at(0, inject).at(0, Event::Phase(Phase::Holding)).at(40, bite(1, 1))
    }

    fn restored(self, t_ms: i64, took_us: u64) -> Builder {
        self.at(t_ms, Event::Phase(Phase::Reverting))
            .at(
                t_ms + took_us as i64 / 1000,
                Event::Restore {
                    injection: "i1".into(),
                    by: "engine".into(),
                    took_us,
                    residue: vec![],
                    advice: None,
                },
            )
            .at(t_ms + took_us as i64 / 1000 + 14, fingerprint(When::After, &[]))
            .at(
                t_ms + took_us as i64 / 1000 + 15,
                Event::Compared { equal: 16, of: 16, differences: vec![] },
            )
            .at(t_ms + took_us as i64 / 1000 + 16, Event::Phase(Phase::Recovering))
    }

    fn recovered(self, from_ms: i64, until_ms: i64, first: u64) -> Builder {
        let mut run = self;
        let samples = (until_ms - from_ms) / 1000;
        for i in 0..samples {
            let (bad, p95) = match i {
                0 => (90, 1.7),
                1 => (18, 0.86),
                2 => (0, 0.212),
                i => (0, 0.137 + (i % 4) as f64 / 250.0),
            };
            run = run.sample(
                from_ms + 1000 + i * 1000,
                first + i as u64,
                Phase::Recovering,
                500,
                bad,
                p95,
            );
        }
        run
    }
}

fn check(when: When) -> Event {
    Event::Check(Check {
        when,
        met: true,
        lines: vec![
            "order success 99.97 % >= 99.95 %".into(),
            "order latency p95 142 ms <= 300 ms".into(),
        ],
    })
}

fn receipt() -> Event {
    Event::Receipt { id: "r-0193".into(), injection: "i1".into(), took_us: 1900 }
}

fn bite(hits: u64, seen: u64) -> Event {
    let bite = Bite {
        hits,
        seen,
        asked: (hits > 0).then_some(500.0),
        delivered: (hits > 0).then_some(498.0),
        ..Bite::default()
    };
    Event::Bite { injection: "i1".into(), bite }
}

const CATEGORIES: [(&str, usize); 16] = [
    ("addresses", 8),
    ("bpf links", 9),
    ("bpf programs", 14),
    ("cgroups and limits", 181),
    ("child processes", 0),
    ("frozen or stopped processes", 0),
    ("mounts", 41),
    ("namespaces", 5),
    ("nft tables", 2),
    ("our files", 0),
    ("our sockets", 0),
    ("qdiscs", 6),
    ("resolver files", 3),
    ("routes and rules", 14),
    ("sysctls", 212),
    ("tc filters", 0),
];

fn fingerprint(when: When, extra: &[(&str, &str)]) -> Event {
    let mut facts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, count) in CATEGORIES {
        facts.insert(name.into(), (0..count).map(|i| format!("{name} {i}")).collect());
    }
    for (name, fact) in extra {
        facts.entry((*name).into()).or_default().insert((*fact).into());
    }
    Event::Fingerprint { when, fingerprint: Fingerprint { facts, ..Fingerprint::default() } }
}

fn strike(count: u32, text: &str) -> Event {
    Event::Strike { count, of: 2, indicators: vec![0, 1], text: text.into() }
}

/// The evidence of one indicator; the rest is filled in by the scenario.
fn judged(outcome: Outcome, total: u64) -> IndicatorVerdict {
    IndicatorVerdict {
        outcome,
        baseline: None,
        worst: None,
        bad_share: None,
        interval: None,
        total: Some(total),
        bad: None,
        strikes: 0,
        e: None,
        gaps: 0,
        text: String::new(),
    }
}

fn verdict(word: Word, sentence: &str, exit: u8, indicators: Vec<IndicatorVerdict>) -> Verdict {
    Verdict {
        word,
        sentence: sentence.into(),
        exit,
        indicators,
        aborted: None,
        restored: true,
        advice: vec![],
        excess_bad: 0,
        effects: Vec::new(),
        controls: Vec::new(),
    }
}

fn refuted_evidence() -> Vec<IndicatorVerdict> {
    let success = IndicatorVerdict {
        baseline: Some(0.9997),
        worst: Some(1.0 - 186.0 / 479.0),
        bad_share: Some(0.052),
        interval: Some((0.039, 0.067)),
        bad: Some(230),
        strikes: 2,
        e: Some(412.0),
        text: "94.8 % of 4,461, at least 99.95 % expected".into(),
        ..judged(Outcome::Fail, 4461)
    };
    let latency = IndicatorVerdict {
        baseline: Some(0.142),
        worst: Some(1.94),
        bad_share: Some(0.152),
        interval: Some((0.13, 0.176)),
        bad: Some(678),
        strikes: 2,
        e: Some(2.0),
        text: "15.2 % of 4,461 late, at most 5 % allowed".into(),
        ..judged(Outcome::Fail, 4461)
    };
    vec![success, latency]
}

fn refuted_verdict() -> Verdict {
    Verdict {
        aborted: Some(AbortCause::Rule),
        advice: vec![
            "ORDER_PAYMENT_TIMEOUT=300ms: order calls payment without a deadline \
             (order/data/payment.go:57, read from the source, not proven by this run)"
                .into(),
        ],
        excess_bad: 683,
        effects: Vec::new(),
        controls: Vec::new(),
        ..verdict(Word::Refuted, "orders did not keep succeeding", 1, refuted_evidence())
    }
}

fn until_abort(run: &str) -> Builder {
    let mut run = payment_slow(run).baseline().injected();
    for i in 0..8_u64 {
        let p95 = 0.14 + i as f64 * 0.012;
        run = run.sample(i as i64 * 1000, 30 + i, Phase::Holding, 498, 0, p95);
    }
    run.sample(8000, 38, Phase::Holding, 488, 44, 1.12)
        .at(8000, strike(1, "order success 91.0 % (44 of 488 failed), order latency p95 1.12 s"))
        .sample(9000, 39, Phase::Holding, 479, 186, 1.94)
        .at(9000, strike(2, "order success 61.2 % (186 of 479 failed), order latency p95 1.94 s"))
        .at(
            9000,
            Event::Abort {
                cause: AbortCause::Rule,
                text: "2 anomalous samples in a row, E 412 (limit 100)".into(),
                decided_us: Some(1100),
            },
        )
}

/// Refuted, aborted, restored, recovered.
pub(crate) fn refuted() -> Builder {
    refuted_with(refuted_verdict())
}

/// Refuted, with untouched instances beside the disturbed one.
pub(crate) fn controlled() -> Builder {
    let arm = |total, bad| Arm { total, bad_least: bad, bad_most: bad };
    let control = ControlVerdict {
        indicator: 0,
        arms: Arms { disturbed: arm(1490, 229), untouched: arm(2971, 1) },
        difference: 0.153,
        interval: (0.12, 0.19),
        e: 3.4e9,
        explains: Some(0.99),
        worse: true,
        text: "order success is worse under the fault: 229 of 1,490 failed on the disturbed \
               instances, 1 of 2,971 on untouched ones at the same time, E > 1e6"
            .into(),
    };
    refuted_with(Verdict { controls: vec![control], ..refuted_verdict() })
}

/// Refuted, the fault switched on and off at random.
pub(crate) fn switched() -> Builder {
    let effect = ToggledEffect {
        fault: "http.delay".into(),
        indicator: 0,
        value: 31.0,
        interval: (28.0, 34.0),
        p: 0.004,
        caused: true,
        text: "http.delay hurt order success: 31.0 more failed a sample while it was on (28.0 to \
               34.0), p 0.004"
            .into(),
    };
    refuted_with(Verdict { effects: vec![effect], ..refuted_verdict() })
}

fn refuted_with(verdict: Verdict) -> Builder {
    until_abort("7k2f9")
        .at(9001, bite(517, 517))
        .restored(9001, 38_000)
        .recovered(9039, 33_039, 40)
        .at(
            12_039,
            Event::Recover {
                inside_ms: Some(3000),
                confirmed_ms: None,
                text: "first sample inside both bounds".into(),
            },
        )
        .at(
            33_039,
            Event::Recover {
                inside_ms: Some(3000),
                confirmed_ms: Some(24_000),
                text: "confirmed: 10,998 orders, none failed".into(),
            },
        )
        .at(33_040, Event::Phase(Phase::Judging))
        .at(33_050, Event::Verdict(Box::new(verdict)))
}

/// Held.
pub(crate) fn held() -> Builder {
    let mut run = payment_slow("8c0d4").baseline().injected();
    for i in 0..60_u64 {
        let (bad, p95) = (u64::from(i == 31), 0.262 + (i % 5) as f64 * 0.0065);
        run = run.sample(i as i64 * 1000, 30 + i, Phase::Holding, 500, bad, p95);
    }
    let success = IndicatorVerdict {
        baseline: Some(1.0),
        worst: Some(0.998),
        bad_share: Some(0.000_03),
        interval: Some((0.0, 0.000_45)),
        bad: Some(1),
        e: Some(0.4),
        text: "99.997 % of 30,012".into(),
        ..judged(Outcome::Pass, 30_012)
    };
    let latency = IndicatorVerdict {
        baseline: Some(0.141),
        worst: Some(0.288),
        bad_share: Some(0.031),
        interval: Some((0.027, 0.036)),
        bad: Some(930),
        e: Some(0.1),
        text: "3.1 % of 30,012 late".into(),
        ..judged(Outcome::Pass, 30_012)
    };
    let verdict = verdict(Word::Held, "orders kept succeeding", 0, vec![success, latency]);
    run.at(60_000, bite(14_902, 14_902))
        .restored(60_000, 36_000)
        .at(60_060, Event::Phase(Phase::Judging))
        .at(60_061, Event::Verdict(Box::new(verdict)))
}

/// Too little data.
pub(crate) fn inconclusive() -> Builder {
    let mut run = payment_slow("3m1x0").baseline().injected();
    for i in 0..60_u64 {
        run = match i {
            20..=23 => run.gap(i as i64 * 1000, 30 + i, Phase::Holding, "scrape timed out"),
            _ => {
                run.sample(i as i64 * 1000, 30 + i, Phase::Holding, 500, u64::from(i % 7 == 0), 0.2)
            }
        };
    }
    let success = IndicatorVerdict {
        baseline: Some(0.9997),
        worst: Some(0.998),
        bad_share: Some(0.0003),
        interval: Some((0.0001, 0.0009)),
        bad: Some(9),
        e: Some(0.6),
        gaps: 4,
        text: "30,000 orders cannot tell 99.97 % from 99.95 %".into(),
        ..judged(Outcome::Undecided, 30_000)
    };
    let latency = IndicatorVerdict {
        baseline: Some(0.142),
        worst: Some(0.2),
        bad_share: Some(0.01),
        interval: Some((0.008, 0.013)),
        e: Some(0.1),
        gaps: 4,
        text: "1.0 % late".into(),
        ..judged(Outcome::Pass, 30_000)
    };
    let sentence = "order success: 30,000 orders cannot tell 99.97 % from 99.95 %";
    let mut verdict = verdict(Word::Inconclusive, sentence, 4, vec![success, latency]);
    verdict.advice = vec!["ask again with hold: 8m, or expect: \">= 99.9%\"".into()];
    run.at(60_000, bite(14_902, 14_902))
        .restored(60_000, 36_000)
        .at(60_061, Event::Verdict(Box::new(verdict)))
}

/// The fault had no effect.
pub(crate) fn invalid() -> Builder {
    let mut run = payment_slow("5p9w2").baseline().injected();
    for i in 0..60_u64 {
        run = run.sample(i as i64 * 1000, 30 + i, Phase::Holding, 500, 0, 0.142);
    }
    let sentence = "http.delay had no effect: 0 of 14,902 requests to payment-1 were delayed";
    let pass = || IndicatorVerdict {
        baseline: Some(0.9997),
        worst: Some(1.0),
        bad_share: Some(0.0),
        interval: Some((0.0, 0.0003)),
        e: Some(0.0),
        text: "not judged: the fault had no effect".into(),
        ..judged(Outcome::Undecided, 30_000)
    };
    let latency = IndicatorVerdict { baseline: Some(0.142), worst: Some(0.142), ..pass() };
    let mut verdict = verdict(Word::Invalid, sentence, 4, vec![pass(), latency]);
    verdict.advice =
        vec!["no request matched path /api/payment; seen: /api/v2/payment (14,902)".into()];
    run.at(60_000, bite(0, 14_902))
        .restored(60_000, 36_000)
        .at(60_061, Event::Verdict(Box::new(verdict)))
}

/// Stopped by a person before the data could decide.
pub(crate) fn stopped() -> Builder {
    let mut run = payment_slow("9t4r1").baseline().injected();
    for i in 0..5_u64 {
        run = run.sample(i as i64 * 1000, 30 + i, Phase::Holding, 500, 0, 0.2);
    }
    let undecided = || IndicatorVerdict {
        baseline: Some(0.9997),
        worst: Some(1.0),
        text: "too little data".into(),
        ..judged(Outcome::Undecided, 2_500)
    };
    let latency = IndicatorVerdict { baseline: Some(0.142), worst: Some(0.2), ..undecided() };
    let verdict = Verdict {
        aborted: Some(AbortCause::Stopped),
        ..verdict(
            Word::Aborted,
            "stopped by Ctrl-C at 4.20 s of 60 s, before the data could decide",
            3,
            vec![undecided(), latency],
        )
    };
    let cause = AbortCause::Stopped;
    run.at(4200, Event::Abort { cause, text: "stopped by Ctrl-C".into(), decided_us: None })
        .restored(4200, 37_000)
        .at(4300, Event::Verdict(Box::new(verdict)))
}

/// Something of the fault is still there.
pub(crate) fn not_restored() -> Builder {
    let fact = "process 4121 (payment) stopped";
    let mut verdict = refuted_verdict();
    verdict.exit = 5;
    verdict.restored = false;
    verdict.advice = vec![];
    until_abort("2d8s6")
        .at(9001, bite(1, 1))
        .at(9002, Event::Phase(Phase::Reverting))
        .at(
            14_002,
            Event::Restore {
                injection: "i1".into(),
                by: "engine".into(),
                took_us: 5_000_000,
                residue: vec![
                    "payment-1 is still paused: process 4121 did not continue in 5 s".into(),
                ],
                advice: Some("kill -CONT 4121".into()),
            },
        )
        .at(14_020, fingerprint(When::After, &[("frozen or stopped processes", fact)]))
        .at(
            14_021,
            Event::Compared {
                equal: 15,
                of: 16,
                differences: vec![Difference {
                    category: "frozen or stopped processes".into(),
                    fact: fact.into(),
                    appeared: true,
                }],
            },
        )
        .at(14_030, Event::Verdict(Box::new(verdict)))
}

/// Undone, but the host is not as it was and the service did not come back.
pub(crate) fn changed() -> Builder {
    fact_appeared(true)
}

/// The same, where what appeared is the fault's.
pub(crate) fn denied() -> Builder {
    fact_appeared(false)
}

fn fact_appeared(restored: bool) -> Builder {
    let fact = "inet 10.0.0.7/24 dev eth0";
    let difference = Difference { category: "addresses".into(), fact: fact.into(), appeared: true };
    let mut verdict = refuted_verdict();
    verdict.restored = restored;
    if !restored {
        verdict.exit = 5;
        verdict.sentence = format!("not restored: addresses: new: {fact}");
        verdict.advice = vec!["squall undo".into()];
    }
    let text = "not inside every bound within 30.00 s".to_string();
    let restore = Event::Restore {
        injection: "i1".into(),
        by: "watchdog".into(),
        took_us: 38_000,
        residue: vec![],
        advice: None,
    };
    until_abort("6c2k8")
        .at(9001, bite(517, 517))
        .at(9039, restore)
        .at(9050, Event::Compared { equal: 15, of: 16, differences: vec![difference] })
        .at(9051, Event::Phase(Phase::Recovering))
        .sample(10_000, 40, Phase::Recovering, 500, 90, 1.2)
        .at(39_040, Event::Recover { inside_ms: None, confirmed_ms: None, text })
        .at(39_050, Event::Verdict(Box::new(verdict)))
}

/// Killed while the fault was on.
pub(crate) fn interrupted() -> Builder {
    until_abort("4h7q3")
}

/// Text from outside that must stay text, in Chinese and in markup.
pub(crate) fn hostile() -> Builder {
    let evil = "<script>alert(1)</script>\"'&\u{1b}[2J\u{0}]]>";
    let mut run = refuted();
    run.started.hypothesis = format!("支付变慢时，订单仍然成功。{evil}");
    run.started.experiment = format!("支付变慢 {evil}");
    run.started.file = format!("# {evil}\nname: 订单成功率\n");
    run.started.indicators[0].name = format!("订单成功率 {evil}");
    run.started.indicators[0].query = evil.into();
    run.started.host = evil.into();
    run.started.labels.insert("团队".into(), evil.into());
    run.started.injections[0].target.name = evil.into();
    run.started.injections[0].params.insert("header".into(), evil.into());
    run.restart().at(33_060, Event::Warning { code: "W1".into(), text: evil.into() })
}

/// A scenario and its name.
type Scenario = (&'static str, fn() -> Builder);

/// As a source leaves it that has only the query's own, smoothed value of a quantile.
pub(crate) fn smoothed() -> Builder {
    let mut run = refuted();
    for (_, event) in &mut run.lines {
        if let Event::Sample(sample) = event {
            let reading = &mut sample.readings[1];
            reading.value = reading.query_value;
            reading.interval = None;
        }
    }
    run
}

/// Every scenario by its name.
pub(crate) const SCENARIOS: [Scenario; 13] = [
    ("refuted", refuted),
    ("controlled", controlled),
    ("switched", switched),
    ("held", held),
    ("inconclusive", inconclusive),
    ("invalid", invalid),
    ("stopped", stopped),
    ("not-restored", not_restored),
    ("changed", changed),
    ("denied", denied),
    ("smoothed", smoothed),
    ("interrupted", interrupted),
    ("hostile", hostile),
];
