//! A resolver of the agent in the way of the target's own, on the redirect that other faults share.

use super::types;
use crate::dose::of_share;
use crate::effect::{EffectError, Holder, LeaseEnd};
use crate::sys::redirect::{self, Doors, Led, Origins, Protocols, Redirected, Undo, What};
use crate::values::Checked;
use squall_proxy::dns::{self, Answerer, Door, Rule, Snapshot};
use squall_proxy::{BootTime, NamePattern, Stop};
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::net::SocketAddr;
use std::sync::Arc;

/// So many seen names fit a line for a person.
const NAMES_SHOWN: usize = 5;

/// A fault on questions: what is done to those that match, and the word for it.
pub(crate) struct Questions {
    /// The effect that the values ask for.
    pub(crate) effect: fn(&Checked) -> dns::Effect,
    /// What a question was, for example `answered with an error`.
    pub(crate) hurt: &'static str,
}

struct Held {
    answerer: Answerer,
    /// Taken away before the answerer is told to end.
    redirected: Option<Redirected>,
    share: f64,
    hurt: &'static str,
}

impl Led for Questions {
    fn undo(&self, injection: &Injection, values: &Checked) -> Result<Undo, EffectError> {
        Undo::outbound(
            injection,
            &redirect::remotes(values, "resolver", values.port("port")),
            Protocols::Both,
        )
    }

    fn lead(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let rule = Rule {
            names: NamePattern::new(values.text("name").unwrap_or("*")),
            kinds: types(values),
            share: values.share("share"),
            effect: (self.effect)(values),
        };
        let answerer = Answerer::default();
        answerer.rules().arm(rule, injection.seed, BootTime(lease.boottime_ns));
        let running = answerer.clone();
        let serve = move |Doors { doors, origins }: Doors| {
            let door = |door: redirect::Door| Door { udp: door.udp, tcp: door.tcp };
            let doors = doors.into_iter().map(door).collect();
            // Whoever holds the fault sees in the counters that nothing arrives any more.
            let _ended = dns::run(doors, Arc::new(Meant(origins)), &running);
        };
        let what = What::Doors(Box::new(serve));
        let redirected = Undo::of(receipt)?.apply(receipt, lease, what, false)?;
        let (share, hurt) = (values.share("share"), self.hurt);
        Ok(Box::new(Held { answerer, redirected: Some(redirected), share, hurt }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.answerer.rules().clear();
        self.redirected = None;
        // Sockets that were connected before go on to be served until their clients make others.
        self.answerer.stop(Stop::Drain);
    }
}

impl Held {
    fn redirected(&self) -> &Redirected {
        self.redirected.as_ref().expect("invariant: only its drop takes it away")
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let counted = self.answerer.counters().snapshot();
        let detail = detail(&counted, self.redirected().redirected(), self.hurt);
        let bite = Bite { hits: counted.hurt, seen: counted.queries, detail, ..Bite::default() };
        if counted.asked_ns_total > 0 {
            let mean_ms = |total_ns: u64| Some(total_ns as f64 / counted.hurt as f64 / 1e6);
            let (asked, delivered) =
                (mean_ms(counted.asked_ns_total), mean_ms(counted.delivered_ns_total));
            return Ok(Bite { asked, delivered, ..bite });
        }
        // Over TCP a cut answer has had its effect already: those are no trials.
        Ok(of_share(bite, self.share, counted.spared))
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.answerer.rules().extend(BootTime(lease.boottime_ns));
        self.redirected().extend(lease)
    }

    fn mechanism(&self) -> String {
        self.redirected().mechanism()
    }
}

/// What a client meant that came to a door.
struct Meant(Origins);

impl dns::Origins for Meant {
    fn of(&self, door: usize) -> Option<SocketAddr> {
        self.0.of(door)
    }
}

/// One line for a person: what happened, or why nothing did.
fn detail(counted: &Snapshot, redirected: u64, hurt: &str) -> String {
    let Snapshot { queries, matched, hurt: count, over_tcp, unread, .. } = counted;
    if *queries == 0 {
        return match (redirected, unread) {
            (0, _) => "the target asked no resolver".to_owned(),
            (_, 0) => "the target asked a resolver, no question has arrived yet".to_owned(),
            (_, unread) => format!("{unread} messages could not be read as questions"),
        };
    }
    if *matched == 0 {
        let names = counted.names.iter().take(NAMES_SHOWN);
        let names: Vec<_> = names.map(|(name, count)| format!("{name} ({count})")).collect();
        return format!("{queries} questions, none matches: {}", names.join(", "));
    }
    let tcp = match over_tcp {
        0 => String::new(),
        count => format!(", {count} of them over TCP"),
    };
    format!("{count} of {matched} matching questions {hurt}{tcp}, {queries} seen")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_explained() {
        let check = |counted: Snapshot, redirected, expected: &str| {
            assert_eq!(detail(&counted, redirected, "lost"), expected);
        };
        let none = Snapshot::default();
        check(none.clone(), 0, "the target asked no resolver");
        check(none.clone(), 1, "the target asked a resolver, no question has arrived yet");
        let garbage = Snapshot { unread: 2, ..none.clone() };
        check(garbage, 2, "2 messages could not be read as questions");
        let other = Snapshot { queries: 3, names: vec![("a.b".into(), 3)], ..none.clone() };
        check(other, 3, "3 questions, none matches: a.b (3)");
        let hit = Snapshot { queries: 9, matched: 4, hurt: 3, over_tcp: 1, ..none };
        check(hit, 9, "3 of 4 matching questions lost, 1 of them over TCP, 9 seen");
    }
}
