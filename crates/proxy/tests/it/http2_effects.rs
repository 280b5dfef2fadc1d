//! What each effect does to HTTP/2 and gRPC, as h2 sees it on both ends.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::{Reason, client::SendRequest};
use hyper::{HeaderMap, Request, Response};
use squall_proxy::{Answer, Edit, Effect, GrpcStatus, Matcher, PathPattern, Rule, Share, Side};

use crate::{
    http2::{Answered, ask_with, connect, run, service},
    stand::{Stand, hurt},
};

fn grpc(path: &str) -> Request<()> {
    let request = Request::post(format!("http://shop.test{path}"));
    request.header("content-type", "application/grpc").header("te", "trailers").body(()).unwrap()
}

fn message(length: usize) -> Vec<u8> {
    [&[0], &(length as u32).to_be_bytes()[..], &vec![7; length]].concat()
}

fn armed(rules: Vec<Rule>) -> Stand {
    let stand = Stand::before(service().0);
    stand.arm(rules);
    stand
}

async fn call(
    sender: &SendRequest<Bytes>,
    path: &str,
    body: Vec<u8>,
) -> Result<Answered, h2::Error> {
    ask_with(sender, grpc(path), body).await
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers[name].to_str().unwrap().to_owned()
}

fn teapot() -> Effect {
    Effect::Answer(Answer {
        status: 418,
        headers: vec![("X-Fault".to_owned(), "yes".to_owned())],
        body: Bytes::from(vec![b'x'; 60_000]),
    })
}

#[test]
fn an_answer_comes_from_the_proxy_and_the_connection_goes_on() {
    let stand = armed(vec![hurt("/hurt", Side::Request, teapot())]);
    run(async {
        let sender = connect(stand.address).await;
        for _ in 0..5 {
            let (hurt, well) = tokio::join!(
                call(&sender, "/hurt", vec![1; 10_000]),
                call(&sender, "/echo", b"well".to_vec()),
            );
            let hurt = hurt.unwrap();
            assert_eq!((hurt.head.status().as_u16(), hurt.body.len()), (418, 60_000));
            assert_eq!(text(hurt.head.headers(), "x-fault"), "yes");
            assert_eq!(well.unwrap().body, b"well");
        }
    });
    let seen = stand.seen();
    assert_eq!((seen.requests, seen.hit, seen.acted), (10, 5, 5));
}

#[test]
fn an_answer_on_the_response_side_replaces_that_of_the_service() {
    let stand = armed(vec![hurt("/hurt", Side::Response, teapot())]);
    run(async {
        let sender = connect(stand.address).await;
        for _ in 0..5 {
            let hurt = call(&sender, "/hurt", vec![1; 10_000]).await.unwrap();
            assert_eq!((hurt.head.status().as_u16(), hurt.body.len()), (418, 60_000));
            assert_eq!(call(&sender, "/echo", b"well".to_vec()).await.unwrap().body, b"well");
        }
    });
    assert_eq!(stand.seen().acted, 5);
}

#[test]
fn a_status_is_trailers_only() {
    let status = GrpcStatus {
        code: 14,
        message: "no stock: 50%".to_owned(),
        error_info: Some(("NO_STOCK".to_owned(), "shop.test".to_owned())),
        retry_after: None,
    };
    for side in [Side::Request, Side::Response] {
        let stand = armed(vec![hurt("/shop.Stock/*", side, Effect::Status(status.clone()))]);
        run(async {
            let sender = connect(stand.address).await;
            let ended = call(&sender, "/shop.Stock/Take", message(10)).await.unwrap();
            assert_eq!((ended.head.status().as_u16(), ended.body.len()), (200, 0));
            let headers = ended.head.headers();
            assert_eq!(text(headers, "grpc-status"), "14");
            assert_eq!(text(headers, "grpc-message"), "no stock: 50%25");
            assert!(text(headers, "grpc-status-details-bin").starts_with("CA4SDW5vIHN0b2Nr"));
            assert!(ended.trailers.is_none());
            let plain = Request::post("http://shop.test/shop.Stock/Take").body(()).unwrap();
            let plain = ask_with(&sender, plain, b"well".to_vec()).await.unwrap();
            assert_eq!(plain.body, b"well", "what is not gRPC is not hurt");
        });
        let seen = stand.seen();
        assert_eq!((seen.matched, seen.acted), (1, 1));
    }
}

#[test]
fn a_reset_ends_the_stream_alone() {
    for side in [Side::Request, Side::Response] {
        let stand = armed(vec![hurt("/hurt", side, Effect::Reset)]);
        run(async {
            let sender = connect(stand.address).await;
            let error = call(&sender, "/hurt", vec![1; 100]).await.err().unwrap();
            assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
            assert_eq!(call(&sender, "/echo", b"well".to_vec()).await.unwrap().body, b"well");
        });
        assert_eq!(stand.seen().acted, 1);
    }
}

#[test]
fn headers_change_on_one_side_and_the_others_stay_readable() {
    let edit =
        Edit { add: vec![("X-New".to_owned(), "1".to_owned())], remove: vec!["X-Old".to_owned()] };
    let stand = armed(vec![
        hurt("/headers/hurt", Side::Request, Effect::Edit(edit)),
        hurt(
            "/headers/hurt",
            Side::Response,
            Effect::Edit(Edit { add: vec![], remove: vec!["seen-authority".to_owned()] }),
        ),
    ]);
    run(async {
        let sender = connect(stand.address).await;
        for n in 0..5 {
            for (path, changed) in [("/headers/hurt", true), ("/headers/well", false)] {
                let request = Request::post(format!("http://shop.test{path}"));
                let request = request.header("x-old", "0").header("x-n", n.to_string());
                let answer = ask_with(&sender, request.body(()).unwrap(), vec![]).await.unwrap();
                let headers = answer.head.headers();
                let expected = if changed { "x-n x-new" } else { "x-n x-old" };
                assert_eq!(text(headers, "seen-names"), expected);
                assert_eq!(headers.contains_key("seen-authority"), !changed);
            }
        }
    });
    assert_eq!(stand.seen().acted, 10);
}

#[test]
fn a_slow_body_leaves_others_alone_and_arrives_whole() {
    for side in [Side::Request, Side::Response] {
        let rule = hurt("/slow", side, Effect::Slow { bytes_per_second: 400_000 });
        let stand = armed(vec![rule]);
        run(async {
            let sender = connect(stand.address).await;
            // More than the window of the connection, so that what is kept must be given back.
            let body: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
            let began = Instant::now();
            let (slow, fast) = tokio::join!(call(&sender, "/slow", body.clone()), async {
                let mut longest = Duration::ZERO;
                for _ in 0..10 {
                    let echo = call(&sender, "/echo", vec![2; 30_000]).await.unwrap();
                    assert_eq!(echo.body.len(), 30_000);
                    longest = longest.max(echo.took);
                }
                longest
            });
            let slow = slow.unwrap();
            assert!(slow.body == body);
            let took = began.elapsed();
            assert!(took >= Duration::from_millis(450), "{took:?}");
            assert!(fast < Duration::from_millis(300), "{fast:?}");
            assert_eq!(text(&slow.trailers.unwrap(), "grpc-status"), "0");
        });
        assert_eq!(stand.seen().acted, 1);
    }
}

#[test]
fn a_body_is_cut_or_passes() {
    let stand = armed(vec![hurt("/cut", Side::Response, Effect::Truncate { after: 1_000 })]);
    run(async {
        let sender = connect(stand.address).await;
        let error = call(&sender, "/cut", vec![1; 1_001]).await.err().unwrap();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
        assert_eq!(call(&sender, "/cut", vec![1; 1_000]).await.unwrap().body.len(), 1_000);
    });
    assert_eq!(stand.seen().acted, 1);
    let stand = armed(vec![hurt("/cut", Side::Request, Effect::Truncate { after: 1_000 })]);
    run(async {
        let sender = connect(stand.address).await;
        assert!(call(&sender, "/cut", vec![1; 5_000]).await.is_err());
        assert_eq!(call(&sender, "/echo", b"well".to_vec()).await.unwrap().body, b"well");
    });
}

#[test]
fn a_body_is_replaced_with_what_describes_it() {
    let other = Effect::Replace {
        body: Bytes::from_static(b"{}"),
        content_type: Some("application/json".to_owned()),
    };
    for side in [Side::Request, Side::Response] {
        let stand = armed(vec![hurt("/other", side, other.clone())]);
        run(async {
            let sender = connect(stand.address).await;
            for _ in 0..3 {
                let answer = ask_with(
                    &sender,
                    Request::post("http://shop.test/other").body(()).unwrap(),
                    vec![1; 300_000],
                )
                .await
                .unwrap();
                assert_eq!(answer.body, b"{}");
                if side == Side::Response {
                    assert_eq!(text(answer.head.headers(), "content-length"), "2");
                    assert_eq!(text(answer.head.headers(), "content-type"), "application/json");
                }
                assert_eq!(call(&sender, "/echo", b"well".to_vec()).await.unwrap().body, b"well");
            }
        });
        assert_eq!(stand.seen().acted, 3);
    }
}

#[test]
fn deadlines_shrink_and_short_ones_stay() {
    let at_most = Duration::from_millis(50);
    let stand = armed(vec![hurt("/headers/hurt", Side::Request, Effect::Deadline { at_most })]);
    run(async {
        let sender = connect(stand.address).await;
        for (carried, expected) in [(Some("1S"), "50m"), (Some("900u"), "900u"), (None, "50m")] {
            let mut request = grpc("/headers/hurt");
            if let Some(carried) = carried {
                request.headers_mut().insert("grpc-timeout", carried.parse().unwrap());
            }
            let answer = ask_with(&sender, request, vec![]).await.unwrap();
            assert_eq!(text(answer.head.headers(), "seen-timeout"), expected);
        }
    });
    assert_eq!(stand.seen().acted, 2);
}

#[test]
fn a_stream_is_cut_behind_its_nth_message() {
    for side in [Side::Request, Side::Response] {
        let stand = armed(vec![hurt("/cut", side, Effect::Cut { messages: 2 })]);
        run(async {
            let sender = connect(stand.address).await;
            let mut ready = sender.clone().ready().await.unwrap();
            let (response, mut stream) = ready.send_request(grpc("/cut"), false).unwrap();
            stream.send_data(message(100).into(), false).unwrap();
            let mut incoming = response.await.unwrap().into_body();
            let first = incoming.data().await.unwrap().unwrap();
            assert_eq!(first.len(), 105);
            stream.send_data([message(3), message(4)].concat().into(), false).unwrap();
            let mut got = Vec::new();
            let reason = loop {
                match incoming.data().await {
                    Some(Ok(bytes)) => got.extend(bytes),
                    Some(Err(error)) => break error.reason(),
                    None => break None,
                }
            };
            assert_eq!(reason, Some(Reason::INTERNAL_ERROR));
            let expected = if side == Side::Response { message(3) } else { vec![] };
            assert!(got == expected || side == Side::Request, "{got:?}");
            let well = call(&sender, "/cut", message(3)).await.unwrap();
            assert_eq!(well.body, message(3), "one message is less than two");
        });
        assert_eq!(stand.seen().acted, 1);
    }
}

#[test]
fn lost_trailers_leave_the_body_and_no_status() {
    let stand = armed(vec![hurt("*", Side::Response, Effect::LoseTrailers)]);
    run(async {
        let sender = connect(stand.address).await;
        for _ in 0..3 {
            let answer = call(&sender, "/echo", message(10)).await.unwrap();
            assert_eq!((answer.body, answer.trailers), (message(10), None));
            let only = call(&sender, "/trailers-only", vec![]).await.unwrap();
            assert!(!only.head.headers().contains_key("grpc-status"));
        }
    });
    assert_eq!(stand.seen().acted, 6);
}

#[test]
fn many_streams_of_all_kinds_at_once() {
    let share = Share { of: 0.5, by: Some("x-request-id".to_owned()) };
    let delay = Effect::Delay(squall_proxy::Delay {
        distribution: squall_proxy::Distribution::Uniform,
        mean: Duration::from_millis(5),
        jitter: Duration::from_millis(5),
    });
    let path = |path: &str| Matcher { path: Some(PathPattern::new(path)), ..Matcher::default() };
    let rule = |effect, side| Rule {
        share: share.clone(),
        matcher: path("/mixed/*"),
        ..hurt("", side, effect)
    };
    for (effect, side) in [
        (delay.clone(), Side::Request),
        (delay, Side::Response),
        (Effect::Status(GrpcStatus { code: 8, ..GrpcStatus::default() }), Side::Request),
        (Effect::Status(GrpcStatus { code: 8, ..GrpcStatus::default() }), Side::Response),
        (Effect::Slow { bytes_per_second: 2_000_000 }, Side::Response),
        (Effect::LoseTrailers, Side::Response),
    ] {
        let answers = matches!(effect, Effect::Status(_));
        let stand = armed(vec![rule(effect, side)]);
        run(async {
            let sender = connect(stand.address).await;
            let mut calls = tokio::task::JoinSet::new();
            for n in 0..150_u32 {
                let sender = sender.clone();
                calls.spawn(async move {
                    let mut request = grpc(&format!("/mixed/{n}"));
                    let headers = request.headers_mut();
                    headers.insert("x-request-id", format!("id-{n}").parse().unwrap());
                    headers.insert("x-n", (n % 7).to_string().parse().unwrap());
                    let body = message(n as usize * 40);
                    (ask_with(&sender, request, body.clone()).await.unwrap(), body)
                });
            }
            let mut failed = 0;
            while let Some(called) = calls.join_next().await {
                let (answer, body) = called.unwrap();
                match answer.head.headers().get("grpc-status") {
                    Some(code) => {
                        assert_eq!((code, answer.body.len()), (&"8".parse().unwrap(), 0));
                        failed += 1;
                    }
                    None => assert!(answer.body == body),
                }
            }
            let hit = stand.seen().hit;
            assert!((45..=105).contains(&hit), "{hit}");
            assert_eq!(failed, if answers { hit } else { 0 });
        });
    }
}

/// A response that a service would not give: kept as what h2 makes of it.
#[test]
fn a_head_request_gets_an_answer_without_a_body() {
    let stand = armed(vec![hurt("*", Side::Request, teapot())]);
    run(async {
        let sender = connect(stand.address).await;
        let request = Request::head("http://shop.test/").body(()).unwrap();
        let (response, _) = sender.ready().await.unwrap().send_request(request, true).unwrap();
        let response: Response<_> = response.await.unwrap();
        assert_eq!(text(response.headers(), "content-length"), "60000");
        assert!(response.body().is_end_stream());
    });
}
