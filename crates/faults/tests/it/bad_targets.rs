//! Targets that do not hold still: they fork, become another program, die and come back while they
//! are hurt; namespaces that vanish; and two faults that change the same call.

use crate::bench::{OwnGroup, Use, eventually, is_root, lease, prepare, target};
use crate::child::Part;
use squall_faults::effect::EffectError;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// 200 ms are asked; the proxy may take up to half a millisecond of that for its own way.
const DELAY_MS: u64 = 199;
const DIRECT_MS_MAX: u64 = 150;

/// A shell that asks when it is told: itself, from a child, or as what it became.
const SHELL: &str = r#"
ask() {
    local begin=${EPOCHREALTIME//[.,]/}
    { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || { echo refused; return; }
    printf 'GET / HTTP/1.1\r\nhost: t\r\n\r\n' >&3
    read -r line <&3
    exec 3>&-
    echo $(((${EPOCHREALTIME//[.,]/} - begin) / 1000))
}
while read -r word port; do
    case $word in
    ask) ask "$port" ;;
    fork) (ask "$port") ;;
    exec) echo became; exec bash -c "$SHELL_TEXT" ;;
    esac
done
"#;

/// The shell, in a cgroup of the test.
struct Caller {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Caller {
    /// In the network namespace of a part.
    fn start(group: &OwnGroup, beside: &Part) -> Caller {
        let netns = std::fs::File::open(format!("/proc/{}/ns/net", beside.pid())).unwrap();
        let members = group.0.join("cgroup.procs");
        let mut command = Command::new("bash");
        command.args(["-c", SHELL]).env("SHELL_TEXT", SHELL);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        // SAFETY: system calls between fork and exec; the path was made before.
        unsafe {
            command.pre_exec(move || {
                std::fs::write(&members, "0")?;
                match libc::setns(netns.as_raw_fd(), libc::CLONE_NEWNET) {
                    0 => Ok(()),
                    _ => Err(io::Error::last_os_error()),
                }
            });
        }
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Caller { child, input, output }
    }

    fn say(&mut self, words: &str) -> String {
        writeln!(self.input, "{words}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// How long an answer took, in milliseconds.
    fn took(&mut self, how: &str, port: u16) -> u64 {
        let said = self.say(&format!("{how} {port}"));
        said.parse().unwrap_or_else(|_| panic!("{how} {port}: {said}"))
    }

    fn delayed(&self, port: u16) -> Use {
        let with = [("mean", "200ms"), ("direction", "out")];
        let filters = [("port", &*port.to_string())];
        prepare("http.delay", target(self.child.id(), Vec::new()), &with, &filters).unwrap()
    }

    fn refused(&self, port: u16) -> Use {
        let filters = [("port", &*port.to_string())];
        prepare("net.refuse", target(self.child.id(), Vec::new()), &[], &filters).unwrap()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn service() -> (Part, SocketAddr, u16) {
    let mut part = crate::server::start();
    let line = part.line();
    let (v4, dual) = line.split_once(' ').unwrap();
    let dual: SocketAddr = dual.parse().unwrap();
    (part, v4.parse().unwrap(), dual.port())
}

#[test]
fn children_and_what_a_target_becomes_are_hurt_like_itself() {
    if !is_root("a target that forks and execs") {
        return;
    }
    let group = OwnGroup::new("forks");
    let (part, v4, other) = service();
    let mut caller = Caller::start(&group, &part);
    let used = caller.delayed(v4.port());
    let mut holder = used.apply();
    for step in ["itself", "became"] {
        assert!(caller.took("ask", v4.port()) >= DELAY_MS, "{step}");
        assert!(caller.took("fork", v4.port()) >= DELAY_MS, "{step}");
        assert!(caller.took("fork", other) < DIRECT_MS_MAX, "{step}");
        assert_eq!(caller.say("exec"), "became");
    }
    assert_eq!(holder.bite().unwrap().hits, 4);
    drop(holder);
    assert!(caller.took("fork", v4.port()) < DIRECT_MS_MAX);
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn a_refusal_and_a_redirect_of_one_target_hold_in_either_order() {
    if !is_root("a refusal beside a redirect") {
        return;
    }
    let group = OwnGroup::new("both");
    let (part, v4, other) = service();
    let mut caller = Caller::start(&group, &part);
    for refuse_first in [true, false] {
        let (delay, refuse) = (caller.delayed(v4.port()), caller.refused(other));
        // The same destination is refused whatever else is done to it.
        let mut same = caller.refused(v4.port());
        same.rename("i2");
        let (first, second) = if refuse_first { (&refuse, &delay) } else { (&delay, &refuse) };
        let (one, two) = (first.apply(), second.apply());
        assert_eq!(caller.say(&format!("ask {other}")), "refused", "{refuse_first}");
        assert!(caller.took("ask", v4.port()) >= DELAY_MS, "{refuse_first}");
        let mut three = same.apply();
        assert_eq!(caller.say(&format!("ask {}", v4.port())), "refused", "{refuse_first}");
        assert_eq!(three.bite().unwrap().hits, 1);
        drop(three);
        assert!(caller.took("ask", v4.port()) >= DELAY_MS, "{refuse_first}");
        drop((one, two));
        assert!(caller.took("ask", v4.port()) < DIRECT_MS_MAX);
        assert!(caller.took("ask", other) < DIRECT_MS_MAX);
        for used in [delay, refuse, same] {
            assert_eq!(used.residue(), [""; 0]);
        }
    }
}

#[test]
fn a_target_that_dies_and_comes_back_is_reached_by_its_old_address_until_the_undo() {
    if !is_root("a target that restarts while redirected") {
        return;
    }
    let (mut client, ..) = service();
    let first = listen(&client, "127.0.0.1:0");
    let address = first.local_addr().unwrap();
    let used =
        prepare("http.delay", target(client.pid(), vec![address]), &[("mean", "200ms")], &[]);
    let used = used.unwrap();
    let holder = used.apply();
    serve(first);
    assert!(took(&mut client, address) >= DELAY_MS);
    // Nobody listens for a moment: the client is told so, not kept waiting.
    crate::host::within(&client, || TcpStream::connect(address).map(drop)).unwrap();
    eventually("nobody listens", || {
        let said = client.ask(&format!("get {address} /"));
        said == "ConnectionReset" || said == "UnexpectedEof"
    });
    let second = listen(&client, &address.to_string());
    serve(second);
    assert!(took(&mut client, address) >= DELAY_MS);
    drop(holder);
    assert!(took(&mut client, address) < DIRECT_MS_MAX);
    assert_eq!(used.residue(), [""; 0]);
}

fn listen(part: &Part, text: &str) -> TcpListener {
    crate::host::within(part, || TcpListener::bind(text).unwrap())
}

fn took(client: &mut Part, address: SocketAddr) -> u64 {
    let said = client.ask(&format!("get {address} /"));
    said.parse::<u64>().unwrap_or_else(|_| panic!("{said}")) / 1_000
}

/// Answers so many requests as a connection has, on the first connections until one says nothing.
fn serve(listener: TcpListener) {
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !line.ends_with("\r\n\r\n") {
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    // The listener goes with this thread.
                    return;
                }
            }
            let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
}

#[test]
fn a_target_that_died_before_its_fault_is_left_alone() {
    if !is_root("a target that dies before its fault") {
        return;
    }
    let (client, address, _) = service();
    let used = prepare("http.delay", target(client.pid(), vec![address]), &[("mean", "1ms")], &[]);
    let used = used.unwrap();
    client.kill();
    let gone = used.try_apply(lease(Duration::from_secs(5)));
    assert!(matches!(gone, Err(EffectError::TargetGone)), "{:?}", gone.err());
    assert_eq!(used.residue(), [""; 0]);
}

#[test]
fn a_namespace_is_given_back_when_its_target_is_gone() {
    if !is_root("a namespace that vanishes") {
        return;
    }
    let (part, v4, _) = service();
    let netns = target(part.pid(), Vec::new()).netns;
    let mut holder = Part::start("holder");
    holder.ask(&format!("http.delay {} mean=200ms - {v4}", part.pid()));
    let (pid, held) = (holder.pid(), format!("net:[{netns}]"));
    let holds = || {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        let of_files = descriptors.filter(|entry| {
            std::fs::read_link(entry.path()).is_ok_and(|link| link.to_str() == Some(&held))
        });
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let of_threads = threads.filter(|entry| {
            let link = std::fs::read_link(entry.path().join("ns/net"));
            link.is_ok_and(|link| link.to_str() == Some(&held))
        });
        of_files.count() + of_threads.count()
    };
    assert!(holds() > 0, "the proxy lives in the target's namespace");
    part.kill();
    // Nobody lives there any more, and the undo works all the same.
    assert_eq!(holder.ask("drop"), "dropped");
    eventually("the namespace is given back", || holds() == 0);
}
