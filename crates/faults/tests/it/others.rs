//! Redirects of others beside ours: what can work together does, what cannot is refused before
//! anything is touched.

use crate::bench::{Own, OwnGroup, Use, eventually, is_direct, is_root, prepare, target};
use crate::child::Part;
use crate::foreign;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// 200 ms are asked; the proxy may take up to half a millisecond of that for its own way.
const DELAY_US: u64 = 199_000;
/// An address that leads nowhere but where packet rules say.
const VIRTUAL: &str = "192.0.2.1:80";

struct Place {
    part: Part,
    v4: SocketAddr,
}

impl Place {
    /// A service that is its own client, in a network namespace of the test.
    fn start() -> Place {
        let mut part = crate::server::start();
        let line = part.line();
        let v4 = line.split(' ').next().unwrap().parse().unwrap();
        Place { part, v4 }
    }

    /// Runs a script in the namespace; false where a program it needs is not there.
    fn script(&self, test: &str, script: &str) -> bool {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.part.pid().to_string(), "-n", "sh", "-ec", script]);
        let output = command.stdout(Stdio::null()).output();
        let done = output.as_ref().is_ok_and(|output| output.status.success());
        if !done {
            let said = output.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            println!("SKIP {test}: needs nsenter, ip, nft and iptables: {said:?}");
        }
        done
    }

    fn get(&mut self, address: &str) -> u64 {
        let answer = self.part.ask(&format!("get {address} /"));
        answer.parse().unwrap_or_else(|_| panic!("{address}: {answer}"))
    }

    fn out(&self, pid: u32) -> Result<Use, String> {
        let target = target(pid, vec![self.v4]);
        let with = [("mean", "200ms"), ("direction", "out")];
        let filters = [("peer", "192.0.2.0/24")];
        prepare("http.delay", target, &with, &filters).map_err(|error| error.to_string())
    }

    fn inward(&self) -> Result<Use, String> {
        let target = target(self.part.pid(), vec![self.v4]);
        let used = prepare("http.delay", target, &[("mean", "200ms")], &[]);
        used.map_err(|error| error.to_string())
    }
}

fn refused(used: Result<Use, String>, words: &[&str]) {
    let Err(said) = used else { panic!("it was not refused") };
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// The chains of a service mesh: a virtual address is led to a sidecar (here the service itself),
/// loopback and the sidecar's own user are left alone.
fn mesh(port: u16) -> String {
    format!(
        "ip route add 192.0.2.0/24 dev lo src 127.0.0.1\n\
         nft 'table ip mesh {{\n\
         chain pre {{ type nat hook prerouting priority -100;\n tcp dport {port} redirect to :{port}\n }}\n\
         chain out {{ type nat hook output priority -100;\n\
         oifname \"lo\" ip daddr 127.0.0.1 return\n meta skuid 1337 return\n ip protocol tcp jump to\n }}\n\
         chain to {{\n ip daddr 192.0.2.0/24 tcp dport 80 dnat to 127.0.0.1:{port}\n }}\n\
         }}'"
    )
}

#[test]
fn a_mesh_goes_on_behind_the_proxy_and_the_record_says_so() {
    if !is_root("a mesh beside a redirect") {
        return;
    }
    let mut place = Place::start();
    if !place.script("a mesh beside a redirect", &mesh(place.v4.port())) {
        return;
    }
    assert!(is_direct(|| place.get(VIRTUAL)));
    let used = place.out(place.part.pid()).unwrap();
    let mut holder = used.apply();
    assert!(holder.mechanism().ends_with(", before nft ip mesh to"), "{}", holder.mechanism());
    // The proxy's connection is led to the sidecar as the target's was.
    assert!(place.get(VIRTUAL) >= DELAY_US);
    assert_eq!(holder.bite().unwrap().hits, 1);
    drop(holder);
    assert!(is_direct(|| place.get(VIRTUAL)));
    let used = place.inward().unwrap();
    let holder = used.apply();
    assert!(holder.mechanism().contains(", behind nft ip mesh pre"), "{}", holder.mechanism());
    assert!(place.get(VIRTUAL) >= DELAY_US);
    assert!(place.get(&place.v4.to_string()) >= DELAY_US);
    drop(holder);
    // The sidecar itself would be treated otherwise than the agent.
    let sidecar = in_namespace_as(&place, 1337);
    refused(place.out(sidecar.pid()), &["nft ip mesh to", "unlike the agent's", "take it away"]);
}

/// A process of another user beside the service.
fn in_namespace_as(place: &Place, user: u32) -> Own {
    let netns = File::open(format!("/proc/{}/ns/net", place.part.pid())).unwrap();
    let mut command = Command::new("sleep");
    command.arg("300");
    // SAFETY: system calls between fork and exec, which touch no memory.
    unsafe {
        command.pre_exec(move || {
            let entered = libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET) == 0;
            if entered && libc::setuid(user) == 0 {
                return Ok(());
            }
            Err(io::Error::last_os_error())
        });
    }
    Own::spawn(&mut command)
}

#[test]
fn rules_that_would_catch_the_proxy_are_refused_by_name() {
    if !is_root("rules that would catch the proxy") {
        return;
    }
    let flush = "nft flush ruleset; iptables-legacy -t nat -F OUTPUT || true";
    let nat = "table ip catch { chain out { type nat hook output priority -100;";
    let place = Place::start();
    let port = place.v4.port();
    let everything = [
        format!("nft '{nat}\n ip protocol tcp redirect to :1\n }}\n }}'"),
        format!("nft '{nat}\n tcp dport 1024-65535 redirect to :1\n }}\n }}'"),
        format!("nft '{nat}\n tcp dport {{ 80, {port}, 40000 }} redirect to :1\n }}\n }}'"),
        "iptables-nft -t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 1".to_owned(),
        "iptables-legacy -t nat -N CATCH; iptables-legacy -t nat -A CATCH -p tcp -j REDIRECT \
         --to-ports 1; iptables-legacy -t nat -A OUTPUT -d 127.0.0.0/8 -j CATCH"
            .to_owned(),
    ];
    for script in &everything {
        if !place.script("rules that would catch the proxy", script) {
            return;
        }
        refused(place.out(place.part.pid()), &["a packet rule (", "away from the proxy"]);
        refused(place.inward(), &["would lead the proxy's own connections", &port.to_string()]);
        assert!(place.script("flush", flush));
    }
    // What is about other ports, addresses, protocols or devices is nobody's business.
    let harmless = [
        format!("nft '{nat}\n tcp dport 80 redirect to :1\n }}\n }}'"),
        format!("nft '{nat}\n udp dport 1024-65535 redirect to :1\n }}\n }}'"),
        format!("nft '{nat}\n ip daddr 10.0.0.0/8 ip protocol tcp redirect to :1\n }}\n }}'"),
        format!("nft '{nat}\n oifname \"eth0\" ip protocol tcp redirect to :1\n }}\n }}'"),
        "iptables-legacy -t nat -N OTHER; iptables-legacy -t nat -A OTHER -p tcp -j REDIRECT \
         --to-ports 1; iptables-legacy -t nat -A OUTPUT ! -o lo -j OTHER; iptables-legacy -t nat \
         -A OUTPUT -p tcp --dport 80 -j OTHER"
            .to_owned(),
    ];
    for script in &harmless {
        assert!(place.script("harmless rules", script));
        let checked = place.out(place.part.pid()).and_then(|_| place.inward());
        assert!(checked.is_ok(), "{script}: {:?}", checked.err());
        assert!(place.script("flush", flush));
    }
}

#[test]
fn what_steals_connections_before_their_socket_is_refused() {
    if !is_root("tproxy beside a redirect") {
        return;
    }
    let place = Place::start();
    let script = "nft 'table inet steal { chain pre { type filter hook prerouting priority mangle;\n \
                  meta l4proto tcp tproxy ip to :9\n }\n }'";
    if !place.script("tproxy beside a redirect", script) {
        return;
    }
    refused(place.out(place.part.pid()), &["nft inet steal pre", "away from the proxy"]);
    refused(place.inward(), &["nft inet steal pre"]);
}

#[test]
fn a_socket_lookup_program_of_others_is_not_overruled() {
    if !is_root("sk_lookup of others") {
        return;
    }
    let place = Place::start();
    let netns = File::open(format!("/proc/{}/ns/net", place.part.pid())).unwrap();
    let program = foreign::pass(false);
    let link = foreign::link(&program, &netns, false);
    refused(place.inward(), &["edge_lookup (sk_lookup)", "would be overruled"]);
    assert!(place.out(place.part.pid()).is_ok());
    drop(link);
    assert!(place.inward().is_ok());
}

#[test]
fn connect_programs_of_others_are_joined_only_where_they_stay_whole() {
    if !is_root("connect programs of others") {
        return;
    }
    let above = OwnGroup::new("above");
    let group = |name: &str| {
        let path = above.0.join(name);
        std::fs::create_dir(&path).unwrap();
        OwnGroup(path)
    };
    let (own, agent) = (group("own"), group("agent"));
    let mut place = Place::start();
    own.take(place.part.pid());
    let program = foreign::pass(true);
    let open = |group: &OwnGroup| File::open(&group.0).unwrap();
    let on_own = foreign::link(&program, &open(&own), true);
    let refusal = ["mesh_connect4 (connect4)", "see the proxy"];
    refused(place.out(place.part.pid()), &refusal);
    assert!(place.inward().is_ok());
    drop(on_own);
    // A process that another test starts at this moment has a copy of the link until it is itself.
    eventually("the link is gone", || place.out(place.part.pid()).is_ok());

    let on_above = foreign::link(&program, &open(&above), true);
    // This process is not below it.
    refused(place.out(place.part.pid()), &["mesh_connect4", "pass it by"]);
    let mut holder = Part::start("holder");
    agent.take(holder.pid());
    let (pid, v4) = (place.part.pid(), place.v4);
    assert_eq!(holder.ask(&format!("redirect {pid} {v4} 30")), "redirected");
    assert!(place.get(&v4.to_string()) >= DELAY_US);
    holder.kill();
    drop(on_above);
    eventually("attached", || foreign::attach_overridable(&program, &open(&above)));
    refused(place.out(place.part.pid()), &["mesh_connect4", "would take its place"]);
    // The kernel takes the program away with its group, which goes when its members have.
    drop(place);
}
