//! A network namespace and a cgroup of the test's own, and the processes in them.

use crate::until::until;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static NUMBER: AtomicU32 = AtomicU32::new(0);
/// A server that is not up by then will not come up.
const UP_WITHIN: Duration = Duration::from_secs(20);

/// A place of its own for one test. Dropping it ends and removes everything in it.
#[derive(Debug)]
pub struct Lab {
    name: String,
    scratch: PathBuf,
    services: Vec<Service>,
}

/// A process in a lab.
#[derive(Debug)]
pub struct Service {
    name: String,
    child: Child,
    cgroup: Option<PathBuf>,
}

impl Lab {
    /// Makes the namespace with only a loopback device, and a scratch folder.
    pub fn new() -> Lab {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("squall-test-{}-{number}", std::process::id());
        run("ip", &["netns", "add", &name]);
        run("ip", &["-n", &name, "link", "set", "lo", "up"]);
        let scratch = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&scratch).expect("the scratch folder can be made");
        Lab { name, scratch, services: Vec::new() }
    }

    /// A folder that goes with the lab.
    pub fn scratch(&self) -> &std::path::Path {
        &self.scratch
    }

    /// The namespace, for a thread that enters it.
    pub fn netns(&self) -> std::io::Result<std::fs::File> {
        std::fs::File::open(format!("/run/netns/{}", self.name))
    }

    /// A command that runs in the namespace. `nsenter` rather than `ip netns exec`, because the
    /// latter mounts a fresh sysfs, which hides the cgroup mounts.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command.stdin(Stdio::null());
        command
    }

    /// Starts a service in the namespace and in a cgroup v2 of its own.
    pub fn start(&mut self, name: &str, program: &std::path::Path, args: &[&str]) -> u32 {
        let cgroup = cgroup2_mount().map(|mount| mount.join(format!("{}-{name}", self.name)));
        let mut command = match &cgroup {
            Some(path) => {
                std::fs::create_dir(path).expect("a cgroup can be made");
                // The shell moves itself, then becomes the service: no moment outside the group.
                let mut shell = Command::new("sh");
                shell.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""]).arg(path);
                shell.arg("nsenter").arg(format!("--net=/run/netns/{}", self.name)).arg("--");
                shell.arg(program);
                shell
            }
            None => self.command(program),
        };
        let log = std::fs::File::create(self.scratch.join(format!("{name}.log")));
        let log = log.expect("a log can be made");
        let both = log.try_clone().expect("a file handle can be copied");
        let child = command.args(args).stdin(Stdio::null()).stdout(log).stderr(both).spawn();
        let child = child.unwrap_or_else(|why| panic!("{name} starts: {why}"));
        let pid = child.id();
        self.services.push(Service { name: name.to_owned(), child, cgroup });
        pid
    }

    /// A command that runs in the namespace and in the cgroup of a service, as a child of it would.
    /// The namespace's own `resolv.conf` is in force, where a test has made one.
    pub fn beside(&self, name: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let cgroup = self.services.iter().find(|service| service.name == name);
        let cgroup = cgroup.and_then(|service| service.cgroup.as_ref());
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""]);
        shell.arg(cgroup.expect("the service was started in a cgroup of its own"));
        shell.args(["ip", "netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        shell
    }

    /// Where the files are that `ip netns exec` shows in the namespace instead of those in `/etc`.
    pub fn etc(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(&self.name)
    }

    /// The pid of a service.
    pub fn pid(&self, name: &str) -> u32 {
        let service = self.services.iter().find(|s| s.name == name);
        service.expect("the service was started").child.id()
    }

    /// What a service printed.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.scratch.join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Waits until an HTTP address in the namespace answers 2xx.
    pub fn wait_http(&self, url: &str) {
        until(&format!("{url} answers"), UP_WITHIN, || {
            let mut curl = self.command("curl");
            curl.args(["-fsS", "-o", "/dev/null", "--max-time", "2", url]);
            curl.stdout(Stdio::null()).stderr(Stdio::null());
            curl.status().ok()?.success().then_some(())
        });
    }

    /// Waits until a port in the namespace is listened on.
    pub fn wait_port(&self, address: SocketAddr) {
        let port = format!(":{:04X}", address.port());
        let owner = self.services.last().expect("a service was started").child.id();
        until(&format!("{address} is listened on"), UP_WITHIN, || {
            let table = std::fs::read_to_string(format!("/proc/{owner}/net/tcp")).ok()?;
            let table6 = std::fs::read_to_string(format!("/proc/{owner}/net/tcp6")).ok()?;
            let listens = |line: &str| {
                let mut fields = line.split_whitespace().skip(1);
                fields.next().is_some_and(|local| local.ends_with(&port))
                    && fields.nth(1) == Some("0A")
            };
            table.lines().chain(table6.lines()).any(listens).then_some(())
        });
    }
}

impl Default for Lab {
    fn default() -> Lab {
        Lab::new()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for service in &mut self.services {
            // A test may have left its target stopped on purpose; a kill ends it all the same.
            drop(service.child.kill());
            drop(service.child.wait());
            if let Some(cgroup) = &service.cgroup {
                remove_cgroup(cgroup);
            }
        }
        drop(Command::new("ip").args(["netns", "del", &self.name]).status());
        // Most tests made none; the folder above it goes with the last one.
        if std::fs::remove_dir_all(self.etc()).is_ok() {
            drop(std::fs::remove_dir("/etc/netns"));
        }
        drop(std::fs::remove_dir_all(&self.scratch));
    }
}

/// Where cgroup v2 is mounted.
pub fn cgroup2_mount() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let path = fields.next()?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(path))
    })
}

fn remove_cgroup(path: &std::path::Path) {
    // The kernel needs a moment to notice that the last process is gone.
    let gone = |_: ()| std::fs::remove_dir(path).is_ok() || !path.exists();
    let start = std::time::Instant::now();
    while !gone(()) && start.elapsed() < Duration::from_secs(2) {
        std::thread::yield_now();
    }
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status();
    assert!(status.is_ok_and(|s| s.success()), "{program} {args:?} works");
}
