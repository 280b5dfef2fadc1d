//! Attacks that worked on others, and what the agent may do: who can talk to it, what a value can
//! make it run, and which privileges it keeps.

use crate::seen::CASES;
use crate::victim::{Agent, ROLE, SOON, Victim, alone, arm, disarm};
use squall_agent::privilege::{KEPT, named, of_process};
use squall_faults::catalog;
use squall_faults::fault::Kind;
use squall_real::needs::{Need, met};
use squall_real::until::until;
use squall_wire::protocol::{Answer, Ask};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

const NEEDS: &[Need] = &[Need::Root, Need::Netns, Need::Cgroup2];

fn served(agent: &Agent, pids: &[u32]) -> Vec<String> {
    let answer = agent.client().call(Ask::Fingerprint { pids: pids.to_vec() });
    let Ok(Answer::Fingerprint(print)) = answer else { panic!("{answer:?}") };
    print.facts["squall sockets"].iter().cloned().collect()
}

/// CVE-2023-47105 (ChaosBlade: its server takes commands from whoever reaches its port) and
/// CVE-2025-59358 (Chaos Mesh: a debugging server in every cluster that kills what it is told to).
#[test]
fn nobody_reaches_the_agent_over_a_network_and_other_users_not_at_all() {
    if !met("nobody_reaches_the_agent_over_a_network_and_other_users_not_at_all", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let pids = [agent.child.id(), victim.pid()];
    assert_eq!(served(&agent, &pids), [""; 0], "an agent at rest listens on no port");
    let mut client = agent.client();
    arm(&mut client, &victim.injection("http.delay", &[("mean", "1ms")]));
    let inside = format!("net:[{}] ", victim.target.netns);
    for port in served(&agent, &pids) {
        let is_inside = port.starts_with(&inside);
        let is_local = port.contains(" 127.0.0.1:") || port.contains(" [::1]:");
        assert!(is_inside && is_local, "only the target's own loopback: {port}");
    }
    disarm(&mut client, "run1");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    let state = agent.paths.state_dir.clone();
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&agent.paths.socket), 0o600);
    assert_eq!(mode(&state.join("journal")), 0o600);
    assert_eq!(mode(&state.join("lock")), 0o600);
    // As another user: by the modes, and where those were opened, by who it is.
    let program = victim.lab.scratch().join("role");
    std::fs::copy(ROLE, &program).unwrap();
    let stranger = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&program);
        command.arg("client").env("SQUALL_STATE", &state).env_remove("SQUALL_SOCKET");
        let output = command.stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let shut = stranger();
    assert!(shut.starts_with("failed"), "{shut}");
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&state, 0o777);
    open(&agent.paths.socket, 0o666);
    let opened = stranger();
    assert!(opened.starts_with("failed"), "{opened}");
    println!("with the modes: {shut}without them: {opened}");
}

/// CVE-2025-59359, -59360 and -59361 (Chaos Mesh: a device, a process and a chain whose names are
/// pasted into a shell's command line).
#[test]
fn no_value_is_ever_read_by_a_shell() {
    if !met("no_value_is_ever_read_by_a_shell", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mark = victim.lab.scratch().join("marked");
    let touch = format!("touch {}", mark.display());
    let evil = [format!("$({touch})"), format!("lo;{touch};"), format!("`{touch}`\n{touch}")];
    let (mut asked, mut taken) = (0, 0);
    for case in
        CASES.iter().filter(|case| std::ptr::fn_addr_eq(case.victim, Victim::new as fn() -> Victim))
    {
        let Some(entry) = catalog::find(case.fault) else { continue };
        let about = entry.fault.describe();
        for param in about.params.iter().chain(about.filters) {
            let texts = matches!(
                param.kind,
                Kind::Text { .. } | Kind::Name | Kind::Names | Kind::Path | Kind::Glob | Kind::Pair
            );
            for text in evil.iter().filter(|_| texts) {
                let mut injection = case.injection(&victim);
                let is_filter = about.filters.iter().any(|filter| filter.name == param.name);
                let values = if is_filter { &mut injection.filters } else { &mut injection.params };
                values.insert(param.name.to_owned(), text.clone());
                injection.target.name = text.clone();
                let ask = Ask::Arm { injection: Box::new(injection), radius_max: 1 };
                let mut client = agent.client();
                asked += 1;
                taken += u32::from(client.call(ask).is_ok());
                disarm(&mut client, "run1");
                assert!(!mark.exists(), "{} {}: a shell has read it", case.fault, param.name);
            }
        }
    }
    println!("{asked} values with a shell's signs in them, {taken} taken by the letter");
    assert!(asked >= 20, "{asked}");
    // Ids are letters and digits, so no path and no line of the journal can be made of them.
    for id in ["../../etc/passwd", "a b", "$(id)", "a\nb", ""] {
        let mut injection = victim.injection("process.pause", &[]);
        injection.run = id.into();
        let ask = Ask::Arm { injection: Box::new(injection), radius_max: 1 };
        assert!(agent.client().call(ask).is_err(), "{id:?} is no id");
    }
    assert!(!mark.exists());
}

#[test]
fn agent_and_watchdog_keep_what_they_need_and_a_thread_that_parses_less() {
    if !met("agent_and_watchdog_keep_what_they_need_and_a_thread_that_parses_less", NEEDS) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let (pid, watchdog) = (agent.child.id(), client.greeting().watchdog);
    for pid in [pid, watchdog] {
        let (effective, bounding) = of_process(pid).unwrap();
        let ((names, others), (_, ever)) = (named(effective), named(bounding));
        assert!(others == 0 && ever == 0, "pid {pid} has {names:?} and {others}, {ever} others");
        assert!(names.len() <= KEPT.len());
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
    // A privilege that few faults need, and only for some values.
    let mut low = victim.injection("net.occupy", &[]);
    low.filters = [("port".to_owned(), "81".to_owned())].into();
    arm(&mut client, &low);
    assert!(!victim.as_target(&["bind", "127.0.0.1:81"]), "the low port is taken");
    disarm(&mut client, "run1");
    arm(&mut client, &victim.injection("http.delay", &[("mean", "1ms")]));
    let proxy = until("the proxy's thread is confined", SOON, || {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
        let status =
            tasks.filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
        let mut status = status.filter(|status| status.starts_with("Name:\tsquall-proxy"));
        status.find(|status| status.contains("Seccomp:\t2"))
    });
    let line = proxy.0.lines().find(|line| line.starts_with("CapEff:")).unwrap().to_owned();
    let set = u64::from_str_radix(line.trim_start_matches("CapEff:").trim(), 16).unwrap();
    assert_eq!(named(set), (vec!["bpf", "net_admin", "perfmon"], 0));
    disarm(&mut client, "run1");
}
