//! The redirect that faults on requests share: what a target sends out, and how it ends.

use crate::bench::{
    DIRECT_US_MAX, Use, eventually, is_direct, is_root, lease, prepare, takes_less, target,
};
use crate::child::Part;
use squall_faults::sys::redirect::{Doors, Protocols, Redirected, Undo, What};
use squall_proxy::{Delay, Distribution, Effect, Matcher, Remote, Rule, RuleSet, Share, Side};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(200);
/// The delay in microseconds, less what the proxy may take of it for its own way.
const DELAY_US: u64 = 199_600;
/// A request that is delayed once takes less.
const ONCE_US_MAX: u64 = 380_000;

struct Caller {
    part: Part,
    v4: SocketAddr,
    v6: SocketAddr,
}

impl Caller {
    /// A process in a namespace of its own that is service and client at once.
    fn start() -> Caller {
        let mut part = crate::server::start();
        let line = part.line();
        let (v4, dual) = line.split_once(' ').unwrap();
        let port = dual.parse::<SocketAddr>().unwrap().port();
        Caller { part, v4: v4.parse().unwrap(), v6: SocketAddr::new("::1".parse().unwrap(), port) }
    }

    fn used(&self) -> Use {
        let target = target(self.part.pid(), vec![self.v4, self.v6]);
        prepare("http.delay", target, &[("mean", "200ms")], &[]).unwrap()
    }

    fn get(&mut self, address: SocketAddr) -> Result<u64, String> {
        let answer = self.part.ask(&format!("get {address} /"));
        answer.parse().map_err(|_| answer)
    }
}

fn to(address: SocketAddr) -> Remote {
    let prefix = if address.is_ipv4() { 32 } else { 128 };
    Remote { network: address.ip(), prefix, port: Some(address.port()) }
}

fn slow() -> What {
    let (distribution, jitter) = (Distribution::Uniform, Duration::ZERO);
    let effect = Effect::Delay(Delay { distribution, mean: DELAY, jitter });
    let matcher = Matcher::default();
    let rule = Rule { id: 1, matcher, share: Share::ALL, side: Side::Request, effect };
    What::Rules(RuleSet::new(vec![rule], 7).unwrap())
}

fn outbound(used: &Use, remotes: &[Remote], reset: bool) -> (Undo, Redirected) {
    let undo = Undo::outbound(&used.injection, remotes, Protocols::Tcp).unwrap();
    let end = lease(Duration::from_secs(30));
    let redirected = undo.apply(&used.receipt, end, slow(), reset).unwrap();
    (undo, redirected)
}

#[test]
fn what_a_target_asks_of_others_is_late_and_it_sees_the_address_it_asked() {
    if !is_root("redirect of what a target sends") {
        return;
    }
    let mut caller = Caller::start();
    let (v4, v6) = (caller.v4, caller.v6);
    let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", v4.port()).parse().unwrap();
    let used = caller.used();
    let (undo, redirected) = outbound(&used, &[to(v4), to(v6)], false);
    assert_eq!(undo.residue().unwrap().len(), 1);
    for address in [v4, v6, mapped] {
        let took = caller.get(address).unwrap();
        assert!(took >= DELAY_US, "{address} took {took} us");
        assert_eq!(caller.part.ask(&format!("peer {address}")), address.to_string());
    }
    // Another destination of the same target goes straight.
    let other = SocketAddr::new("127.0.0.1".parse().unwrap(), v6.port());
    assert!(is_direct(|| caller.get(other).unwrap()));
    let seen = redirected.snapshot();
    assert_eq!((redirected.redirected(), seen.delayed, seen.errors), (6, 3, 0));
    for address in [v4, v6, mapped] {
        assert!(takes_less(ONCE_US_MAX, || caller.get(address).unwrap()), "{address}");
    }
    drop(redirected);
    assert!(is_direct(|| caller.get(v4).unwrap()));
    assert_eq!(undo.residue().unwrap(), [""; 0]);
    undo.revert().unwrap();
}

#[test]
fn both_ways_at_once_hurt_a_request_on_each() {
    if !is_root("redirect both ways") {
        return;
    }
    let mut caller = Caller::start();
    let v4 = caller.v4;
    let used = caller.used();
    let (_undo, out) = outbound(&used, &[to(v4)], false);
    let inward = Undo::inbound(&used.injection, vec![v4]).unwrap();
    let end = lease(Duration::from_secs(30));
    let inward = inward.apply(&used.receipt, end, slow(), false).unwrap();
    assert!(caller.get(v4).unwrap() >= 2 * DELAY_US);
    assert_eq!((out.snapshot().delayed, inward.snapshot().delayed), (1, 1));
    drop(out);
    assert!(caller.get(v4).unwrap() >= DELAY_US);
    assert!(takes_less(ONCE_US_MAX, || caller.get(v4).unwrap()));
    drop(inward);
    assert!(is_direct(|| caller.get(v4).unwrap()));
}

#[test]
fn open_connections_of_the_target_are_reset_when_asked() {
    if !is_root("reset of what a target has open") {
        return;
    }
    let mut caller = Caller::start();
    let v4 = caller.v4;
    assert_eq!(caller.part.ask(&format!("open {v4}")), "opened");
    let used = caller.used();
    let (_undo, kept) = outbound(&used, &[to(v4)], false);
    assert!(is_direct(|| caller.part.ask("again /").parse::<u64>().unwrap()));
    drop(kept);
    let (_undo, _reset) = outbound(&used, &[to(v4)], true);
    assert_eq!(caller.part.ask("again /"), "ConnectionReset");
}

#[test]
fn doors_tell_which_destination_was_meant_over_udp_and_tcp() {
    if !is_root("doors") {
        return;
    }
    let mut caller = Caller::start();
    let used = caller.used();
    let port = Some(5353);
    let any = |network: &str| Remote { network: network.parse().unwrap(), prefix: 0, port };
    let undo = Undo::outbound(&used.injection, &[any("0.0.0.0"), any("::")], Protocols::Both);
    let undo = undo.unwrap();
    let what = What::Doors(Box::new(echo_the_destination));
    let end = lease(Duration::from_secs(30));
    let redirected = undo.apply(&used.receipt, end, what, false).unwrap();
    // Nobody listens there, and there is not even a way to most of them.
    for address in ["127.0.0.9:5353", "192.0.2.1:5353", "[::1]:5353", "[2001:db8::1]:5353"] {
        for how in ["udp", "sendto", "tcp"] {
            let answer = caller.part.ask(&format!("ask {how} {address}"));
            // The answer, and from whom it seemed to come.
            assert_eq!(answer, format!("{address} {address}"), "{how}");
        }
    }
    drop(redirected);
    assert_ne!(caller.part.ask("ask udp 127.0.0.9:5353"), "127.0.0.9:5353 127.0.0.9:5353");
    assert_eq!(undo.residue().unwrap(), [""; 0]);
}

/// Redirects what a process sends to an address, until this process ends.
pub(crate) fn hold(words: &[&str]) {
    let address: SocketAddr = words[1].parse().unwrap();
    let target = target(words[0].parse().unwrap(), vec![address]);
    let used = prepare("http.delay", target, &[("mean", "200ms")], &[]).unwrap();
    let undo = Undo::outbound(&used.injection, &[to(address)], Protocols::Tcp).unwrap();
    let end = lease(Duration::from_secs(words[2].parse().unwrap()));
    std::mem::forget(undo.apply(&used.receipt, end, slow(), false).unwrap());
}

/// Answers everything with the address that was meant.
fn echo_the_destination(doors: Doors) {
    use std::io::Write;
    let Doors { doors, origins } = doors;
    for (number, door) in doors.into_iter().enumerate() {
        let (of_udp, of_tcp) = (origins.clone(), origins.clone());
        std::thread::spawn(move || {
            let mut question = [0; 64];
            while let Ok((_, from)) = door.udp.recv_from(&mut question) {
                let meant = of_udp.of(number).unwrap().to_string();
                door.udp.send_to(meant.as_bytes(), from).unwrap();
            }
        });
        std::thread::spawn(move || {
            for mut stream in door.tcp.incoming().flatten() {
                let meant = of_tcp.of(number).unwrap().to_string();
                stream.write_all(meant.as_bytes()).unwrap();
            }
        });
    }
}

#[test]
fn a_holder_that_dies_or_hangs_lets_new_connections_go() {
    if !is_root("redirect after kill -9 and stop") {
        return;
    }
    let mut caller = Caller::start();
    let v4 = caller.v4;
    for end in ["kill", "stop"] {
        let mut holder = Part::start("holder");
        let (pid, seconds) = (caller.part.pid(), if end == "kill" { 60 } else { 4 });
        assert_eq!(holder.ask(&format!("redirect {pid} {v4} {seconds}")), "redirected");
        assert!(caller.get(v4).unwrap() >= DELAY_US);
        let began = Instant::now();
        if end == "kill" {
            holder.kill();
            eventually("direct", || caller.get(v4).is_ok_and(|took| took < DIRECT_US_MAX));
            println!("direct {:?} after kill -9", began.elapsed());
            continue;
        }
        crate::child::signal(holder.pid(), rustix::process::Signal::STOP);
        // Not before the lease is over; a connection would wait in the backlog.
        while began.elapsed() < Duration::from_millis(4_100) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        assert!(is_direct(|| caller.get(v4).unwrap()));
        crate::child::signal(holder.pid(), rustix::process::Signal::CONT);
        holder.kill();
    }
}
