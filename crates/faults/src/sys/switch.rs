//! What the kernel's own switches say is on: the maps `*_cfg` of Squall's programs, whoever loaded
//! them. What an agent says of itself is held against it.

use crate::catalog;
use crate::effect::EffectError;
use crate::fault::Need;
use crate::sys::armed::is_rule;
use crate::sys::bpf::{self, token};
use crate::sys::clock::boottime_ns;
use crate::sys::redirect;
use std::collections::BTreeSet;

/// What all programs here call their switch.
const SUFFIX: &str = "_cfg";

/// One switch that is on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Switch {
    /// The injection's token.
    token: u64,
    /// When it ends by itself, on the boot-time axis.
    expires_ns: u64,
    /// The map.
    map: String,
}

/// Every switch that is on at this moment.
///
/// # Errors
/// Without the privilege to read maps.
pub fn on() -> Result<Vec<Switch>, EffectError> {
    let mut found: Vec<Switch> = Vec::new();
    let now = boottime_ns();
    for map in bpf::names()?.into_iter().filter(|name| name.ends_with(SUFFIX)) {
        let rules = bpf::heads(&map, is_rule)?.into_iter().chain(redirect::heads(&map)?);
        let on = rules.filter(|(expires_ns, _)| *expires_ns > now);
        found.extend(on.map(|(expires_ns, token)| Switch { token, expires_ns, map: map.clone() }));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Where what is armed, given as run, injection and fault, and the kernel's switches do not say
/// the same; empty where they agree.
///
/// # Errors
/// As [`on`].
pub fn disagreements(armed: &[[&str; 3]]) -> Result<Vec<String>, EffectError> {
    Ok(compare(armed, &on()?))
}

fn compare(armed: &[[&str; 3]], on: &[Switch]) -> Vec<String> {
    let tokens: BTreeSet<u64> = on.iter().map(|switch| switch.token).collect();
    let known: BTreeSet<u64> = armed.iter().map(|[run, id, _]| token(run, id)).collect();
    let off = armed.iter().filter(|[run, injection, fault]| {
        has_switch(fault) && !tokens.contains(&token(run, injection))
    });
    let off = off.map(|[run, injection, fault]| {
        format!("{fault} of {run} {injection} is armed, but no switch in the kernel is on")
    });
    let orphans = on.iter().filter(|switch| !known.contains(&switch.token));
    let orphans = orphans.map(|switch| {
        format!("{} is on in the kernel for an injection that this agent did not arm", switch.map)
    });
    off.chain(orphans).collect()
}

/// True for faults that act by programs in the kernel.
fn has_switch(fault: &str) -> bool {
    let needs = catalog::find(fault).map_or(&[][..], |entry| entry.fault.describe().needs);
    needs.iter().any(|need| {
        matches!(
            need,
            Need::BpfCgroupConnect
                | Need::BpfCgroupBind
                | Need::BpfCgroupSkb
                | Need::BpfTcx
                | Need::BpfSkLookup
                | Need::BpfCgroupRedirect
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_to_know_an_injection_and_other_faults_have_no_switch() {
        let on = |run, id| Switch {
            token: token(run, id),
            expires_ns: u64::MAX,
            map: "loss_cfg".to_owned(),
        };
        let armed = [["r", "i1", "net.loss"], ["r", "i2", "process.pause"]];
        assert_eq!(compare(&armed, &[on("r", "i1")]), [""; 0]);
        assert_eq!(
            compare(&armed, &[on("r", "i3")]),
            [
                "net.loss of r i1 is armed, but no switch in the kernel is on",
                "loss_cfg is on in the kernel for an injection that this agent did not arm",
            ]
        );
    }
}
