//! Owns the service map: who calls whom, and what a fault on one service can reach.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceMap {
    callees: BTreeMap<String, BTreeSet<String>>,
}

/// How a fault on a service can hurt another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// The service calls the target, over these services; both ends included.
    Calls(Vec<String>),
    /// Both call this node: the target's load may slow it down for the service.
    Shared(String),
}

impl ServiceMap {
    /// Returns the map of these calls, `(caller, callee)`.
    pub fn new<S: Into<String>>(calls: impl IntoIterator<Item = (S, S)>) -> ServiceMap {
        let mut map = ServiceMap::default();
        for (caller, callee) in calls {
            map.add(caller.into(), callee.into());
        }
        map
    }

    /// Adds a call.
    pub fn add(&mut self, caller: String, callee: String) {
        self.callees.entry(callee.clone()).or_default();
        self.callees.entry(caller).or_default().insert(callee);
    }

    /// Tells whether a service is on the map.
    pub fn knows(&self, service: &str) -> bool {
        self.callees.contains_key(service)
    }

    /// All services, by name.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.callees.keys().map(String::as_str)
    }

    /// The services that one calls.
    pub fn callees(&self, service: &str) -> impl Iterator<Item = &str> {
        self.callees.get(service).into_iter().flatten().map(String::as_str)
    }

    /// The services that call one.
    pub fn callers<'m>(&'m self, service: &'m str) -> impl Iterator<Item = &'m str> {
        self.callees.iter().filter(|(_, to)| to.contains(service)).map(|(from, _)| from.as_str())
    }

    /// Everything that a service reaches by calls, itself included.
    pub fn below<'m>(&'m self, service: &'m str) -> BTreeSet<&'m str> {
        let mut seen = BTreeSet::from([service]);
        let mut open = VecDeque::from([service]);
        while let Some(at) = open.pop_front() {
            for callee in self.callees(at) {
                if seen.insert(callee) {
                    open.push_back(callee);
                }
            }
        }
        seen
    }

    /// Tells how a fault on `target` can hurt `service`, the shortest way first.
    pub fn reach(&self, service: &str, target: &str) -> Option<Reach> {
        if let Some(path) = self.path(service, target) {
            return Some(Reach::Calls(path));
        }
        let (mine, theirs) = (self.below(service), self.below(target));
        let shared = mine.intersection(&theirs).find(|node| **node != service);
        shared.map(|node| Reach::Shared((*node).to_string()))
    }

    /// The shortest path of calls from one service to another.
    fn path(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = VecDeque::from([from]);
        while let Some(at) = open.pop_front() {
            if at == to {
                let mut path = vec![to.to_string()];
                let mut node = to;
                while let Some(previous) = before.get(node).filter(|_| node != from) {
                    node = previous;
                    path.push(node.to_string());
                }
                path.reverse();
                return Some(path);
            }
            for callee in self.callees(at) {
                if callee != from && !before.contains_key(callee) {
                    before.insert(callee, at);
                    open.push_back(callee);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> ServiceMap {
        ServiceMap::new([
            ("gateway", "order"),
            ("order", "payment"),
            ("order", "inventory"),
            ("report", "db"),
            ("inventory", "db"),
        ])
    }

    #[test]
    fn a_fault_reaches_up_the_calls_and_across_shared_nodes_only() {
        let calls = |path: &[&str]| Some(Reach::Calls(path.iter().map(|s| (*s).into()).collect()));
        let map = shop();
        assert_eq!(map.reach("gateway", "payment"), calls(&["gateway", "order", "payment"]));
        assert_eq!(map.reach("order", "order"), calls(&["order"]));
        assert_eq!(map.reach("gateway", "report"), Some(Reach::Shared("db".into())));
        assert_eq!(map.reach("payment", "gateway"), None, "a callee is not hurt by its caller");
        assert_eq!(map.reach("payment", "report"), None);
        assert_eq!(map.reach("gateway", "unknown"), None);
    }

    #[test]
    fn circles_end() {
        let map = ServiceMap::new([("a", "b"), ("b", "a"), ("b", "c")]);
        assert!(matches!(map.reach("a", "c"), Some(Reach::Calls(path)) if path.len() == 3));
        assert_eq!(map.below("a").len(), 3);
        assert_eq!(map.callers("b").collect::<Vec<_>>(), ["a"]);
    }
}
