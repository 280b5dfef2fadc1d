//! The shop in a network namespace of its own: built, started, one service restarted, ended.

use crate::demo::sweep::Sweeper;
use crate::{command, tree};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The modules that are programs.
const PROGRAMS: [&str; 5] = ["inventory", "payment", "order", "gateway", "controller"];

/// Each service: its name, its program, its arguments, where it says that it is ready.
const SERVICES: [(&str, &str, &[&str], &str); 5] = [
    ("inventory", "inventory", &[], "http://127.0.0.1:8092/healthz"),
    (
        "payment-1",
        "payment",
        &["-port", "8083", "-name", "payment-1"],
        "http://127.0.0.1:8083/healthz",
    ),
    (
        "payment-2",
        "payment",
        &["-port", "8084", "-name", "payment-2"],
        "http://127.0.0.1:8084/healthz",
    ),
    ("order", "order", &[], "http://127.0.0.1:8081/healthz"),
    ("gateway", "gateway", &[], "http://127.0.0.1:8080/healthz"),
];

/// Where the built programs are.
pub(crate) fn folder() -> PathBuf {
    tree::target().join("shop")
}

/// The go command in a module, with that module's own dependencies and no other's.
pub(crate) fn go(module: &Path) -> Command {
    let mut go = Command::new("go");
    go.current_dir(module).env("GOWORK", "off");
    go
}

/// Builds every program of the shop.
pub(crate) fn build() -> Result<(), String> {
    println!("demo: building the shop");
    for program in PROGRAMS {
        let mut go = go(&tree::root().join("targets/shop").join(program));
        go.args(["build", "-buildvcs=false", "-o"]).arg(folder().join(program)).arg(".");
        command::run(&mut go)?;
    }
    Ok(())
}

/// Builds the process with every hook of the SDK, beside the shop.
pub(crate) fn build_instrumented() -> Result<(), String> {
    let mut go = go(&tree::root().join("targets/instrumented"));
    go.args(["build", "-buildvcs=false", "-o"]).arg(folder().join("instrumented")).arg(".");
    command::run(&mut go)
}

/// The running shop.
pub(crate) struct Shop {
    name: String,
    cgroup: Option<PathBuf>,
    state: PathBuf,
    running: Vec<(&'static str, Child)>,
    sweeper: Sweeper,
}

impl Shop {
    /// Makes the namespace and starts everything but order, which each act starts anew.
    pub(crate) fn open() -> Result<Shop, String> {
        let name = format!("squall-demo-{}", std::process::id());
        let mut sweeper = Sweeper::start()?;
        sweeper.netns(&name)?;
        command::run(Command::new("ip").args(["netns", "add", &name]))?;
        command::run(Command::new("ip").args(["-n", &name, "link", "set", "lo", "up"]))?;
        // A state folder of the demo's own: an agent of this host is not involved.
        let state = PathBuf::from(format!("/run/{name}"));
        sweeper.folder(&state)?;
        let cgroup = match cgroup2().map(|mount| mount.join(&name)) {
            Some(path) => {
                sweeper.cgroup(&path)?;
                match fs::create_dir(&path) {
                    Ok(()) => Ok(path),
                    Err(why) => Err(format!("{}: {why}", path.display())),
                }
            }
            None => Err("no cgroup v2 is mounted".to_owned()),
        };
        match &cgroup {
            Ok(path) => {
                println!("demo: network namespace {name}, cgroups below {}", path.display())
            }
            Err(why) => println!("demo: network namespace {name}, no cgroups of its own: {why}"),
        }
        let cgroup = cgroup.ok();
        let mut shop = Shop { name, cgroup, state, running: Vec::new(), sweeper };
        for (service, ..) in SERVICES.iter().filter(|(service, ..)| *service != "order") {
            shop.start(service, &[])?;
        }
        Ok(shop)
    }

    /// Restarts order with these variables and waits until the whole shop is ready.
    pub(crate) fn order(&mut self, env: &[(&str, &str)]) -> Result<(), String> {
        if let Some(at) = self.running.iter().position(|(name, _)| *name == "order") {
            let (_, mut child) = self.running.remove(at);
            command::run(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
            child.wait().map_err(|e| format!("order: {e}"))?;
        }
        self.start("order", env)?;
        let mut wait = self.inside(&folder().join("controller"));
        wait.args(["wait", "-for", "20s"]).args(SERVICES.map(|(.., ready)| ready));
        command::run(&mut wait)
    }

    /// A command that runs in the namespace. It keeps the mounts, unlike `ip netns exec`, whose
    /// fresh /sys hides the cgroups.
    pub(crate) fn inside(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command
    }

    /// Where the agent of this demo keeps its receipts.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Lets a process end by itself before the shop is taken away from under it.
    pub(crate) fn wait_for(&mut self, pid: u32) -> Result<(), String> {
        self.sweeper.wait_for(pid)
    }

    /// Ends every service and removes the namespace and the cgroups.
    pub(crate) fn close(mut self) -> Result<(), String> {
        let swept = self.sweeper.finish();
        for (_, child) in &mut self.running {
            child.wait().map_err(|e| format!("a service did not end: {e}"))?;
        }
        swept
    }

    fn start(&mut self, service: &str, env: &[(&str, &str)]) -> Result<(), String> {
        let (service, program, args, _) = SERVICES
            .iter()
            .find(|(name, ..)| *name == service)
            .expect("invariant: a listed service");
        let inside = self.inside(&folder().join(program));
        let mut command = match &self.cgroup {
            Some(cgroup) => in_cgroup(&cgroup.join(service), &inside)?,
            None => inside,
        };
        if let Some(cgroup) = &self.cgroup {
            self.sweeper.cgroup(&cgroup.join(service))?;
        }
        // A process group of its own: Ctrl-C is for `squall run`, which puts the shop back first.
        command.process_group(0);
        command.args(*args).envs(env.iter().copied()).stdin(Stdio::null());
        let child = command.spawn().map_err(|e| format!("{service} did not start: {e}"))?;
        self.running.push((service, child));
        Ok(())
    }
}

/// The command, moved into a cgroup before it becomes the service: no moment outside.
fn in_cgroup(cgroup: &Path, inner: &Command) -> Result<Command, String> {
    if !cgroup.is_dir() {
        fs::create_dir(cgroup).map_err(|e| format!("{}: {e}", cgroup.display()))?;
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo 0 > \"$0/cgroup.procs\" && exec \"$@\""]).arg(cgroup);
    shell.arg(inner.get_program()).args(inner.get_args());
    Ok(shell)
}

/// Where cgroup v2 is mounted.
fn cgroup2() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let path = fields.next()?;
        (fields.next()? == "cgroup2").then(|| PathBuf::from(path))
    })
}
