//! The services file: names for what runs, where nothing else names it.

use crate::experiment::Selector;
use crate::spanned::{Spanned, SpannedMap};

/// A whole services file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Services {
    /// Each service and its instances, in file order.
    pub services: Vec<(Spanned<String>, Vec<Instance>)>,
}

/// One instance of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its name; `payment-1` and so on unless written.
    pub name: Spanned<String>,
    /// How it is found; never by service or labels.
    pub selector: Selector,
    /// Labels that a target may select by.
    pub labels: SpannedMap,
}

impl Services {
    /// Returns the instances of a service.
    pub fn get(&self, service: &str) -> Option<&[Instance]> {
        self.services
            .iter()
            .find(|(name, _)| name.value == service)
            .map(|(_, instances)| instances.as_slice())
    }
}
