//! Which requests are seen, matched and followed.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use squall_proxy::{HeaderMatch, Matcher, Rule, Side};

use crate::stand::{
    EARLY_MAX, Stand, get, half_close, mirror, read_all, read_answer, read_head, rule, service,
};

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn only_what_matches_waits() {
    let stand = Stand::before(mirror());
    stand.delay("/api/pay*", Side::Request, 3 * SHORT);
    let mut client = stand.client();
    let (_, body, fast) = get(&mut client, "/api/order?then=/api/pay");
    assert!(body.starts_with(b"GET /api/order?then=/api/pay HTTP/1.1\r\n"));
    let (_, _, slow) = get(&mut client, "/api/payment?id=1");
    assert!(slow + EARLY_MAX >= 3 * SHORT, "{slow:?}");
    assert!(fast < slow, "{fast:?} {slow:?}");
    let seen = stand.seen();
    assert_eq!((seen.requests, seen.matched, seen.delayed, seen.cut), (2, 1, 1, 0));
    assert_eq!(seen.paths, [("/api/order".to_owned(), 1), ("/api/payment".to_owned(), 1)]);
    assert_eq!(seen.asked_ns_total, 60_000_000);
    assert!(seen.delivered_ns_total >= seen.asked_ns_total);
}

#[test]
fn method_and_header_narrow_a_rule() {
    let stand = Stand::before(mirror());
    let header = Some(HeaderMatch::parse("X-Tenant:blue").unwrap());
    let matcher = Matcher { method: Some("GET".into()), header, ..Matcher::default() };
    stand.arm(vec![Rule { matcher, ..rule("", Side::Request, Duration::ZERO) }]);
    let mut client = stand.client();
    for (method, tenant) in [("GET", "blue-7"), ("PUT", "blue"), ("GET", "red"), ("GET", "blu")] {
        write!(client, "{method} / HTTP/1.1\r\nx-tenant:  {tenant} \r\n\r\n").unwrap();
        read_answer(&mut client);
    }
    assert_eq!((stand.seen().requests, stand.seen().matched), (4, 1));
}

#[test]
fn pipelined_requests_are_each_seen_and_answered_in_order() {
    let stand = Stand::before(mirror());
    stand.delay("/b", Side::Response, SHORT);
    let mut client = stand.client();
    let began = Instant::now();
    let all = ["/a", "/b", "/c"].map(|path| format!("GET {path} HTTP/1.1\r\n\r\n")).concat();
    client.write_all(all.as_bytes()).unwrap();
    for path in ["/a", "/b", "/c"] {
        let (_, body) = read_answer(&mut client);
        assert_eq!(body, format!("GET {path} HTTP/1.1\r\n\r\n").into_bytes());
    }
    assert!(began.elapsed() + EARLY_MAX >= SHORT);
    assert_eq!((stand.seen().requests, stand.seen().delayed), (3, 1));
}

/// A service that reads bodies by content length and answers with the whole request's size.
fn reader(interim: &'static str) -> std::net::SocketAddr {
    service(move |mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let head = String::from_utf8(head).unwrap();
            stream.write_all(interim.as_bytes()).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer.as_bytes()).unwrap();
        }
    })
}

#[test]
fn a_body_is_not_taken_for_a_request() {
    let stand = Stand::before(reader(""));
    stand.watch();
    let mut client = stand.client();
    let body = "GET /inside HTTP/1.1\r\n\r\n";
    for _ in 0..2 {
        let length = body.len();
        write!(client, "POST /x HTTP/1.1\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        assert_eq!(read_answer(&mut client).1, b"ok");
    }
    assert_eq!(stand.seen().paths, [("/x".to_owned(), 2)]);
}

#[test]
fn continue_reaches_the_client_before_it_sends_the_body() {
    let stand = Stand::before(reader("HTTP/1.1 100 Continue\r\n\r\n"));
    stand.delay("/x", Side::Response, SHORT);
    let mut client = stand.client();
    client
        .write_all(b"POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        .unwrap();
    assert_eq!(read_answer(&mut client).0, "HTTP/1.1 100 Continue");
    let began = Instant::now();
    client.write_all(b"body").unwrap();
    assert_eq!(read_answer(&mut client).0, "HTTP/1.1 200 OK");
    assert!(began.elapsed() + EARLY_MAX >= SHORT);
    let (status, _, _) = get(&mut client, "/y");
    assert_eq!(status, "HTTP/1.1 100 Continue");
    assert_eq!(stand.seen().requests, 2);
}

#[test]
fn answers_without_a_body_do_not_swallow_the_next_one() {
    let stand = Stand::before(service(|mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let answer = match head[0] {
                b'H' => "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
                b'D' => "HTTP/1.1 204 No Content\r\n\r\n",
                b'I' => "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    }));
    stand.delay("/z", Side::Response, SHORT);
    let mut client = stand.client();
    for method in ["HEAD", "DELETE", "IF", "GET"] {
        let path = if method == "GET" { "/z" } else { "/" };
        write!(client, "{method} {path} HTTP/1.1\r\n\r\n").unwrap();
        read_head(&mut client).unwrap();
    }
    let seen = stand.seen();
    assert_eq!((seen.requests, seen.delayed, seen.unread), (4, 1, 0));
}

/// A service that answers everything with one text, then echoes plain bytes.
fn switcher(answer: &'static str) -> std::net::SocketAddr {
    service(move |mut stream| {
        read_head(&mut stream).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        let mut sends = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut sends).unwrap();
        half_close(&sends);
    })
}

#[test]
fn after_a_switch_of_protocol_bytes_are_plain() {
    let websocket = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let tunnel = "HTTP/1.1 200 Connection established\r\n\r\n";
    for (request, answer) in [
        ("GET /ws HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", websocket),
        ("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n", tunnel),
    ] {
        let stand = Stand::before(switcher(answer));
        stand.delay("/api", Side::Request, Duration::from_secs(60));
        let mut client = stand.client();
        client.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_head(&mut client).unwrap(), answer.as_bytes());
        let plain = b"GET /api HTTP/1.1\r\n\r\n\x81\x05hello";
        client.write_all(plain).unwrap();
        half_close(&client);
        assert_eq!(read_all(&mut client), plain);
        assert_eq!(stand.seen().requests, 1);
    }
}

#[test]
fn a_refused_switch_stays_http() {
    let stand = Stand::before(mirror());
    stand.watch();
    let mut client = stand.client();
    client.write_all(b"GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n").unwrap();
    read_answer(&mut client);
    let (status, _, _) = get(&mut client, "/next");
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert_eq!(stand.seen().requests, 2);
}

#[test]
fn endless_heads_pass_without_being_kept() {
    let heard = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&heard);
    let stand = Stand::before(service(move |mut stream| {
        let mut buf = vec![0; 1 << 16];
        while let Ok(count @ 1..) = stream.read(&mut buf) {
            counted.fetch_add(count, std::sync::atomic::Ordering::SeqCst);
        }
        stream.write_all(b"HTTP/1.1 431 Too Large\r\n\r\n").unwrap();
    }));
    stand.delay("/api", Side::Request, Duration::from_secs(60));
    let mut client = stand.client();
    client.write_all(b"GET /api HTTP/1.1\r\n").unwrap();
    let lines = format!("A: {}\r\n", "a".repeat(1000)).repeat(100);
    let mut sent = 19;
    while sent < 100_000_000 {
        client.write_all(lines.as_bytes()).unwrap();
        sent += lines.len();
    }
    half_close(&client);
    assert_eq!(read_all(&mut client), b"HTTP/1.1 431 Too Large\r\n\r\n");
    assert_eq!(heard.load(std::sync::atomic::Ordering::SeqCst), sent);
    assert_eq!((stand.seen().requests, stand.seen().unread >= 1), (0, true));
}
