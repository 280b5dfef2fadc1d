//! The answerer between clients and a resolver that the test scripts.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use squall_proxy::{
    BootTime, NamePattern, Stop,
    dns::{Answerer, Door, Effect, Name, Origins, Rcode, Rule, Wrong, run},
};

use crate::stand::{EARLY_MAX, PATIENCE};

/// A resolver that answers every question with its own bytes, the response bit set, and every
/// other datagram with itself; over TCP as well.
struct Resolver {
    address: SocketAddr,
}

impl Resolver {
    fn start() -> Resolver {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 65_535];
            while let Ok((count, client)) = udp.recv_from(&mut bytes) {
                udp.send_to(&answer(&bytes[..count]), client).unwrap();
            }
        });
        std::thread::spawn(move || {
            while let Ok((client, _)) = tcp.accept() {
                std::thread::spawn(move || answer_stream(client));
            }
        });
        Resolver { address }
    }
}

fn answer(message: &[u8]) -> Vec<u8> {
    let mut answer = message.to_vec();
    if answer.len() >= 12 {
        answer[2] |= 0x80;
    }
    answer
}

/// Echoes bytes as they come; a peer that has finished is finished with.
fn answer_stream(mut client: TcpStream) {
    let mut bytes = [0; 4_096];
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        if client.write_all(&bytes[..count]).is_err() {
            return;
        }
    }
}

struct To(SocketAddr);

impl Origins for To {
    fn of(&self, _door: usize) -> Option<SocketAddr> {
        Some(self.0)
    }
}

struct Stand {
    address: SocketAddr,
    answerer: Answerer,
    thread: Option<JoinHandle<()>>,
}

impl Stand {
    fn before(resolver: SocketAddr) -> Stand {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).unwrap();
        let answerer = Answerer::default();
        let running = answerer.clone();
        let thread = std::thread::spawn(move || {
            run(vec![Door { udp, tcp }], Arc::new(To(resolver)), &running).unwrap();
        });
        Stand { address, answerer, thread: Some(thread) }
    }

    fn arm(&self, names: &str, share: f64, effect: Effect) {
        let rule = Rule { names: NamePattern::new(names), kinds: Vec::new(), share, effect };
        self.answerer.rules().arm(rule, 7, BootTime::now().after(PATIENCE));
    }

    fn udp(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.answerer.stop(Stop::Now);
        let thread = self.thread.take().unwrap();
        assert!(thread.join().is_ok() || std::thread::panicking());
    }
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let mut message = id.to_be_bytes().to_vec();
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

fn ask(socket: &UdpSocket, message: &[u8]) -> Vec<u8> {
    socket.send(message).unwrap();
    let mut bytes = vec![0; 65_535];
    let count = socket.recv(&mut bytes).unwrap();
    bytes.truncate(count);
    bytes
}

fn read_framed(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).unwrap();
    message
}

#[test]
fn what_matches_is_answered_and_the_rest_is_forwarded() {
    let stand = Stand::before(Resolver::start().address);
    let socket = stand.udp();
    let (hurt, other) = (query(1, "a.Hurt.example"), query(2, "a.other"));
    assert_eq!(ask(&socket, &hurt), answer(&hurt), "nothing is armed");
    stand.arm("*.hurt.example", 1.0, Effect::Error(Rcode::NxDomain));
    let reply = ask(&socket, &hurt);
    assert_eq!((reply[3] & 15, &reply[12..]), (3, &hurt[12..]));
    assert_eq!(ask(&socket, &other), answer(&other));

    let mut stream = stand.tcp();
    stream.write_all(&[framed(&other), framed(&hurt), framed(&other)].concat()).unwrap();
    let mut replies = [(); 3].map(|()| read_framed(&mut stream));
    replies.sort();
    assert_eq!(replies.iter().filter(|reply| reply[3] & 15 == 3).count(), 1);
    let counted = stand.answerer.counters().snapshot();
    assert_eq!((counted.queries, counted.matched, counted.hurt), (5, 2, 2));
    assert_eq!(counted.names[0], ("a.other".to_owned(), 3));

    stand.answerer.rules().clear();
    assert_eq!(ask(&socket, &hurt), answer(&hurt), "over at once");
}

#[test]
fn a_delay_is_kept_and_a_cleared_rule_lets_go() {
    let stand = Stand::before(Resolver::start().address);
    let mean = Duration::from_millis(30);
    stand.arm("*", 1.0, Effect::Delay { mean, jitter: Duration::ZERO });
    let asked = query(3, "a.b");
    let socket = stand.udp();
    let mut stream = stand.tcp();
    let start = Instant::now();
    assert_eq!(ask(&socket, &asked), answer(&asked));
    assert!(start.elapsed() + EARLY_MAX >= mean);
    let start = Instant::now();
    stream.write_all(&framed(&asked)).unwrap();
    assert_eq!(read_framed(&mut stream), asked);
    assert!(start.elapsed() + EARLY_MAX >= mean);
    let counted = stand.answerer.counters().snapshot();
    assert_eq!((counted.hurt, counted.asked_ns_total), (2, 60_000_000));

    stand.arm("*", 1.0, Effect::Delay { mean: 2 * PATIENCE, jitter: Duration::ZERO });
    socket.send(&asked).unwrap();
    stream.write_all(&framed(&asked)).unwrap();
    let held = || stand.answerer.counters().snapshot().queries == 4;
    while !held() {
        std::thread::yield_now();
    }
    stand.answerer.rules().clear();
    let mut bytes = [0; 512];
    assert_eq!(socket.recv(&mut bytes).unwrap(), asked.len());
    assert_eq!(read_framed(&mut stream), asked);
}

#[test]
fn silence_cut_answers_and_wrong_ones() {
    let stand = Stand::before(Resolver::start().address);
    let socket = stand.udp();
    let asked = query(4, "a.b");
    stand.arm("*", 1.0, Effect::Timeout);
    socket.send(&asked).unwrap();
    while stand.answerer.counters().snapshot().hurt == 0 {
        std::thread::yield_now();
    }
    stand.arm("*", 1.0, Effect::Truncate);
    let cut = ask(&socket, &asked);
    assert_eq!(cut[2] & 2, 2);
    let mut stream = stand.tcp();
    stream.write_all(&framed(&asked)).unwrap();
    assert_eq!(read_framed(&mut stream), asked, "over TCP it is forwarded");
    assert_eq!(stand.answerer.counters().snapshot().over_tcp, 1);

    let wrong = Wrong { v4: vec![[10, 9, 8, 7].into()], ttl_s: 2, ..Wrong::default() };
    stand.arm("*", 1.0, Effect::Answer(wrong));
    let reply = ask(&socket, &asked);
    assert!(reply.ends_with(&[0, 1, 0, 1, 0, 0, 0, 2, 0, 4, 10, 9, 8, 7]));
    // The scripted resolver's answer has no records: only the alias is left.
    let wrong = Wrong { alias: Name::parse("x.y"), ..Wrong::default() };
    stand.arm("*", 1.0, Effect::Answer(wrong));
    assert!(ask(&socket, &asked).ends_with(&[0, 5, 1, b'x', 1, b'y', 0]));
    // Over TCP the scripted one only repeats the question, which is no answer.
    stream.write_all(&framed(&asked)).unwrap();
    assert_eq!(read_framed(&mut stream)[3] & 15, 2);
}

#[test]
fn another_protocol_on_the_port_is_not_kept_waiting() {
    let stand = Stand::before(Resolver::start().address);
    stand.arm("*", 1.0, Effect::Timeout);
    let mut stream = stand.tcp();
    for line in ["SSH-2.0-client\r\n", "more\r\n"] {
        stream.write_all(line.as_bytes()).unwrap();
        let mut back = vec![0; line.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, line.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_does_not_match_passes_byte_for_byte(
        messages in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 1..900), 1..5),
        raw in any::<bool>(),
    ) {
        let stand = Stand::before(Resolver::start().address);
        stand.arm("never.matches", 1.0, Effect::Timeout);
        let socket = stand.udp();
        for message in &messages {
            prop_assert_eq!(ask(&socket, message), answer(message));
        }
        let bytes: Vec<u8> = match raw {
            true => messages.concat(),
            false => messages.iter().flat_map(|message| framed(message)).collect(),
        };
        let mut stream = stand.tcp();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut back = Vec::new();
        stream.read_to_end(&mut back).unwrap();
        prop_assert_eq!(back, bytes);
    }
}
