//! What the Prometheus source makes of a server that refuses, warns, hangs or is something else.

use std::time::Duration;

use squall_query::Selector;
use squall_query::indicator::{Bound, Gap, Indicator, Op};
use squall_signals::sources::prometheus::Prometheus;
use squall_signals::{Source, Store};

use crate::target::{Page, Target};

const ERROR: &str = r#"{"status":"error","errorType":"bad_data","error":"invalid parameter"}"#;
const WARNED: &str = r#"{"status":"success","warnings":["one store is away"],
    "data":{"resultType":"matrix","result":[
    {"metric":{"__name__":"a","instance":"i","job":"j"},"values":[[1,"1"],[2,"2"]]}]}}"#;

#[tokio::test]
async fn every_answer_is_mapped() {
    let target = Target::start(Page::Status(500)).await;
    let url = format!("http://{}", target.address);
    let mut source = Prometheus::new(&url).unwrap().timeout(Duration::from_millis(300));
    let wanted = [Selector::metric("a")];
    for (page, expected) in [
        (
            Page::Json(400, ERROR),
            format!("read prometheus {url}: it answered 400: bad_data: invalid parameter"),
        ),
        (
            Page::Json(200, ERROR),
            format!("read prometheus {url}: it answered an error: bad_data: invalid parameter"),
        ),
        (Page::Status(503), format!("read prometheus {url}: it answered 503: broken on purpose")),
        (
            Page::Metrics("a 1\n".into()),
            format!(
                "understand the answer of prometheus {url}: it is no JSON, it begins with \"a 1\\n\""
            ),
        ),
        (
            Page::Silence,
            format!(
                "reach prometheus {url}: no answer within 300 ms; is it running and reachable from \
                 here?"
            ),
        ),
    ] {
        target.show(page);
        let store = &mut Store::default();
        let error = source.pull(3000, &wanted, store).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(store.series_len(), 0);
    }
}

#[tokio::test]
async fn warnings_are_kept_and_samples_are_stored_once() {
    let target = Target::start(Page::Json(200, WARNED)).await;
    let mut source = Prometheus::new(&format!("http://{}/", target.address)).unwrap();
    let store = &mut Store::default();
    for (at_ms, samples) in [(3000, 2), (4000, 0)] {
        let pulled = source.pull(at_ms, &[Selector::metric("a")], store).await.unwrap();
        assert_eq!((pulled.samples, pulled.refused), (samples, 0));
        assert_eq!(pulled.warnings, ["one store is away"]);
    }
    assert_eq!(store.samples_len(), 2);
    assert_eq!(target.connections(), 1);
}

#[tokio::test]
async fn a_sample_that_appears_late_is_counted_once_in_the_next_window() {
    const PAGES: [&str; 3] = [
        r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"a","job":"j"},"values":[[1.995,"10"]]}]}}"#,
        // The sample of 2.995 was not committed yet when the pull at 3 asked.
        r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"a","job":"j"},"values":[[1.995,"10"],[2.995,"14"]]}]}}"#,
        r#"{"status":"success","data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"a","job":"j"},"values":[[2.995,"14"],[3.995,"19"],[4.9,"20"]]},
            {"metric":{"__name__":"a","job":"j","r":"new"},"values":[[3.995,"2"],[4.9,"3"]]}]}}"#,
    ];
    let target = Target::start(Page::Json(200, PAGES[0])).await;
    let mut source = Prometheus::new(&format!("http://{}", target.address)).unwrap();
    let store = &mut Store::default();
    let wanted = [Selector::metric("a")];
    let indicator = Indicator::compile("sum(rate(a[9s])) / sum(rate(a[9s]))").unwrap();
    let mut totals = Vec::new();
    for (page, at_ms) in [(0, 2000), (0, 3000), (1, 4000), (2, 5000)] {
        target.show(Page::Json(200, PAGES[page]));
        source.pull(at_ms, &wanted, store).await.unwrap();
        let bound = Bound { op: Op::AtLeast, value: 0.5 };
        let reading = indicator.read(store, at_ms - 1000, at_ms, bound);
        totals.push((reading.counts.map(|c| c.total), reading.gap));
    }
    assert_eq!(
        totals,
        [
            (None, Some(Gap::NoData)),
            (Some(0), Some(Gap::Stale { age_ms: 1005 })),
            (Some(4), None),
            (Some(6 + 3), None),
        ]
    );
}
