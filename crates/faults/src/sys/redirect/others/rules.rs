//! Packet rules as far as they can lead a connection somewhere else, and what may become of one.
//! What a rule asks that is not understood may hold.

use std::net::IpAddr;

/// Chains that call one another; deeper is not followed by the kernel either.
const DEPTH_MAX: usize = 16;

/// Where a chain begins to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    Prerouting,
    Output,
}

/// A table of chains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// For people: `ip nat`.
    pub(super) name: String,
    /// 4 or 6; none for both.
    pub(super) family: Option<u8>,
    pub(super) chains: Vec<Chain>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) name: String,
    pub(super) hook: Option<Hook>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) terms: Vec<Term>,
    pub(super) act: Act,
}

/// What a rule asks. `not` turns it round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) what: What,
    pub(super) not: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Protocol(u8),
    /// 4 or 6.
    Family(u8),
    /// Destination ports, both ends included.
    Ports(u16, u16),
    /// The destination's leading bits.
    Network(IpAddr, u8),
    /// The device it leaves by.
    Out(String),
    /// The user of the socket, both ends included.
    User(u32, u32),
    /// The group of the socket, both ends included.
    Group(u32, u32),
    /// Something else of the socket's owner, such as its cgroup.
    Owner,
    /// Not understood.
    Other,
}

/// What a rule does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing that matters here.
    #[default]
    Nothing,
    /// Ends the chain: accept, drop, return.
    End,
    /// Goes on in another chain.
    Jump(String),
    /// Goes on in a chain that a map names.
    JumpAnywhere,
    /// Changes the destination.
    Redirect,
    /// Gives the packet to another socket.
    Tproxy,
}

/// Some connections.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) protocol: u8,
    pub(super) network: IpAddr,
    pub(super) prefix: u8,
    pub(super) ports: (u16, u16),
    /// They stay on the loopback device.
    pub(super) loopback: bool,
    /// User and group of those whose connections they are.
    pub(super) owners: Vec<(u32, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    No,
    Maybe,
    Yes,
    /// Yes for some of the owners.
    ByOwner,
}

/// What a table may do to a flow, each with the rule's place.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The destination may be changed.
    pub(super) redirected: Option<String>,
    /// Another socket may get it.
    pub(super) taken: Option<String>,
    /// Where connections of the owners part.
    pub(super) by_owner: Option<String>,
}

impl Table {
    /// What may become of a flow at a hook.
    pub(super) fn follow(&self, hook: Hook, flow: &Flow) -> Found {
        let mut found = Found::default();
        let family = if flow.network.is_ipv4() { 4 } else { 6 };
        if self.family.is_none_or(|own| own == family) {
            for chain in self.chains.iter().filter(|chain| chain.hook == Some(hook)) {
                self.walk(chain, flow, DEPTH_MAX, false, &mut found);
            }
        }
        found
    }

    /// Walks a chain; `parted` once the owners have gone different ways.
    fn walk(&self, chain: &Chain, flow: &Flow, depth: usize, parted: bool, found: &mut Found) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let mut parted = parted;
        for rule in &chain.rules {
            let answer = rule.answer(flow);
            if answer == Answer::No {
                continue;
            }
            let place = || format!("{} {}", self.name, chain.name);
            let by_owner = answer == Answer::ByOwner;
            match &rule.act {
                Act::Nothing => {}
                Act::End if answer == Answer::Yes => return,
                Act::End => parted |= by_owner,
                Act::Redirect | Act::Tproxy => {
                    let slot = match rule.act {
                        Act::Redirect => &mut found.redirected,
                        _ => &mut found.taken,
                    };
                    slot.get_or_insert_with(place);
                    if by_owner || parted {
                        found.by_owner.get_or_insert_with(place);
                    }
                    if answer == Answer::Yes {
                        return;
                    }
                }
                Act::Jump(_) | Act::JumpAnywhere => {
                    for to in &self.chains {
                        let meant = match &rule.act {
                            Act::Jump(name) => *name == to.name,
                            _ => to.hook.is_none(),
                        };
                        if meant {
                            self.walk(to, flow, depth, parted || by_owner, found);
                        }
                    }
                }
            }
        }
    }
}

impl Rule {
    fn answer(&self, flow: &Flow) -> Answer {
        let answers: Vec<Answer> = self.terms.iter().map(|term| term.answer(flow)).collect();
        let any = |answer| answers.contains(&answer);
        match () {
            () if any(Answer::No) => Answer::No,
            () if any(Answer::ByOwner) => Answer::ByOwner,
            () if any(Answer::Maybe) => Answer::Maybe,
            () => Answer::Yes,
        }
    }
}

impl Term {
    fn answer(&self, flow: &Flow) -> Answer {
        let v4 = flow.network.is_ipv4();
        let answer = match &self.what {
            What::Protocol(protocol) => exact(*protocol == flow.protocol),
            What::Family(family) => exact((*family == 4) == v4),
            What::Ports(from, to) => within(flow.ports, (*from, *to)),
            What::Network(network, prefix) => overlap(flow, *network, *prefix),
            What::Out(_) if !flow.loopback => Answer::Maybe,
            What::Out(name) => exact(name == "lo"),
            What::User(from, to) => shared(flow, |(user, _)| (*from..=*to).contains(&user)),
            What::Group(from, to) => shared(flow, |(_, group)| (*from..=*to).contains(&group)),
            // One owner is treated like itself, though nobody knows how.
            What::Owner if flow.owners.len() > 1 => Answer::ByOwner,
            What::Owner | What::Other => Answer::Maybe,
        };
        match answer {
            Answer::Yes if self.not => Answer::No,
            Answer::No if self.not => Answer::Yes,
            answer => answer,
        }
    }
}

fn exact(is: bool) -> Answer {
    if is { Answer::Yes } else { Answer::No }
}

fn within(ports: (u16, u16), wanted: (u16, u16)) -> Answer {
    match () {
        () if ports.1 < wanted.0 || wanted.1 < ports.0 => Answer::No,
        () if wanted.0 <= ports.0 && ports.1 <= wanted.1 => Answer::Yes,
        () => Answer::Maybe,
    }
}

fn shared(flow: &Flow, is: impl Fn((u32, u32)) -> bool) -> Answer {
    let count = flow.owners.iter().filter(|owner| is(**owner)).count();
    match count {
        0 => Answer::No,
        all if all == flow.owners.len() => Answer::Yes,
        _ => Answer::ByOwner,
    }
}

fn overlap(flow: &Flow, network: IpAddr, prefix: u8) -> Answer {
    if flow.network.is_ipv4() != network.is_ipv4() {
        return Answer::No;
    }
    let common = prefix.min(flow.prefix);
    if leading(flow.network, common) != leading(network, common) {
        return Answer::No;
    }
    if prefix <= flow.prefix { Answer::Yes } else { Answer::Maybe }
}

fn leading(ip: IpAddr, bits: u8) -> u128 {
    let (number, width) = match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    };
    number.checked_shr(width - u32::from(bits).min(width)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn rule(terms: &[(What, bool)], act: Act) -> Rule {
        let term = |(what, not): &(What, bool)| Term { what: what.clone(), not: *not };
        Rule { terms: terms.iter().map(term).collect(), act }
    }

    fn chain(name: &str, hook: Option<Hook>, rules: Vec<Rule>) -> Chain {
        Chain { name: name.into(), hook, rules }
    }

    fn flow(network: &str, prefix: u8, port: u16, loopback: bool, owners: &[(u32, u32)]) -> Flow {
        let (network, owners) = (network.parse().unwrap(), owners.to_vec());
        Flow { protocol: 6, network, prefix, ports: (port, port), loopback, owners }
    }

    /// The output chains that a service mesh writes: its own user goes free, loopback goes free.
    fn mesh() -> Table {
        let localhost = What::Network("127.0.0.1".parse().unwrap(), 32);
        let lo = || What::Out("lo".into());
        let sidecar = || What::User(1337, 1337);
        let rules = vec![
            rule(
                &[(lo(), false), (localhost.clone(), true), (sidecar(), false)],
                Act::Jump("in".into()),
            ),
            rule(&[(lo(), false), (sidecar(), true)], Act::End),
            rule(&[(sidecar(), false)], Act::End),
            rule(&[(localhost, false)], Act::End),
            rule(&[], Act::Jump("to".into())),
        ];
        let redirect = || vec![rule(&[(What::Protocol(6), false)], Act::Redirect)];
        let chains = vec![
            chain("OUTPUT", Some(Hook::Output), rules),
            chain("to", None, redirect()),
            chain("in", None, redirect()),
        ];
        Table { name: "ip nat".into(), family: Some(4), chains }
    }

    #[test]
    fn a_mesh_treats_target_and_agent_alike_and_leaves_loopback() {
        let owners = [(1000, 1000), (0, 0)];
        let out = mesh().follow(Hook::Output, &flow("10.0.0.0", 8, 80, false, &owners));
        assert_eq!(out.redirected.as_deref(), Some("ip nat to"));
        assert_eq!(out.by_owner, None);
        let near = mesh().follow(Hook::Output, &flow("127.0.0.1", 32, 40_000, true, &owners));
        assert_eq!(near, Found::default());
        // The sidecar itself as the target goes another way than the agent.
        let sidecar = [(1337, 1337), (0, 0)];
        let out = mesh().follow(Hook::Output, &flow("10.0.0.0", 8, 80, false, &sidecar));
        assert!(out.by_owner.is_some(), "{out:?}");
        let other = mesh().follow(Hook::Output, &flow("fd00::", 8, 80, false, &sidecar));
        assert_eq!(other, Found::default());
    }

    #[test]
    fn what_is_not_understood_may_hold() {
        let check = |what: What, not: bool, expected: bool| {
            let rules = vec![rule(&[(what.clone(), not)], Act::Redirect)];
            let chains = vec![chain("c", Some(Hook::Output), rules)];
            let table = Table { name: "t".into(), family: None, chains };
            let flow = flow("10.1.0.0", 16, 80, false, &[(0, 0)]);
            let found = table.follow(Hook::Output, &flow).redirected.is_some();
            assert_eq!(found, expected, "{what:?} {not}");
            assert_eq!(table.follow(Hook::Prerouting, &flow), Found::default());
        };
        check(What::Other, false, true);
        check(What::Other, true, true);
        check(What::Owner, false, true);
        check(What::Protocol(17), false, false);
        check(What::Protocol(17), true, true);
        check(What::Ports(81, 90), false, false);
        check(What::Ports(80, 90), false, true);
        check(What::Ports(80, 90), true, false);
        check(What::Network("10.0.0.0".parse().unwrap(), 8), false, true);
        check(What::Network("10.0.0.0".parse().unwrap(), 8), true, false);
        // A part of the flow.
        check(What::Network("10.1.2.0".parse().unwrap(), 24), false, true);
        check(What::Network("10.1.2.0".parse().unwrap(), 24), true, true);
        check(What::Network("10.2.0.0".parse().unwrap(), 16), false, false);
        check(What::Family(6), false, false);
        check(What::User(1, 9), false, false);
    }

    #[test]
    fn chains_in_a_circle_end() {
        let rules = vec![rule(&[], Act::Jump("c".into())), rule(&[], Act::JumpAnywhere)];
        let chains = vec![
            chain("c", Some(Hook::Output), rules),
            chain("d", None, vec![rule(&[], Act::Tproxy)]),
        ];
        let table = Table { name: "t".into(), family: None, chains };
        let found = table.follow(Hook::Output, &flow("10.0.0.1", 32, 80, false, &[(0, 0)]));
        assert_eq!(found.taken.as_deref(), Some("t d"));
    }
}
