//! Whatever goes in comes out, byte for byte, ends included.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use proptest::prelude::*;
use squall_proxy::Side;

use crate::stand::{Stand, connect, half_close, read_all, rule};

/// How HTTP/2 begins, here with what no server would take.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What each side sends, cut where.
#[derive(Debug, Clone)]
struct Talk {
    client: Vec<u8>,
    service: Vec<u8>,
    cuts: Vec<usize>,
}

fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let sized = proptest::collection::vec(any::<u8>(), 0..300)
        .prop_map(|bytes| (format!("Content-Length: {}\r\n", bytes.len()), bytes));
    let chunks = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..4);
    let chunked = (chunks, any::<bool>()).prop_map(|(chunks, trailer)| {
        let mut bytes = Vec::new();
        for chunk in chunks {
            bytes.extend(format!("{:x};note=\"1\"\r\n", chunk.len()).into_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n");
        bytes.extend(if trailer { &b"Sum: 1\r\n\r\n"[..] } else { b"\r\n" });
        ("Transfer-Encoding: chunked\r\n".to_owned(), bytes)
    });
    prop_oneof![Just((String::new(), Vec::new())), sized, chunked]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![Just("GET"), Just("POST"), Just("HEAD"), Just("PURGE")];
    let extra = prop_oneof![
        Just(""),
        Just("Connection: keep-alive\r\n"),
        Just("Upgrade: websocket\r\n"),
        Just("Expect: 100-continue\r\n"),
        Just("no header at all\r\n"),
        Just("Content-Length: 3\r\n"),
    ];
    (method, "/[a-z?=/]{0,12}", extra, body()).prop_map(|(method, path, extra, (length, body))| {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{extra}{length}\r\n");
        [head.as_bytes(), &body].concat()
    })
}

fn response() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        Just("200 OK"),
        Just("204 No Content"),
        Just("100 Continue"),
        Just("101 Switching Protocols"),
        Just("500 Oh"),
        Just("99"),
    ];
    (status, body()).prop_map(|(status, (length, body))| {
        [format!("HTTP/1.1 {status}\r\nA: b\r\n{length}\r\n").as_bytes(), &body].concat()
    })
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "(GET|POST) /[a-z]{0,5}( HTTP/1.[019])?(\r?\n)?[A-Za-z: \r\n]{0,40}"
            .prop_map(String::into_bytes),
        Just(b"PRI * HTTP/2.0\r\n\r\n".to_vec()),
        Just(PREFACE[..PREFACE.len() - 1].to_vec()),
    ]
}

fn stream(message: impl Strategy<Value = Vec<u8>> + 'static) -> impl Strategy<Value = Vec<u8>> {
    let messages = proptest::collection::vec(message, 0..5).prop_map(|all| all.concat());
    (messages, prop_oneof![3 => Just(Vec::new()), 1 => noise()])
        .prop_map(|(messages, noise)| [messages, noise].concat())
}

fn talk() -> impl Strategy<Value = Talk> {
    let client = prop_oneof![4 => stream(request()), 1 => noise()];
    let service = prop_oneof![4 => stream(response()), 1 => noise()];
    (client, service, proptest::collection::vec(1..400_usize, 0..12))
        .prop_map(|(client, service, cuts)| Talk { client, service, cuts })
}

fn send_cut(stream: &mut TcpStream, bytes: &[u8], cuts: &[usize]) {
    let mut rest = bytes;
    for cut in cuts {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        stream.write_all(now).unwrap();
        rest = later;
    }
    stream.write_all(rest).unwrap();
    half_close(stream);
}

/// Lets both sides talk at once through an address; returns what service and client heard.
fn held(address: SocketAddr, service: &TcpListener, talk: &Talk) -> (Vec<u8>, Vec<u8>) {
    let mut client = connect(address);
    let (mut served, _peer) = service.accept().unwrap();
    served.set_nodelay(true).unwrap();
    std::thread::scope(|scope| {
        let mut client_sends = client.try_clone().unwrap();
        let mut served_sends = served.try_clone().unwrap();
        scope.spawn(move || send_cut(&mut client_sends, &talk.client, &talk.cuts));
        scope.spawn(move || send_cut(&mut served_sends, &talk.service, &talk.cuts));
        let heard = scope.spawn(move || read_all(&mut served));
        let answer = read_all(&mut client);
        (heard.join().unwrap(), answer)
    })
}

/// Whole HTTP/2 prefaces come only while nothing is armed: then they are bytes like others.
fn check(rules: &[squall_proxy::Rule], cases: u32) {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let stand = Stand::before(service.local_addr().unwrap());
    if !rules.is_empty() {
        stand.arm(rules.to_vec());
    }
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let preface = PREFACE;
    proptest!(config, |(mut talk in talk(), http2 in proptest::bool::weighted(0.1))| {
        if http2 {
            talk.client.splice(..0, preface.iter().copied());
        }
        let (heard, answer) = held(stand.address, &service, &talk);
        prop_assert_eq!(&heard, &talk.client);
        prop_assert_eq!(&answer, &talk.service);
    });
}

#[test]
fn nothing_changes_while_idle() {
    check(&[], 200);
}

#[test]
fn nothing_changes_under_rules_that_match_nothing() {
    check(&[rule("/nowhere", Side::Request, Duration::from_secs(60))], 100);
}

#[test]
fn nothing_but_time_changes_under_rules_that_match() {
    let wait = Duration::from_micros(300);
    check(&[rule("*", Side::Request, wait), rule("*", Side::Response, wait)], 100);
}

#[test]
fn a_server_that_speaks_first_is_heard_before_the_client_says_a_word() {
    let service = crate::stand::service(|mut stream| {
        stream.write_all(b"220 mail ready\r\n").unwrap();
        let heard = read_all(&mut stream);
        stream.write_all(&heard).unwrap();
    });
    let stand = Stand::before(service);
    let mut client = stand.client();
    let mut greeting = [0; 16];
    std::io::Read::read_exact(&mut client, &mut greeting).unwrap();
    assert_eq!(&greeting, b"220 mail ready\r\n");
    client.write_all(b"EHLO me\r\n").unwrap();
    half_close(&client);
    assert_eq!(read_all(&mut client), b"EHLO me\r\n");
    assert_eq!(stand.seen().requests, 0);
}

#[test]
fn a_protocol_that_looks_like_the_start_of_http_is_not_kept_waiting() {
    let service = crate::stand::service(|mut stream| {
        let mut word = [0; 3];
        while std::io::Read::read_exact(&mut stream, &mut word).is_ok() {
            stream.write_all(&word).unwrap();
        }
    });
    let stand = Stand::before(service);
    for word in [b"GET", b"PRI"] {
        let mut client = stand.client();
        client.write_all(word).unwrap();
        let mut echo = [0; 3];
        std::io::Read::read_exact(&mut client, &mut echo).unwrap();
        assert_eq!(&echo, word);
    }
}

#[test]
fn megabytes_pass_in_both_directions_at_once() {
    let service = crate::stand::service(|mut stream| {
        let mut sends = stream.try_clone().unwrap();
        std::io::copy(&mut stream, &mut sends).unwrap();
        half_close(&sends);
    });
    let stand = Stand::before(service);
    stand.watch();
    let mut client = stand.client();
    let body: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
    let head = format!("PUT /big HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    let sent = [head.as_bytes(), &body].concat();
    let heard = std::thread::scope(|scope| {
        let mut sends = client.try_clone().unwrap();
        let sent = &sent;
        scope.spawn(move || {
            sends.write_all(sent).unwrap();
            half_close(&sends);
        });
        read_all(&mut client)
    });
    assert!(heard == sent, "{} bytes came back of {}", heard.len(), sent.len());
    assert_eq!(stand.seen().requests, 1);
}
