//! What is measured: nothing between, our proxy, and the peers, each a process of its own.

use super::load::PORT;
use crate::peers;
use squall_proxy::{
    BootTime, Delay, Distribution, Door, Effect, Layer, Matcher, PathPattern, Place, Proxy, Rule,
    RuleSet, Scope, Share, Side, Upstream, Way,
};
use squall_real::until::until;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

const OURS: u16 = 18_801;
const READING: u16 = 18_802;
const HAPROXY: u16 = 18_803;
const TOXIPROXY: u16 = 18_804;
const TOXIPROXY_API: u16 = 18_805;

/// One of them; ends with it.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) port: u16,
    process: Option<Child>,
}

/// Direct first; a peer that cannot be had is named.
pub(super) fn all() -> Vec<Subject> {
    let direct = Subject { name: "nothing between".into(), port: PORT, process: None };
    let mut all = vec![direct, ours("Squall, empty", OURS, "empty")];
    all.push(ours("Squall, rules that fit nothing", READING, "reading"));
    for peer in [haproxy(), toxiproxy()] {
        match peer {
            Ok(peer) => all.push(peer),
            Err(why) => eprintln!("bench: {why}"),
        }
    }
    all
}

fn ours(name: &str, port: u16, how: &str) -> Subject {
    let own = std::env::current_exe().expect("a program knows its own path");
    let mut command = Command::new(own);
    command.args(["proxy-inner", &port.to_string(), how]);
    start(name, port, &mut command)
}

fn haproxy() -> Result<Subject, String> {
    let path = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"]
        .into_iter()
        .find(|p| Path::new(p).exists());
    let path = path.ok_or("HAProxy is not installed (apt install haproxy)")?;
    let config =
        std::env::temp_dir().join(format!("squall-bench-haproxy-{}.cfg", std::process::id()));
    let text = format!(
        "global\n maxconn 4000\ndefaults\n mode tcp\n option splice-auto\n timeout connect 5s\n \
         timeout client 1h\n timeout server 1h\nlisten bench\n bind 127.0.0.1:{HAPROXY}\n \
         server service 127.0.0.1:{PORT}\n"
    );
    std::fs::write(&config, text).map_err(|why| why.to_string())?;
    let mut command = Command::new(path);
    command.arg("-db").arg("-f").arg(&config);
    let subject = start("HAProxy 2.6, TCP mode", HAPROXY, &mut command);
    drop(std::fs::remove_file(config));
    Ok(subject)
}

fn toxiproxy() -> Result<Subject, String> {
    let mut command = Command::new(peers::toxiproxy()?);
    command.args(["-host", "127.0.0.1", "-port", &TOXIPROXY_API.to_string()]);
    let mut subject = start("Toxiproxy 2.12", TOXIPROXY_API, &mut command);
    let body = format!(
        "{{\"name\":\"bench\",\"listen\":\"127.0.0.1:{TOXIPROXY}\",\
         \"upstream\":\"127.0.0.1:{PORT}\",\"enabled\":true}}"
    );
    let head = format!(
        "POST /proxies HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", TOXIPROXY_API)).map_err(|w| w.to_string())?;
    stream.write_all(head.as_bytes()).map_err(|why| why.to_string())?;
    drop(stream.read_to_string(&mut String::new()));
    subject.port = TOXIPROXY;
    Ok(subject)
}

fn start(name: &str, port: u16, command: &mut Command) -> Subject {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = quiet.spawn().expect("the subject starts");
    until("the subject listens", Duration::from_secs(10), || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    Subject { name: name.into(), port, process: Some(process) }
}

impl Subject {
    pub(super) fn is_direct(&self) -> bool {
        self.process.is_none()
    }

    pub(super) fn is_ours(&self) -> bool {
        self.port == OURS
    }

    /// What all its threads have run, to the nanosecond.
    pub(super) fn cpu(&self) -> Duration {
        let Some(process) = &self.process else { return Duration::ZERO };
        let tasks = std::fs::read_dir(format!("/proc/{}/task", process.id()));
        let ran = |task: std::fs::DirEntry| -> Option<u64> {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok()
        };
        let tasks = tasks.into_iter().flatten().flatten();
        Duration::from_nanos(tasks.filter_map(ran).sum())
    }

    /// What it holds resident.
    pub(super) fn memory_kb(&self) -> f64 {
        let Some(process) = &self.process else { return 0.0 };
        let path = format!("/proc/{}/status", process.id());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

/// Leads every connection to the service.
struct ToService;

impl Upstream for ToService {
    fn address(&self, _place: &Place) -> SocketAddr {
        ([127, 0, 0, 1], PORT).into()
    }

    fn bound(&self, _local: SocketAddr, _place: &Place) -> io::Result<()> {
        Ok(())
    }

    fn closed(&self, _local: SocketAddr) {}
}

pub(super) fn proxy(words: &[String]) -> ExitCode {
    let port: u16 = words.first().and_then(|word| word.parse().ok()).unwrap_or(0);
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    let proxy = Proxy::new();
    let _layer = (words.get(1).map(String::as_str) == Some("reading")).then(|| reading(&proxy));
    let doors = vec![Door::new(listener, Way::Inbound).expect("a listener takes options")];
    match squall_proxy::run(doors, Arc::new(ToService), &proxy) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => panic!("the proxy runs: {why}"),
    }
}

/// A rule that fits nothing: every request is read.
fn reading(proxy: &Proxy) -> Layer {
    let (distribution, jitter) = (Distribution::Uniform, Duration::ZERO);
    let effect = Effect::Delay(Delay { distribution, mean: Duration::ZERO, jitter });
    let path = Some(PathPattern::new("/never"));
    let matcher = Matcher { path, ..Matcher::default() };
    let rule = Rule { id: 1, matcher, share: Share::ALL, side: Side::Request, effect };
    let set = RuleSet::new(vec![rule], 1).expect("the rule is within the limits");
    let layer = proxy.layer(Scope::Everything);
    layer.rules().arm(set, BootTime::NEVER);
    layer
}
