//! A small metrics server whose page the test decides.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What the server answers.
#[derive(Clone)]
pub(crate) enum Page {
    Metrics(String),
    OpenMetrics(String),
    Status(u16),
    Json(u16, &'static str),
    Silence,
}

pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    page: Arc<Mutex<Page>>,
    connections: Arc<Mutex<usize>>,
}

impl Target {
    pub(crate) async fn start(page: Page) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let page = Arc::new(Mutex::new(page));
        let connections = Arc::new(Mutex::new(0));
        let (shared, count) = (page.clone(), connections.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *count.lock().unwrap() += 1;
                let shared = shared.clone();
                let service = service_fn(move |_: Request<hyper::body::Incoming>| {
                    let page = shared.lock().unwrap().clone();
                    answer(page)
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Target { address, page, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    pub(crate) fn show(&self, page: Page) {
        *self.page.lock().unwrap() = page;
    }

    pub(crate) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

async fn answer(page: Page) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (status, kind, body) = match page {
        Page::Metrics(body) => (200, "text/plain; version=0.0.4", body),
        Page::OpenMetrics(body) => {
            (200, "application/openmetrics-text; version=1.0.0; charset=utf-8", body)
        }
        Page::Json(status, body) => (status, "application/json", body.to_owned()),
        Page::Status(status) => (status, "text/plain", "broken on purpose".to_owned()),
        Page::Silence => std::future::pending().await,
    };
    let response = Response::builder().status(status).header("content-type", kind);
    Ok(response.body(Full::new(Bytes::from(body))).unwrap())
}

pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}
