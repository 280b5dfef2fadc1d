//! A Go server behind the proxy: whom it sees, and connections that are no requests any more.

use crate::victim::{Agent, DIALS, SERVES, SOON, Victim, alone, arm, disarm};
use squall_real::clients;
use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2, Need::Go];
/// Bytes of a message: more than any buffer on the way.
const MESSAGE: usize = 700_000;
/// Ten events, 10 ms apart: whoever gets them at once got them from a buffer.
const SPREAD: Duration = Duration::from_millis(30);

fn mirror() -> Victim {
    let scratch = Lab::new();
    let program = clients::binary(&scratch);
    Victim::of(&program, &["mirror", SERVES, DIALS])
}

fn connect(victim: &Victim) -> TcpStream {
    let stream = victim.connect(SOON).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Asks for a path on a new connection, and reads to the end.
fn get(victim: &Victim, path: &str) -> (TcpStream, String) {
    let mut stream = connect(victim);
    let ask = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (stream, answer)
}

/// The stream of events, without the date of its head, and from the first byte to the last.
fn events(victim: &Victim) -> (String, Duration) {
    let mut stream = connect(victim);
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
    let (mut all, mut first) = (Vec::new(), None);
    loop {
        let mut some = [0; 4_096];
        match stream.read(&mut some).unwrap() {
            0 => break,
            read => all.extend_from_slice(&some[..read]),
        }
        first.get_or_insert_with(Instant::now);
    }
    let text = String::from_utf8(all).unwrap();
    let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date:"));
    (lines.collect(), first.unwrap().elapsed())
}

/// Upgrades a connection to a WebSocket.
fn upgrade(victim: &Victim) -> TcpStream {
    let mut stream = connect(victim);
    let ask = "GET /ws HTTP/1.1\r\nhost: t\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
               sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(ask.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    // The example of RFC 6455.
    assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    stream
}

/// Sends bytes over an upgraded connection and gets the same ones back.
fn echoes(stream: &TcpStream, seed: u8) {
    let message: Vec<u8> = (0..MESSAGE).map(|at| (at as u8).wrapping_mul(7) ^ seed).collect();
    let (mut to, mut from) = (stream, stream.try_clone().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| to.write_all(&message).unwrap());
        let mut back = vec![0; MESSAGE];
        from.read_exact(&mut back).unwrap();
        assert!(back == message, "an upgraded connection keeps its bytes");
    });
}

#[test]
fn a_go_server_sees_its_clients_and_streams_that_are_not_meant_stay_whole() {
    if !met("streams through the proxy", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = mirror();
    let before = victim.fingerprint();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let (direct, _) = events(&victim);
    let open_before = upgrade(&victim);
    let mut injection = victim.injection("http.abort", &[]);
    injection.lease_ms = 60_000;
    injection.filters.insert("path".into(), "/api/*".into());
    arm(&mut client, &injection);
    assert!(get(&victim, "/api/x").1.starts_with("HTTP/1.1 503"), "the fault is on");

    let (stream, answer) = get(&victim, "/who");
    let own = stream.local_addr().unwrap().to_string();
    assert!(answer.ends_with(&own), "the server sees {own}: {answer}");

    let (proxied, took) = events(&victim);
    assert_eq!(proxied, direct);
    assert!(took >= SPREAD, "events come one by one, not after {took:?}");

    let upgraded = upgrade(&victim);
    for stream in [&upgraded, &open_before] {
        echoes(stream, 3);
    }
    disarm(&mut client, "run1");
    // What goes through the proxy is carried on to its end, which each side says by itself.
    for stream in [&upgraded, &open_before] {
        echoes(stream, 5);
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let mut stream = stream;
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [0; 0]);
    }
    drop(agent);
    victim.assert_unchanged(&before);
}
