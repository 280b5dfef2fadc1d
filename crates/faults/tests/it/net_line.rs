//! Faults that hold packets: each is as late as it was meant to be, none is lost, nobody else's
//! waits, and what is held goes on when it is over.

use crate::bench::{eventually, is_root, lease, prepare, target};
use crate::child::Part;
use crate::net_packets::{Pair, over};
use std::time::Duration;

const PACKETS: u64 = 500;

#[test]
fn packets_are_late_by_what_was_asked_over_loopback_and_over_a_link() {
    if !is_root("net.delay") {
        return;
    }
    let places = [
        (Pair::new("late"), ["127.0.0.1:7100", "[::1]:7100"]),
        (Pair::apart("later"), ["10.77.0.2:7100", "[fd77::2]:7100"]),
    ];
    for (mut pair, addresses) in places {
        for to in addresses {
            pair.peer.ask(&format!("listen {to}"));
            let used = pair.prepare("net.delay", &[("mean", "20ms")], &[]);
            let mut holder = used.apply();
            println!("{}", holder.mechanism());
            let heard = pair.paced(to, PACKETS, 100);
            let bite = holder.bite().unwrap();
            println!("{to}: p50 {} p99 {} us; {}", heard.late(0.5), heard.late(0.99), bite.detail);
            assert_eq!((heard.distinct, heard.received), (PACKETS, PACKETS), "{}", bite.detail);
            assert!(heard.late(0.0) >= 20_000, "{}", heard.late(0.0));
            // The machine may be busy with other tests; bench/ measures how exact it is.
            assert!(heard.late(0.5) < 90_000, "{}", heard.late(0.5));
            assert_eq!(heard.overtaken, 0, "without jitter the order stays");
            assert_eq!((bite.hits, bite.seen), (PACKETS, PACKETS), "{}", bite.detail);
            assert_eq!(bite.asked, Some(20.0));
            over(&used, holder);
            let heard = pair.out(to, 50);
            assert!(heard.late(0.2) < 15_000, "{}", heard.late(0.2));
        }
    }
}

#[test]
fn jitter_differs_a_share_waits_and_bulk_over_tcp_stays_whole() {
    if !is_root("net.delay with jitter") {
        return;
    }
    let mut pair = Pair::apart("jitter");
    let to = "10.77.0.2:7101";
    pair.peer.ask(&format!("listen {to}"));
    let with = [("mean", "10ms"), ("jitter", "5ms"), ("distribution", "normal")];
    let used = pair.prepare("net.delay", &with, &[]);
    let holder = used.apply();
    let heard = pair.paced(to, PACKETS, 100);
    assert_eq!(heard.distinct, PACKETS);
    assert!((8_000..60_000).contains(&heard.late(0.5)), "{}", heard.late(0.5));
    assert!(heard.late(0.95) > heard.late(0.05) + 6_000, "{}", heard.late(0.95));
    assert!(heard.overtaken > 0, "jitter lets packets overtake each other");
    over(&used, holder);

    let used = pair.prepare("net.delay", &[("mean", "30ms"), ("share", "20%")], &[]);
    let holder = used.apply();
    let heard = pair.paced(to, PACKETS, 100);
    assert!(heard.late(0.3) < 25_000 && heard.late(0.95) >= 30_000, "{:?}", heard.late(0.95));
    over(&used, holder);

    let sink = "10.77.0.2:7102";
    pair.peer.ask(&format!("sink {sink}"));
    let used = pair.prepare("net.delay", &[("mean", "2ms")], &[]);
    let mut holder = used.apply();
    assert_eq!(pair.target.ask(&format!("push {sink} 400")), "pushed");
    let bytes: u64 = pair.peer.ask("sunk").parse().unwrap();
    println!("{bytes} bytes; {}", holder.bite().unwrap().detail);
    assert!(bytes > 1 << 20, "{bytes}");
    over(&used, holder);
}

#[test]
fn a_share_of_what_leaves_is_overtaken() {
    if !is_root("net.reorder") {
        return;
    }
    let mut pair = Pair::new("order");
    let to = "127.0.0.1:7103";
    pair.peer.ask(&format!("listen {to}"));
    let used = pair.prepare("net.reorder", &[("share", "10%"), ("gap", "3ms")], &[]);
    let mut holder = used.apply();
    let heard = pair.paced(to, PACKETS, 100);
    let bite = holder.bite().unwrap();
    assert_eq!(heard.distinct, PACKETS);
    assert!((20..100).contains(&heard.overtaken), "{} {}", heard.overtaken, bite.detail);
    // The last ones have nobody behind them; on a busy machine a few are passed between the look
    // at who has passed and their arrival.
    assert!(bite.hits + 10 >= heard.overtaken && bite.hits < 100, "{}", bite.detail);
    over(&used, holder);
    assert_eq!(pair.out(to, 100).overtaken, 0);
}

#[test]
fn what_is_held_goes_on_at_the_end_and_kill_9_opens_the_way() {
    if !is_root("net.delay at its end") {
        return;
    }
    let mut pair = Pair::new("held");
    let to = "127.0.0.1:7104";
    pair.peer.ask(&format!("listen {to}"));
    let used = pair.prepare("net.delay", &[("mean", "10s")], &[]);
    let mut holder = used.apply();
    assert_eq!(pair.out(to, 50).received, 0);
    assert_eq!(holder.bite().unwrap().hits, 0);
    over(&used, holder);
    assert_eq!(crate::host::Heard::of(&mut pair.peer).received, 50, "nothing held is lost");

    let mut holder = used.apply_for(Duration::from_secs(20));
    holder.extend(lease(Duration::from_millis(1))).unwrap();
    eventually("straight after the lease", || pair.out(to, 10).received == 10);
    drop(holder);
    // What was caught before the lease's end goes on only now.
    crate::host::Heard::of(&mut pair.peer);

    let mut holder = Part::start("holder");
    holder.ask(&format!("net.delay {} mean=10s - -", pair.target.pid()));
    assert_eq!(pair.out(to, 10).received, 0);
    holder.kill();
    eventually("straight after kill -9", || pair.out(to, 10).received == 10);
}

#[test]
fn a_target_in_the_hosts_own_namespace_gets_no_device() {
    if !is_root("net.delay in the first namespace") {
        return;
    }
    let group = crate::bench::OwnGroup::new("first");
    let part = Part::start("connector");
    group.take(part.pid());
    let refused = prepare("net.delay", target(part.pid(), Vec::new()), &[("mean", "1ms")], &[]);
    let refused = refused.err().unwrap().to_string();
    assert!(refused.contains("start it in a container"), "{refused}");
}

#[test]
fn what_leaves_goes_at_the_rate_and_the_queue_is_gone_by_the_receipt() {
    if !is_root("net.bandwidth") {
        return;
    }
    let mut pair = Pair::apart("rate");
    let to = "10.77.0.2:7105";
    pair.peer.ask(&format!("sink {to}"));
    let queues = |pair: &Pair| {
        let netns = format!("--net=/proc/{}/ns/net", pair.target.pid());
        let tc = std::process::Command::new("nsenter").args([&netns, "tc", "qdisc"]).output();
        String::from_utf8(tc.unwrap().stdout).unwrap()
    };
    let before = queues(&pair);
    let used = pair.prepare("net.bandwidth", &[("rate", "8Mbit/s")], &[]);
    let mut holder = used.apply();
    println!("{}", holder.mechanism());
    assert_eq!(pair.target.ask(&format!("push {to} 1500")), "pushed");
    let bytes: u64 = pair.peer.ask("sunk").parse().unwrap();
    let bite = holder.bite().unwrap();
    println!("{bytes} bytes in 1.5 s; {}", bite.detail);
    assert!((1_000_000..2_000_000).contains(&bytes), "{bytes}");
    assert!(bite.hits > 0 && bite.delivered.is_some() && !bite.is_off(), "{bite:?}");
    // The peer's own packets leave another cgroup's queue.
    let other = crate::host::beside(&pair.target);
    let mut other = other;
    assert_eq!(other.ask(&format!("push {to} 300")), "pushed");
    let bytes: u64 = pair.peer.ask("sunk").parse().unwrap();
    assert!(bytes > 5_000_000, "{bytes}");
    // A second one finds a queue that is not the kernel's.
    let second = prepare(
        "net.bandwidth",
        target(pair.target.pid(), Vec::new()),
        &[("rate", "1Mbit/s")],
        &[],
    );
    assert!(second.err().unwrap().to_string().contains("has a queue of its own (htb)"));
    drop(holder);
    assert_eq!(used.residue().len(), 2, "a queue on each device stays: {:?}", used.residue());
    used.revert();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
    assert_eq!(queues(&pair), before);

    // After kill -9 nothing is shaped, and the receipt removes what is inert.
    let mut holder = Part::start("holder");
    let receipt = holder.ask(&format!("net.bandwidth {} rate=8kbit/s - -", pair.target.pid()));
    let receipt: squall_wire::receipt::Receipt = serde_json::from_str(&receipt).unwrap();
    holder.kill();
    eventually("nothing is shaped", || {
        assert_eq!(pair.target.ask(&format!("push {to} 100")), "pushed");
        pair.peer.ask("sunk").parse::<u64>().unwrap() > 1_000_000
    });
    let effect = squall_faults::catalog::find("net.bandwidth").unwrap().effect;
    // The kernel closes a dead process's links one after the other.
    eventually("only a queue on each device stays", || {
        effect.residue(&receipt).unwrap().len() == 2
    });
    effect.revert(&receipt).unwrap();
    assert_eq!(effect.residue(&receipt).unwrap(), [""; 0]);
    assert_eq!(queues(&pair), before);
}
