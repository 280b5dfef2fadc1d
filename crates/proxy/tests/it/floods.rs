//! What no client should send: nothing dies of it, nothing is kept of it, and whoever comes next is
//! served.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use rustix::net::{SendFlags, send};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::apart::Apart;
use crate::stand::{PATIENCE, Stand, get, half_close, mirror, read_all, service};

/// What a proxy may hold of a flood: far below what is sent, above what its buffers come to.
const GROWTH_MAX: u64 = 8 << 20;
const FLOOD: usize = 128 << 20;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A service that swallows everything and counts it.
fn pit() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let swallowed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&swallowed);
    let address = service(move |mut stream| {
        let mut bytes = vec![0; 256 << 10];
        while let Ok(read @ 1..) = stream.read(&mut bytes) {
            count.fetch_add(read, SeqCst);
        }
    });
    (address, swallowed)
}

/// Sends pieces until so many bytes went, or the proxy has had enough; checks memory meanwhile.
fn flood(proxy: &mut Apart, client: &mut TcpStream, piece: &[u8], bytes: usize) -> usize {
    let before = proxy.resident();
    let mut sent = 0;
    while sent < bytes && client.write_all(piece).is_ok() {
        sent += piece.len();
        let grown = proxy.resident().saturating_sub(before);
        assert!(grown < GROWTH_MAX, "{grown} bytes are held of {sent}");
    }
    sent
}

#[test]
fn a_header_without_end_passes_and_is_not_kept() {
    let (address, swallowed) = pit();
    let mut proxy = Apart::watching(address);
    let mut client = proxy.client();
    client.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    let sent = flood(&mut proxy, &mut client, &vec![b'x'; 1 << 20], FLOOD);
    drop(client);
    proxy.until_open(0);
    assert_eq!((sent, swallowed.load(SeqCst)), (FLOOD, FLOOD + 19));
}

#[test]
fn a_service_that_does_not_read_stops_its_client() {
    for watched in [false, true] {
        let address = service(|stream| {
            let end = Instant::now() + PATIENCE;
            while stream.take_error().is_ok() && Instant::now() < end {
                std::thread::park_timeout(Duration::from_secs(1));
            }
        });
        let mut proxy = if watched { Apart::watching(address) } else { Apart::before(address) };
        let mut client = proxy.client();
        client.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n").unwrap();
        let taken = flood(&mut proxy, &mut client, &vec![0; 1 << 20], FLOOD);
        assert!(taken < FLOOD, "watched {watched}: all of it was taken");
    }
}

#[test]
fn floods_of_http2_frames_end_or_pass_and_the_next_client_is_served() {
    let frame = |kind: u8, flags: u8, stream: u32, payload: &[u8]| {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    };
    let headers = b"\x82\x86\x84\x41\x01a";
    let resets: Vec<u8> = (0..2_000_u32)
        .flat_map(|n| [frame(1, 4, 2 * n + 1, headers), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])])
        .flatten()
        .collect();
    let floods: [(&str, Vec<u8>); 6] = [
        ("settings", frame(4, 0, 0, &[]).repeat(4_000)),
        ("pings", frame(6, 0, 0, &[7; 8]).repeat(4_000)),
        ("resets", resets),
        (
            "continuations",
            [frame(1, 0, 1, headers), frame(9, 0, 1, &[0; 9_000]).repeat(40)].concat(),
        ),
        ("windows", frame(8, 0, 0, &[0, 0, 0, 1]).repeat(4_000)),
        ("garbage", vec![0x5a; 40_000]),
    ];
    let mut proxy = Apart::watching(mirror());
    for (name, piece) in floods {
        let mut client = proxy.client();
        client.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        client.write_all(PREFACE).unwrap();
        client.write_all(&frame(4, 0, 0, &[])).unwrap();
        let sent = flood(&mut proxy, &mut client, &piece, 2 << 20);
        println!("{name}: {sent} bytes were taken");
        drop(client);
        assert_eq!(get(&mut proxy.client(), "/").0, "HTTP/1.1 200 OK", "{name}");
    }
    proxy.until_open(0);
}

#[test]
fn a_reset_passes_as_a_reset_from_either_side() {
    let reset = |stream: &TcpStream| {
        SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
    };
    for watched in [false, true] {
        let (told, heard) = std::sync::mpsc::channel();
        let address = service(move |mut stream| {
            let mut byte = [0];
            // A byte that was held to be read may go with the reset.
            let first = stream.read(&mut byte).map_err(|error| error.kind());
            if byte == *b"r" {
                stream.write_all(b"last words").unwrap();
                // They are to be on their way before the reset overtakes them.
                std::thread::park_timeout(Duration::from_millis(100));
                return SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            }
            let end = first.and_then(|_| stream.read(&mut byte).map_err(|error| error.kind()));
            told.send(end).unwrap();
        });
        let stand = Stand::before(address);
        if watched {
            stand.watch();
        }
        let mut client = stand.client();
        client.write_all(b"r").unwrap();
        let mut words = [0; 10];
        client.read_exact(&mut words).unwrap();
        let end = client.read(&mut words).map_err(|error| error.kind());
        assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset), "watched {watched}");

        let mut client = stand.client();
        client.write_all(b"c").unwrap();
        reset(&client);
        drop(client);
        let end = heard.recv_timeout(PATIENCE).unwrap();
        assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset), "watched {watched}");
        stand.eventually("closed", |seen| seen.open == 0);
    }
}

#[test]
fn an_urgent_byte_arrives_in_its_place() {
    let stand = Stand::before(service(|mut stream| {
        let heard = read_all(&mut stream);
        stream.write_all(&heard).unwrap();
    }));
    let mut client = stand.client();
    client.write_all(b"ab").unwrap();
    stand.eventually("passed", |seen| seen.passed_bytes == 2);
    assert_eq!(send(&client, b"!", SendFlags::OOB), Ok(1));
    client.write_all(b"cd").unwrap();
    half_close(&client);
    assert_eq!(read_all(&mut client), b"ab!cd");
}

/// A service that costs this process no thread for each connection: it answers whatever it reads.
fn answerer() -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    // Room for all: one that finds the queue full is only let in seconds later.
    rustix::net::listen(&listener, 4_096).unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut bytes = [0; 256];
                while let Ok(1..) = stream.read(&mut bytes).await {
                    drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await);
                }
            });
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Ends with the test's process.
    std::thread::spawn(move || runtime.block_on(serve));
    address
}

#[test]
fn thousands_of_idle_connections_hold_little_and_give_it_back() {
    const MANY: usize = 1_500;
    /// What an idle connection may cost the proxy.
    const EACH_MAX: u64 = 6_000;
    let mut proxy = Apart::before(answerer());
    let before = proxy.resident();
    let open = |proxy: &mut Apart| {
        let (mut clients, mut held) = (Vec::new(), 0);
        // No more at a time than wait in a listener's queue: the kernel lets others wait seconds.
        while clients.len() < MANY {
            clients.extend((0..MANY / 15).map(|_| proxy.client()));
            held = proxy.until_open(clients.len());
        }
        drop(clients);
        proxy.until_open(0);
        held
    };
    let first = open(&mut proxy);
    let each = first.saturating_sub(before) / MANY as u64;
    println!("{each} bytes a connection");
    assert!(each < EACH_MAX, "{each} bytes a connection");
    // What was given back serves the next ones: they come to no more than the first.
    let second = open(&mut proxy);
    let more = second.saturating_sub(first) / MANY as u64;
    assert!(more < EACH_MAX / 10, "{each} bytes a connection, then {more} more");
    assert_eq!(get(&mut proxy.client(), "/").0, "HTTP/1.1 200 OK");
}
