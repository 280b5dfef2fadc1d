//! A proxy on its own thread in front of a service that the test scripts.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use squall_proxy::{
    BootTime, Delay, Door, Effect, Layer, Matcher, PathPattern, Place, Proxy, Rule, RuleSet, Scope,
    ServeError, Share, Side, Snapshot, Stop, Upstream, Way,
};

/// Nothing here takes longer unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// What the proxy may take of a delay for its own way, where that happened to cost nothing: the
/// bound that the faults' pages state.
pub(crate) const EARLY_MAX: Duration = Duration::from_micros(400);

/// Leads to the scripted service, and remembers which ports were exempt.
#[derive(Debug)]
pub(crate) struct Detour {
    service: SocketAddr,
    pub(crate) exempt: Mutex<Vec<SocketAddr>>,
    pub(crate) ever: Mutex<usize>,
}

impl Upstream for Detour {
    fn address(&self, _place: &Place) -> SocketAddr {
        self.service
    }

    fn bound(&self, local: SocketAddr, _place: &Place) -> io::Result<()> {
        self.exempt.lock().unwrap().push(local);
        *self.ever.lock().unwrap() += 1;
        Ok(())
    }

    fn closed(&self, local: SocketAddr) {
        self.exempt.lock().unwrap().retain(|one| *one != local);
    }
}

pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    pub(crate) proxy: Proxy,
    pub(crate) layer: Layer,
    pub(crate) detour: Arc<Detour>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Stand {
    pub(crate) fn before(service: SocketAddr) -> Stand {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let doors = vec![Door::new(listener, Way::Inbound).unwrap()];
        let proxy = Proxy::new();
        let layer = proxy.layer(Scope::Everything);
        let detour = Arc::new(Detour { service, exempt: Mutex::default(), ever: Mutex::default() });
        let upstream: Arc<dyn Upstream> = detour.clone();
        let running = proxy.clone();
        let thread = std::thread::spawn(move || squall_proxy::run(doors, upstream, &running));
        Stand { address, proxy, layer, detour, thread: Some(thread) }
    }

    pub(crate) fn delay(&self, path: &str, side: Side, mean: Duration) {
        self.arm(vec![rule(path, side, mean)]);
    }

    /// Has connections read, and nothing done to them: without a rule nobody reads.
    pub(crate) fn watch(&self) {
        self.delay("/never", Side::Request, Duration::ZERO);
    }

    pub(crate) fn arm(&self, rules: Vec<Rule>) {
        let set = RuleSet::new(rules, 7).unwrap();
        self.layer.rules().arm(set, BootTime::now().after(PATIENCE));
    }

    pub(crate) fn client(&self) -> TcpStream {
        connect(self.address)
    }

    pub(crate) fn seen(&self) -> Snapshot {
        self.layer.snapshot()
    }

    /// Waits for the proxy's thread and returns how long that took.
    pub(crate) fn join(&mut self) -> Duration {
        let began = Instant::now();
        self.thread.take().unwrap().join().unwrap().unwrap();
        began.elapsed()
    }

    pub(crate) fn eventually(&self, what: &str, is: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = self.seen();
            if is(&seen) {
                return seen;
            }
            assert!(Instant::now() < deadline, "never {what}: {seen:?}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.proxy.stop(Stop::Now);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.unwrap().unwrap();
                assert_eq!(*self.detour.exempt.lock().unwrap(), [], "a port is still exempt");
            }
        }
    }
}

pub(crate) fn rule(path: &str, side: Side, mean: Duration) -> Rule {
    hurt(path, side, Effect::Delay(Delay::exactly(mean)))
}

/// A rule that hurts every message of one side on a path.
pub(crate) fn hurt(path: &str, side: Side, effect: Effect) -> Rule {
    let matcher = Matcher { path: Some(PathPattern::new(path)), ..Matcher::default() };
    Rule { id: 1, matcher, share: Share::ALL, side, effect }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Starts a service that runs a script on each connection, one thread each.
pub(crate) fn service(script: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let script = Arc::new(script);
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let script = Arc::clone(&script);
            std::thread::spawn(move || script(stream));
        }
    });
    address
}

/// A service that answers each request (without body) with 200 and its head as the body.
pub(crate) fn mirror() -> SocketAddr {
    service(|mut stream| {
        while let Some(head) = read_head(&mut stream) {
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", head.len());
            if stream.write_all(&[answer.as_bytes(), &head].concat()).is_err() {
                return;
            }
        }
    })
}

/// Reads up to and including the empty line; `None` at the end.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(head)
}

/// Reads one response with a content length; returns status line and body.
pub(crate) fn read_answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = String::from_utf8(read_head(stream).unwrap()).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head.lines().next().unwrap().to_owned(), body)
}

/// Sends a request without a body and returns the answer and how long it took.
pub(crate) fn get(stream: &mut TcpStream, path: &str) -> (String, Vec<u8>, Duration) {
    let began = Instant::now();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (status, body) = read_answer(stream);
    (status, body, began.elapsed())
}

pub(crate) fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

pub(crate) fn half_close(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}
