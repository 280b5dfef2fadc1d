//! What the Prometheus source makes of a server that refuses, warns, hangs or is something else.

use std::time::Duration;

use squall_query::Selector;
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
            format!("understand the answer of prometheus {url}: expected value at line 1 column 1"),
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
