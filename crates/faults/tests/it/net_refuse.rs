//! `net.refuse` on a child in a cgroup of its own, and on one in a shared cgroup.

use crate::bench::{OwnGroup, Use, eventually, is_root, prepare, target};
use crate::child::Part;
use squall_faults::catalog::find;
use squall_wire::receipt::Receipt;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

struct Listeners {
    first: TcpListener,
    second: TcpListener,
    v6: TcpListener,
}

impl Listeners {
    fn new() -> Listeners {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let second = TcpListener::bind("127.0.0.1:0").unwrap();
        Listeners { first, second, v6: TcpListener::bind("[::1]:0").unwrap() }
    }
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn tcp(connector: &mut Part, address: SocketAddr) -> String {
    connector.ask(&format!("tcp {address}"))
}

fn refuse(pid: u32, filters: &[(&str, &str)]) -> Use {
    prepare("net.refuse", target(pid, Vec::new()), &[], filters).unwrap()
}

#[test]
fn a_connect_in_an_own_cgroup_is_refused_until_it_is_undone() {
    if !is_root("net.refuse in an own cgroup") {
        return;
    }
    let group = OwnGroup::new("refuse");
    let mut connector = Part::start("connector");
    group.take(connector.pid());
    let listeners = Listeners::new();
    let first = listeners.first.local_addr().unwrap();
    let used = refuse(connector.pid(), &[("port", &first.port().to_string())]);
    let started = Instant::now();
    let mut holder = used.apply();
    println!("first apply took {:?}", started.elapsed());
    assert!(holder.mechanism().starts_with("cgroup connect4/6 on /squall-test-refuse"));
    assert!(!holder.mechanism().contains("pid"));

    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    let mapped = format!("[::ffff:127.0.0.1]:{}", first.port()).parse().unwrap();
    assert_eq!(tcp(&mut connector, mapped), "ConnectionRefused");
    assert_eq!(tcp(&mut connector, listeners.second.local_addr().unwrap()), "connected");
    assert_eq!(tcp(&mut connector, listeners.v6.local_addr().unwrap()), "connected");
    assert_eq!(connector.ask(&format!("udp {first}")), "connected");
    // The test itself is in another cgroup.
    assert!(std::net::TcpStream::connect(first).is_ok());
    let bite = holder.bite().unwrap();
    assert_eq!((bite.hits, bite.seen), (2, 4));
    assert_eq!(bite.detail, "2 of 2 matching connections refused, 4 seen");
    assert_eq!(used.residue().len(), 1);

    drop(holder);
    assert_eq!(tcp(&mut connector, first), "connected");
    used.revert();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn v6_ranges_and_udp_are_refused_where_asked() {
    if !is_root("net.refuse by range") {
        return;
    }
    let group = OwnGroup::new("range");
    let mut connector = Part::start("connector");
    group.take(connector.pid());
    let listeners = Listeners::new();
    let (first, v6) = (listeners.first.local_addr().unwrap(), listeners.v6.local_addr().unwrap());
    let six = refuse(connector.pid(), &[("to", "::/0")]);
    let holder = six.apply();
    assert_eq!(tcp(&mut connector, v6), "ConnectionRefused");
    assert_eq!(tcp(&mut connector, first), "connected");
    drop(holder);
    let four = refuse(connector.pid(), &[("to", "127.0.0.0/9"), ("protocol", "both")]);
    let holder = four.apply();
    assert_eq!(tcp(&mut connector, v6), "connected");
    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    assert_eq!(connector.ask(&format!("udp {first}")), "ConnectionRefused");
    drop(holder);
    let none = refuse(connector.pid(), &[("to", "127.128.0.0/9")]);
    let mut holder = none.apply();
    assert_eq!(tcp(&mut connector, first), "connected");
    assert_eq!(holder.bite().unwrap().detail, "1 connections seen, none of them matches");
}

#[test]
fn in_a_shared_cgroup_only_the_target_is_refused() {
    if !is_root("net.refuse in a shared cgroup") {
        return;
    }
    let group = OwnGroup::new("shared");
    let (mut connector, mut other) = (Part::start("connector"), Part::start("connector"));
    group.take(connector.pid());
    group.take(other.pid());
    let listeners = Listeners::new();
    let first = listeners.first.local_addr().unwrap();
    let used = refuse(connector.pid(), &[]);
    let holder = used.apply();
    assert!(holder.mechanism().ends_with(&format!("pid {} only", connector.pid())));
    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    assert_eq!(tcp(&mut other, first), "connected");
    // A second injection with rules of its own does not disturb the first.
    let second = refuse(other.pid(), &[("port", &port(&listeners.second).to_string())]);
    let second_holder = second.apply();
    assert_eq!(tcp(&mut other, listeners.second.local_addr().unwrap()), "ConnectionRefused");
    drop(second_holder);
    second.revert();
    assert_eq!(second.residue(), [""; 0]);
    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    drop(holder);
}

#[test]
fn a_lease_that_ran_out_ends_it_though_its_holder_hangs() {
    if !is_root("net.refuse after its lease") {
        return;
    }
    let group = OwnGroup::new("lease");
    let mut connector = Part::start("connector");
    group.take(connector.pid());
    let listeners = Listeners::new();
    let first = listeners.first.local_addr().unwrap();
    let used = refuse(connector.pid(), &[]);
    let mut holder = used.apply_for(Duration::from_secs(20));
    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    holder.extend(crate::bench::lease(Duration::from_millis(1))).unwrap();
    eventually("connected after the lease", || tcp(&mut connector, first) == "connected");
    drop(holder);
}

#[test]
fn kill_9_of_the_holder_ends_it_and_the_receipt_finds_nothing() {
    if !is_root("net.refuse after kill -9") {
        return;
    }
    let group = OwnGroup::new("kill");
    let mut connector = Part::start("connector");
    group.take(connector.pid());
    let listeners = Listeners::new();
    let first = listeners.first.local_addr().unwrap();
    let mut holder = Part::start("holder");
    let receipt = holder.ask(&format!("net.refuse {} - - -", connector.pid()));
    let receipt: Receipt = serde_json::from_str(&receipt).unwrap();
    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    let effect = find("net.refuse").unwrap().effect;
    assert_eq!(effect.residue(&receipt).unwrap().len(), 1);
    // Another process undoes it from the receipt alone while its holder still lives.
    effect.revert(&receipt).unwrap();
    assert_eq!(tcp(&mut connector, first), "connected");
    assert_eq!(effect.residue(&receipt).unwrap(), [""; 0]);
    holder.kill();

    let mut holder = Part::start("holder");
    holder.ask(&format!("net.refuse {} - - -", connector.pid()));
    assert_eq!(tcp(&mut connector, first), "ConnectionRefused");
    let killed = Instant::now();
    holder.kill();
    eventually("connected after kill -9", || tcp(&mut connector, first) == "connected");
    println!("gone {:?} after kill -9", killed.elapsed());
    effect.revert(&receipt).unwrap();
}
