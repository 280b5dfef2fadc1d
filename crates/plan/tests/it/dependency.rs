//! The other end of a target's traffic by its name: `where: {service: payment}`.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use crate::fixture::{Fixture, step};
use squall_wire::injection::Values;
use std::net::IpAddr;

const NETNS: u64 = 4_026_531_840;
const OTHER: u64 = 4_026_532_281;

fn fixture(fault: &str, target: &str, where_: &str) -> Fixture {
    Fixture::new(&step(fault, target, &format!(", where: {{{where_}}}")))
        .more("  radius: {allowAll: true}\n")
}

/// One on which a payment is reached over the addresses of its own namespace.
fn with_addresses(fault: &str, target: &str, where_: &str) -> Fixture {
    let mut fixture = fixture(fault, target, where_);
    let of = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<IpAddr>>();
    let addresses = &mut fixture.inventory.addresses;
    addresses.insert(NETNS, of(&["127.0.0.1", "192.0.2.1", "fe80::1", "::1"]));
    addresses.insert(OTHER, of(&["127.0.0.1", "169.254.1.1", "10.1.0.2", "::1", "fd00::2"]));
    // The one in a namespace of its own listens everywhere, the other on IPv4 alone.
    fixture.inventory.processes[7].listening = vec!["[::]:9002".parse().unwrap()];
    fixture.inventory.processes[8].listening =
        vec!["0.0.0.0:9003".parse().unwrap(), "127.0.0.1:9103".parse().unwrap()];
    fixture
}

fn filters(fixture: &Fixture) -> (Vec<Values>, String) {
    let (plan, diagnostics) = fixture.plan();
    let plan = plan.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let filters = plan.injections.iter().map(|injection| injection.filters.clone());
    (filters.collect(), plan.steps[0].filters.clone())
}

/// Code, text of the place, message, label and help of everything that is wrong.
fn refused(fixture: &Fixture) -> Vec<String> {
    let (plan, diagnostics) = fixture.plan();
    assert!(plan.is_none());
    let line = |d: &squall_spec::Diagnostic| {
        let at = &fixture.experiment[d.span.start..d.span.end];
        let help = d.help.as_deref().unwrap_or("-");
        format!("{}[{at}] {} ^ {} = {help}", d.code, d.message, d.label)
    };
    diagnostics.iter().map(line).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

#[test]
fn a_name_becomes_the_endpoints_that_the_target_can_reach() {
    let all = with_addresses("net.partition", "{process: order}", "service: payment");
    let found = "10.1.0.2:9002,127.0.0.1:9003,127.0.0.1:9103,192.0.2.1:9003,[fd00::2]:9002";
    let (injected, shown) = filters(&all);
    assert_eq!(injected, [pairs(&[("endpoint", found)])]);
    assert_eq!(shown, format!("service payment ({})", found.replace(',', ", ")));
}

#[test]
fn a_port_narrows_it_and_other_filters_stay() {
    let one = with_addresses(
        "net.refuse",
        "{process: order}",
        "service: payment, port: 9103, protocol: tcp",
    );
    let wanted = [("endpoint", "127.0.0.1:9103"), ("port", "9103"), ("protocol", "tcp")];
    assert_eq!(filters(&one).0, [pairs(&wanted)]);
}

#[test]
fn an_instance_is_not_its_own_dependency() {
    let peers = "{service: payment, instances: 2}";
    let (injected, _) =
        filters(&with_addresses("net.loss", peers, "service: payment").with("share: 10%"));
    // What listens on the loopback device of one namespace cannot be reached from another.
    assert_eq!(injected[0], pairs(&[("endpoint", "192.0.2.1:9003")]));
    assert_eq!(injected[1], pairs(&[("endpoint", "10.1.0.2:9002,[fd00::2]:9002")]));
    let order = fixture("net.partition", "{service: order}", "service: order");
    assert_eq!(
        refused(&order),
        ["P209[order] order-1 is the only instance of order ^  = on another host? name it by its \
          address: endpoint"]
    );
}

#[test]
fn whoever_nobody_is_called_like_is_named_with_the_nearest() {
    let typo = fixture("net.partition", "{process: order}", "service: paymnet");
    let help = "-";
    assert_eq!(
        refused(&typo),
        [format!(
            "P202[paymnet] no service paymnet runs here ^ did you mean \"payment\"? = {help}"
        )]
    );
    let unknown = fixture("net.refuse", "{process: order}", "service: warehouse");
    assert_eq!(
        refused(&unknown),
        ["P202[warehouse] no service warehouse runs here ^  = on another host? name it by its \
          address: endpoint"]
    );
    let unreachable = fixture("net.reset", "{process: order}", "service: ksoftirqd");
    assert_eq!(refused(&unreachable).len(), 1);
    let elsewhere =
        fixture("net.delay", "{process: order}", "service: payment, port: 1").with("mean: 10ms");
    assert_eq!(
        refused(&elsewhere),
        ["P209[payment] no instance of payment listens on one of these ports ^  = on another \
          host? name it by its address: endpoint"]
    );
}

#[test]
fn management_traffic_has_a_name_too_and_lists_have_an_end() {
    let ssh = fixture("net.partition", "{process: order}", "service: sshd");
    assert_eq!(
        refused(&ssh),
        ["F020[sshd] port 22 is management traffic ^ never touched = choose some of them: \
          endpoint, or port"]
    );
    let mut many = fixture("net.partition", "{process: order}", "service: payment");
    many.inventory.processes[8].listening =
        (9_000..9_033).map(|port| ([127, 0, 0, 1], port).into()).collect();
    assert_eq!(
        refused(&many),
        ["F021[payment] 33 of \"endpoint\" are more than can be compared ^ at most 32 = choose \
          some of them: endpoint, or port"]
    );
}
