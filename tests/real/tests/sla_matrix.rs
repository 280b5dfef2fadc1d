//! The SLA matrix from real things: podinfo under a real fault, scraped by a real Prometheus; the
//! rules are judged from Squall's record, and from a ChaosBlade report of the same times.

use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::{podinfo, prometheus, squall};
use std::path::Path;

fn rules() -> String {
    let job = format!("app-{}", podinfo::FRONT);
    format!(
        r#"SLA("前端延迟 p90")
WHEN metric="http_request_duration_seconds"
WHERE label="{{job='{job}'}}"
AGGREGATE p90(10s)
THRESHOLD <= 500ms
IMPACTED_BY chaos("http.*");

SLA("front availability")
WHEN metric="http_requests_total"
WHERE label="{{job='{job}', status!~'5..'}}"
AGGREGATE rate(10s)
THRESHOLD >= 80%;

SLA("stock consistency")
CONSISTENT WITHIN 200ms VIA gtid("primary", "replica");
"#
    )
}

fn experiment() -> String {
    let (front, mid) = (podinfo::FRONT, podinfo::MID);
    format!(
        r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {{name: front-slow}}
spec:
  hypothesis: The front answers within half a second while its backend is slow.
  signals:
    - prometheus: http://127.0.0.1:{port}
    - traffic: {{url: "http://127.0.0.1:{front}/echo", method: POST, body: hello, rate: 60/s}}
  steadyState:
    - name: front latency p90
      query: >-
        histogram_quantile(0.90, sum by (le)
        (rate(http_request_duration_seconds_bucket{{instance="127.0.0.1:{front}"}}[10s])))
      expect: "<= 500ms"
  baseline: 6s
  abort: {{consecutive: 4, every: 1s}}
  method:
    - fault: http.delay
      target: {{port: {mid}}}
      with: {{mean: 900ms, existing: reset}}
      hold: 10s
  recovery: {{within: 10s}}
"#,
        port = prometheus::PORT
    )
}

/// The folder of the one run that there was.
fn run_folder(lab: &Lab) -> std::path::PathBuf {
    let mut found = Vec::new();
    let mut open = vec![lab.scratch().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path() {
                path if path.is_dir() => open.push(path),
                path if path.ends_with("record.jsonl") => found.push(path),
                _ => {}
            }
        }
    }
    assert_eq!(found.len(), 1, "one run, one record: {found:?}");
    found.remove(0).parent().unwrap().to_owned()
}

/// The same injection as ChaosBlade would report it.
fn as_chaosblade(record: &Path) -> String {
    let text = std::fs::read_to_string(record).unwrap();
    let (mut from, mut to) = (0, 0);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let at = line["at_unix_ms"].as_i64().unwrap();
        if line["event"].get("inject").is_some() {
            from = at;
        }
        if line["event"].get("restore").is_some() {
            to = at;
        }
    }
    assert!(from > 0 && to > from, "{text}");
    let time = |ms: i64| {
        let out = std::process::Command::new("date")
            .args(["-u", "-d", &format!("@{}.{:03}", ms / 1000, ms % 1000), "+%FT%T.%NZ"])
            .output()
            .unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    format!(
        r#"{{"code":200,"success":true,"result":[{{"Uid":"5b3f0c0a9d7e1f22","Command":"http","SubCommand":"delay","Flag":" --process=mid --time=900","Status":"Destroyed","Error":"","CreateTime":"{}","UpdateTime":"{}","Unknown":1}}]}}"#,
        time(from),
        time(to)
    )
}

#[test]
fn a_fault_by_squall_gives_the_matrix_with_its_cause() {
    let needs = [Need::Netns, Need::Go, Need::Prometheus];
    if !met("a_fault_by_squall_gives_the_matrix_with_its_cause", &needs) {
        return;
    }
    let mut lab = Lab::new();
    podinfo::chain(&mut lab, podinfo::PORTS);
    prometheus::start(&mut lab, &[podinfo::FRONT, podinfo::MID]);
    let write = |name: &str, text: &str| std::fs::write(lab.scratch().join(name), text).unwrap();
    write("experiment.yaml", &experiment());
    write("rules.sla", &rules());
    squall::run(&lab, &["run", "experiment.yaml"]).expect_code(1);
    let folder = run_folder(&lab);
    let folder = folder.to_str().unwrap();
    let url = format!("http://127.0.0.1:{}", prometheus::PORT);

    let args = ["sla", "eval", "rules.sla", "--record", folder, "--prometheus", &url];
    let written = ["--write", "matrix.json", "--write", "matrix.html", "--write", "junit.xml"];
    let ran = squall::run(&lab, &[&args[..], &written[..]].concat()).expect_code(1);
    assert!(ran.out.contains("❌ REFUTED") && ran.out.contains("前端延迟 p90"), "{}", ran.out);
    let text = std::fs::read_to_string(lab.scratch().join("matrix.json")).unwrap();
    let matrix: squall_wire::matrix::Matrix = serde_json::from_str(&text).unwrap();
    let word = |rule: &str| {
        let row = matrix.rows.iter().find(|row| row.rule == rule).unwrap();
        row.cells[0].word.name()
    };
    assert_eq!(word("前端延迟 p90"), "refuted", "{}", ran.out);
    assert_eq!(word("front availability"), "held", "{}", ran.out);
    assert_eq!(word("stock consistency"), "inconclusive", "{}", ran.out);
    let row = matrix.rows.iter().find(|row| row.rule == "前端延迟 p90").unwrap();
    let run = &row.cells[0].runs[0];
    assert!(run.total >= 60 && run.bad * 2 > run.total, "the data is there: {run:?}");
    let tag = &run.cause.as_ref().unwrap().tags[0];
    // Squall measured that the fault acted, so the tag is above mere coincidence, and says how far.
    assert!(["C", "D"].contains(&tag.rung.as_str()) && tag.declared, "{tag:?}");
    let shown = format!("rung {}", tag.rung);
    assert!(ran.out.contains(&shown), "{}", ran.out);
    let page = std::fs::read_to_string(lab.scratch().join("matrix.html")).unwrap();
    assert!(page.contains(&shown) && !page.contains("<script"));

    // ChaosBlade says when a command ran, not that it acted: the same violation, a weaker tag.
    write("report.json", &as_chaosblade(&Path::new(folder).join("record.jsonl")));
    let args = ["sla", "eval", "rules.sla", "--chaos", "report.json", "--prometheus", &url];
    let ran = squall::run(&lab, &args).expect_code(1);
    assert!(ran.out.contains("❌ REFUTED") && ran.out.contains("http.delay → mid"), "{}", ran.out);

    // Clocks an hour apart: no data for that time is ❔, never ✅.
    let apart = [&args[..], &["--clock-offset", "-3600"][..]].concat();
    let ran = squall::run(&lab, &apart).expect_code(4);
    assert!(ran.out.contains("✅ 0 held   ❌ 0 refuted   ❔ 3 inconclusive"), "{}", ran.out);
}
