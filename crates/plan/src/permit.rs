//! What the policy and the clock allow.

use crate::inputs::Inputs;
use crate::words::count;
use squall_spec::{Code, Diagnostic, Policy, Rule, Spanned, Step};

/// No rule names the fault on this service.
const NOT_ALLOWED: Code = Code::error("P210");
/// The hour is wrong.
const OUTSIDE_WINDOW: Code = Code::error("P211");
/// The user is wrong.
const NOT_BY_THEM: Code = Code::error("P212");

/// More names would fill the line.
const NAMES_MAX: usize = 3;

/// Checks the experiment's own window.
pub(crate) fn check_window(inputs: &Inputs<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(window) = &inputs.experiment.spec.window else {
        return;
    };
    if !window.contains(inputs.now_unix_ms) {
        let message = format!("now is outside the experiment's window {}", window.value);
        let diagnostic = Diagnostic::new(OUTSIDE_WINDOW, window.span, message);
        diagnostics.push(diagnostic.help("wait for it, or change window:"));
    }
}

/// Checks one step against the policy; returns the rule that allows it, in words.
pub(crate) fn check_step(
    inputs: &Inputs<'_>,
    step: &Step,
    service: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    let policy = inputs.policy?;
    match allowing(policy, inputs, &step.fault, service) {
        Ok(rule) => Some(in_words(rule, &step.fault)),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    }
}

fn allowing<'p>(
    policy: &'p Policy,
    inputs: &Inputs<'_>,
    fault: &Spanned<String>,
    service: &str,
) -> Result<&'p Rule, Box<Diagnostic>> {
    let refuse = |code, message| Box::new(Diagnostic::new(code, fault.span, message));
    let listed = |list: &[Spanned<String>], wanted: &str| {
        list.is_empty() || list.iter().any(|entry| entry.value == wanted)
    };
    let name = &policy.name;
    let fits = |rule: &&Rule| {
        rule.faults.iter().any(|pattern| covers(pattern, fault)) && listed(&rule.services, service)
    };
    let fitting: Vec<_> = policy.rules.iter().filter(fits).collect();
    if fitting.is_empty() {
        let message = format!("policy {name} does not allow {} on {service}", fault.value);
        return Err(refuse(NOT_ALLOWED, message));
    }
    let who: Vec<_> = fitting.into_iter().filter(|r| listed(&r.who, inputs.who)).collect();
    if who.is_empty() {
        let message = format!("policy {name} allows {} to others than {}", fault.value, inputs.who);
        return Err(refuse(NOT_BY_THEM, message));
    }
    let open = |rule: &&&Rule| {
        rule.window.as_ref().is_none_or(|window| window.contains(inputs.now_unix_ms))
    };
    who.iter().find(open).copied().ok_or_else(|| {
        let windows: Vec<_> = who.iter().filter_map(|r| r.window.as_ref()).collect();
        let windows: Vec<_> = windows.iter().map(|window| window.value.to_string()).collect();
        let message =
            format!("policy {name} allows {} at {} only", fault.value, windows.join(" or "));
        refuse(OUTSIDE_WINDOW, message)
    })
}

/// Tells whether `net.*` or `*` or a name covers a fault.
fn covers(pattern: &str, fault: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(family) if family.ends_with('.') => fault.starts_with(family),
        _ => pattern == fault,
    }
}

fn in_words(rule: &Rule, fault: &str) -> String {
    let who = match rule.who.as_slice() {
        [] => "by anybody".to_owned(),
        several if several.len() > NAMES_MAX => {
            format!("by {}", count(several.len() as u64, "user"))
        }
        few => {
            let names: Vec<_> = few.iter().map(|name| name.value.as_str()).collect();
            format!("by {}", names.join(" and "))
        }
    };
    let when = match &rule.window {
        Some(window) => format!("at {}", window.value),
        None => "at any time".to_owned(),
    };
    format!("{fault}, {who}, {when}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_not_a_prefix() {
        assert!(covers("net.*", "net.refuse") && covers("*", "net.refuse"));
        assert!(!covers("net*", "net.refuse") && !covers("net.*", "network.refuse"));
        assert!(!covers("http.delay", "http.abort"));
    }
}
