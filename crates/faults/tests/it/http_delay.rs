//! `http.delay` on a service in a network namespace of its own.

use crate::bench::{
    DIRECT_US_MAX, OwnGroup, Use, eventually, is_direct, is_root, prepare, takes_less, target,
};
use crate::child::Part;
use squall_faults::catalog::find;
use squall_wire::receipt::Receipt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// 200 ms are asked; the proxy may take up to half a millisecond of that for its own way.
const DELAY_US: u64 = 199_000;

struct Service {
    part: Part,
    v4: SocketAddr,
    dual: SocketAddr,
}

impl Service {
    fn start() -> Service {
        let mut part = crate::server::start();
        let line = part.line();
        let (v4, dual) = line.split_once(' ').unwrap();
        Service { part, v4: v4.parse().unwrap(), dual: dual.parse().unwrap() }
    }

    fn delay(&self, with: &[(&str, &str)], filters: &[(&str, &str)]) -> Use {
        let target = target(self.part.pid(), vec![self.v4, self.dual]);
        let mean = with.iter().all(|(key, _)| *key != "mean").then_some(("mean", "200ms"));
        let all: Vec<_> = mean.into_iter().chain(with.iter().copied()).collect();
        prepare("http.delay", target, &all, filters).unwrap()
    }

    /// A request on a new connection, in microseconds.
    fn get(&mut self, address: SocketAddr, path: &str) -> u64 {
        self.part.ask(&format!("get {address} {path}")).parse().unwrap()
    }
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

#[test]
fn requests_are_late_on_every_family_until_it_is_undone() {
    if !is_root("http.delay") {
        return;
    }
    let mut service = Service::start();
    let (v4, port) = (service.v4, service.dual.port());
    assert!(is_direct(|| service.get(v4, "/")));
    let used = service.delay(&[], &[("path", "/api/*")]);
    let mut holder = used.apply();
    let again = used.residue();
    assert_eq!(again.len(), 1, "{again:?}");
    let mut others = 0;
    for address in [v4, at("127.0.0.1", port), at("::1", port), at("127.0.0.7", port)] {
        let took = service.get(address, "/api/a");
        assert!(took >= DELAY_US, "{address} took {took} us");
        let other = || {
            others += 1;
            service.get(address, "/other")
        };
        assert!(is_direct(other), "{address}");
    }
    let bite = holder.bite().unwrap();
    assert_eq!((bite.hits, bite.seen), (4, 4 + others));
    assert_eq!(bite.asked, Some(200.0));
    assert!(bite.delivered.unwrap() >= 199.6, "{bite:?}");
    assert_eq!(bite.detail, format!("4 of 4 matching requests delayed, {} seen", bite.seen));
    // A busy machine makes some later; the mean of more comes near what was asked.
    eventually("the mean is near what was asked", || {
        service.get(v4, "/api/a");
        holder.bite().unwrap().delivered.unwrap() < 300.0
    });

    let started = Instant::now();
    drop(holder);
    println!("drop took {:?}", started.elapsed());
    assert!(is_direct(|| service.get(v4, "/api/a")));
    used.revert();
    used.revert();
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn addresses_on_a_device_are_redirected_once_and_not_in_a_circle() {
    if !is_root("http.delay on a device's address") {
        return;
    }
    let mut service = Service::start();
    let script = "ip link add v0 type veth peer name v1 && ip addr add 10.99.0.1/24 dev v0 && \
                  ip -6 addr add fd99::1/64 dev v0 nodad && ip link set v1 up && \
                  ip link set v0 up";
    let mut command = std::process::Command::new("nsenter");
    command.args(["-t", &service.part.pid().to_string(), "-n", "sh", "-c", script]);
    if !command.status().is_ok_and(|status| status.success()) {
        println!("SKIP http.delay on a device's address: needs nsenter, ip and veth");
        return;
    }
    let port = service.dual.port();
    let used = service.delay(&[], &[]);
    let mut holder = used.apply();
    for address in [at("10.99.0.1", port), at("fd99::1", port)] {
        let took = service.get(address, "/");
        assert!(took >= DELAY_US, "{address} took {took} us");
    }
    // In a circle it would have seen them again.
    assert_eq!(holder.bite().unwrap().seen, 2);
    for address in [at("10.99.0.1", port), at("fd99::1", port)] {
        assert!(takes_less(2 * DELAY_US, || service.get(address, "/")), "{address}");
    }
}

#[test]
fn the_service_sees_its_clients_through_the_proxy() {
    if !is_root("clients seen through the proxy") {
        return;
    }
    let group = OwnGroup::new("clients");
    let mut part = crate::server::start_in(&group);
    let line = part.line();
    let (v4, dual) = line.split_once(' ').unwrap();
    let mut service = Service { part, v4: v4.parse().unwrap(), dual: dual.parse().unwrap() };
    let (v4, port) = (service.v4, service.dual.port());
    let used = service.delay(&[("mean", "1ms")], &[]);
    let mut holder = used.apply();
    assert!(!holder.mechanism().contains("sees the proxy"), "{}", holder.mechanism());
    let mut check = |address: SocketAddr| {
        let said = service.part.ask(&format!("seen {address}"));
        let words: Vec<&str> = said.split(' ').collect();
        let seen = |at: usize| words[at].parse::<SocketAddr>().unwrap();
        let plain = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
        let client = seen(2);
        assert_eq!((plain(seen(0)), plain(seen(1))), (client, client), "{address}: {said}");
    };
    for _ in 0..20 {
        for address in [v4, at("127.0.0.1", port), at("::1", port), at("127.0.0.7", port)] {
            check(address);
        }
    }
    assert_eq!(holder.bite().unwrap().hits, 80);
    drop(holder);
    check(v4);
}

#[test]
fn nothing_that_matches_is_explained_by_what_was_seen() {
    if !is_root("http.delay without a match") {
        return;
    }
    let mut service = Service::start();
    let used = service.delay(&[], &[("path", "/api/*"), ("method", "POST")]);
    let mut holder = used.apply();
    assert_eq!(holder.bite().unwrap().detail, "no new connection reached the proxy");
    service.get(service.v4, "/api/a?x=1");
    let bite = holder.bite().unwrap();
    assert_eq!((bite.hits, bite.seen), (0, 1));
    assert_eq!(bite.detail, "1 requests, none matches: /api/a (1)");
}

#[test]
fn one_port_only_and_the_reply_only() {
    if !is_root("http.delay on one port") {
        return;
    }
    let mut service = Service::start();
    let port = service.v4.port().to_string();
    let used = service.delay(&[("side", "response")], &[("port", &port)]);
    let _holder = used.apply();
    assert!(service.get(service.v4, "/") >= DELAY_US);
    assert!(is_direct(|| service.get(at("::1", service.dual.port()), "/")));
}

#[test]
fn two_injections_in_one_namespace_do_not_disturb_each_other() {
    if !is_root("http.delay twice") {
        return;
    }
    let mut service = Service::start();
    let (v4, dual) = (service.v4, at("::1", service.dual.port()));
    let port = |address: SocketAddr| address.port().to_string();
    let first = service.delay(&[], &[("port", &port(v4))]);
    let second = service.delay(&[("mean", "400ms")], &[("port", &port(dual))]);
    let (one, two) = (first.apply(), second.apply());
    let took = (service.get(v4, "/"), service.get(dual, "/"));
    assert!(took.0 >= DELAY_US && took.1 >= 2 * DELAY_US, "{took:?}");
    drop(one);
    assert!(is_direct(|| service.get(v4, "/")));
    assert!(service.get(dual, "/") >= 2 * DELAY_US);
    drop(two);
    assert!(is_direct(|| service.get(dual, "/")));
}

#[test]
fn two_injections_on_one_address_share_the_proxy_and_add_up() {
    if !is_root("http.delay twice on one address") {
        return;
    }
    let mut service = Service::start();
    let v4 = service.v4;
    let slow = service.delay(&[], &[("path", "/api/*")]);
    let mut slower = service.delay(&[("mean", "300ms"), ("side", "response")], &[]);
    slower.rename("i2");
    let (mut one, mut two) = (slow.apply(), slower.apply());
    assert!(service.get(v4, "/api/a") >= DELAY_US + 299_000);
    assert!(service.get(v4, "/") >= 299_000);
    // Each has its own counters, and its own end.
    let bite = one.bite().unwrap();
    assert_eq!((bite.hits, bite.seen), (1, 2));
    let mut more = 0;
    let slower_alone = || {
        more += 1;
        service.get(v4, "/")
    };
    assert!(takes_less(500_000, slower_alone));
    drop(one);
    let bite = two.bite().unwrap();
    assert_eq!((bite.hits, bite.seen), (2 + more, 2 + more));
    assert_eq!(slow.residue(), [""; 0]);
    assert_eq!(slower.residue().len(), 1);
    assert!(service.get(v4, "/api/a") >= 299_000);
    assert!(takes_less(DELAY_US + 299_000, || service.get(v4, "/api/a")));
    drop(two);
    assert!(is_direct(|| service.get(v4, "/api/a")));
    assert_eq!(slower.residue(), [""; 0]);
}

#[test]
fn open_connections_are_kept_or_reset_as_asked() {
    if !is_root("http.delay and open connections") {
        return;
    }
    let mut service = Service::start();
    let open = format!("open {}", service.v4);
    assert_eq!(service.part.ask(&open), "opened");
    let kept = service.delay(&[], &[]);
    let holder = kept.apply();
    assert!(is_direct(|| service.part.ask("again /").parse::<u64>().unwrap()));
    drop(holder);
    let reset = service.delay(&[("existing", "reset")], &[]);
    let _holder = reset.apply();
    assert_eq!(service.part.ask("again /"), "ConnectionReset");
    assert_eq!(service.part.ask(&open), "opened");
    assert!(service.part.ask("again /").parse::<u64>().unwrap() >= DELAY_US);
}

#[test]
fn a_connection_through_the_proxy_goes_on_after_the_undo() {
    if !is_root("http.delay and its drain") {
        return;
    }
    let mut service = Service::start();
    let used = service.delay(&[], &[]);
    let holder = used.apply();
    let open = format!("open {}", service.v4);
    assert_eq!(service.part.ask(&open), "opened");
    assert!(service.part.ask("again /").parse::<u64>().unwrap() >= DELAY_US);
    drop(holder);
    assert!(is_direct(|| service.part.ask("again /").parse::<u64>().unwrap()));
}

#[test]
fn the_delay_delivered_is_the_delay_asked() {
    if !is_root("http.delay fidelity") {
        return;
    }
    let mut service = Service::start();
    let (v4, count) = (service.v4, 100);
    let direct = service.part.ask(&format!("many {v4} {count}"));
    let used = service.delay(&[("mean", "50ms")], &[]);
    let mut holder = used.apply();
    let delayed = service.part.ask(&format!("many {v4} {count}"));
    println!("direct {direct} us, delayed {delayed} us (median, p99, max)");
    let bite = holder.bite().unwrap();
    println!("the proxy says {:?} ms of {:?}", bite.delivered, bite.asked);
    assert_eq!(bite.hits, count);
    assert!((50.0..65.0).contains(&bite.delivered.unwrap()), "{bite:?}");
}

#[test]
fn a_lease_that_ran_out_ends_it_though_its_holder_hangs() {
    if !is_root("http.delay after its lease") {
        return;
    }
    let mut service = Service::start();
    let used = service.delay(&[], &[]);
    let mut holder = used.apply_for(Duration::from_secs(20));
    assert!(service.get(service.v4, "/") >= DELAY_US);
    holder.extend(crate::bench::lease(Duration::from_millis(1))).unwrap();
    eventually("direct after the lease", || service.get(service.v4, "/") < DIRECT_US_MAX);
    drop(holder);
}

#[test]
fn kill_9_of_the_holder_ends_it_and_so_does_the_receipt_alone() {
    if !is_root("http.delay after kill -9") {
        return;
    }
    let mut service = Service::start();
    let v4 = service.v4;
    let mut holder = Part::start("holder");
    let arm = format!("http.delay {} mean=200ms - {v4}", service.part.pid());
    let receipt: Receipt = serde_json::from_str(&holder.ask(&arm)).unwrap();
    assert!(service.get(v4, "/") >= DELAY_US);
    let effect = find("http.delay").unwrap().effect;
    assert_eq!(effect.residue(&receipt).unwrap().len(), 1);
    effect.revert(&receipt).unwrap();
    assert!(is_direct(|| service.get(v4, "/")));
    assert_eq!(effect.residue(&receipt).unwrap(), [""; 0]);
    holder.kill();

    let mut holder = Part::start("holder");
    holder.ask(&arm);
    assert!(service.get(v4, "/") >= DELAY_US);
    let killed = Instant::now();
    holder.kill();
    // A connection that met the dying listener may still be reset.
    eventually("direct after kill -9", || {
        let answer = service.part.ask(&format!("get {v4} /"));
        answer.parse::<u64>().is_ok_and(|took| took < DIRECT_US_MAX)
    });
    println!("direct {:?} after kill -9", killed.elapsed());
    effect.revert(&receipt).unwrap();
    assert_eq!(effect.residue(&receipt).unwrap(), [""; 0]);
}
