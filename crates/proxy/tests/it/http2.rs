//! HTTP/2 streams through the proxy, as h2 itself sees them on both ends.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, client::SendRequest, server::SendResponse};
use hyper::{HeaderMap, Request, Response};
use squall_proxy::{Side, Stop};
use tokio::net::TcpStream;

use crate::stand::{EARLY_MAX, PATIENCE, Stand};

const LONG: Duration = Duration::from_secs(600);

/// What the service saw go wrong, by path.
pub(crate) type Seen = Arc<Mutex<Vec<(String, Option<Reason>)>>>;

/// A service whose path says what it does.
pub(crate) fn service() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test's process.
    std::thread::spawn(move || {
        run(async move {
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(socket).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        if request.uri().path() == "/goaway" {
                            connection.graceful_shutdown();
                        }
                        tokio::spawn(serve(request, respond, Arc::clone(&noted)));
                    }
                });
            }
        });
    });
    (address, seen)
}

/// Returns the names of headers that begin with `x`, and the deadline.
fn seen_headers(headers: &HeaderMap) -> (String, String) {
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
    names.retain(|name| name.starts_with('x'));
    names.sort_unstable();
    let timeout = headers.get("grpc-timeout").map_or("", |value| value.to_str().unwrap());
    (names.join(" "), timeout.to_owned())
}

async fn serve(request: Request<RecvStream>, mut respond: SendResponse<Bytes>, seen: Seen) {
    let path = request.uri().path().to_owned();
    let authority = request.uri().authority().unwrap().to_string();
    let (names, timeout) = seen_headers(request.headers());
    let mut body = request.into_body();
    match path.as_str() {
        "/refuse" => return respond.send_reset(Reason::ENHANCE_YOUR_CALM),
        "/trailers-only" => {
            let head = Response::builder().header("grpc-status", "14").body(()).unwrap();
            respond.send_response(head, true).unwrap();
            return;
        }
        "/hints" => {
            let hints = Response::builder().status(103).header("link", "a").body(()).unwrap();
            respond.send_informational(hints).unwrap();
        }
        "/never" => {
            let reset = std::future::poll_fn(|context| respond.poll_reset(context)).await;
            seen.lock().unwrap().push((path, reset.ok()));
            return;
        }
        _ => {}
    }
    let mut head = Response::builder().header("seen-authority", authority);
    if path.starts_with("/headers") {
        head = head.header("seen-names", names).header("seen-timeout", timeout);
    }
    let head = head.body(()).unwrap();
    let mut stream = respond.send_response(head, false).unwrap();
    while let Some(chunk) = body.data().await {
        let mut chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => return seen.lock().unwrap().push((path, error.reason())),
        };
        body.flow_control().release_capacity(chunk.len()).unwrap();
        while !chunk.is_empty() {
            stream.reserve_capacity(chunk.len());
            let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else {
                return;
            };
            stream.send_data(chunk.split_to(room.min(chunk.len())), false).unwrap();
        }
    }
    if path == "/half" {
        return stream.send_reset(Reason::INTERNAL_ERROR);
    }
    let mut trailers = body.trailers().await.unwrap().unwrap_or_default();
    trailers.insert("grpc-status", "0".parse().unwrap());
    stream.send_trailers(trailers).unwrap();
}

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await }).unwrap()
}

pub(crate) async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let socket = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    sender
}

pub(crate) struct Answered {
    pub(crate) head: Response<()>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) took: Duration,
}

fn request(path: &str) -> Request<()> {
    Request::post(format!("http://shop.test{path}")).body(()).unwrap()
}

/// Sends a request with a body and a trailer, and reads everything.
async fn ask(
    sender: &SendRequest<Bytes>,
    path: &str,
    body: Vec<u8>,
) -> Result<Answered, h2::Error> {
    ask_with(sender, request(path), body).await
}

/// Sends a request with a body and a trailer, and reads everything.
pub(crate) async fn ask_with(
    sender: &SendRequest<Bytes>,
    request: Request<()>,
    body: Vec<u8>,
) -> Result<Answered, h2::Error> {
    let began = Instant::now();
    let mut sender = sender.clone().ready().await?;
    let (response, mut stream) = sender.send_request(request, false)?;
    drop(sender);
    let sending = tokio::spawn(async move {
        let mut body = Bytes::from(body);
        while !body.is_empty() {
            stream.reserve_capacity(body.len());
            let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else {
                return;
            };
            if stream.send_data(body.split_to(room.min(body.len())), false).is_err() {
                return;
            }
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("sum", "7".parse().unwrap());
        // A service may have answered without listening.
        let _unheard = stream.send_trailers(trailers);
    });
    let (parts, mut incoming) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(chunk) = incoming.data().await {
        let chunk = chunk?;
        incoming.flow_control().release_capacity(chunk.len()).unwrap();
        body.extend(chunk);
    }
    let trailers = incoming.trailers().await?;
    sending.await.unwrap();
    Ok(Answered { head: Response::from_parts(parts, ()), body, trailers, took: began.elapsed() })
}

fn armed() -> (Stand, Seen) {
    let (service, seen) = service();
    let stand = Stand::before(service);
    stand.delay("/nowhere", Side::Request, LONG);
    (stand, seen)
}

#[test]
fn a_held_stream_keeps_no_other_waiting() {
    let (stand, _) = armed();
    for side in [Side::Request, Side::Response] {
        let asked = Duration::from_millis(200);
        stand.delay("/slow*", side, asked);
        run(async {
            let sender = connect(stand.address).await;
            let (slow, fast) = tokio::join!(ask(&sender, "/slow/1", b"s".to_vec()), async {
                let mut took = Duration::ZERO;
                for _ in 0..10 {
                    took += ask(&sender, "/fast", b"f".to_vec()).await.unwrap().took;
                }
                took / 10
            });
            let slow = slow.unwrap();
            assert_eq!(slow.body, b"s");
            assert!(slow.took + EARLY_MAX >= asked, "{:?}", slow.took);
            assert!(fast < asked / 2, "{fast:?}");
        });
    }
    let seen = stand.seen();
    assert_eq!((seen.requests, seen.matched, seen.delayed, seen.cut), (22, 2, 2, 0));
    assert_eq!(seen.paths, [("/fast".to_owned(), 20), ("/slow/1".to_owned(), 2)]);
}

#[test]
fn bodies_trailers_and_names_are_kept() {
    let (stand, _) = armed();
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    run(async {
        let sender = connect(stand.address).await;
        let (big, small) =
            tokio::join!(ask(&sender, "/echo", body.clone()), ask(&sender, "/echo", Vec::new()),);
        let (big, small) = (big.unwrap(), small.unwrap());
        assert!(big.body == body, "{} bytes of {}", big.body.len(), body.len());
        let trailers = big.trailers.unwrap();
        assert_eq!(
            (&trailers["sum"], &trailers["grpc-status"]),
            (&"7".parse().unwrap(), &"0".parse().unwrap())
        );
        assert_eq!(big.head.headers()["seen-authority"], "shop.test");
        assert!(small.body.is_empty());
        let only = ask(&sender, "/trailers-only", Vec::new()).await.unwrap();
        assert_eq!(only.head.headers()["grpc-status"], "14");
        assert_eq!(only.trailers, None);
    });
}

#[test]
fn interim_answers_reach_the_client() {
    let (stand, _) = armed();
    run(async {
        let mut sender = connect(stand.address).await.ready().await.unwrap();
        let (mut response, _stream) = sender.send_request(request("/hints"), true).unwrap();
        let interim = std::future::poll_fn(|context| response.poll_informational(context)).await;
        let interim = interim.unwrap().unwrap();
        assert_eq!(
            (interim.status().as_u16(), &interim.headers()["link"]),
            (103, &"a".parse().unwrap())
        );
        assert_eq!(response.await.unwrap().status(), 200);
    });
}

#[test]
fn a_reset_reaches_the_other_side_in_both_directions() {
    let (stand, seen) = armed();
    run(async {
        let sender = connect(stand.address).await;
        let reason = |error: h2::Error| error.reason();
        let refused = ask(&sender, "/refuse", Vec::new()).await.err().and_then(reason);
        assert_eq!(refused, Some(Reason::ENHANCE_YOUR_CALM));
        let half = ask(&sender, "/half", b"half".to_vec()).await.err().and_then(reason);
        assert_eq!(half, Some(Reason::INTERNAL_ERROR));

        for (path, whole) in [("/never", true), ("/echo", false)] {
            let mut ready = sender.clone().ready().await.unwrap();
            let (response, mut stream) = ready.send_request(request(path), whole).unwrap();
            drop(ready);
            if !whole {
                response.await.unwrap();
            }
            while !stand.seen().paths.iter().any(|(seen, _)| seen == path) {
                tokio::task::yield_now().await;
            }
            stream.send_reset(Reason::CANCEL);
            let deadline = Instant::now() + PATIENCE;
            while !seen.lock().unwrap().contains(&(path.to_owned(), Some(Reason::CANCEL))) {
                assert!(Instant::now() < deadline, "{:?}", seen.lock().unwrap());
                tokio::task::yield_now().await;
            }
        }
    });
}

#[test]
fn a_service_that_says_goodbye_makes_the_client_leave_without_loss() {
    let (stand, _) = armed();
    run(async {
        let sender = connect(stand.address).await;
        assert!(ask(&sender, "/goaway", b"last".to_vec()).await.is_ok());
        let deadline = Instant::now() + PATIENCE;
        loop {
            match ask(&sender, "/echo", Vec::new()).await {
                // The goodbye is still on its way.
                Ok(_) => assert!(Instant::now() < deadline),
                Err(error) => {
                    let unprocessed =
                        error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
                    assert!(unprocessed || error.reason().is_none(), "{error}");
                    break;
                }
            }
        }
        let again = connect(stand.address).await;
        assert!(ask(&again, "/echo", Vec::new()).await.is_ok());
    });
}

#[test]
fn a_drain_finishes_streams_and_asks_the_client_to_leave() {
    let (mut stand, _) = armed();
    stand.delay("/slow", Side::Request, LONG);
    run(async {
        let sender = connect(stand.address).await;
        let held = tokio::spawn({
            let sender = sender.clone();
            async move { ask(&sender, "/slow", b"held".to_vec()).await }
        });
        while stand.seen().matched == 0 {
            tokio::task::yield_now().await;
        }
        stand.proxy.stop(Stop::Drain);
        assert_eq!(held.await.unwrap().unwrap().body, b"held");
        while ask(&sender, "/echo", Vec::new()).await.is_ok() {}
    });
    assert!(stand.join() < squall_proxy::DRAIN_MAX);
    assert_eq!(stand.seen().cut, 1);
}

#[test]
fn without_rules_the_bytes_are_not_even_read() {
    let (service, _) = service();
    let stand = Stand::before(service);
    run(async {
        let sender = connect(stand.address).await;
        let echo = ask(&sender, "/echo", b"as they are".to_vec()).await.unwrap();
        assert_eq!(echo.body, b"as they are");
    });
    assert_eq!((stand.seen().requests, stand.seen().connections), (0, 1));
}
