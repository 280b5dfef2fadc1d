//! The policy file.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Diagnostic, has_error};
use crate::policy::{Policy, Protected, Rule};
use crate::yaml::{self, Node};

const POLICY_KEYS: [&str; 3] = ["allow", "protect", "limits"];
const RULE_KEYS: [&str; 4] = ["faults", "services", "window", "who"];
const PROTECT_KEYS: [&str; 3] = ["processes", "ports", "services"];
const LIMIT_KEYS: [&str; 3] = ["instances", "hosts", "allowAll"];
/// The planner's own cap is lower; this one keeps typing errors out.
const LIMIT_MAX: u32 = 1000;

/// Reads a policy file; there is none when any diagnostic is an error.
pub fn parse_policy(text: &str) -> (Option<Policy>, Vec<Diagnostic>) {
    let (root, diagnostics) = yaml::read(text);
    let mut walk = Walk::new(text, diagnostics);
    let policy = root.and_then(|root| walk.policy(&root));
    let diagnostics = walk.finish();
    (policy.filter(|_| !has_error(&diagnostics)), diagnostics)
}

impl Walk<'_> {
    fn policy(&mut self, root: &Node) -> Option<Policy> {
        let envelope = self.envelope(root, "Policy", &POLICY_KEYS)?;
        let body = envelope.body?;
        let mut policy = Policy {
            name: envelope.metadata?.name.value,
            rules: self.rules(&body),
            protected: self.protected(&body),
            ..Policy::default()
        };
        let limits = body.pair("limits");
        if let Some(limits) =
            limits.and_then(|pair| self.fields(&pair.value, pair.key_span, &LIMIT_KEYS))
        {
            let why = "a larger radius is no experiment";
            let mut bound = |key| self.count(limits.get(key)?, LIMIT_MAX, why);
            policy.instances = bound("instances");
            policy.hosts = bound("hosts");
            let allow_all = limits.get("allowAll").and_then(|node| self.boolean(node));
            policy.allow_all = allow_all.is_some_and(|allow| *allow);
        }
        Some(policy)
    }

    fn rules(&mut self, body: &Fields<'_>) -> Vec<Rule> {
        let example = "allow: [{faults: [http.delay]}]";
        let Some(items) = self.filled_list(body, "allow", example) else {
            return Vec::new();
        };
        let rule = |item: &Node| {
            let fields = self.fields(item, item.span, &RULE_KEYS)?;
            let faults = self.required(&fields, "faults", "faults: [http.delay]")?;
            let mut words = |key| fields.pair(key).map(|pair| self.words(pair));
            let (services, who) = (words("services"), words("who"));
            Some(Rule {
                faults: self.words(faults),
                services: services.unwrap_or_default(),
                window: self.window(&fields),
                who: who.unwrap_or_default(),
            })
        };
        items.iter().filter_map(rule).collect()
    }

    fn protected(&mut self, body: &Fields<'_>) -> Vec<Protected> {
        let pair = body.pair("protect");
        let Some(fields) =
            pair.and_then(|pair| self.fields(&pair.value, pair.key_span, &PROTECT_KEYS))
        else {
            return Vec::new();
        };
        let mut protected = Vec::new();
        if let Some(pair) = fields.pair("processes") {
            protected.extend(self.words(pair).into_iter().map(Protected::Process));
        }
        if let Some(pair) = fields.pair("ports") {
            let items = self.list(pair);
            let ports = items.iter().filter_map(|item| self.port(item));
            protected.extend(ports.map(Protected::Port));
        }
        if let Some(pair) = fields.pair("services") {
            protected.extend(self.words(pair).into_iter().map(Protected::Service));
        }
        protected
    }
}
