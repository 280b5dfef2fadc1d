//! How connections and the proxy itself end.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::{Duration, Instant},
};

use squall_proxy::{Side, Stop};

use crate::stand::{Stand, connect, get, half_close, mirror, read_all, read_head, service};

#[test]
fn a_client_that_finished_sending_still_gets_its_answer() {
    let stand = Stand::before(service(|mut stream| {
        let heard = read_all(&mut stream);
        stream.write_all(&heard).unwrap();
    }));
    stand.delay("*", Side::Request, Duration::from_millis(20));
    let mut client = stand.client();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    half_close(&client);
    assert_eq!(read_all(&mut client), b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn a_service_that_finished_sending_still_gets_the_rest() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let stand = Stand::before(service(move |mut stream| {
        half_close(&stream);
        sender.send(read_all(&mut stream)).unwrap();
    }));
    let mut client = stand.client();
    assert_eq!(read_all(&mut client), b"");
    client.write_all(b"late words").unwrap();
    half_close(&client);
    assert_eq!(receiver.recv().unwrap(), b"late words");
}

#[test]
fn a_reset_of_the_service_is_a_reset_for_the_client() {
    let stand = Stand::before(service(|mut stream| {
        read_head(&mut stream).unwrap();
        // Closing with a byte unread makes the kernel send a reset.
        stream.peek(&mut [0]).unwrap();
    }));
    let mut client = stand.client();
    client.write_all(b"GET / HTTP/1.1\r\n\r\nx").unwrap();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stand.eventually("closed", |seen| seen.open == 0 && seen.errors == 1);
}

#[test]
fn a_service_that_is_not_there_is_a_reset() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stand = Stand::before(gone);
    let mut client = stand.client();
    let error = client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let seen = stand.eventually("failed", |seen| seen.errors == 1 && seen.open == 0);
    assert_eq!(seen.connections, 1);
}

#[test]
fn each_connection_is_exempt_while_it_lives() {
    let stand = Stand::before(mirror());
    let mut clients = [stand.client(), stand.client(), stand.client()];
    for client in &mut clients {
        get(client, "/");
    }
    assert_eq!(stand.detour.exempt.lock().unwrap().len(), 3);
    drop(clients);
    stand.eventually("closed", |seen| seen.open == 0);
    assert_eq!(*stand.detour.exempt.lock().unwrap(), []);
    assert_eq!(*stand.detour.ever.lock().unwrap(), 3);
}

#[test]
fn a_drain_lets_go_at_once_and_loses_no_request() {
    // The quickest of a few: a busy machine makes any of them late.
    let at_once = (0..5).any(|_| drain() < Duration::from_millis(50));
    assert!(at_once, "stop does not wait");
}

/// Drains a proxy with an idle connection and a held request; how long the order to do so took.
fn drain() -> Duration {
    let mut stand = Stand::before(mirror());
    stand.delay("/slow", Side::Request, Duration::from_secs(600));
    let mut idle = stand.client();
    get(&mut idle, "/");
    let mut held = stand.client();
    write!(held, "GET /slow HTTP/1.1\r\n\r\n").unwrap();
    stand.eventually("held", |seen| seen.matched == 1);

    let began = Instant::now();
    stand.proxy.stop(Stop::Drain);
    let took = began.elapsed();
    crate::stand::read_answer(&mut held);
    // A connection opened before goes on, without delay.
    assert_eq!(get(&mut idle, "/slow").0, "HTTP/1.1 200 OK");
    assert_eq!((stand.seen().cut, stand.seen().delayed), (1, 0));
    drop((idle, held));
    assert!(stand.join() < squall_proxy::DRAIN_MAX, "nothing is left to wait for");
    took
}

/// A client that heeds `Connection: close` and never repeats a request, as Go's does with a POST.
fn ask_until(
    done: &AtomicBool,
    via: SocketAddr,
    direct: SocketAddr,
    drained: &AtomicBool,
) -> usize {
    let request = b"POST / HTTP/1.1\r\nA: b\r\n\r\n";
    let (mut answered, mut open) = (0, None);
    while !done.load(SeqCst) {
        let (mut stream, through) = open.take().unwrap_or_else(|| {
            let through = !drained.load(SeqCst);
            (connect(if through { via } else { direct }), through)
        });
        stream.write_all(request).unwrap();
        let head = String::from_utf8(read_head(&mut stream).unwrap()).unwrap();
        stream.read_exact(&mut vec![0; request.len()]).unwrap();
        answered += 1;
        if !head.contains("Connection: close\r\n\r\n") {
            open = Some((stream, through));
        } else {
            assert!(through && drained.load(SeqCst));
            assert_eq!(read_all(&mut stream), b"");
        }
    }
    answered
}

#[test]
fn busy_clients_leave_a_draining_proxy_without_losing_a_request() {
    let direct = mirror();
    let mut stand = Stand::before(direct);
    stand.delay("*", Side::Request, Duration::from_millis(2));
    let (done, drained) = (AtomicBool::new(false), AtomicBool::new(false));
    let via = stand.address;
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..8).map(|_| scope.spawn(|| ask_until(&done, via, direct, &drained))).collect();
        stand.eventually("busy", |seen| seen.delayed >= 100);
        // The redirect goes first, as it does when a fault is reverted.
        drained.store(true, SeqCst);
        stand.proxy.stop(Stop::Drain);
        assert!(stand.join() < squall_proxy::DRAIN_MAX / 2, "busy connections end soon");
        done.store(true, SeqCst);
        let answered: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let seen = stand.seen();
        assert!(answered as u64 >= seen.requests, "{answered} {seen:?}");
        assert_eq!((seen.open, seen.errors), (0, 0));
    });
}

#[test]
fn a_drain_ends_idle_connections_in_the_end() {
    let mut stand = Stand::before(mirror());
    stand.watch();
    let mut idle = stand.client();
    get(&mut idle, "/");
    stand.proxy.stop(Stop::Drain);
    let began = Instant::now();
    assert_eq!(read_all(&mut idle), b"");
    assert!(began.elapsed() >= squall_proxy::DRAIN_MAX * 9 / 10, "{:?}", began.elapsed());
    stand.join();
    assert_eq!((stand.seen().open, stand.seen().errors), (0, 0));
}

#[test]
fn stopping_now_cuts_everything() {
    let mut stand = Stand::before(mirror());
    stand.delay("*", Side::Request, Duration::from_secs(600));
    let mut client = stand.client();
    client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    stand.eventually("held", |seen| seen.matched == 1);
    stand.proxy.stop(Stop::Now);
    assert!(stand.join() < Duration::from_secs(2));
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(stand.seen().open, 0);
}

#[test]
fn hundreds_of_messages_are_held_at_once() {
    let stand = Stand::before(mirror());
    let asked = Duration::from_secs(2);
    stand.delay("*", Side::Request, asked);
    let mut clients: Vec<_> = (0..200).map(|_| stand.client()).collect();
    for client in &mut clients {
        client.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    }
    for client in &mut clients {
        read_head(client).unwrap();
    }
    let seen = stand.seen();
    assert_eq!((seen.connections, seen.delayed, seen.errors), (200, 200, 0));
}
