//! The generator against real servers on loopback.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use squall_query::{Value, eval, parse};
use squall_spec::{HttpVersion, Rate, Spanned, SpannedMap};

use super::Traffic;
use crate::{source::Source, store::Store};

/// Nothing here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn spec(url: &str, per_second: u32) -> squall_spec::Traffic {
    squall_spec::Traffic {
        url: Spanned::default_value(url.to_owned()),
        rate: Spanned::default_value(Rate::per_sec(per_second)),
        method: Spanned::default_value("GET".to_owned()),
        body: None,
        headers: SpannedMap::default(),
        protocol: Spanned::default_value(HttpVersion::Http1),
        timeout: Spanned::default_value(squall_spec::Duration::from_secs(5)),
        connections: Spanned::default_value(256),
        in_flight: Spanned::default_value(10_000),
        phases: Vec::new(),
    }
}

/// A server on one thread that can be made to stand still, all of it.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    stall: Arc<AtomicBool>,
}

const STALL: Duration = Duration::from_secs(1);

fn server(protocol: HttpVersion) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (requests, stall) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let server = Server { address, requests: requests.clone(), stall: stall.clone() };
    // Ends with the test's process.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (requests, stall) = (requests.clone(), stall.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    requests.fetch_add(1, SeqCst);
                    if stall.swap(false, SeqCst) {
                        // The stall itself: the whole server stands still, as a stopped one does.
                        std::thread::sleep(STALL);
                    }
                    let never = request.uri().path() == "/never";
                    async move {
                        if never {
                            std::future::pending::<()>().await;
                        }
                        let status = if request.uri().path() == "/503" { 503 } else { 200 };
                        let body = Full::<&[u8]>::from(&b"a body"[..]);
                        Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
                    }
                });
                tokio::spawn(async move {
                    let io = TokioIo::new(stream);
                    let _gone = match protocol {
                        HttpVersion::Http1 => {
                            http1::Builder::new().serve_connection(io, service).await
                        }
                        HttpVersion::Http2 => {
                            let executor = TokioExecutor::new();
                            http2::Builder::new(executor).serve_connection(io, service).await
                        }
                    };
                });
            }
        });
    });
    server
}

/// Pulls at a moment and asks for one number.
struct Watch {
    traffic: Traffic,
    store: Store,
    at_ms: i64,
    warnings: Vec<String>,
}

impl Watch {
    fn start(spec: &squall_spec::Traffic) -> Watch {
        let traffic = Traffic::start(spec, 7).unwrap();
        Watch { traffic, store: Store::default(), at_ms: 1_000_000, warnings: Vec::new() }
    }

    fn pull(&mut self) {
        self.at_ms += 1000;
        let pull = self.traffic.pull(self.at_ms, &[], &mut self.store);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pulled = runtime.block_on(pull).unwrap();
        assert_eq!((pulled.refused, pulled.series), (0, pulled.samples));
        self.warnings.extend(pulled.warnings);
    }

    fn ask(&self, query: &str) -> f64 {
        let query = query
            .replace("count{", "squall_client_requests_total{job=\"squall-client\",")
            .replace("bucket{", "squall_client_request_duration_seconds_bucket{");
        let expr = parse(&query).unwrap();
        match eval(&expr, &self.store, self.at_ms).unwrap() {
            Value::Vector(elements) => elements.first().map_or(f64::NAN, |element| element.v),
            Value::Scalar(v) => v,
            other => panic!("{other:?}"),
        }
    }

    /// Pulls until a number is reached.
    fn until(&mut self, query: &str, least: f64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.pull();
            let now = self.ask(query);
            if now >= least {
                return;
            }
            assert!(Instant::now() < deadline, "{query} stays at {now}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_stall_is_seen_by_every_request_that_was_due_in_it() {
    std::thread::scope(|scope| {
        for protocol in [HttpVersion::Http1, HttpVersion::Http2] {
            for connections in [1, 256] {
                scope.spawn(move || stall(protocol, connections));
            }
        }
    });
}

fn stall(protocol: HttpVersion, connections: u32) {
    let server = server(protocol);
    let mut spec = spec(&format!("http://{}/", server.address), 100);
    spec.protocol = Spanned::default_value(protocol);
    spec.connections = Spanned::default_value(connections);
    let mut watch = Watch::start(&spec);
    watch.until("sum(count{outcome=\"ok\"})", 20.0);
    server.stall.store(true, SeqCst);
    let all = watch.ask("sum(count{})");
    watch.until("sum(count{})", all + 130.0);
    let slow = watch.ask("sum(bucket{le=\"+Inf\"}) - sum(bucket{le=\"0.1\"})");
    // A generator that waited for its answers would have seen one slow request.
    assert!(slow >= 80.0, "{protocol:?} {connections}: {slow}");
    let half = watch.ask("sum(bucket{le=\"+Inf\"}) - sum(bucket{le=\"0.5\"})");
    assert!(half >= 40.0 && half < slow, "{protocol:?} {connections}: {half} {slow}");
    assert_eq!(watch.ask("sum(count{outcome!=\"ok\"})"), 0.0);
    assert_eq!(watch.warnings, [""; 0]);
}

/// The processor time of all generator threads of this process.
fn cpu_s() -> f64 {
    let mut ticks = 0_u64;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        if let Some((name, fields)) = stat.rsplit_once(") ")
            && (name.contains("(squall-traffic") || name.contains("(squall-pace"))
        {
            // User and system time are the 14th and 15th field; two went with the name.
            let times = fields.split(' ').skip(11).take(2);
            ticks += times.map(|time| time.parse::<u64>().unwrap()).sum::<u64>();
        }
    }
    ticks as f64 / 100.0
}

#[test]
fn the_rate_is_kept_and_every_request_is_counted_once() {
    let server = server(HttpVersion::Http1);
    let mut watch = Watch::start(&spec(&format!("http://{}/a?b=c", server.address), 500));
    let began = Instant::now();
    watch.until("sum(count{code=\"200\"})", 400.0);
    let took_s = began.elapsed().as_secs_f64();
    println!("500/s: {:.1} % of one core, in a build for debugging", cpu_s() / took_s * 100.0);
    let sent = server.requests.load(SeqCst) as f64;
    assert!((sent / took_s - 500.0).abs() < 100.0, "{sent} in {took_s} s");
    watch.traffic.stop();
    assert!(sent <= server.requests.load(SeqCst) as f64);
    let pull = watch.traffic.pull(watch.at_ms + 1, &[], &mut watch.store);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(pull).unwrap_err().to_string();
    assert!(error.ends_with("the generator has stopped; is it running and reachable from here?"));
}

#[test]
fn what_does_not_fit_is_dropped_and_late_answers_time_out() {
    let server = server(HttpVersion::Http1);
    let mut spec = spec(&format!("http://{}/never", server.address), 200);
    spec.in_flight = Spanned::default_value(10);
    spec.timeout = Spanned::default_value(squall_spec::Duration::from_millis(100));
    let mut watch = Watch::start(&spec);
    watch.until("sum(count{outcome=\"timeout\"})", 20.0);
    assert!(watch.ask("sum(count{outcome=\"dropped\"})") > 10.0);
    assert_eq!(watch.ask("sum(count{}) - sum(bucket{le=\"+Inf\"})"), 0.0);
    assert_eq!(watch.ask("sum(bucket{le=\"0.075\"})"), 0.0);
    let inf = "sum(bucket{le=\"+Inf\"}) - sum(bucket{le=\"10\"}) - sum(count{outcome=\"dropped\"})";
    assert_eq!(watch.ask(inf), 0.0, "a dropped request is slower than any bound");
    assert!(watch.warnings.iter().any(|text| text.contains("inFlight")), "{:?}", watch.warnings);
}

#[test]
fn errors_are_counted_with_their_code_or_explained() {
    let server = server(HttpVersion::Http1);
    let mut watch = Watch::start(&spec(&format!("http://{}/503", server.address), 200));
    watch.until("sum(count{outcome=\"error\",code=\"503\"})", 5.0);
    assert_eq!(watch.ask("sum(count{outcome=\"ok\"})"), 0.0);

    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for protocol in [HttpVersion::Http1, HttpVersion::Http2] {
        let mut spec = spec(&format!("http://{gone}/"), 200);
        spec.protocol = Spanned::default_value(protocol);
        let mut watch = Watch::start(&spec);
        watch.until("sum(count{outcome=\"error\",code=\"\"})", 5.0);
        let why = watch.warnings.join(" ");
        assert!(why.contains("connect: Connection refused"), "{why}");
    }
}

#[test]
fn a_request_that_cannot_be_sent_is_refused_with_the_reason() {
    let check = |change: &dyn Fn(&mut squall_spec::Traffic), expected: &str| {
        let mut spec = spec("http://127.0.0.1:1/", 1);
        change(&mut spec);
        assert_eq!(Traffic::start(&spec, 0).unwrap_err().to_string(), expected);
    };
    check(
        &|spec| spec.url.value = "https://a/".into(),
        "send traffic to \"https://a/\": write the address as http://HOST:PORT/PATH",
    );
    check(
        &|spec| spec.method.value = "GET IT".into(),
        "send traffic with the method \"GET IT\": it is not a word HTTP allows",
    );
    check(
        &|spec| {
            let entry = squall_spec::Entry {
                key: Spanned::default_value("a b".to_owned()),
                value: Spanned::default_value(String::new()),
            };
            spec.headers.entries.push(entry);
        },
        "send traffic with the header \"a b\": its name or value is not allowed in HTTP",
    );
}

#[test]
fn traffic_rests_and_flows_again() {
    let server = server(HttpVersion::Http1);
    let traffic = Traffic::start(&spec(&format!("http://{}/", server.address), 200), 7).unwrap();
    let gate = traffic.gate().unwrap();
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let count = || server.requests.load(SeqCst);
    until("it sends", &|| count() > 0);
    gate.let_flow(false);
    // What is under way ends; then nothing comes any more for a tenth of a second.
    until("it rests", &|| {
        let before = count();
        std::thread::sleep(Duration::from_millis(100));
        count() == before
    });
    let before = count();
    gate.let_flow(true);
    until("it flows again", &|| count() > before);
}
