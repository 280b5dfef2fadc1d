//! `squall sla`: rules in, queries, alerts, cells and exit codes out; promtool has the last word.

use crate::world::{Said, World};
use std::path::Path;
use std::process::Command;

const SEED: &str = r#"SLA("API availability")
WHEN metric="http_requests_total"
WHERE label="{job='api-gateway', status!~'5..'}"
AGGREGATE rate(5m)
THRESHOLD >= 0.995
IMPACTED_BY chaos("cpu-load", namespace="prod", pod="auth-*");
"#;

/// Rules of every kind, with names that YAML, PromQL and templates could trip over.
const MANY: &str = r#"SLA("下单成功率 \"gold\" {{x}}: #1")
WHEN metric="orders_total"
WHERE label="{service='order', result=~'ok|\"fine\"'}"
AGGREGATE ratio(5m)
THRESHOLD >= 99.9%
OBJECTIVE 99.9% OVER 30d;

SLA("read p99")
WHEN metric="http_request_duration_seconds"
WHERE label="{service='stock', method='GET'}"
GROUP BY instance
AGGREGATE p99(5m)
THRESHOLD <= 1s
OBJECTIVE 99% OVER 28d;

SLA("breaker")
WHEN metric="支付"
GOOD "{result='ok'}"
BREAK WHEN error_rate >= 0.5% OVER 5m DECAY 1m RECOVER AFTER 3 healthy;

SLA("queue")
WHEN metric="queue_length"
AGGREGATE avg(90s)
THRESHOLD < 100
FOR 3 samples;

SLA("lag")
CONSISTENT WITHIN 200ms VIA gtid("primary", "replica");
"#;

/// Runs the binary with words that have no spaces.
fn run(world: &World, words: &str) -> Said {
    world.run(&words.split(' ').collect::<Vec<_>>())
}

/// Debian's promtool; its absence is a printed skip.
fn promtool(test: &str) -> Option<Command> {
    let path = Path::new("/usr/bin/promtool");
    if !path.exists() {
        println!("SKIP {test}: no promtool");
        return None;
    }
    Some(Command::new(path))
}

fn check_rules(promtool: &mut Command, file: &Path) -> String {
    let out = promtool.args(["check", "rules"]).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "{said}\n{}", std::fs::read_to_string(file).unwrap());
    said
}

#[test]
fn the_seed_is_checked_formatted_and_compiled() {
    let world = World::new();
    world.write("seed.sla", SEED);
    let said = run(&world, "sla check seed.sla");
    assert_eq!((said.code, said.out.lines().next()), (0, Some("✓ seed.sla   1 rule, 1 service")));
    assert_eq!(run(&world, "sla fmt --check seed.sla").code, 0);
    let promql = run(&world, "sla compile --to promql seed.sla").out;
    let part = r#"sum(rate(http_requests_total{job="api-gateway",status!~"5.."}[5m]))"#;
    let whole = r#"sum(rate(http_requests_total{job="api-gateway"}[5m]))"#;
    assert!(promql.contains(&format!("({part} or vector(0)) / {whole}")), "{promql}");
}

#[test]
fn every_mistake_is_said_at_once_and_nothing_is_written() {
    let world = World::new();
    world.write("bad.sla", SEED.replace("WHERE", "WHRE").replace("0.995", "99.5"));
    let said = run(&world, "sla check bad.sla");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("bad.sla:3:1: error[S505]"), "{}", said.err);
    assert!(said.err.contains("bad.sla:5:14: error[S523]"), "{}", said.err);
    assert_eq!(run(&world, "sla fmt bad.sla").code, 2);
    assert_eq!(run(&world, "sla compile --to rules --out r.yml bad.sla").code, 2);
    assert!(!world.folder().join("r.yml").exists());
    world.write("empty.sla", "# nothing\n");
    assert_eq!(run(&world, "sla check empty.sla").code, 2);
    let json = run(&world, "sla check --output json bad.sla");
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["files"][0]["diagnostics"][0]["code"], "S505");
}

#[test]
fn formatting_changes_layout_and_keeps_comments() {
    let world = World::new();
    world.write("a.sla", SEED.replace('\n', "   # why\n\n").replace("WHEN", "when"));
    assert_eq!(run(&world, "sla fmt --check a.sla").code, 2);
    assert_eq!(run(&world, "sla fmt a.sla").code, 0);
    let formatted = std::fs::read_to_string(world.folder().join("a.sla")).unwrap();
    assert_eq!(formatted.matches("# why").count(), 6);
    assert_eq!(formatted.replace(" # why", ""), SEED);
    assert_eq!(run(&world, "sla fmt --check a.sla").code, 0);
}

#[test]
fn promtool_takes_the_rules() {
    let Some(mut promtool) = promtool("promtool_takes_the_rules") else { return };
    let world = World::new();
    world.write("many.sla", MANY);
    assert_eq!(run(&world, "sla compile --to rules --out rules.yml many.sla").code, 0);
    let said = check_rules(&mut promtool, &world.folder().join("rules.yml"));
    // Values of four rules; shares over eight, eight and one windows; five kinds of alerts.
    assert!(said.contains("SUCCESS: "), "{said}");
}

#[test]
fn alerts_fire_on_series_that_break_the_rule_and_on_no_others() {
    let test = "alerts_fire_on_series_that_break_the_rule_and_on_no_others";
    let Some(mut promtool) = promtool(test) else { return };
    let world = World::new();
    world.write(
        "seed.sla",
        SEED.replace("THRESHOLD >= 0.995", "THRESHOLD >= 0.995\nOBJECTIVE 99.9% OVER 30d"),
    );
    assert_eq!(run(&world, "sla compile --to rules --out rules.yml seed.sla").code, 0);
    // Ten hours healthy, then a tenth of all requests fails. The part has no series at first.
    let cases = r#"rule_files: [rules.yml]
evaluation_interval: 30s
tests:
  - interval: 1m
    input_series:
      - {series: 'http_requests_total{job="api-gateway",status="200"}', values: '0+600x600 360540+540x240'}
      - {series: 'http_requests_total{job="api-gateway",status="500"}', values: '0+0x600 60+60x240'}
    alert_rule_test:
      - {eval_time: 9h, alertname: SLAViolated, exp_alerts: []}
      - {eval_time: 9h, alertname: SLABurnRate, exp_alerts: []}
      - eval_time: 11h
        alertname: SLAViolated
        exp_alerts:
          - exp_labels: {severity: page, sla: API availability, service: api-gateway}
            exp_annotations: {summary: "API availability is 0.9, it must be >= 0.995"}
    promql_expr_test:
      - expr: count(ALERTS{alertname="SLABurnRate", severity="page", alertstate="firing"})
        eval_time: 11h
        exp_samples: [{labels: '{}', value: 1}]
      - expr: sla:value
        eval_time: 9h
        exp_samples: [{labels: 'sla:value{sla="API availability"}', value: 1}]
  - interval: 1m
    input_series:
      - {series: 'http_requests_total{job="api-gateway",status="500"}', values: '0+60x120'}
    alert_rule_test:
      - eval_time: 1h
        alertname: SLAViolated
        exp_alerts:
          - exp_labels: {severity: page, sla: API availability, service: api-gateway}
            exp_annotations: {summary: "API availability is 0, it must be >= 0.995"}
"#;
    world.write("cases.yml", cases);
    promtool.current_dir(world.folder());
    let out = promtool.args(["test", "rules", "cases.yml"]).output().unwrap();
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "{said}");
}

#[test]
fn openslo_goes_out_and_comes_back() {
    let world = World::new();
    world
        .write("seed.sla", SEED.split("IMPACTED_BY").next().unwrap().trim_end().to_owned() + ";\n");
    assert_eq!(run(&world, "sla compile --to openslo --out slo.yaml seed.sla").code, 0);
    let back = run(&world, "sla import slo.yaml");
    assert_eq!(back.code, 0, "{}", back.err);
    for clause in ["WHEN metric=\"http_requests_total\"", "GOOD \"{status!~'5..'}\"", ">= 99.5%"] {
        assert!(back.out.contains(clause), "{}", back.out);
    }
    world.write("back.sla", back.out);
    let whole = |file: &str| {
        let out = run(&world, &format!("sla compile --to promql {file}")).out;
        out.lines().last().unwrap().to_owned()
    };
    let (there, here) = (whole("seed.sla"), whole("back.sla"));
    assert_eq!(there, here, "the same query after the way out and back");
    world.write("none.yaml", "a: b\n");
    assert_eq!(run(&world, "sla import none.yaml").code, 2);
}

#[test]
fn cases_are_judged_and_a_wrong_one_is_shown() {
    let world = World::new();
    let page = include_str!("../../../../docs/language/matrix.md");
    world.write("cases.md", page);
    let said = run(&world, "sla test cases.md");
    assert_eq!(said.code, 0, "{}", said.err);
    world.write("wrong.md", page.replace("❌ api · API", "✅ api · API"));
    let said = run(&world, "sla test wrong.md");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("+ ❌ api · API availability"), "{}", said.err);
    world.write("no.md", "# nothing\n");
    assert_eq!(run(&world, "sla test no.md").code, 2);
}

#[test]
fn a_matrix_without_samples_or_faults_is_never_a_pass() {
    let world = World::new();
    world.write("seed.sla", SEED);
    let report = r#"{"Uid":"a","Command":"cpu","SubCommand":"fullload","Flag":"","Status":"Destroyed","CreateTime":"2026-11-28T09:14:02Z","UpdateTime":"2026-11-28T09:15:02Z"}"#;
    world.write("report.json", report);
    // Port 9 is discard's, and nobody listens there.
    let nowhere = "--prometheus http://127.0.0.1:9";
    let said = run(&world, &format!("sla eval seed.sla --chaos report.json {nowhere}"));
    assert_eq!(said.code, 4, "{}", said.err);
    assert!(said.err.contains("curl http://127.0.0.1:9/-/ready"), "{}", said.err);
    assert_eq!(run(&world, &format!("sla eval seed.sla {nowhere}")).code, 2);
    for (url, help) in [("127.0.0.1:9", "http://127.0.0.1:9090"), ("https://a", "port-forward")] {
        let at = format!("sla eval seed.sla --chaos report.json --prometheus {url}");
        let said = run(&world, &at);
        assert!(said.code == 2 && said.err.contains(help), "{}", said.err);
    }
    world.write("open.json", report.replace("2026", "2020").replace("Destroyed", "Success"));
    let said = run(&world, &format!("sla eval seed.sla --chaos open.json {nowhere}"));
    assert!(said.code == 2 && said.err.contains("nothing says that it ended"), "{}", said.err);
    world.write("junk.json", "not json");
    let said = run(&world, &format!("sla eval seed.sla --chaos junk.json {nowhere}"));
    assert!(said.code == 4 && said.err.contains("nothing to judge"), "{}", said.err);
    for (words, help) in [
        ("sla check nothing.sla", "a file of SLA rules"),
        ("sla import .", "that is a folder; give the path of a file of OpenSLO documents"),
        ("check nothing.yaml", "`squall init` to make one"),
        ("check seed.sla", "squall sla check"),
    ] {
        let said = run(&world, words);
        assert!(said.code == 2 && said.err.contains(help), "{words}: {}", said.err);
    }
}
