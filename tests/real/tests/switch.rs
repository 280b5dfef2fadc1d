//! What the agent says is armed, and what the kernel's switches say is on, is the same.

use crate::seen::Pairs;
use crate::victim::{Agent, Victim, alone, arm, disarm};
use squall_faults::sys::switch;
use squall_real::needs::{Need, met};
use squall_wire::injection::Injection;
use squall_wire::protocol::{Answer, ArmedLine, Ask};

fn disagreements(armed: &[ArmedLine]) -> Vec<String> {
    let known = armed.iter();
    let known = known.map(|line| [line.run.as_str(), &line.injection, &line.fault]);
    switch::disagreements(&known.collect::<Vec<_>>()).unwrap()
}

#[test]
fn agent_and_kernel_agree_about_what_is_on() {
    let needs = [Need::Root, Need::Netns, Need::Cgroup2];
    if !met("agent_and_kernel_agree_about_what_is_on", &needs) {
        return;
    }
    let _alone = alone();
    let victim = Victim::new();
    let agent = Agent::start(&victim);
    let mut client = agent.client();
    let before = switch::on().unwrap();
    let faults: [(&str, Pairs, usize); 6] = [
        ("net.refuse", &[], 1),
        ("net.loss", &[("share", "1%")], 1),
        ("net.delay", &[("mean", "1ms")], 1),
        ("net.bandwidth", &[("rate", "1Gbit/s")], 1),
        ("http.delay", &[("mean", "1ms")], 1),
        // No program of the kernel's, so no switch.
        ("process.pause", &[], 0),
    ];
    let mut switches = before.len();
    for (number, (fault, with, more)) in faults.into_iter().enumerate() {
        let injection = victim.injection(fault, with);
        arm(&mut client, &Injection { id: format!("i{number}"), ..injection });
        switches += more;
        assert_eq!(switch::on().unwrap().len(), switches, "{fault} has a switch of its own");
        let Ok(Answer::Status { armed, .. }) = client.call(Ask::Status) else { panic!("{fault}") };
        assert_eq!(armed.len(), number + 1);
        assert_eq!(disagreements(&armed), [""; 0], "{fault}");
        // Each side is missed by the other.
        let without = &armed[..armed.len() - 1];
        assert_eq!(disagreements(without).len(), more, "{fault}");
    }
    let Ok(Answer::Status { armed, .. }) = client.call(Ask::Status) else { panic!() };
    disarm(&mut client, "run1");
    assert_eq!(switch::on().unwrap(), before);
    assert_eq!(disagreements(&armed).len(), switches - before.len(), "all but the pause are off");
}
