//! podinfo and Debian's Prometheus: the same experiment with the embedded scraper and with a real
//! Prometheus must reach the same verdict, on a system that nobody here wrote.

use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::podinfo::Ports;
use squall_real::{podinfo, prometheus, squall};

/// The chain under traffic, with a delay on its middle; what the front's own histogram says of
/// requests above half a second decides.
fn experiment(source: &str, ports: Ports, mean: &str) -> String {
    let Ports { front, mid, .. } = ports;
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
      with: {{mean: {mean}, existing: reset}}
      hold: 12s
  recovery: {{within: 20s}}
"#
    )
}

/// Runs it with either source at the same time, each in a place of its own with ports of its own.
fn run_with_both(mean: &str) -> [squall::Ran; 2] {
    // Built before, where it is not: both would build it.
    podinfo::binary();
    let (scraped, stored) = (podinfo::PORTS, podinfo::OTHER_PORTS);
    let scrape = format!("scrape: http://127.0.0.1:{}/metrics", scraped.front);
    let prometheus = format!("prometheus: http://127.0.0.1:{}", prometheus::PORT);
    std::thread::scope(|scope| {
        let runs = [(scrape, scraped), (prometheus, stored)]
            .map(|(source, ports)| scope.spawn(move || run_with(&source, ports, mean)));
        runs.map(|run| run.join().unwrap())
    })
}

fn run_with(source: &str, ports: Ports, mean: &str) -> squall::Ran {
    let mut lab = Lab::new();
    podinfo::chain(&mut lab, ports);
    prometheus::start(&mut lab, &[ports.front]);
    let file = lab.scratch().join("experiment.yaml");
    std::fs::write(&file, experiment(source, ports, mean)).unwrap();
    squall::run(&lab, &["run", file.to_str().unwrap()])
}

#[test]
fn both_sources_refute_a_slow_backend() {
    if !met("both_sources_refute_a_slow_backend", &[Need::Netns, Need::Go, Need::Prometheus]) {
        return;
    }
    for ran in run_with_both("900ms") {
        let ran = ran.expect_code(1);
        assert!(ran.out.contains("REFUTED"), "{}", ran.out);
        assert!(ran.out.contains("residue 0"), "{}", ran.out);
    }
}

#[test]
fn both_sources_hold_a_delay_within_the_bound() {
    if !met(
        "both_sources_hold_a_delay_within_the_bound",
        &[Need::Netns, Need::Go, Need::Prometheus],
    ) {
        return;
    }
    for ran in run_with_both("200ms") {
        let ran = ran.expect_code(0);
        assert!(ran.out.contains("HELD"), "{}", ran.out);
    }
}
