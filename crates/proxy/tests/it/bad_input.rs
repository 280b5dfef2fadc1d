//! Floods, bombs and endless messages, under rules that hit: the proxy stays small and goes on.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use squall_proxy::{Answer, Delay, Effect, Side};

use crate::stand::{Stand, get, half_close, hurt, mirror, read_all, rule, service};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A request for /hurt: method and scheme by index, path and authority as literals.
const REQUEST: &[u8] = b"\x83\x86\x04\x05/hurt\x01\x01a";
/// What the whole test process may grow by; it holds the client and the service as well.
const GROWTH_MAX_KB: u64 = 96 * 1024;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A service that takes everything and says nothing but its settings.
fn sink() -> (SocketAddr, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&taken);
    let address = service(move |mut stream| {
        stream.write_all(&frame(4, 0, 0, &[])).unwrap();
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            counted.fetch_add(count as u64, Relaxed);
        }
    });
    (address, taken)
}

/// Resident memory of this process.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Sends and reads at once, so that neither side is kept waiting by the other; a connection that
/// the proxy cut meanwhile is fine.
fn pour(client: &TcpStream, chunks: impl Iterator<Item = Vec<u8>> + Send) {
    let mut sends = client.try_clone().unwrap();
    let mut reads = client.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut bytes = vec![0; 64 * 1024];
            while let Ok(1..) = reads.read(&mut bytes) {}
        });
        for chunk in chunks {
            if sends.write_all(&chunk).is_err() {
                break;
            }
        }
        half_close(&sends);
        // What the service has yet to say ends with its side.
        std::thread::sleep(Duration::from_millis(20));
        let _gone = sends.shutdown(std::net::Shutdown::Both);
    });
}

/// Runs an attack and tells whether the proxy is as small and as able as before.
fn survives(name: &str, stand: &Stand, attack: impl FnOnce()) {
    let before = resident_kb();
    attack();
    let grown = resident_kb().saturating_sub(before);
    println!("{name}: {grown} KiB more, {:?}", stand.seen());
    assert!(grown < GROWTH_MAX_KB, "{name}: {grown} KiB");
}

fn effects() -> [Effect; 4] {
    let answer = Answer { status: 503, headers: vec![], body: vec![b'x'; 60_000].into() };
    [
        Effect::Delay(Delay::exactly(Duration::from_secs(300))),
        Effect::Answer(answer),
        Effect::Reset,
        Effect::Slow { bytes_per_second: 1 },
    ]
}

#[test]
fn rapid_resets_leave_nothing_behind() {
    for effect in effects() {
        let (service, _) = sink();
        let stand = Stand::before(service);
        stand.arm(vec![hurt("/hurt", Side::Request, effect.clone())]);
        survives("rapid resets", &stand, || {
            let streams = (0..20_000_u32).map(|n| {
                let id = 2 * n + 1;
                let begins = if n == 0 { [PREFACE, &frame(4, 0, 0, &[])].concat() } else { vec![] };
                let request = frame(1, 4, id, REQUEST);
                let reset = frame(3, 0, id, &8_u32.to_be_bytes());
                [begins, request, frame(0, 0, id, b"body"), reset].concat()
            });
            pour(&stand.client(), streams);
        });
        assert!(stand.seen().requests > 0);
    }
}

#[test]
fn streams_without_end_are_bounded() {
    for effect in effects() {
        let (service, _) = sink();
        let stand = Stand::before(service);
        stand.arm(vec![hurt("/hurt", Side::Request, effect)]);
        survives("streams without end", &stand, || {
            let streams = (0..20_000_u32).map(|n| {
                let begins = if n == 0 { [PREFACE, &frame(4, 0, 0, &[])].concat() } else { vec![] };
                [begins, frame(1, 4, 2 * n + 1, REQUEST)].concat()
            });
            pour(&stand.client(), streams);
        });
    }
}

#[test]
fn control_floods_pass_as_they_are() {
    let (service, taken) = sink();
    let stand = Stand::before(service);
    stand.arm(vec![rule("/hurt", Side::Request, Duration::from_secs(1))]);
    let flood = [frame(4, 0, 0, &[0, 4, 0, 1, 0, 0]), frame(6, 0, 0, &[7; 8])].concat().repeat(500);
    survives("settings and pings", &stand, || {
        let chunks = (0..100).map(|n| if n == 0 { PREFACE.to_vec() } else { flood.clone() });
        pour(&stand.client(), chunks);
    });
    stand.eventually("taken", |_| taken.load(Relaxed) == (PREFACE.len() + 99 * flood.len()) as u64);
}

#[test]
fn a_header_block_without_end_becomes_plain_bytes() {
    let (service, taken) = sink();
    let stand = Stand::before(service);
    stand.arm(vec![rule("/hurt", Side::Request, Duration::from_secs(1))]);
    let more = frame(9, 0, 1, &[0; 16_000]);
    survives("continuations", &stand, || {
        let chunks = (0..600).map(|n| match n {
            0 => [PREFACE, &frame(1, 0, 1, REQUEST)].concat(),
            _ => more.clone(),
        });
        pour(&stand.client(), chunks);
    });
    let sent = PREFACE.len() + 9 + REQUEST.len() + 599 * more.len();
    stand.eventually("taken", |_| taken.load(Relaxed) == sent as u64);
    assert_eq!(stand.seen().unread, 1);
}

#[test]
fn a_small_block_that_stands_for_a_large_one_is_not_built() {
    let (service, _) = sink();
    let stand = Stand::before(service);
    stand.arm(vec![hurt("*", Side::Request, Effect::Reset)]);
    let mut bomb = vec![0x40, 0x01, b'a', 0x7f, 0xa1, 0x1e];
    bomb.extend([b'x'; 4_000]);
    bomb.extend([0xbe; 12_000]);
    survives("a bomb", &stand, || {
        let chunks = (0..50_u32).map(|n| match n {
            0 => PREFACE.to_vec(),
            _ => frame(1, 4, 2 * n + 1, &bomb),
        });
        pour(&stand.client(), chunks);
    });
    assert_eq!(stand.seen().unread, 1);
}

#[test]
fn huge_frames_on_a_slow_stream_are_kept_within_bounds() {
    let (service, taken) = sink();
    let stand = Stand::before(service);
    stand.arm(vec![hurt("/hurt", Side::Request, Effect::Slow { bytes_per_second: 1 })]);
    let length = 15_000_000_u32;
    survives("huge frames", &stand, || {
        let mut client = stand.client();
        client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let head = [PREFACE, &frame(1, 4, 1, REQUEST)].concat();
        client.write_all(&head).unwrap();
        let head = [&length.to_be_bytes()[1..], &[0, 0, 0, 0, 0, 1]].concat();
        client.write_all(&head).unwrap();
        let sent = (0..240).take_while(|_| client.write_all(&[7; 60_000]).is_ok()).count();
        // Memory of the kernel's sockets comes on top of what the proxy keeps.
        assert!(sent < 240, "the sender is held back");
    });
    assert!(taken.load(Relaxed) < 1_000_000);
}

#[test]
fn a_hundred_megabytes_of_headers_pass_through() {
    let (service, taken) = sink();
    let stand = Stand::before(service);
    stand.arm(vec![rule("*", Side::Request, Duration::from_millis(1))]);
    let line = [b"X-Header: ".to_vec(), vec![b'y'; 1_000], b"\r\n".to_vec()].concat();
    let lines = line.repeat(100);
    survives("headers", &stand, || {
        let chunks = (0..1_000).map(|n| match n {
            0 => b"GET / HTTP/1.1\r\n".to_vec(),
            _ => lines.clone(),
        });
        pour(&stand.client(), chunks);
    });
    stand.eventually("taken", |_| taken.load(Relaxed) == (16 + 999 * lines.len()) as u64);
    // What the service says is no answer either.
    assert_eq!((stand.seen().unread, stand.seen().requests), (2, 0));
}

#[test]
fn a_body_without_end_goes_through_every_effect() {
    for effect in [
        Effect::Slow { bytes_per_second: 1 << 30 },
        Effect::Replace { body: vec![b'x'; 10].into(), content_type: None },
        Effect::Answer(Answer { status: 503, ..Answer::default() }),
        Effect::Truncate { after: 20_000_000 },
    ] {
        let (service, _) = sink();
        let stand = Stand::before(service);
        stand.arm(vec![hurt("*", Side::Request, effect)]);
        let chunk = [b"ffff\r\n".to_vec(), vec![b'z'; 0xffff], b"\r\n".to_vec()].concat();
        survives("a body", &stand, || {
            let head = b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            pour(
                &stand.client(),
                (0..600).map(|n| if n == 0 { head.clone() } else { chunk.clone() }),
            );
        });
    }
    let stand = Stand::before(mirror());
    stand.arm(vec![hurt("/hurt", Side::Request, Effect::Reset)]);
    let mut garbage = stand.client();
    garbage.write_all(&[0xff; 100_000]).unwrap();
    half_close(&garbage);
    let _ended = read_all(&mut garbage);
    assert!(get(&mut stand.client(), "/").0.contains("200"), "the others go on");
}
