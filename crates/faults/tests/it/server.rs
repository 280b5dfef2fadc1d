//! A part that is a whole network: its own namespace with an HTTP service and clients of it.

use crate::child::{Part, say};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

/// Starts the part in a network namespace of its own.
pub(crate) fn start() -> Part {
    Part::start_in("server", |command| {
        // SAFETY: one system call between fork and exec, which touches no memory.
        unsafe {
            command.pre_exec(|| match libc::unshare(libc::CLONE_NEWNET) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            });
        }
    })
}

/// A new namespace has nothing but a loopback device, and that is down.
pub(crate) fn loopback_up() {
    // SAFETY: all zeros is a valid request.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: a plain socket call; the descriptor is checked by the next one.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) };
    // SAFETY: the request outlives the call and is of the type the call reads.
    let up = unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS, &request) };
    assert_eq!(up, 0, "{}", io::Error::last_os_error());
}

/// Starts the part so that its sockets are of a cgroup from the first one on.
pub(crate) fn start_in(group: &crate::bench::OwnGroup) -> Part {
    let members = group.0.join("cgroup.procs");
    Part::start_in("server", |command| {
        // SAFETY: system calls between fork and exec; the path was made before.
        unsafe {
            command.pre_exec(move || {
                std::fs::write(&members, "0")?;
                match libc::unshare(libc::CLONE_NEWNET) {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            });
        }
    })
}

/// Commands: `get ADDRESS PATH` on a new connection, `open ADDRESS`, `again PATH` on the opened
/// one, `many ADDRESS N` one after the other on one connection, `seen ADDRESS`: who the service says
/// its client is, and who the client says it is.
pub(crate) fn play(commands: impl Iterator<Item = String>) {
    loopback_up();
    let listeners = ["127.0.0.1:0", "[::]:0"].map(|address| TcpListener::bind(address).unwrap());
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
    for listener in listeners {
        // Whom it sees is what `accept` says, as Go's net package has it.
        std::thread::spawn(move || {
            while let Ok((stream, peer)) = listener.accept() {
                serve(stream, peer);
            }
        });
    }
    say(&format!("{} {}", addresses[0], addresses[1]));
    let mut opened: Option<TcpStream> = None;
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let answer = match words[0] {
            "get" => TcpStream::connect(words[1]).and_then(|mut s| request(&mut s, words[2])),
            "open" => TcpStream::connect(words[1]).map(|stream| {
                opened = Some(stream);
                "opened".to_owned()
            }),
            "again" => request(opened.as_mut().unwrap(), words[1]),
            "seen" => TcpStream::connect(words[1]).and_then(|mut s| seen(&mut s)),
            "peer" => TcpStream::connect(words[1]).and_then(|s| Ok(s.peer_addr()?.to_string())),
            "ask" => question(words[1], words[2].parse().unwrap()),
            _ => many(words[1].parse().unwrap(), words[2].parse().unwrap()),
        };
        say(&answer.unwrap_or_else(|error| format!("{:?}", error.kind())));
    }
}

fn serve(mut stream: TcpStream, peer: SocketAddr) {
    std::thread::spawn(move || {
        let named = stream.peer_addr().map_or(peer, |named| named);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.ends_with("\r\n\r\n") {
                line.clear();
                let seen = format!("{peer} {named}");
                let reply =
                    format!("HTTP/1.1 200 OK\r\nx-seen: {seen}\r\ncontent-length: 2\r\n\r\nok");
                if stream.write_all(reply.as_bytes()).is_err() {
                    return;
                }
            }
        }
    });
}

/// Asks something and returns the answer and who seemed to give it.
fn question(how: &str, address: SocketAddr) -> io::Result<String> {
    let patience = Some(Duration::from_secs(2));
    let mut answer = [0; 128];
    let (count, from) = match how {
        "tcp" => {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(patience)?;
            (stream.read(&mut answer)?, stream.peer_addr()?)
        }
        _ => {
            let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any)?;
            socket.set_read_timeout(patience)?;
            if how == "sendto" {
                socket.send_to(b"?", address)?;
                socket.recv_from(&mut answer)?
            } else {
                socket.connect(address)?;
                socket.send(b"?")?;
                (socket.recv(&mut answer)?, socket.peer_addr()?)
            }
        }
    };
    Ok(format!("{} {from}", String::from_utf8_lossy(&answer[..count])))
}

/// Returns how long it took in microseconds.
fn request(stream: &mut TcpStream, path: &str) -> io::Result<String> {
    Ok(timed(stream, path)?.as_micros().to_string())
}

/// Who the service says its client is, by `accept` and by `getpeername`, and who the client is.
fn seen(stream: &mut TcpStream) -> io::Result<String> {
    let reply = asked(stream, "/")?;
    let reply = String::from_utf8_lossy(&reply);
    let seen = reply.split("\r\n").find_map(|line| line.strip_prefix("x-seen: "));
    Ok(format!("{} {}", seen.unwrap_or("nobody"), stream.local_addr()?))
}

fn timed(stream: &mut TcpStream, path: &str) -> io::Result<Duration> {
    let started = Instant::now();
    asked(stream, path)?;
    Ok(started.elapsed())
}

fn asked(stream: &mut TcpStream, path: &str) -> io::Result<Vec<u8>> {
    stream.set_nodelay(true)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: own\r\n\r\n").as_bytes())?;
    let mut reply = Vec::new();
    while !reply.ends_with(b"ok") {
        let mut some = [0; 256];
        match stream.read(&mut some)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => reply.extend_from_slice(&some[..read]),
        }
    }
    Ok(reply)
}

/// Returns median, 99th percentile and maximum in microseconds.
fn many(address: SocketAddr, count: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    let mut times = (0..count)
        .map(|_| timed(&mut stream, "/api/x").map(|time| time.as_micros()))
        .collect::<io::Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(format!("{} {} {}", times[count / 2], times[count * 99 / 100], times[count - 1]))
}
