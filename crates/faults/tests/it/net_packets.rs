//! Faults on packets, on a target that shares a network namespace with its peer: what was asked
//! is what is delivered, and nobody else's packets are touched.

use crate::bench::{OwnGroup, Use, eventually, is_root, lease, prepare, target};
use crate::child::Part;
use crate::host::{self, Heard};
use squall_faults::catalog::find;
use squall_faults::effect::Holder;
use squall_wire::receipt::Receipt;
use std::process::Command;
use std::time::Duration;

/// Enough for a share to be told from another one.
const TRIALS: u64 = 3_000;
/// Between two packets in microseconds: far below what loopback takes.
const GAP_US: u64 = 30;

/// A target in a cgroup of its own, and a peer beside it in the same namespace.
pub(crate) struct Pair {
    pub(crate) target: Part,
    pub(crate) peer: Part,
    _group: OwnGroup,
}

impl Pair {
    pub(crate) fn new(name: &str) -> Pair {
        let group = OwnGroup::new(name);
        let target = host::alone();
        group.take(target.pid());
        let peer = host::beside(&target);
        Pair { target, peer, _group: group }
    }

    /// As [`Pair::new`], with the peer in a namespace of its own behind a pair of devices:
    /// 10.77.0.1 and fd77::1 for the target, 10.77.0.2 and fd77::2 for the peer.
    pub(crate) fn apart(name: &str) -> Pair {
        let group = OwnGroup::new(name);
        let (target, peer) = (host::alone(), host::alone());
        group.take(target.pid());
        let (first, second) = (target.pid().to_string(), peer.pid().to_string());
        let pair = ["name", "sq1", "netns", &second];
        ip(&["link", "add", "sq0", "netns", &first, "type", "veth", "peer"], &pair);
        for (pid, device, last) in [(&first, "sq0", "1"), (&second, "sq1", "2")] {
            let within = |words: &[&str]| {
                let mut command = Command::new("nsenter");
                let netns = format!("--net=/proc/{pid}/ns/net");
                command.arg(netns).arg("ip").args(words);
                assert!(command.status().unwrap().success(), "{words:?}");
            };
            within(&["addr", "add", &format!("10.77.0.{last}/24"), "dev", device]);
            within(&["addr", "add", &format!("fd77::{last}/64"), "dev", device, "nodad"]);
            within(&["link", "set", device, "up"]);
        }
        Pair { target, peer, _group: group }
    }

    pub(crate) fn prepare(
        &self,
        fault: &str,
        with: &[(&str, &str)],
        filters: &[(&str, &str)],
    ) -> Use {
        let used = prepare(fault, target(self.target.pid(), Vec::new()), with, filters);
        used.unwrap_or_else(|error| panic!("{fault}: {error}"))
    }

    /// What the peer hears of so many packets of the target.
    pub(crate) fn out(&mut self, to: &str, count: u64) -> Heard {
        self.paced(to, count, GAP_US)
    }

    /// As [`Pair::out`], with so many microseconds between two packets.
    pub(crate) fn paced(&mut self, to: &str, count: u64, gap_us: u64) -> Heard {
        assert_eq!(self.target.ask(&format!("send {to} {count} 64 {gap_us}")), "0 errors");
        Heard::of(&mut self.peer)
    }

    /// What the target hears of so many packets of the peer.
    pub(crate) fn back(&mut self, to: &str, count: u64) -> Heard {
        assert_eq!(self.peer.ask(&format!("send {to} {count} 64 {GAP_US}")), "0 errors");
        Heard::of(&mut self.target)
    }
}

fn ip(words: &[&str], more: &[&str]) {
    assert!(Command::new("ip").args(words).args(more).status().unwrap().success(), "{words:?}");
}

/// Fails unless a share is within the binomial 99.9 % interval of what was asked.
#[track_caller]
pub(crate) fn assert_share(asked: f64, hits: u64, of: u64) {
    let (got, of) = (hits as f64 / of as f64, of as f64);
    let most = 3.29 * (asked * (1.0 - asked) / of).sqrt() + 1.0 / of;
    assert!((got - asked).abs() <= most, "asked {asked}, got {got} of {of}");
}

/// Reverted twice, with nothing left.
pub(crate) fn over(used: &Use, holder: Box<dyn Holder>) {
    assert_eq!(used.residue().len(), 1, "residue is seen while it acts");
    drop(holder);
    used.revert();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn a_share_of_what_leaves_is_lost_and_of_what_arrives() {
    if !is_root("net.loss") {
        return;
    }
    let mut pair = Pair::new("loss");
    for (to, back) in [("127.0.0.1:7000", "127.0.0.1:7001"), ("[::1]:7000", "[::1]:7001")] {
        pair.peer.ask(&format!("listen {to}"));
        pair.target.ask(&format!("listen {back}"));
        let used = pair.prepare("net.loss", &[("share", "10%")], &[]);
        let mut holder = used.apply();
        println!("{}", holder.mechanism());
        let heard = pair.out(to, TRIALS);
        assert_share(0.1, TRIALS - heard.distinct, TRIALS);
        let bite = holder.bite().unwrap();
        assert_eq!(bite.hits, TRIALS - heard.distinct, "{}", bite.detail);
        assert_eq!((bite.seen, bite.asked), (TRIALS, Some(10.0)), "{}", bite.detail);
        assert!(!bite.is_off(), "{bite:?}");
        // The peer's own packets leave another cgroup.
        assert_eq!(pair.back(back, 300).distinct, 300);
        over(&used, holder);
        assert_eq!(pair.out(to, 300).distinct, 300);

        let with = [("share", "30%"), ("direction", "in"), ("correlation", "50%")];
        let used = pair.prepare("net.loss", &with, &[("protocol", "udp")]);
        let mut holder = used.apply();
        assert_eq!(pair.out(to, 300).distinct, 300);
        let heard = pair.back(back, TRIALS);
        let bite = holder.bite().unwrap();
        assert_eq!(bite.hits, TRIALS - heard.distinct, "{}", bite.detail);
        assert!(!bite.is_off(), "{bite:?}");
        over(&used, holder);
    }
}

#[test]
fn filters_choose_ports_addresses_and_protocols_and_nothing_else_is_touched() {
    if !is_root("net.partition by filters") {
        return;
    }
    let mut pair = Pair::new("filter");
    let (hurt, other) = ("127.0.0.1:7002", "127.0.0.1:7003");
    for address in [hurt, other, "[::1]:7002"] {
        pair.peer.ask(&format!("listen {address}"));
    }
    let check = |pair: &mut Pair, filters: &[(&str, &str)], expected: [u64; 3]| {
        let used = pair.prepare("net.partition", &[], filters);
        let holder = used.apply();
        let heard = [hurt, other, "[::1]:7002"].map(|to| pair.out(to, 20).distinct);
        assert_eq!(heard, expected, "{filters:?}");
        over(&used, holder);
    };
    check(&mut pair, &[], [0, 0, 0]);
    check(&mut pair, &[("port", "7002")], [0, 20, 0]);
    check(&mut pair, &[("port", "9,7003")], [20, 0, 20]);
    check(&mut pair, &[("peer", "127.0.0.0/8")], [0, 0, 20]);
    check(&mut pair, &[("peer", "10.0.0.0/8,::1")], [20, 20, 0]);
    check(&mut pair, &[("protocol", "tcp")], [20, 20, 20]);
    // An endpoint is an address with its own port, not any of the addresses with any of the ports.
    check(&mut pair, &[("endpoint", "127.0.0.1:7003,[::1]:7002")], [20, 0, 0]);
    check(&mut pair, &[("endpoint", "[::ffff:127.0.0.1]:7002")], [0, 20, 20]);
    check(&mut pair, &[("endpoint", "192.0.2.1:7002,127.0.0.1:7004")], [20, 20, 20]);
    check(&mut pair, &[("peer", "192.0.2.0/24"), ("port", "7002")], [20, 20, 20]);
    let used = pair.prepare("net.partition", &[], &[("port", "7777")]);
    let mut holder = used.apply();
    pair.out(hurt, 5);
    let bite = holder.bite().unwrap();
    assert_eq!((bite.hits, bite.delivered), (0, None));
    assert_eq!(bite.detail, "5 packets seen, none of them matches");
}

#[test]
fn a_partition_is_silent_for_senders_and_ends_connects_by_time_alone() {
    if !is_root("net.partition") {
        return;
    }
    let mut pair = Pair::new("cut");
    let to = "127.0.0.1:7004";
    pair.peer.ask(&format!("listen {to}"));
    pair.peer.ask(&format!("sink {to}"));
    assert_eq!(pair.target.ask(&format!("dial {to}")), "connected");
    let used = pair.prepare("net.partition", &[], &[]);
    let mut holder = used.apply();
    assert!(holder.mechanism().starts_with("cgroup_skb ingress on /squall-test-cut"));
    // `out` fails where a sender of datagrams sees an error.
    assert_eq!(pair.out(to, 20).distinct, 0);
    assert_eq!(pair.target.ask(&format!("dial {to}")), "TimedOut");
    assert!(holder.bite().unwrap().hits > 20);
    over(&used, holder);
    assert_eq!(pair.target.ask(&format!("dial {to}")), "connected");
    assert_eq!(pair.target.ask("talk"), "WouldBlock 2", "open connections stay open");
}

#[test]
fn a_share_of_what_leaves_arrives_twice() {
    if !is_root("net.duplicate") {
        return;
    }
    let mut pair = Pair::new("twice");
    for to in ["127.0.0.1:7005", "[::1]:7005"] {
        pair.peer.ask(&format!("listen {to}"));
        let used = pair.prepare("net.duplicate", &[("share", "10%")], &[]);
        let mut holder = used.apply();
        let heard = pair.out(to, TRIALS);
        assert_eq!(heard.distinct, TRIALS);
        assert_share(0.1, heard.received - heard.distinct, TRIALS);
        assert_eq!(holder.bite().unwrap().hits, heard.received - heard.distinct);
        over(&used, holder);
        assert_eq!(pair.out(to, 100).received, 100);
    }
}

#[test]
fn a_share_of_what_leaves_is_wrong_or_dropped_as_broken() {
    if !is_root("net.corrupt") {
        return;
    }
    let mut pair = Pair::new("wrong");
    for to in ["127.0.0.1:7006", "[::1]:7006"] {
        pair.peer.ask(&format!("listen {to}"));
        let used = pair.prepare("net.corrupt", &[("share", "10%")], &[]);
        let mut holder = used.apply();
        let heard = pair.out(to, TRIALS);
        assert_eq!(heard.received, TRIALS, "a checksum that is right lets wrong data through");
        assert_share(0.1, heard.damaged, TRIALS);
        assert_eq!(holder.bite().unwrap().hits, heard.damaged);
        over(&used, holder);

        let with = [("share", "10%"), ("part", "header")];
        let used = pair.prepare("net.corrupt", &with, &[]);
        let mut holder = used.apply();
        let heard = pair.out(to, TRIALS);
        assert_eq!(heard.damaged, 0);
        assert_share(0.1, TRIALS - heard.received, TRIALS);
        assert_eq!(holder.bite().unwrap().hits, TRIALS - heard.received);
        over(&used, holder);
        let heard = pair.out(to, 100);
        assert_eq!((heard.received, heard.damaged), (100, 0));
    }
}

#[test]
fn a_lease_that_ran_out_ends_each_and_so_does_kill_9() {
    if !is_root("leases of net faults") {
        return;
    }
    let mut pair = Pair::new("ends");
    let to = "127.0.0.1:7007";
    pair.peer.ask(&format!("listen {to}"));
    for fault in ["net.loss", "net.partition"] {
        let with: &[(&str, &str)] = if fault == "net.loss" { &[("share", "100%")] } else { &[] };
        let used = pair.prepare(fault, with, &[]);
        let mut holder = used.apply_for(Duration::from_secs(20));
        assert_eq!(pair.out(to, 10).received, 0, "{fault}");
        holder.extend(lease(Duration::from_millis(1))).unwrap();
        eventually("heard after the lease", || pair.out(to, 10).received == 10);
        drop(holder);

        let mut holder = Part::start("holder");
        let with = if with.is_empty() { "-" } else { "share=100%" };
        let receipt = holder.ask(&format!("{fault} {} {with} - -", pair.target.pid()));
        let receipt: Receipt = serde_json::from_str(&receipt).unwrap();
        assert_eq!(pair.out(to, 10).received, 0, "{fault}");
        // From the receipt alone, while its holder still lives.
        let effect = find(fault).unwrap().effect;
        assert_eq!(effect.residue(&receipt).unwrap().len(), 1);
        effect.revert(&receipt).unwrap();
        assert_eq!(pair.out(to, 10).received, 10, "{fault}");
        assert_eq!(effect.residue(&receipt).unwrap(), [""; 0]);
        holder.kill();

        let mut holder = Part::start("holder");
        holder.ask(&format!("{fault} {} {with} - -", pair.target.pid()));
        assert_eq!(pair.out(to, 10).received, 0, "{fault}");
        holder.kill();
        eventually("heard after kill -9", || pair.out(to, 10).received == 10);
    }
}

#[test]
fn a_target_that_shares_cgroup_and_namespace_is_refused_with_advice() {
    if !is_root("net faults on a shared cgroup") {
        return;
    }
    let group = OwnGroup::new("both");
    let (first, second) = (host::alone(), Part::start("connector"));
    group.take(first.pid());
    group.take(second.pid());
    // Alone in its namespace, it can be told from the other by that.
    let used = prepare("net.partition", target(first.pid(), Vec::new()), &[], &[]).unwrap();
    assert!(used.apply().mechanism().contains("tcx egress on lo for net:["));
    let beside = host::beside(&first);
    group.take(beside.pid());
    let refused = prepare("net.partition", target(first.pid(), Vec::new()), &[], &[]);
    let refused = refused.err().unwrap().to_string();
    assert!(refused.contains("start it in a cgroup of its own"), "{refused}");
}

#[test]
fn a_target_that_dies_and_takes_its_namespace_along_leaves_nothing_to_undo() {
    if !is_root("net faults on a namespace that vanishes") {
        return;
    }
    let pair = Pair::new("gone");
    let used = pair.prepare("net.loss", &[("share", "50%"), ("direction", "both")], &[]);
    let mut holder = used.apply();
    let Pair { target, peer, _group } = pair;
    drop(peer);
    drop(target);
    assert_eq!(holder.bite().unwrap().hits, 0);
    holder.extend(lease(Duration::from_secs(1))).unwrap();
    over(&used, holder);
    assert!(used.try_apply(lease(Duration::from_secs(1))).is_err(), "the target is gone");
}
