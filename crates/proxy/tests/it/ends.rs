//! How connections and the proxy itself end.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    time::{Duration, Instant},
};

use squall_proxy::{Side, Stop};

use crate::stand::{Stand, get, half_close, mirror, read_all, read_head, service};

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
    let mut stand = Stand::before(mirror());
    stand.delay("/slow", Side::Request, Duration::from_secs(600));
    let mut idle = stand.client();
    get(&mut idle, "/");
    let mut held = stand.client();
    write!(held, "GET /slow HTTP/1.1\r\n\r\n").unwrap();
    stand.eventually("held", |seen| seen.matched == 1);

    let began = Instant::now();
    stand.proxy.stop(Stop::Drain);
    assert!(began.elapsed() < Duration::from_millis(50), "stop does not wait");
    crate::stand::read_answer(&mut held);
    // A connection opened before goes on, without delay.
    assert_eq!(get(&mut idle, "/slow").0, "HTTP/1.1 200 OK");
    assert_eq!((stand.seen().cut, stand.seen().delayed), (1, 0));
    drop((idle, held));
    assert!(stand.join() < squall_proxy::DRAIN_MAX, "nothing is left to wait for");
}

#[test]
fn a_drain_ends_quiet_connections_between_requests() {
    let mut stand = Stand::before(mirror());
    let mut idle = stand.client();
    get(&mut idle, "/");
    stand.proxy.stop(Stop::Drain);
    let began = Instant::now();
    let mut requests = 0;
    loop {
        // A client that keeps asking is never cut inside a request.
        if idle.write_all(b"GET / HTTP/1.1\r\n\r\n").is_err() || read_head(&mut idle).is_none() {
            break;
        }
        let mut body = [0; 18];
        idle.read_exact(&mut body).unwrap();
        requests += 1;
    }
    assert!(began.elapsed() >= squall_proxy::DRAIN_MAX * 9 / 10, "{:?}", began.elapsed());
    assert!(requests > 0);
    stand.join();
    assert_eq!(stand.seen().open, 0);
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
