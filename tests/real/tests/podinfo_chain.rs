//! podinfo and Debian's Prometheus: the same experiment with the embedded scraper and with a real
//! Prometheus must reach the same verdict, on a system that nobody here wrote.

use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::{podinfo, prometheus, squall};

/// The chain under traffic, with a delay on its middle; what the front's own histogram says of
/// requests above half a second decides.
fn experiment(source: &str, mean: &str, existing: &str) -> String {
    let (front, mid) = (podinfo::FRONT, podinfo::MID);
    format!(
        r#"apiVersion: squall.dev/v1
kind: Experiment
metadata: {{name: podinfo-mid-slow}}
spec:
  hypothesis: The front answers within half a second while its backend is slow.
  signals:
    - {source}
    - traffic: {{url: "http://127.0.0.1:{front}/echo", method: POST, body: hello, rate: 60/s}}
  steadyState:
    - name: front latency p90
      query: >-
        histogram_quantile(0.90, sum by (le)
        (rate(http_request_duration_seconds_bucket{{instance="127.0.0.1:{front}"}}[10s])))
      expect: "<= 500ms"
  baseline: 6s
  abort: {{consecutive: 2, every: 1s}}
  method:
    - fault: http.delay
      target: {{port: {mid}}}
      with: {{mean: {mean}, existing: {existing}}}
      hold: 12s
  recovery: {{within: 20s}}
"#
    )
}

fn run_with(source: &str, mean: &str, existing: &str) -> squall::Ran {
    let mut lab = Lab::new();
    podinfo::chain(&mut lab);
    prometheus::start(&mut lab, &[podinfo::FRONT]);
    let file = lab.scratch().join("experiment.yaml");
    std::fs::write(&file, experiment(source, mean, existing)).unwrap();
    squall::run(&lab, &["run", file.to_str().unwrap()])
}

#[test]
fn both_sources_refute_a_slow_backend() {
    if !met("both_sources_refute_a_slow_backend", &[Need::Netns, Need::Go, Need::Prometheus]) {
        return;
    }
    let scrape = format!("scrape: http://127.0.0.1:{}/metrics", podinfo::FRONT);
    let prometheus = format!("prometheus: http://127.0.0.1:{}", prometheus::PORT);
    for source in [scrape, prometheus] {
        let ran = run_with(&source, "900ms", "reset").expect_code(1);
        assert!(ran.out.contains("REFUTED"), "{}", ran.out);
        assert!(ran.out.contains("residue 0"), "{}", ran.out);
    }
}

#[test]
fn both_sources_hold_a_small_delay() {
    if !met("both_sources_hold_a_small_delay", &[Need::Netns, Need::Go, Need::Prometheus]) {
        return;
    }
    let scrape = format!("scrape: http://127.0.0.1:{}/metrics", podinfo::FRONT);
    let prometheus = format!("prometheus: http://127.0.0.1:{}", prometheus::PORT);
    for source in [scrape, prometheus] {
        let ran = run_with(&source, "20ms", "reset").expect_code(0);
        assert!(ran.out.contains("HELD"), "{}", ran.out);
    }
}
