//! What each effect does to HTTP/1, as a client and a service see it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use squall_proxy::{Answer, BootTime, Edit, Effect, Matcher, Rule, RuleSet, Scope, Share, Side};

use crate::stand::{
    EARLY_MAX, PATIENCE, Stand, get, hurt, mirror, read_all, read_answer, read_head, rule, service,
};

/// What a service heard.
type Heard = Arc<Mutex<Vec<u8>>>;

/// A service that notes all bytes and answers each head with a fixed answer.
fn fixed(answer: &'static [u8]) -> (SocketAddr, Heard) {
    let heard = Heard::default();
    let noted = Arc::clone(&heard);
    let address = service(move |mut stream| {
        while let Some(head) = read_head(&mut stream) {
            noted.lock().unwrap().extend(head);
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    (address, heard)
}

/// A service that notes everything until the end and then answers with how much it was.
fn counting() -> SocketAddr {
    service(|mut stream| {
        let count = read_all(&mut stream).len().to_string();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", count.len());
        stream.write_all(format!("{head}{count}").as_bytes()).unwrap();
    })
}

fn teapot() -> Effect {
    Effect::Answer(Answer {
        status: 418,
        headers: vec![("X-Fault".to_owned(), "yes".to_owned())],
        body: Bytes::from_static(b"short and stout"),
    })
}

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                         5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
const SIZED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world";
const UNTIL_END: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhello world";

#[test]
fn an_answer_keeps_the_connection_and_the_service_unaware() {
    let (service, heard) = fixed(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let stand = Stand::before(service);
    stand.arm(vec![hurt("/hurt", Side::Request, teapot())]);
    let mut client = stand.client();
    for _ in 0..3 {
        write!(client, "POST /hurt HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody").unwrap();
        let (status, body) = read_answer(&mut client);
        assert_eq!(
            (status.as_str(), body.as_slice()),
            ("HTTP/1.1 418 I'm a teapot", &b"short and stout"[..])
        );
        assert_eq!(get(&mut client, "/well").1, b"ok");
    }
    assert_eq!(
        heard.lock().unwrap().as_slice(),
        b"GET /well HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3)
    );
    let seen = stand.seen();
    assert_eq!((seen.requests, seen.matched, seen.hit, seen.acted), (6, 3, 3, 3));
}

#[test]
fn pipelined_answers_stay_in_order() {
    let stand = Stand::before(mirror());
    stand.arm(vec![
        hurt("/hurt*", Side::Request, teapot()),
        rule("/b", Side::Response, Duration::from_millis(20)),
    ]);
    let mut client = stand.client();
    let paths = ["/hurt1", "/b", "/hurt2", "/hurt3", "/c"];
    let all = paths.map(|path| format!("GET {path} HTTP/1.1\r\n\r\n")).concat();
    client.write_all(all.as_bytes()).unwrap();
    for path in paths {
        let (_, body) = read_answer(&mut client);
        let expected = if path.starts_with("/hurt") {
            b"short and stout".to_vec()
        } else {
            format!("GET {path} HTTP/1.1\r\n\r\n").into_bytes()
        };
        assert_eq!(body, expected, "{path}");
    }
    assert_eq!(stand.seen().acted, 3);
}

#[test]
fn an_answer_ends_the_connection_where_the_client_wants_it_or_may_send_no_body() {
    let stand = Stand::before(mirror());
    stand.arm(vec![hurt("*", Side::Request, teapot())]);
    for head in [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nConnection: keep-alive, Close\r\n\r\n",
        "PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        "GET /chat HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ] {
        let mut client = stand.client();
        client.write_all(head.as_bytes()).unwrap();
        let answer = String::from_utf8(read_all(&mut client)).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 418 ") && answer.contains("Connection: close\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\nshort and stout"));
    }
    let mut client = stand.client();
    client
        .write_all(b"HEAD / HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\nConnection: close\r\n\r\n")
        .unwrap();
    let answers = String::from_utf8(read_all(&mut client)).unwrap();
    assert_eq!(answers.matches("Content-Length: 15").count(), 2);
    assert_eq!(answers.matches("short and stout").count(), 1, "HEAD has no body");
}

#[test]
fn an_answer_on_the_response_side_comes_after_the_service_did_its_work() {
    for (answer, ends) in [(CHUNKED, false), (SIZED, false), (UNTIL_END, true)] {
        let (service, heard) = fixed(answer);
        let stand = Stand::before(service);
        stand.arm(vec![hurt("/hurt", Side::Response, teapot())]);
        let mut client = stand.client();
        let (status, body, _) = get(&mut client, "/hurt");
        assert_eq!(
            (status.as_str(), body.as_slice()),
            ("HTTP/1.1 418 I'm a teapot", &b"short and stout"[..])
        );
        assert!(heard.lock().unwrap().starts_with(b"GET /hurt"));
        if ends {
            assert_eq!(read_all(&mut client), b"");
        } else {
            write!(client, "GET /well HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
            let mut whole = vec![0; answer.len()];
            client.read_exact(&mut whole).unwrap();
            assert_eq!(whole, answer);
        }
    }
}

fn ends_by_reset(client: &mut TcpStream) -> bool {
    let mut all = Vec::new();
    client
        .read_to_end(&mut all)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
}

#[test]
fn a_reset_is_seen_as_one_after_what_came_before_it() {
    let (service, heard) = fixed(SIZED);
    let stand = Stand::before(service);
    stand.arm(vec![hurt("/hurt", Side::Request, Effect::Reset)]);
    let mut client = stand.client();
    write!(client, "GET /well HTTP/1.1\r\n\r\nGET /hurt HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut client).1, b"hello world");
    assert!(ends_by_reset(&mut client));
    assert_eq!(heard.lock().unwrap().as_slice(), b"GET /well HTTP/1.1\r\n\r\n");

    stand.arm(vec![hurt("/hurt", Side::Response, Effect::Reset)]);
    let mut client = stand.client();
    write!(client, "GET /hurt HTTP/1.1\r\n\r\n").unwrap();
    assert!(ends_by_reset(&mut client));
    assert!(heard.lock().unwrap().ends_with(b"GET /hurt HTTP/1.1\r\n\r\n"));
    assert_eq!(stand.seen().acted, 2);
}

#[test]
fn headers_change_on_either_side_and_nothing_else_does() {
    let stand = Stand::before(mirror());
    let edit = |add: &[(&str, &str)], remove: &[&str]| {
        let add = add.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Effect::Edit(Edit { add, remove: remove.iter().map(ToString::to_string).collect() })
    };
    let change = edit(&[("X-New", "1")], &["x-old"]);
    let lost = edit(&[], &["X-Nothing"]);
    stand.arm(vec![hurt("/hurt", Side::Request, change), hurt("/hurt", Side::Response, lost)]);
    let mut client = stand.client();
    write!(client, "GET /hurt HTTP/1.1\r\nX-Old: 0\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut client).1, b"GET /hurt HTTP/1.1\r\nHost: a\r\nX-New: 1\r\n\r\n");
    assert_eq!(stand.seen().acted, 1, "a header that is not there cannot be lost");

    stand.arm(vec![hurt("*", Side::Response, edit(&[("Retry-After", "9")], &[]))]);
    write!(client, "GET / HTTP/1.1\r\n\r\n").unwrap();
    let head = String::from_utf8(read_head(&mut client).unwrap()).unwrap();
    assert_eq!(head, "HTTP/1.1 200 OK\r\nContent-Length: 18\r\nRetry-After: 9\r\n\r\n");
}

#[test]
fn a_slow_body_takes_its_time_and_arrives_whole() {
    for (answer, ends) in [(CHUNKED, false), (SIZED, false), (UNTIL_END, true)] {
        let address = service(move |mut stream| {
            while read_head(&mut stream).is_some() {
                stream.write_all(answer).unwrap();
                if ends {
                    return;
                }
            }
        });
        let stand = Stand::before(address);
        stand.arm(vec![hurt("/slow", Side::Response, Effect::Slow { bytes_per_second: 100 })]);
        let mut client = stand.client();
        let began = Instant::now();
        write!(client, "GET /slow HTTP/1.1\r\n\r\n").unwrap();
        let mut whole = vec![0; answer.len()];
        client.read_exact(&mut whole).unwrap();
        assert_eq!(whole, answer);
        // The first piece of two bytes does not wait.
        let body = if answer == CHUNKED { 26 } else { 11 };
        let least = Duration::from_millis(10 * (body - 2));
        assert!(began.elapsed() >= least, "{:?} of {least:?}", began.elapsed());
        let seen = stand.seen();
        assert_eq!(seen.acted, 1);
        assert!(seen.delivered_ns_total >= seen.asked_ns_total && seen.asked_ns_total > 0);
    }
}

#[test]
fn a_slow_body_goes_at_full_speed_when_the_rule_ends() {
    let stand = Stand::before(mirror());
    stand.arm(vec![hurt("/slow", Side::Response, Effect::Slow { bytes_per_second: 1 })]);
    let mut client = stand.client();
    std::thread::scope(|scope| {
        let slow = scope.spawn(move || get(&mut client, "/slow").2);
        stand.eventually("slow", |seen| seen.hit == 1 && seen.passed_bytes > 60);
        stand.layer.rules().clear();
        assert!(slow.join().unwrap() < Duration::from_secs(10));
    });
}

#[test]
fn a_body_is_cut_where_it_is_longer_and_left_where_it_is_not() {
    for (answer, body) in [(CHUNKED, 26), (SIZED, 11)] {
        let (service, _) = fixed(answer);
        let stand = Stand::before(service);
        stand.arm(vec![hurt("/cut", Side::Response, Effect::Truncate { after: 4 })]);
        let mut client = stand.client();
        write!(client, "GET /cut HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(read_all(&mut client), answer[..answer.len() - body + 4]);
        assert_eq!(stand.seen().acted, 1);

        stand.arm(vec![hurt("/cut", Side::Response, Effect::Truncate { after: body as u64 })]);
        let mut client = stand.client();
        write!(client, "GET /cut HTTP/1.1\r\n\r\nGET /cut HTTP/1.1\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut twice = vec![0; 2 * answer.len()];
        client.read_exact(&mut twice).unwrap();
        assert_eq!((twice, stand.seen().acted), (answer.repeat(2), 1));
    }
    let address = service(|mut stream| {
        read_head(&mut stream).unwrap();
        stream.write_all(UNTIL_END).unwrap();
    });
    let stand = Stand::before(address);
    stand.arm(vec![hurt("/cut", Side::Response, Effect::Truncate { after: 4 })]);
    let mut client = stand.client();
    write!(client, "GET /cut HTTP/1.1\r\n\r\n").unwrap();
    assert!(ends_by_reset(&mut client), "an end would look like the true one");
}

#[test]
fn a_request_body_is_cut_before_the_service_has_it_all() {
    let stand = Stand::before(counting());
    stand.arm(vec![hurt("*", Side::Request, Effect::Truncate { after: 3 })]);
    let mut client = stand.client();
    let head = "PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
    write!(client, "{head}123456789").unwrap();
    assert_eq!(read_answer(&mut client).1, (head.len() + 3).to_string().as_bytes());
    assert_eq!(read_all(&mut client), b"");
    assert_eq!(stand.seen().acted, 1);
}

#[test]
fn a_body_is_replaced_with_what_describes_it() {
    let other = Effect::Replace {
        body: Bytes::from_static(b"{}"),
        content_type: Some("application/json".to_owned()),
    };
    for answer in [CHUNKED, SIZED] {
        let (service, _) = fixed(answer);
        let stand = Stand::before(service);
        stand.arm(vec![hurt("/other", Side::Response, other.clone())]);
        let mut client = stand.client();
        for _ in 0..2 {
            assert_eq!(get(&mut client, "/other").1, b"{}");
        }
        assert_eq!(stand.seen().acted, 2);
        write!(client, "HEAD /other HTTP/1.1\r\n\r\n").unwrap();
    }
    let stand = Stand::before(service(|mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let mut body = [0; 2];
            stream.read_exact(&mut body).unwrap();
            let heard = [&head[..], &body].concat();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", heard.len());
            stream.write_all(&[answer.as_bytes(), &heard].concat()).unwrap();
        }
    }));
    stand.arm(vec![hurt("*", Side::Request, other)]);
    let mut client = stand.client();
    let chunked =
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    for _ in 0..2 {
        client.write_all(chunked.as_bytes()).unwrap();
        let heard = String::from_utf8(read_answer(&mut client).1).unwrap();
        let lines = "A: b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n";
        assert_eq!(heard, format!("POST / HTTP/1.1\r\n{lines}\r\n{{}}"));
    }
}

#[test]
fn what_has_no_body_is_not_acted_on() {
    let (service, _) = fixed(b"HTTP/1.1 204 No Content\r\n\r\n");
    let stand = Stand::before(service);
    for effect in [
        Effect::Slow { bytes_per_second: 1 },
        Effect::Truncate { after: 0 },
        Effect::Replace { body: Bytes::from_static(b"x"), content_type: None },
        Effect::LoseTrailers,
    ] {
        stand.arm(vec![hurt("*", Side::Response, effect)]);
        let mut client = stand.client();
        write!(client, "GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(read_head(&mut client).unwrap(), b"HTTP/1.1 204 No Content\r\n\r\n");
    }
    let seen = stand.seen();
    assert_eq!((seen.acted, seen.hit), (0, 3), "gRPC effects do not even match");
}

#[test]
fn a_switched_connection_passes_unharmed() {
    let address = service(|mut stream| {
        read_head(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap();
        let mut frame = [0; 4];
        while stream.read_exact(&mut frame).is_ok() {
            stream.write_all(&frame).unwrap();
        }
    });
    let stand = Stand::before(address);
    stand.arm(vec![hurt("*", Side::Response, Effect::Slow { bytes_per_second: 1 })]);
    let mut client = stand.client();
    write!(client, "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n").unwrap();
    assert!(read_head(&mut client).unwrap().starts_with(b"HTTP/1.1 101"));
    for n in 0..50_u32 {
        client.write_all(&n.to_be_bytes()).unwrap();
        let mut echo = [0; 4];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(echo, n.to_be_bytes());
    }
    assert_eq!(stand.seen().acted, 0);
}

#[test]
fn a_share_by_request_id_hits_the_same_ones_again() {
    let stand = Stand::before(mirror());
    let share = Share { of: 0.5, by: Some("x-request-id".to_owned()) };
    stand.arm(vec![Rule {
        share,
        matcher: Matcher::default(),
        ..hurt("", Side::Request, teapot())
    }]);
    let mut client = stand.client();
    let mut ask = |n: u32| {
        write!(client, "GET / HTTP/1.1\r\nX-Request-ID: order-{n}\r\n\r\n").unwrap();
        read_answer(&mut client).0.contains("418")
    };
    let first: Vec<_> = (0..40).map(&mut ask).collect();
    let again: Vec<_> = (0..40).map(&mut ask).collect();
    assert_eq!(first, again);
    let hit = first.iter().filter(|hit| **hit).count();
    assert!((8..=32).contains(&hit), "{hit}");
}

#[test]
fn several_faults_act_on_one_request_one_after_the_other() {
    let stand = Stand::before(mirror());
    let wait = Duration::from_millis(30);
    stand.arm(vec![rule("/hurt", Side::Request, wait)]);
    let arm = |effect| {
        let layer = stand.proxy.layer(Scope::Everything);
        let set = RuleSet::new(vec![hurt("/hurt", Side::Request, effect)], 1).unwrap();
        layer.rules().arm(set, BootTime::now().after(PATIENCE));
        layer
    };
    let edit = Edit { add: vec![("X-New".to_owned(), "1".to_owned())], remove: vec![] };
    let edits = arm(Effect::Edit(edit));
    let mut client = stand.client();
    let (_, body, took) = get(&mut client, "/hurt");
    assert_eq!(body, b"GET /hurt HTTP/1.1\r\nHost: a\r\nX-New: 1\r\n\r\n");
    assert!(took + EARLY_MAX >= wait, "{took:?}");
    let answers = arm(teapot());
    let (status, _, took) = get(&mut client, "/hurt");
    assert!(status.contains("418") && took + EARLY_MAX >= wait, "{status} {took:?}");
    drop(answers);
    assert!(get(&mut client, "/hurt").0.contains("200"));
    let (delays, edits) = (stand.seen(), edits.snapshot());
    assert_eq!((delays.delayed, edits.acted, edits.hit), (3, 2, 3));
}
