//! What the embedded scraper makes of targets that fail in different ways.

use std::time::Duration;

use squall_query::{Selector, Storage};
use squall_signals::sources::scrape::Scrape;
use squall_signals::{Limits, Source, SourceError, Store};

use crate::target::{Page, Target};

fn newest(store: &Store, metric: &str, at_ms: i64) -> Option<f64> {
    let series = store.select(&Selector::metric(metric), 0, at_ms).pop()?;
    let sample = *series.samples.last()?;
    (!sample.is_stale()).then_some(sample.v)
}

async fn fails(
    target: &Target,
    source: &mut Scrape,
    store: &mut Store,
    at_ms: i64,
    page: Page,
) -> String {
    target.show(page);
    let error: SourceError = source.pull(at_ms, &[], store).await.unwrap_err();
    assert_eq!(newest(store, "up", at_ms), Some(0.0), "{error}");
    assert_eq!(newest(store, "a_total", at_ms), None, "{error}");
    error.to_string()
}

#[tokio::test]
async fn every_failure_is_told_and_ends_the_series() {
    let good = || Page::Metrics("a_total 1\n".into());
    let target = Target::start(good()).await;
    let mut source = Scrape::new(&target.url()).unwrap().timeout(Duration::from_millis(300));
    let store = &mut Store::default();
    let url = target.url();
    for (at_ms, page, expected) in [
        (1000, Page::Status(500), format!("read scrape {url}: it answered 500: broken on purpose")),
        (
            2000,
            Page::Metrics("a_total 1\nb x\n".into()),
            format!("understand the answer of scrape {url}: line 2: the value \"x\" is no number"),
        ),
        (
            3000,
            Page::Silence,
            format!(
                "reach scrape {url}: no answer within 300 ms; is it running and reachable from here?"
            ),
        ),
    ] {
        target.show(good());
        let pulled = source.pull(at_ms, &[], store).await.unwrap();
        assert_eq!((pulled.series, pulled.samples, pulled.refused), (1, 1, 0));
        assert_eq!(newest(store, "up", at_ms), Some(1.0));
        assert_eq!(newest(store, "a_total", at_ms), Some(1.0));
        assert_eq!(fails(&target, &mut source, store, at_ms + 500, page).await, expected);
    }
}

#[tokio::test]
async fn a_target_that_never_was_there_is_down() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/metrics", closed.local_addr().unwrap());
    drop(closed);
    let store = &mut Store::default();
    let error = Scrape::new(&url).unwrap().pull(1000, &[], store).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert_eq!(newest(store, "up", 1000), Some(0.0));
}

#[tokio::test]
async fn one_connection_is_kept_and_only_wanted_series_are_stored() {
    let target = Target::start(Page::Metrics("a_total 1\nb_total 2\n".into())).await;
    let mut source = Scrape::new(&target.url()).unwrap();
    let store = &mut Store::default();
    for at_ms in [1000, 2000, 3000] {
        let wanted = [Selector::metric("b_total")];
        let pulled = source.pull(at_ms, &wanted, store).await.unwrap();
        assert_eq!((pulled.series, pulled.samples), (1, 1));
    }
    assert_eq!(target.connections(), 1);
    assert_eq!(newest(store, "a_total", 3000), None);
    let series = store.select(&Selector::metric("b_total"), 0, 3000).pop().unwrap();
    assert_eq!(
        series.labels.to_string(),
        format!(r#"b_total{{instance="{}",job="squall"}}"#, target.address)
    );
    assert_eq!(series.samples.len(), 3);
}

#[tokio::test]
async fn birth_and_restart_are_known_from_created_times_and_from_earlier_scrapes() {
    let target = Target::start(Page::Metrics("a_total 1\n".into())).await;
    let mut source = Scrape::new(&target.url()).unwrap();
    let store = &mut Store::default();
    let born = |store: &Store, metric: &str| {
        store.select(&Selector::metric(metric), 0, i64::MAX).pop().unwrap().created_ms
    };
    source.pull(1000, &[], store).await.unwrap();
    assert_eq!(born(store, "a_total"), None, "it may have counted for long");
    target.show(Page::Metrics("a_total 1\nb_total 1\n".into()));
    source.pull(2000, &[], store).await.unwrap();
    assert_eq!(born(store, "b_total"), Some(1000), "the last scrape lacked it");
    let open = "# TYPE c counter\nc_total 9\nc_created 1.5\n# EOF\n";
    target.show(Page::OpenMetrics(open.into()));
    source.pull(3000, &[], store).await.unwrap();
    assert_eq!(born(store, "c_total"), Some(2000));
    assert_eq!(newest(store, "a_total", 3000), None, "a series that is no longer shown has ended");
}

#[tokio::test]
async fn another_process_behind_the_same_address_is_noticed() {
    let page = |start: u32, count: u32| {
        Page::Metrics(format!("process_start_time_seconds {start}\na_total {count}\n"))
    };
    let target = Target::start(page(100, 5)).await;
    let mut source = Scrape::new(&target.url()).unwrap();
    let store = &mut Store::default();
    let born = |store: &Store| {
        store.select(&Selector::metric("a_total"), 0, i64::MAX).pop().unwrap().created_ms
    };
    source.pull(200_000, &[], store).await.unwrap();
    assert_eq!(born(store), Some(100_000), "a counter is no older than its process");
    target.show(page(201, 9));
    source.pull(202_000, &[], store).await.unwrap();
    assert_eq!(born(store), Some(201_000), "although the value did not fall");
}

#[tokio::test]
async fn a_full_store_is_told_and_a_repeated_sample_is_no_refusal() {
    let target = Target::start(Page::Metrics("a 1 500\nb 2\n".into())).await;
    let mut source = Scrape::new(&target.url()).unwrap();
    let store = &mut Store::new(Limits { series: 2, ..Limits::default() });
    for at_ms in [1000, 2000] {
        let pulled = source.pull(at_ms, &[], store).await.unwrap();
        assert_eq!((pulled.series, pulled.refused), (2, 1), "`up` and `a` fill the store");
        assert!(pulled.warnings[0].starts_with("samples are refused: the store is at its limits"));
    }
    let series = store.select(&Selector::metric("a"), 0, 2000).pop().unwrap();
    assert_eq!(series.samples.len(), 1);
    assert_eq!((store.refused().order, store.refused().series), (0, 2));
}
