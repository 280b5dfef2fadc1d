//! Faults on connections: reset, limited, refused a port.

use crate::bench::{eventually, is_root, prepare, target};
use crate::net_packets::{Pair, over};
use std::time::{Duration, Instant};

/// As many as the figures ask for are in bench/.
const CONNECTIONS: u64 = 100;

#[test]
fn open_connections_are_reset_for_the_target_wherever_the_other_end_is() {
    if !is_root("net.reset") {
        return;
    }
    let places = [
        (Pair::new("reset"), ["127.0.0.1:7200", "[::1]:7201"], "their other end"),
        (Pair::apart("resets"), ["10.77.0.2:7200", "[fd77::2]:7201"], "the target's own"),
    ];
    for (mut pair, addresses, place) in places {
        for to in addresses {
            pair.peer.ask(&format!("sink {to}"));
            assert_eq!(pair.target.ask(&format!("dial {to} {CONNECTIONS}")), "connected");
            // Neither another port nor another address.
            for filters in [("port", "7299"), ("peer", "192.0.2.0/24,2001:db8::/32")] {
                let used = pair.prepare("net.reset", &[], &[filters]);
                let mut holder = used.apply();
                let bite = holder.bite().unwrap();
                assert_eq!((bite.hits, bite.seen), (0, CONNECTIONS), "{}", bite.detail);
            }
            let port = &to[to.len() - 4..];
            let used = pair.prepare("net.reset", &[], &[("port", port)]);
            let started = Instant::now();
            let mut holder = used.apply();
            println!("{CONNECTIONS} connections to {to} reset in {:?}", started.elapsed());
            let bite = holder.bite().unwrap();
            assert_eq!(bite.hits, CONNECTIONS, "{}", bite.detail);
            assert!(bite.detail.contains(&format!("{CONNECTIONS} at {place}")), "{}", bite.detail);
            eventually("the resets arrive", || {
                std::thread::sleep(Duration::from_millis(50));
                true
            });
            let expected = format!("ConnectionReset {CONNECTIONS}");
            assert_eq!(pair.target.ask("talk"), expected);
            used.revert();
            assert_eq!(used.residue(), [""; 0]);
            assert_eq!(pair.target.ask(&format!("dial {to} 1")), "connected");
            assert_eq!(pair.target.ask("talk"), "WouldBlock 1");
        }
    }
}

#[test]
fn resets_come_again_until_they_are_over_and_spare_other_processes() {
    if !is_root("net.reset again and again") {
        return;
    }
    let mut pair = Pair::apart("again");
    let to = "10.77.0.2:7202";
    pair.peer.ask(&format!("sink {to}"));
    let mut other = crate::host::beside(&pair.target);
    assert_eq!(other.ask(&format!("dial {to} 3")), "connected");
    let used = pair.prepare("net.reset", &[("every", "20ms")], &[]);
    let mut holder = used.apply();
    for round in 1..=3 {
        assert_eq!(pair.target.ask(&format!("dial {to} 1")), "connected");
        eventually("reset again", || holder.bite().unwrap().hits >= round);
        assert_eq!(pair.target.ask("talk"), "ConnectionReset 1");
    }
    drop(holder);
    assert_eq!(pair.target.ask(&format!("dial {to} 1")), "connected");
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(pair.target.ask("talk"), "WouldBlock 1");
    assert_eq!(other.ask("talk"), "WouldBlock 3");
}

#[test]
fn one_connection_more_than_the_limit_is_refused_and_a_closed_one_gives_its_place_back() {
    if !is_root("net.limit") {
        return;
    }
    let mut pair = Pair::new("limit");
    for (to, port) in [("127.0.0.1:7203", "7203"), ("[::1]:7204", "7204")] {
        // What arrives: the target listens, the peer dials. One is open before.
        pair.target.ask(&format!("sink {to}"));
        assert_eq!(pair.peer.ask(&format!("dial {to} 1")), "connected");
        let with = [("connections", "3")];
        let listening = vec![to.parse().unwrap()];
        let target = target(pair.target.pid(), listening);
        let used = prepare("net.limit", target, &with, &[("port", port)]).unwrap();
        let mut holder = used.apply();
        println!("{}", holder.mechanism());
        assert_eq!(pair.peer.ask(&format!("dial {to} 2")), "connected");
        assert_eq!(pair.peer.ask(&format!("dial {to} 1")), "ConnectionRefused");
        let bite = holder.bite().unwrap();
        assert_eq!((bite.hits, bite.seen), (1, 3), "{}", bite.detail);
        // All are closed: two are told of, one is counted.
        assert_eq!(pair.peer.ask("talk"), "WouldBlock 3");
        eventually("places are given back", || {
            pair.peer.ask(&format!("dial {to} 3")) == "connected"
        });
        over(&used, holder);
        assert_eq!(pair.peer.ask(&format!("dial {to} 5")), "connected");
        pair.peer.ask("talk");
    }
}

#[test]
fn what_the_target_opens_is_limited_too() {
    if !is_root("net.limit out") {
        return;
    }
    let mut pair = Pair::new("limits");
    let to = "127.0.0.1:7205";
    pair.peer.ask(&format!("sink {to}"));
    pair.peer.ask("sink 127.0.0.1:7206");
    let with = [("connections", "2"), ("direction", "out")];
    let used = pair.prepare("net.limit", &with, &[("port", "7205")]);
    let holder = used.apply();
    assert_eq!(pair.target.ask(&format!("dial {to} 2")), "connected");
    assert_eq!(pair.target.ask(&format!("dial {to} 1")), "ConnectionRefused");
    assert_eq!(pair.target.ask("dial 127.0.0.1:7206 4"), "connected");
    // Others are not limited.
    assert_eq!(pair.peer.ask(&format!("dial {to} 4")), "connected");
    pair.target.ask("talk");
    eventually("places are given back", || pair.target.ask(&format!("dial {to} 1")) == "connected");
    over(&used, holder);
}

#[test]
fn a_port_that_is_occupied_cannot_be_bound_by_the_target_alone() {
    if !is_root("net.occupy") {
        return;
    }
    let mut pair = Pair::new("occupy");
    let used = pair.prepare("net.occupy", &[], &[("port", "7207,7208")]);
    let mut holder = used.apply();
    assert_eq!(pair.target.ask("bind 127.0.0.1:7207"), "AddrInUse");
    assert_eq!(pair.target.ask("bind [::1]:7208"), "AddrInUse");
    assert_eq!(pair.target.ask("bind 127.0.0.1:7209"), "bound");
    assert_eq!(pair.target.ask("bind 127.0.0.1:0"), "bound");
    assert_eq!(pair.peer.ask("bind 127.0.0.1:7207"), "bound");
    let bite = holder.bite().unwrap();
    assert_eq!((bite.hits, bite.seen), (2, 3), "{}", bite.detail);
    over(&used, holder);
    assert_eq!(pair.target.ask("bind 127.0.0.1:7207"), "bound");
}
