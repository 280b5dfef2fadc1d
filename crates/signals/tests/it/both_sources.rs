//! One indicator, one target, two sources: the embedded scraper and a real Prometheus must count
//! the same.

use std::time::Duration;

use squall_query::indicator::{Bound, Counts, Gap, Indicator, Op};
use squall_query::{Selector, Value, eval, parse};
use squall_signals::sources::prometheus::Prometheus;
use squall_signals::sources::scrape::Scrape;
use squall_signals::{Source, Store};

use crate::real_prometheus::RealPrometheus;
use crate::target::{Page, Target, now_ms};

const JOB: &str = "shop";
const SHARE: &str = r#"sum(rate(orders_total{result="ok"}[30s])) / sum(rate(orders_total[30s]))"#;
const P95: &str = "histogram_quantile(0.95, sum by (le) (rate(took_seconds_bucket[30s])))";
/// Generous, because a busy machine starts Prometheus slowly.
const DEADLINE: Duration = Duration::from_secs(60);

/// What the target shows: orders by result, and order durations.
fn page(ok: u64, error: Option<u64>, buckets: [u64; 4]) -> Page {
    let mut text = format!("# TYPE orders_total counter\norders_total{{result=\"ok\"}} {ok}\n");
    if let Some(error) = error {
        text.push_str(&format!("orders_total{{result=\"error\"}} {error}\n"));
    }
    text.push_str("# TYPE took_seconds histogram\n");
    for (edge, count) in ["0.1", "0.25", "0.5", "+Inf"].iter().zip(buckets) {
        text.push_str(&format!("took_seconds_bucket{{le=\"{edge}\"}} {count}\n"));
    }
    Page::Metrics(text)
}

struct Pair {
    sources: [(Box<dyn Source>, Store); 2],
    wanted: Vec<Selector>,
}

impl Pair {
    /// Pulls both until both see a query's value, and returns the time at which they do.
    async fn settled(&mut self, query: &str, expected: f64) -> i64 {
        let expr = parse(query).unwrap();
        let wait = async {
            loop {
                let at_ms = now_ms();
                let mut seen = 0;
                for (source, store) in &mut self.sources {
                    let _ = source.pull(at_ms, &self.wanted, store).await;
                    let value = eval(&expr, store, at_ms).unwrap();
                    let Value::Vector(elements) = value else { panic!("{query} is a vector") };
                    seen += usize::from(elements.first().is_some_and(|e| e.v == expected));
                }
                if seen == 2 {
                    return at_ms;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| {
            panic!(
                "{query} is not {expected} in both sources: {:?}",
                self.sources.each_ref().map(|s| &s.1)
            )
        })
    }

    fn check(
        &self,
        query: &str,
        (op, value): (Op, f64),
        (prev_ms, at_ms): (i64, i64),
        (total, bad_least, bad_most): (u64, u64, u64),
        gap: Option<Gap>,
    ) {
        let indicator = Indicator::compile(query).unwrap();
        for (source, store) in &self.sources {
            let reading = indicator.read(store, prev_ms, at_ms, Bound { op, value });
            let counts = Some(Counts { total, bad_least, bad_most });
            assert_eq!(
                (reading.counts, reading.gap),
                (counts, gap),
                "{} {query}",
                source.describe()
            );
        }
    }
}

#[tokio::test]
async fn both_sources_count_the_same() {
    let target = Target::start(page(1000, None, [900, 950, 990, 1000])).await;
    let server = match RealPrometheus::start(JOB, target.address) {
        Ok(server) => server,
        Err(reason) => {
            println!("SKIP both sources: {reason}");
            return;
        }
    };
    let scrape = Scrape::new(&target.url()).unwrap().job(JOB);
    let prometheus = Prometheus::new(&server.url).unwrap();
    let mut wanted = Indicator::compile(SHARE).unwrap().selectors();
    wanted.extend(Indicator::compile(P95).unwrap().selectors());
    let mut pair = Pair {
        sources: [(Box::new(scrape), Store::default()), (Box::new(prometheus), Store::default())],
        wanted,
    };
    let total = "sum(orders_total)";
    let at_least = (Op::AtLeast, 0.9995);

    let t1 = pair.settled(total, 1000.0).await;

    // The first failure makes a series: it counts whole. 0.3 lies between two edges.
    target.show(page(1500, Some(3), [1300, 1400, 1480, 1503]));
    let t2 = pair.settled(total, 1503.0).await;
    pair.check(SHARE, at_least, (t1, t2), (503, 3, 3), None);
    pair.check(P95, (Op::AtMost, 0.25), (t1, t2), (503, 53, 53), None);
    pair.check(P95, (Op::AtMost, 0.3), (t1, t2), (503, 13, 53), None);

    // A restart: what was counted after it is known, what was lost before it is not.
    target.show(page(20, Some(1), [20, 21, 21, 21]));
    let t3 = pair.settled(total, 21.0).await;
    pair.check(SHARE, at_least, (t2, t3), (21, 1, 1), Some(Gap::Reset));
    pair.check(P95, (Op::AtMost, 0.1), (t2, t3), (21, 1, 1), Some(Gap::Reset));

    // The target is down: nothing is counted, and it is no pass.
    target.show(Page::Status(503));
    let t4 = pair.settled("up", 0.0).await;
    pair.check(SHARE, at_least, (t3, t4), (0, 0, 0), Some(Gap::AbsentTarget));

    // It comes back as the same process.
    target.show(page(50, Some(1), [50, 51, 51, 51]));
    let t5 = pair.settled(total, 51.0).await;
    pair.check(SHARE, at_least, (t4, t5), (30, 0, 0), None);
    assert!(t1 < t2 && t2 < t3 && t3 < t4 && t4 < t5);
}
