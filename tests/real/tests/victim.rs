//! A target of the tests' own in a lab, an agent of its own beside it, and ways to look at both.

use squall_agent::client::Client;
use squall_agent::inventory;
use squall_agent::paths::Paths;
use squall_faults::catalog;
use squall_real::lab::Lab;
use squall_real::until::{slowdown, until};
use squall_wire::fingerprint::{Difference, Fingerprint};
use squall_wire::identity::ProcessIdentity;
use squall_wire::injection::{Injection, Values};
use squall_wire::protocol::{Answer, Armed, Ask, Undone};
use squall_wire::target::Target;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The program with all roles.
pub(crate) const ROLE: &str = env!("CARGO_BIN_EXE_squall-real-role");
/// Where the target serves, in a namespace of its own.
pub(crate) const SERVES: &str = "127.0.0.1:8080";
/// Where it dials.
pub(crate) const DIALS: &str = "127.0.0.1:8081";
/// Where a target with a disk of its own has it.
pub(crate) const DISK: &str = "/mnt";
/// How long anything awaited may take on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// How late a restore may be on a machine that has nothing else to do. The promise is 100 ms; the
/// bench measures that.
const RESTORED_WITHIN: Duration = Duration::from_millis(1_000);

/// How late a restore may be on this machine now: where everybody has to wait for a processor, so
/// do the agent, its watchdog and their target, one after the other.
pub(crate) fn restored_within() -> Duration {
    RESTORED_WITHIN.mul_f64(slowdown())
}

/// How long the ports of a proxy may outlive its fault on a loaded machine; 0.2 s are meant.
const DRAINED_WITHIN: Duration = Duration::from_secs(2);

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Tests that measure times must not disturb each other.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A target in a lab.
pub(crate) struct Victim {
    pub(crate) lab: Lab,
    pub(crate) target: Target,
    /// A process beside the target, which keeps its namespace readable when it is dead.
    witness: Option<u32>,
}

impl Victim {
    pub(crate) fn new() -> Victim {
        Victim::start(ROLE, &["target", SERVES, DIALS], |started| started)
    }

    /// One whose parent starts it again when it ends.
    pub(crate) fn supervised() -> Victim {
        Victim::start(ROLE, &["supervise", SERVES, DIALS], |supervisor| {
            squall_faults::sys::process::descendants(supervisor)[0].pid
        })
    }

    /// One that sees a file system of its own, of 160 MiB, where nobody else sees it.
    pub(crate) fn with_disk() -> Victim {
        let mount = format!("mount -t tmpfs -o size=160m squall-test {DISK} && exec \"$@\"");
        let args = ["--mount", "--", "sh", "-c", &mount, "sh", ROLE, "target", SERVES, DIALS];
        Victim::start("unshare", &args, |started| started)
    }

    /// A program that listens where the usual target does.
    pub(crate) fn of(program: &std::path::Path, args: &[&str]) -> Victim {
        Victim::start(program.to_str().unwrap(), args, |started| started)
    }

    fn start(program: &str, args: &[&str], target: fn(u32) -> u32) -> Victim {
        let mut lab = Lab::new();
        lab.start("target", program.as_ref(), args);
        lab.wait_port(SERVES.parse().unwrap());
        lab.wait_port(DIALS.parse().unwrap());
        let pid = target(lab.pid("target"));
        let victim = Victim::found(lab, pid, Vec::new());
        assert_eq!(victim.target.listening.len(), 2, "both listeners are seen from outside");
        victim
    }

    /// A Go process with every hook of the SDK.
    pub(crate) fn go() -> Victim {
        let mut lab = Lab::new();
        let socket = Paths::below(&lab.scratch().join("state")).sdk_socket;
        let socket = format!("SQUALL_AGENT={}", socket.display());
        let program = squall_real::squall::shop().join("instrumented");
        let program = program.to_str().unwrap();
        lab.start("target", "env".as_ref(), &[&socket, program, SERVES]);
        lab.wait_port(SERVES.parse().unwrap());
        let ours = catalog::ALL.iter().map(|entry| entry.fault.describe().name);
        let ours = ours.filter(|name| name.starts_with("go.")).map(str::to_owned);
        let pid = lab.pid("target");
        Victim::found(lab, pid, ours.chain(["cache.flush".to_owned()]).collect())
    }

    fn found(lab: Lab, pid: u32, probes: Vec<String>) -> Victim {
        let all = inventory::scan().processes;
        let found = all.into_iter().find(|process| process.process.pid == pid).unwrap();
        let target = Target {
            name: "target-1".into(),
            service: "target".into(),
            process: found.process,
            netns: found.netns,
            cgroup: found.cgroup,
            listening: found.listening,
            probes,
        };
        Victim { lab, target, witness: None }
    }

    /// Starts a service beside the target, at this address and another to dial, and looks at the
    /// host through its eyes, too.
    pub(crate) fn call_witness(&mut self, serves: &str, dials: &str) {
        self.witness = Some(self.lab.start("witness", ROLE.as_ref(), &["target", serves, dials]));
        self.lab.wait_port(serves.parse().unwrap());
    }

    pub(crate) fn injection(&self, fault: &str, with: &[(&str, &str)]) -> Injection {
        let pairs = with.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Injection {
            id: "i1".into(),
            run: "run1".into(),
            fault: fault.into(),
            params: pairs.collect(),
            filters: Values::new(),
            target: self.target.clone(),
            lease_ms: 5_000,
            cap_ms: 60_000,
            seed: 1,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.target.process.pid
    }

    /// The state letter of the target's process.
    pub(crate) fn state(&self) -> char {
        squall_faults::sys::process::stat(self.pid()).map_or('-', |stat| stat.state)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state() == 'T'
    }

    /// The host's state: as the lab's agent reads it, which knows what it merely keeps loaded,
    /// or read here where no agent answers.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let paths = Paths::below(&self.lab.scratch().join("state"));
        let pids: Vec<u32> = [self.pid()].into_iter().chain(self.witness).collect();
        match Client::connect(&paths.socket, "test") {
            Err(_) => squall_faults::sys::fingerprint::fingerprint(&pids),
            Ok(mut client) => match client.call(Ask::Fingerprint { pids }) {
                Ok(Answer::Fingerprint(fingerprint)) => fingerprint,
                other => panic!("{other:?}"),
            },
        }
    }

    /// Fails unless the host looks as before: at once around the target, and soon everywhere
    /// else, where another test's agent may be at work.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self, before: &Fingerprint) {
        let differences = self.drained(before);
        let own: Vec<_> = differences.iter().filter(|found| !self.is_elsewhere(found)).collect();
        assert!(own.is_empty(), "the target's surroundings are as they were: {own:?}");
        if differences.iter().any(|found| found.appeared) {
            let what = format!("the rest of the host is as it was: {differences:?}");
            until(&what, SOON, || {
                let quiet = !self.differences(before).iter().any(|found| found.appeared);
                (quiet || self.others_are_at_work()).then_some(())
            });
        }
    }

    /// Fails where something of Squall is there that was not before; for a target that ended, of
    /// which much is not there any more.
    #[track_caller]
    pub(crate) fn assert_nothing_new(&self, before: &Fingerprint) {
        let differences = self.drained(before);
        let new = |found: &&Difference| found.appeared && !self.is_elsewhere(found);
        let new: Vec<_> = differences.iter().filter(new).collect();
        assert!(new.is_empty(), "nothing is left around the dead target: {new:?}");
    }

    /// The differences once the proxy's ports are closed, which take handshakes that were under
    /// way for 0.2 s more.
    fn drained(&self, before: &Fingerprint) -> Vec<Difference> {
        let start = Instant::now();
        loop {
            let found = self.differences(before);
            let drains = found.iter().any(|one| one.category == "squall sockets" && one.appeared);
            if !drains || start.elapsed() > DRAINED_WITHIN {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// True where another agent on this host may hold faults of its own at this moment.
    fn others_are_at_work(&self) -> bool {
        let ours = self.lab.scratch().join("state");
        let is_other = |words: &[String]| {
            let at = words.iter().position(|word| word == "agent-watchdog");
            at.and_then(|at| words.get(at + 1)).is_some_and(|dir| ours.as_os_str() != dir.as_str())
        };
        inventory::scan().processes.iter().any(|process| is_other(&process.command))
    }

    fn differences(&self, before: &Fingerprint) -> Vec<Difference> {
        let after = self.fingerprint();
        assert!(before.equal_categories(&after).1 >= 12, "unread: {:?}", after.unread);
        let differences = before.differences(&after);
        // `NAME ×2` that became `NAME` is another agent's second one that went.
        let fewer = |new: &Difference| {
            let more = format!("{} ×", new.fact);
            differences.iter().any(|old| !old.appeared && old.fact.starts_with(&more))
        };
        differences.iter().filter(|found| !(found.appeared && fewer(found))).cloned().collect()
    }

    /// Squall's marks are read on the whole host; this one is not about our target.
    pub(crate) fn is_elsewhere(&self, found: &Difference) -> bool {
        // Groups beside ours are those of other tests, also of ones that have just ended.
        let host_wide = [
            "bpf links",
            "bpf programs",
            "cgroups",
            "mounts",
            "named namespaces",
            "squall files",
            "squall processes",
        ];
        let here = [format!("net:[{}]", self.target.netns), self.target.cgroup.clone()];
        host_wide.contains(&found.category.as_str())
            && !here.iter().any(|place| found.fact.contains(place))
    }

    /// Asks the target over HTTP, from inside its namespace but outside its cgroup.
    pub(crate) fn get(&self, path: &str) -> std::io::Result<String> {
        self.get_within(path, SOON)
    }

    /// The same with a deadline for each step.
    pub(crate) fn get_within(&self, path: &str, limit: Duration) -> std::io::Result<String> {
        self.get_at(SERVES.parse().unwrap(), path, limit)
    }

    /// The same of another service in the namespace.
    pub(crate) fn get_at(
        &self,
        address: SocketAddr,
        path: &str,
        limit: Duration,
    ) -> std::io::Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
        self.inside(move || {
            let mut stream = TcpStream::connect_timeout(&address, limit)?;
            stream.set_read_timeout(Some(limit))?;
            stream.write_all(request.as_bytes())?;
            answer(&mut stream)
        })
    }

    /// Opens so many connections at once and returns how many of them were answered.
    pub(crate) fn answered_at_once(&self, connections: usize, limit: Duration) -> usize {
        let all = self.inside(move || {
            let address: SocketAddr = SERVES.parse().unwrap();
            let open = |_| TcpStream::connect_timeout(&address, limit);
            let mut streams = (0..connections).map(open).collect::<std::io::Result<Vec<_>>>()?;
            for stream in &mut streams {
                stream.set_read_timeout(Some(limit))?;
                stream.write_all(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n")?;
            }
            let answered = streams.iter_mut().filter_map(|stream| answer(stream).ok());
            Ok(answered.count())
        });
        all.unwrap_or(0)
    }

    /// Runs on a thread inside the target's namespace.
    fn inside<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let netns = self.lab.netns()?;
        let thread = move || {
            rustix::thread::move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&netns),
                Some(rustix::thread::LinkNameSpaceType::Network),
            )?;
            body()
        };
        std::thread::spawn(thread).join().unwrap()
    }

    /// How many of its own dials worked and how many were refused.
    pub(crate) fn dials(&self) -> (u64, u64) {
        let text = self.get("/stats").unwrap();
        let (dialed, refused) = text.split_once(' ').unwrap();
        (dialed.parse().unwrap(), refused.parse().unwrap())
    }

    /// Opens a connection to the target from inside its namespace.
    pub(crate) fn connect(&self, patience: Duration) -> std::io::Result<TcpStream> {
        let netns = std::fs::File::open(format!("/proc/{}/ns/net", self.pid()))?;
        let connect = move || {
            rustix::thread::move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&netns),
                Some(rustix::thread::LinkNameSpaceType::Network),
            )?;
            TcpStream::connect_timeout(&SERVES.parse().unwrap(), patience)
        };
        std::thread::spawn(connect).join().unwrap()
    }

    /// True where the target's own dials neither work nor fail: it makes hundreds a second.
    pub(crate) fn dials_hang(&self) -> bool {
        let before = self.dials();
        std::thread::sleep(Duration::from_millis(150));
        self.dials() == before
    }

    /// Runs one of the roles as a process of the target's cgroup and namespace. True where it
    /// ended well.
    pub(crate) fn as_target(&self, words: &[&str]) -> bool {
        let mount = squall_real::lab::cgroup2_mount().unwrap();
        let cgroup = mount.join(self.target.cgroup.trim_start_matches('/'));
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""]).arg(cgroup);
        shell.arg("nsenter").arg(format!("--net=/proc/{}/ns/net", self.pid())).arg("--");
        shell.arg(ROLE).args(words).status().unwrap().success()
    }

    /// A counter of TCP in the target's network namespace, by its name in `netstat`.
    pub(crate) fn network_counter(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/net/netstat", self.pid())).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("TcpExt:")).collect();
        let at = lines[0].split(' ').position(|word| word == name).unwrap();
        lines[1].split(' ').nth(at).unwrap().parse().unwrap()
    }

    /// One number that a Go target says of itself.
    pub(crate) fn stats(&self, key: &str) -> f64 {
        let text = self.get("/stats").unwrap();
        let stats: serde_json::Value = serde_json::from_str(&text).unwrap();
        stats[key].as_f64().unwrap_or_else(|| panic!("{key} in {text}"))
    }

    /// True where one of its numbers grows by so much within a moment.
    pub(crate) fn grows(&self, key: &str, by: u32) -> bool {
        let before = self.stats(key);
        std::thread::sleep(Duration::from_millis(100));
        self.stats(key) - before >= f64::from(by)
    }

    /// True where the right answer comes, and comes late.
    pub(crate) fn is_late(&self, path: &str, by_ms: u128) -> bool {
        let start = Instant::now();
        self.get(path).is_ok_and(|body| body == "hello") && start.elapsed().as_millis() >= by_ms
    }

    /// True where its own process uses more than this share of a core.
    pub(crate) fn burns(&self, share: f64) -> bool {
        let ticks = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
            let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        };
        let (before, start) = (ticks(), Instant::now());
        std::thread::sleep(Duration::from_millis(300));
        // A tick is 10 ms.
        (ticks() - before) as f64 * 0.01 > start.elapsed().as_secs_f64() * share
    }

    /// Where the lab's agent keeps its state.
    pub(crate) fn state_dir(&self) -> std::path::PathBuf {
        Paths::below(&self.lab.scratch().join("state")).state_dir
    }

    /// The processes in the target's cgroup.
    pub(crate) fn cgroup_members(&self) -> String {
        let mount = squall_real::lab::cgroup2_mount().unwrap();
        let dir = mount.join(self.target.cgroup.trim_start_matches('/'));
        std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default()
    }

    /// True once the target's process has ended, whatever has its pid now.
    pub(crate) fn is_gone(&self) -> bool {
        let now = squall_faults::sys::process::identity(self.pid());
        now != Some(self.target.process)
    }

    /// The share of a core that the target's cgroup uses in so long a time.
    pub(crate) fn cpu_share(&self, time: Duration) -> f64 {
        let mount = squall_real::lab::cgroup2_mount().unwrap();
        let file = mount.join(self.target.cgroup.trim_start_matches('/')).join("cpu.stat");
        let used_us = || {
            let text = std::fs::read_to_string(&file).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
            line.unwrap().parse::<u64>().unwrap()
        };
        let (before, start) = (used_us(), std::time::Instant::now());
        std::thread::sleep(time);
        (used_us() - before) as f64 / start.elapsed().as_micros() as f64
    }

    /// In how many periods the kernel has throttled the target's group.
    pub(crate) fn throttled(&self) -> u64 {
        let groups = squall_faults::sys::cgroup::groups(self.pid()).unwrap();
        let count = |group: &squall_faults::sys::cgroup::Group| {
            let text = std::fs::read_to_string(group.folder.join("cpu.stat")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("nr_throttled "));
            line?.parse::<u64>().ok()
        };
        groups.iter().filter_map(count).sum()
    }

    /// The memory that others hold in the target's cgroup.
    pub(crate) fn cgroup_memory_kib(&self) -> u64 {
        self.others_in_cgroup("status", "RssAnon:")
    }

    /// The bytes that others in the target's cgroup have written.
    pub(crate) fn cgroup_written(&self) -> u64 {
        self.others_in_cgroup("io", "wchar:")
    }

    fn others_in_cgroup(&self, file: &str, word: &str) -> u64 {
        let members = self.cgroup_members();
        let others = members.lines().filter(|pid| **pid != self.pid().to_string());
        let number = |pid: &str| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(word))?;
            line.split_ascii_whitespace().next()?.parse::<u64>().ok()
        };
        others.filter_map(number).sum()
    }

    /// The room on the target's own disk.
    pub(crate) fn disk_free_mib(&self) -> u64 {
        let room = rustix::fs::statvfs(format!("/proc/{}/root{DISK}", self.pid())).unwrap();
        (room.f_bavail * room.f_frsize) >> 20
    }

    /// Waits until the target is stopped, which a busy machine gets to when it has time; a fault
    /// that was undone would never show.
    pub(crate) fn until_stopped(&self) {
        until("the target is stopped", SOON, || self.is_stopped().then_some(()));
    }

    /// Waits until the target works as if nothing had been.
    pub(crate) fn until_running(&self, what: &str) -> Duration {
        until(what, SOON, || (!self.is_stopped()).then_some(())).1
    }
}

/// Reads one answer and returns its body.
fn answer(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    // The server keeps connections open, so the length in the head decides.
    loop {
        let read = stream.read(&mut bytes)?;
        answer.extend(&bytes[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let whole = text.split_once("\r\n\r\n").filter(|(head, body)| {
            let head = head.to_ascii_lowercase();
            let length = head.rsplit("content-length: ").next().unwrap_or_default();
            let length = length.split("\r\n").next().unwrap_or_default();
            length.parse::<usize>().is_ok_and(|length| body.len() >= length)
        });
        if let Some((_, body)) = whole {
            return Ok(body.to_owned());
        }
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// An agent of the test's own.
pub(crate) struct Agent {
    pub(crate) paths: Paths,
    pub(crate) child: Child,
}

impl Agent {
    pub(crate) fn start(victim: &Victim) -> Agent {
        Agent::start_with(victim, Command::new(ROLE), &["agent"])
    }

    pub(crate) fn start_with(victim: &Victim, mut command: Command, args: &[&str]) -> Agent {
        let paths = Paths::below(&victim.lab.scratch().join("state"));
        command.args(args).stdin(Stdio::null());
        command.env("SQUALL_STATE", &paths.state_dir).env("SQUALL_SOCKET", &paths.socket);
        let child = command.spawn().unwrap();
        let agent = Agent { paths, child };
        let client = || Client::connect(&agent.paths.socket, "test").ok();
        let (mut client, _) = until("the agent answers", SOON, client);
        if !victim.target.probes.is_empty() {
            until("the target registers", SOON, || match client.call(Ask::Processes) {
                Ok(Answer::Processes { registered }) => {
                    registered.iter().any(|it| it.process == victim.target.process).then_some(())
                }
                other => panic!("{other:?}"),
            });
        }
        agent
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.paths.socket, "test").unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn identity(&self) -> ProcessIdentity {
        squall_faults::sys::process::identity(self.child.id()).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // By its handle and with mercy: its watchdog restores what is left.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn arm(client: &mut Client, injection: &Injection) -> Armed {
    let ask = Ask::Arm { injection: Box::new(injection.clone()), radius_max: 1 };
    match client.call(ask) {
        Ok(Answer::Armed(armed)) => armed,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn disarm(client: &mut Client, run: &str) -> Vec<Undone> {
    match client.call(Ask::Disarm { run: run.into(), injection: None }) {
        Ok(Answer::Disarmed { outcomes }) => outcomes,
        other => panic!("{other:?}"),
    }
}

/// Waits until the journal holds nothing open.
pub(crate) fn until_closed(agent: &Agent) {
    until("every receipt is closed", SOON, || {
        let open = squall_agent::journal::peek(&agent.paths.state_dir).unwrap().open;
        open.is_empty().then_some(())
    });
}
