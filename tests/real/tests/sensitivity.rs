//! A dose series on the real shop, and the time-out of its chain that cuts in.

use crate::victim::alone;
use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::squall::{run, shop};
use squall_real::until::slowdown;

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2, Need::Go];
/// The gateway waits so long for an order, and answers with 504 then.
const LIMIT: &str = "GATEWAY_ORDER_TIMEOUT=70ms";

const EXPERIMENT: &str = r#"
apiVersion: squall.dev/v1
kind: Experiment
metadata: {name: how-slow}
spec:
  hypothesis: Orders keep succeeding while payments are late.
  signals:
    - traffic: {url: "http://127.0.0.1:8080/api/order", rate: 100/s}
  steadyState:
    - name: success
      query: sum(increase(squall_client_requests_total{outcome="ok"}[1s])) / sum(increase(squall_client_requests_total[1s]))
      expect: ">= 80%"
  baseline: 1s
  abort: {consecutive: 3, every: 250ms}
  method:
    - fault: http.delay
      target: {service: payment, instances: 1}
      with: {mean: 1ms, existing: reset}
      hold: 1s
  recovery: {within: 3s}
"#;

#[test]
fn a_dose_series_says_where_it_breaks_and_which_time_out_cut_in() {
    if !met("a_dose_series_says_where_it_breaks_and_which_time_out_cut_in", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut lab = Lab::new();
    let program = |name: &str| shop().join(name).to_str().unwrap().to_owned();
    lab.start("inventory", program("inventory").as_ref(), &[]);
    lab.start("payment-1", program("payment").as_ref(), &["-port", "8083"]);
    lab.start("payment-2", program("payment").as_ref(), &["-port", "8084"]);
    lab.start("order", program("order").as_ref(), &[]);
    lab.start("gateway", "env".as_ref(), &[LIMIT, &program("gateway")]);
    for port in [8080, 8081, 8083, 8084] {
        lab.wait_http(&format!("http://127.0.0.1:{port}/healthz"));
    }
    std::fs::write(lab.scratch().join("how-slow.yaml"), EXPERIMENT).unwrap();
    let ran = run(&lab, &["sensitivity", "how-slow.yaml", "--series", "delay", "--hold", "2s"]);
    let ran = ran.expect_code(0);
    println!("{}", ran.out);
    // A dose that a busy machine delivered too late is invalid and bounds nothing, so the break is
    // looked for between the doses that were delivered: below and above the 70 ms, never beside.
    let doses = |wanted: &str| -> Vec<u32> {
        let all = doses(&ran.out).filter(|(_, verdict)| *verdict == wanted);
        all.map(|(ms, _)| ms).collect()
    };
    let (held, broke) = (doses("held").into_iter().max(), doses("refuted").into_iter().min());
    let broke = broke.expect(&ran.out);
    assert!(held.is_none_or(|held| held <= 50) && broke >= 50, "{}", ran.out);
    let said = match held {
        Some(held) => format!("success breaks between mean {held}ms and {broke}ms"),
        None => format!("success breaks at or below mean {broke}ms"),
    };
    assert!(ran.out.contains(&said), "{}", ran.out);
    let slowdown = slowdown();
    assert!([50, 100, 250].contains(&broke) || slowdown > 2.0, "{}", ran.out);
    assert!(held.is_some() || slowdown > 2.0, "no dose was delivered: {}", ran.out);
    // What was asked of the shop is what is found: 70 ms, give or take a busy machine's own. Where
    // requests end at many times, it is not said.
    let Some(cut) = ran.out.lines().find(|line| line.contains("a time-out cut in")) else {
        assert!(slowdown > 2.0, "no time-out was found: {}", ran.out);
        return;
    };
    assert!(cut.contains("a context deadline in the chain, answered with 504"), "{}", ran.out);
    let most = 70 + (6.0 * slowdown) as u32;
    assert!((68..=most).any(|ms| cut.contains(&format!("ended after {ms} ms"))), "{}", ran.out);
}

/// The doses in milliseconds, each with its verdict.
fn doses(out: &str) -> impl Iterator<Item = (u32, &str)> {
    out.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let ms = words.next()?.strip_suffix("ms")?.parse().ok()?;
        Some((ms, words.next()?))
    })
}
