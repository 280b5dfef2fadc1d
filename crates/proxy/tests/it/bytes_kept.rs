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

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block of short fields, as they are.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let field = |(name, value): &(&str, &str)| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    fields.iter().flat_map(field).collect()
}

/// Calls of gRPC as one side sends them: unary or streams, messages cut into frames anywhere.
fn calls(client: bool) -> impl Strategy<Value = Vec<u8>> {
    let message = proptest::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| {
        let length = (bytes.len() as u32).to_be_bytes();
        [&[0], &length[..], &bytes].concat()
    });
    let messages = proptest::collection::vec(message, 0..4).prop_map(|all| all.concat());
    let path = "/[a-z]{1,6}\\.[A-Z][a-z]{1,6}/[A-Z][a-z]{1,8}";
    let call = (messages, path, 1..400_usize, 0..17_u8);
    proptest::collection::vec(call, 1..6).prop_map(move |calls| {
        let mut bytes = frame(4, 0, 0, &[]);
        for (at, (messages, path, cut, status)) in calls.iter().enumerate() {
            let stream = 2 * at as u32 + 1;
            let kind = ("content-type", "application/grpc");
            let head =
                [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "t")];
            let ask = [&head[..], &[("te", "trailers"), kind]].concat();
            let head = if client { block(&ask) } else { block(&[(":status", "200"), kind]) };
            bytes.extend(frame(1, 4, stream, &head));
            messages.chunks(*cut).for_each(|part| bytes.extend(frame(0, 0, stream, part)));
            let end = match client {
                true => frame(0, 1, stream, &[]),
                false => frame(1, 5, stream, &block(&[("grpc-status", &status.to_string())])),
            };
            bytes.extend(end);
        }
        bytes
    })
}

#[test]
fn nothing_changes_on_grpc_while_idle_or_under_rules_that_match_nothing() {
    for armed in [false, true] {
        let service = TcpListener::bind("127.0.0.1:0").unwrap();
        let stand = Stand::before(service.local_addr().unwrap());
        if armed {
            stand.arm(vec![rule("/nowhere", Side::Request, Duration::from_secs(60))]);
        }
        let config = ProptestConfig { cases: 80, failure_persistence: None, ..Default::default() };
        let cuts = proptest::collection::vec(1..400_usize, 0..12);
        proptest!(config, |(client in calls(true), answer in calls(false), cuts in cuts)| {
            let talk = Talk { client: [PREFACE, &client].concat(), service: answer, cuts };
            let (heard, answer) = held(stand.address, &service, &talk);
            prop_assert_eq!(&heard, &talk.client);
            prop_assert_eq!(&answer, &talk.service);
        });
        assert_eq!(stand.seen().requests > 0, armed, "only rules have anything read");
    }
}

#[test]
fn nothing_changes_on_raw_tcp_while_idle() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let stand = Stand::before(service.local_addr().unwrap());
    let config = ProptestConfig { cases: 80, failure_persistence: None, ..Default::default() };
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20_000);
    let cuts = proptest::collection::vec(1..6_000_usize, 0..12);
    proptest!(config, |(client in bytes(), service_says in bytes(), cuts in cuts)| {
        let talk = Talk { client, service: service_says, cuts };
        let (heard, answer) = held(stand.address, &service, &talk);
        prop_assert!(heard == talk.client && answer == talk.service);
    });
    assert_eq!(stand.seen().requests, 0);
}

/// Frames of one side: whole and valid, or nearly so.
fn frames(client: bool) -> impl Strategy<Value = Vec<u8>> {
    // Inserts a field, refers to it, or names only what every table has.
    let block = prop_oneof![
        Just(b"\x40\x01a\x01b".to_vec()),
        Just(b"\xbe".to_vec()),
        Just(if client { b"\x82\x86\x84".to_vec() } else { b"\x88".to_vec() }),
        Just(b"\x10\x01s\x02no".to_vec()),
        Just(b"\x3f\xe1\x1f\x82".to_vec()),
    ];
    let blocks = proptest::collection::vec(block, 1..4).prop_map(|all| all.concat());
    let stream = || prop_oneof![(0..20_u32).prop_map(|n| 2 * n + 1), 0..6_u32];
    let headers = (blocks, stream(), any::<bool>(), any::<bool>(), 0..3_u8).prop_map(
        move |(block, stream, end, split, pad)| {
            let end = u8::from(end);
            if split {
                let (one, two) = block.split_at(block.len() / 2);
                return [frame(1, end, stream, one), frame(9, 4, stream, two)].concat();
            }
            let padded = [&[pad], &block[..], &vec![0; pad.into()]].concat();
            match pad {
                0 => frame(1, 4 | end, stream, &block),
                _ => frame(1, 4 | 8 | end, stream, &padded),
            }
        },
    );
    let payload = || proptest::collection::vec(any::<u8>(), 0..40);
    let data = (payload(), stream(), 0..16_u8)
        .prop_map(move |(bytes, stream, flags)| frame(0, flags, stream, &bytes));
    let control = (2..20_u8, any::<u8>(), stream(), payload())
        .prop_filter("no block", |(kind, ..)| *kind != 5 && *kind != 9)
        .prop_map(move |(kind, flags, stream, bytes)| frame(kind, flags, stream, &bytes));
    let number = (prop_oneof![Just(3_u8), Just(8)], stream(), any::<u32>())
        .prop_map(move |(kind, stream, number)| frame(kind, 0, stream, &number.to_be_bytes()));
    let settings = (1..7_u16, any::<u32>()).prop_map(move |(id, value)| {
        frame(4, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
    });
    let any = prop_oneof![4 => headers, 3 => data, 1 => control, 2 => number, 1 => settings];
    proptest::collection::vec(any, 0..12).prop_map(|all| all.concat())
}

#[test]
fn nothing_changes_on_http2_under_rules_that_match_nothing() {
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let stand = Stand::before(service.local_addr().unwrap());
    stand.arm(vec![rule("/nowhere", Side::Request, Duration::from_secs(60))]);
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() };
    let cuts = proptest::collection::vec(1..100_usize, 0..12);
    proptest!(config, |(client in frames(true), answer in frames(false), cuts in cuts)| {
        let client = [PREFACE, &client].concat();
        let talk = Talk { client, service: answer, cuts };
        let (heard, answer) = held(stand.address, &service, &talk);
        prop_assert_eq!(&heard, &talk.client);
        prop_assert_eq!(&answer, &talk.service);
    });
    assert!(stand.seen().requests > 0, "some were read");
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
