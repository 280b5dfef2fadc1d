//! The resolvers and TLS libraries that services use, while names and handshakes are hurt: Go's own
//! resolver, the C library's from Go and from C, dig; crypto/tls, OpenSSL, curl.

use crate::names::{dig, resolve, resolving};
use crate::secured::{NAME, PORT, curl, secured, serve};
use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm};
use squall_agent::client::Client;
use squall_agent::inventory;
use squall_faults::catalog::ALL;
use squall_real::lab::Lab;
use squall_real::needs::{Need, met};
use squall_real::until::{slowdown, until};
use squall_real::{clients, squall};
use squall_wire::injection::{Bite, Injection};
use squall_wire::protocol::{Answer, Ask};
use squall_wire::target::Target;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const NEEDS: &[Need] =
    &[Need::Root, Need::Netns, Need::Cgroup2, Need::Go, Need::Dns, Need::OpenSsl];
const RIGHT: &str = "10.9.0.1";
const HURT_NAME: &str = "api.shop.test";

/// A victim whose names or handshakes are hurt, and the program that asks.
struct Stand {
    victim: Victim,
    _agent: Agent,
    client: Client,
    program: PathBuf,
    /// How many faults were armed: each has an id of its own.
    armed: u32,
}

impl Stand {
    fn of(victim: Victim) -> Stand {
        let agent = Agent::start(&victim);
        let client = agent.client();
        let program = clients::binary(&victim.lab);
        Stand { victim, _agent: agent, client, program, armed: 0 }
    }

    /// Makes a resolver the one of the namespace.
    fn resolve_by(&self, resolver: &str) {
        let etc = self.victim.lab.etc();
        std::fs::create_dir_all(&etc).unwrap();
        let text = format!("nameserver {resolver}\noptions timeout:1 attempts:1\n");
        std::fs::write(etc.join("resolv.conf"), text).unwrap();
    }

    /// Runs a program as the target would; returns what it said.
    fn said(&self, program: &Path, words: &[&str]) -> String {
        let output = self.victim.lab.beside("target", program).args(words).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// What each way of asking for a name finds.
    fn found(&self, name: &str, resolver: &str) -> Vec<(&'static str, String)> {
        let at = format!("@{resolver}");
        let dig = "dig".as_ref();
        vec![
            ("Go", self.said(&self.program, &["resolve", "go", name])),
            ("cgo", self.said(&self.program, &["resolve", "cgo", name])),
            ("glibc", self.said("getent".as_ref(), &["ahosts", name])),
            ("dig", self.said(dig, &[&at, name, "+timeout=2", "+tries=1"])),
            ("dig over TCP", self.said(dig, &[&at, name, "+tcp", "+timeout=2", "+tries=1"])),
        ]
    }

    fn arm(&mut self, fault: &str, with: &[(&str, &str)], filters: &[(&str, &str)]) {
        let target = self.victim.target.clone();
        self.arm_on(target, fault, with, filters);
    }

    fn arm_on(
        &mut self,
        target: Target,
        fault: &str,
        with: &[(&str, &str)],
        filters: &[(&str, &str)],
    ) -> String {
        let pairs = filters.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        self.armed += 1;
        let injection = Injection {
            id: format!("i{}", self.armed),
            filters: pairs.collect(),
            target,
            lease_ms: 60_000,
            ..self.victim.injection(fault, with)
        };
        arm(&mut self.client, &injection).mechanism
    }

    fn bite(&mut self) -> Bite {
        let injection = format!("i{}", self.armed);
        match self.client.call(Ask::Bite { run: "run1".into(), injection }) {
            Ok(Answer::Bite(bite)) => bite,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the fault says this of itself: a client is done a moment before the proxy.
    fn until_said(&mut self, text: &str) -> Bite {
        until(&format!("the fault says {text:?}"), SOON, || {
            let bite = self.bite();
            println!("{}", bite.detail);
            bite.detail.contains(text).then_some(bite)
        })
        .0
    }

    fn disarm(&mut self) {
        let outcomes = disarm(&mut self.client, "run1");
        assert_eq!(outcomes[0].residue, Vec::<String>::new());
    }

    /// What Go says after a handshake with the server.
    fn shakes(&self, trust: &str, protocol: &str) -> String {
        let address = format!("127.0.0.1:{PORT}");
        self.said(&self.program, &["tls", &address, NAME, trust, protocol])
    }
}

/// A process of the lab as a target.
fn target(name: &str, pid: u32) -> Target {
    let found = inventory::scan().processes.into_iter().find(|one| one.process.pid == pid);
    let found = found.unwrap();
    Target {
        name: format!("{name}-1"),
        service: name.into(),
        process: found.process,
        netns: found.netns,
        cgroup: found.cgroup,
        listening: found.listening,
        probes: found.probes,
    }
}

#[track_caller]
fn all(found: &[(&str, String)], what: &str, is: impl Fn(&str) -> bool) {
    for (who, said) in found {
        assert!(is(said), "{who} is to see {what}: {said}");
    }
}

#[test]
fn every_resolver_library_is_hurt_over_both_families_and_transports() {
    if !met("every_resolver_library_is_hurt_over_both_families_and_transports", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut stand = Stand::of(resolving());
    let filters = [("name", "*.shop.test")];
    for resolver in ["127.0.0.1", "::1"] {
        stand.resolve_by(resolver);
        all(&stand.found(HURT_NAME, resolver), "the right address", |said| said.contains(RIGHT));
        stand.arm("dns.error", &[("rcode", "nxdomain")], &filters);
        all(&stand.found(HURT_NAME, resolver), "no address", |said| !said.contains(RIGHT));
        all(&stand.found("other.test", resolver), "others", |said| said.contains("10.9.0.2"));
        let bite = stand.bite();
        // Five ways, three of them ask for A and for AAAA.
        assert!(bite.hits >= 8 && bite.seen >= bite.hits + 5, "{bite:?}");
        assert!(bite.detail.contains("over TCP"), "{}", bite.detail);
        stand.disarm();
        all(&stand.found(HURT_NAME, resolver), "the right address", |said| said.contains(RIGHT));

        stand.arm("dns.answer", &[("address", "10.66.0.1,fd66::1")], &filters);
        let found = stand.found(HURT_NAME, resolver);
        all(&found, "a wrong address", |said| said.contains("10.66.0.1") && !said.contains(RIGHT));
        all(&found[..3], "that of IPv6", |said| said.contains("fd66::1"));
        stand.disarm();
        stand.arm("dns.answer", &[("cname", "other.test")], &filters);
        all(&stand.found(HURT_NAME, resolver), "the alias", |said| said.contains("10.9.0.2"));
        stand.disarm();

        stand.arm("dns.truncate", &[], &filters);
        all(&stand.found(HURT_NAME, resolver), "the right address", |said| said.contains(RIGHT));
        let bite = stand.bite();
        assert!(bite.hits >= 6 && bite.detail.contains("over TCP"), "{bite:?}");
        stand.disarm();
    }
}

#[test]
fn late_and_lost_questions_are_what_clients_make_of_them() {
    if !met("late_and_lost_questions_are_what_clients_make_of_them", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut stand = Stand::of(resolving());
    stand.resolve_by("127.0.0.1");
    stand.arm("dns.delay", &[("mean", "400ms")], &[("name", "*.shop.test")]);
    let start = Instant::now();
    let said = stand.said(&stand.program, &["resolve", "go", HURT_NAME]);
    assert!(said.contains(RIGHT) && start.elapsed().as_millis() >= 399, "{said}");
    let bite = stand.bite();
    assert!(bite.asked == Some(400.0) && bite.delivered.unwrap() >= 400.0, "{bite:?}");
    stand.disarm();
    stand.arm("dns.timeout", &[], &[("name", "*.shop.test"), ("type", "A,AAAA")]);
    let start = Instant::now();
    let said = stand.said(&stand.program, &["resolve", "go", HURT_NAME]);
    assert!(said.contains("error") && start.elapsed().as_millis() >= 900, "{said}");
    let said = stand.said("getent".as_ref(), &["ahosts", HURT_NAME]);
    assert!(!said.contains(RIGHT), "{said}");
    stand.disarm();
}

#[test]
fn a_target_that_shares_its_cgroup_is_hurt_alone() {
    if !met("a_target_that_shares_its_cgroup_is_hurt_alone", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut stand = Stand::of(resolving());
    let program = stand.program.clone();
    stand.victim.lab.start("asker", &program, &["keep", "127.0.0.1:53", HURT_NAME]);
    // Another that is no child of it lives in its cgroup.
    let mut other = stand.victim.lab.beside("asker", "sleep").arg("60").spawn().unwrap();
    let pid = stand.victim.lab.pid("asker");
    let last = |stand: &Stand| stand.victim.lab.log("asker").lines().last().map(str::to_owned);
    until("the asker finds the name", SOON, || last(&stand).filter(|line| line.contains(RIGHT)));
    let mechanism = stand.arm_on(target("asker", pid), "dns.error", &[], &[]);
    assert!(mechanism.contains(&format!("pid {pid} only")), "{mechanism}");
    until("the asker is hurt", SOON, || last(&stand).filter(|line| line.contains("no such host")));
    let said = stand.victim.lab.beside("asker", "dig").args(["@127.0.0.1", HURT_NAME]).output();
    let said = String::from_utf8_lossy(&said.unwrap().stdout).into_owned();
    assert!(said.contains(RIGHT), "its neighbor is not: {said}");
    stand.disarm();
    until("the asker finds the name", SOON, || last(&stand).filter(|line| line.contains(RIGHT)));
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_holder_that_hangs_hurts_no_longer_than_its_lease() {
    if !met("a_holder_that_hangs_hurts_no_longer_than_its_lease", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = resolving();
    let injection = Injection { lease_ms: 4_000, ..victim.injection("dns.error", &[]) };
    let mut holder = Command::new(ROLE)
        .arg("hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = serde_json::to_string(&injection).unwrap() + "\n";
    holder.stdin.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    // Its receipt, and that it acts.
    assert!(lines.nth(1).unwrap().unwrap().starts_with("applied"));
    let start = Instant::now();
    let asked = [HURT_NAME, "+tries=1", "+timeout=1"];
    let said = dig(&victim, &[HURT_NAME, "+tries=1", "+timeout=3"]);
    assert!(said.contains("NXDOMAIN"), "{said}");
    let pid = rustix::process::Pid::from_child(&holder);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // Until the lease is over a hung holder answers nothing; then the kernel leads nobody to it.
    until("names are right again", SOON, || dig(&victim, &asked).contains(RIGHT).then_some(()));
    let limit = std::time::Duration::from_millis(6_500).mul_f64(slowdown());
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// A CA that the server's clients trust from now on, as a file for the fault.
fn authority(victim: &Victim) -> (PathBuf, PathBuf) {
    let at = |name: &str| victim.lab.scratch().join(name);
    let mut request = Command::new("openssl");
    request.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    request.args(["-nodes", "-days", "2", "-subj", "/CN=staging test CA"]);
    request.arg("-keyout").arg(at("ca.key")).arg("-out").arg(at("ca.crt"));
    assert!(request.output().unwrap().status.success());
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    std::fs::write(at("test-ca.pem"), read("ca.crt") + &read("ca.key")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(at("test-ca.pem"), private).unwrap();
    std::fs::write(at("trusted.pem"), read("ca.crt") + &read("server.pem")).unwrap();
    (at("test-ca.pem"), at("trusted.pem"))
}

#[test]
fn wrong_certificates_are_refused_for_the_right_reason_or_found_out() {
    if !met("wrong_certificates_are_refused_for_the_right_reason_or_found_out", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut stand = Stand::of(secured());
    let (authority, trusted) = authority(&stand.victim);
    let (authority, trusted) = (authority.to_str().unwrap(), trusted.to_str().unwrap());
    assert!(stand.shakes(trusted, "-").contains("ok"));
    let filters = [("sni", "*.shop.test"), ("port", PORT)];
    for (wrong, go, openssl) in [
        ("expired", "certificate has expired", "certificate has expired"),
        ("name", "certificate is valid for somebody-else.invalid", "hostname mismatch"),
        ("unknown-issuer", "signed by unknown authority", "certificate in certificate chain"),
    ] {
        stand.arm("tls.certificate", &[("wrong", wrong), ("authority", authority)], &filters);
        let said = stand.shakes(trusted, "h2");
        assert!(said.contains(go), "{wrong}: {said}");
        let address = format!("127.0.0.1:{PORT}");
        let words = ["s_client", "-connect", &address, "-servername", NAME, "-CAfile", trusted];
        let strict = ["-verify_hostname", NAME, "-verify_return_error"];
        let said = stand.said("openssl".as_ref(), &[&words[..], &strict].concat());
        assert!(said.to_lowercase().contains(openssl), "{wrong}: {said}");
        let bite = stand.until_said("clients refused 2: alert");
        assert!(bite.hits == 2 && !bite.detail.contains("FINDING"), "{bite:?}");
        // Whoever checks nothing is found out, and is not served.
        assert!(stand.shakes("insecure", "-").contains("ok"));
        stand.until_said("FINDING: clients accepted 1");
        stand.disarm();
        assert!(stand.shakes(trusted, "-").contains("ok"), "{wrong} is over");
    }
    stand.arm("tls.alpn", &[("answer", "none"), ("authority", authority)], &filters);
    // Go leaves it to the layer above to mind, which here does not and leaves without a word.
    assert_eq!(stand.shakes(trusted, "h2").trim(), "ok");
    assert_eq!(stand.until_said("closed after the handshake").hits, 1);
    stand.disarm();
    stand.arm("tls.alpn", &[], &filters);
    assert!(stand.shakes(trusted, "h2").contains("no application protocol"));
    assert!(stand.shakes(trusted, "-").contains("ok"), "without protocols nothing is hurt");
    stand.disarm();
}

#[test]
fn handshakes_with_the_target_as_server_are_hurt_too() {
    if !met("handshakes_with_the_target_as_server_are_hurt_too", NEEDS) {
        return;
    }
    let _alone = alone();
    let mut stand = Stand::of(secured());
    let pid = stand.victim.lab.pid("secured");
    assert_eq!(curl(&stand.victim, &[]).0, 0);
    let filters = [("direction", "in"), ("sni", "*.shop.test")];
    let (target, with) = (target("secured", pid), [("alert", "unrecognized-name")]);
    let mechanism = stand.arm_on(target, "tls.alert", &with, &filters);
    assert!(mechanism.starts_with("sk_lookup"), "{mechanism}");
    let (code, said) = curl(&stand.victim, &[]);
    assert!(code == 35 && said.contains("unrecognized name"), "{code} {said}");
    assert_eq!(stand.bite().hits, 1);
    stand.disarm();
    assert_eq!(curl(&stand.victim, &[]).0, 0);
}

/// A Go service that looks payment up and shakes hands with it for each order, as the examples
/// have it.
fn ordering() -> Lab {
    let mut lab = Lab::new();
    resolve(&mut lab);
    serve(&mut lab);
    let (program, order) = (clients::binary(&lab), lab.scratch().join("order"));
    std::fs::rename(program, &order).unwrap();
    let trust = lab.scratch().join("server.pem");
    let payment = format!("payment.shop.test:{PORT}");
    let args = ["order", "127.0.0.1:53", &payment, trust.to_str().unwrap()];
    lab.start("order", &order, &args);
    lab.wait_port("127.0.0.1:8080".parse().unwrap());
    lab
}

#[test]
fn the_examples_bite_a_service_that_resolves_and_shakes_hands() {
    if !met("the_examples_bite_a_service_that_resolves_and_shakes_hands", NEEDS) {
        return;
    }
    let _alone = alone();
    let lab = ordering();
    // Each run takes seconds; these stand for their kinds, and conformance has every fault.
    let some = ["dns.error", "tls.certificate", "tls.stall"];
    for about in ALL.iter().map(|entry| entry.fault.describe()) {
        if !some.contains(&about.name) {
            continue;
        }
        let text = about.example.replace("[30s]", "[2s]").replace("hold: 30s", "hold: 1500ms");
        let text = text.replace("  method:", "  baseline: 1s\n  method:");
        let file = lab.scratch().join("example.yaml");
        std::fs::write(&file, text).unwrap();
        let ran = squall::run(&lab, &["run", file.to_str().unwrap()]);
        let ran = ran.expect_code(1);
        assert!(ran.out.contains("residue 0"), "{}: {}", about.name, ran.out);
    }
}
