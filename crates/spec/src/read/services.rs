//! The services file.

use super::target::INSTANCE_SELECTORS;
use super::walk::Walk;
use crate::diagnostic::{Diagnostic, has_error};
use crate::services::{Instance, Services};
use crate::spanned::Spanned;
use crate::yaml::{self, Kind, Node};

const FILE_KEYS: [&str; 3] = ["apiVersion", "kind", "services"];
const INSTANCE_KEYS: [&str; 8] =
    ["name", "process", "pid", "port", "unit", "cgroup", "container", "labels"];

/// Reads a services file; there is none when any diagnostic is an error.
pub fn parse_services(text: &str) -> (Option<Services>, Vec<Diagnostic>) {
    let (root, diagnostics) = yaml::read(text);
    let mut walk = Walk::new(text, diagnostics);
    let services = root.and_then(|root| walk.services(&root));
    let diagnostics = walk.finish();
    (services.filter(|_| !has_error(&diagnostics)), diagnostics)
}

impl Walk<'_> {
    fn services(&mut self, root: &Node) -> Option<Services> {
        let fields = self.root(root, root.span, "Services", &FILE_KEYS)?;
        self.version_and_kind(&fields, "Services");
        let example = "services: {payment: [{port: 9002}]}";
        let pair = self.required(&fields, "services", example)?;
        let Kind::Map(pairs) = &pair.value.kind else {
            self.wrong_shape(&pair.value, pair.key_span, "a map");
            return None;
        };
        let mut services = Vec::new();
        for pair in pairs {
            let mut instances = Vec::new();
            for (index, item) in self.list(pair).iter().enumerate() {
                instances.extend(self.instance(item, &pair.key, index));
            }
            let name = Spanned::new(pair.key.clone(), pair.key_span);
            services.push((name, instances));
        }
        let instances = services.iter().flat_map(|(_, instances)| instances);
        self.names_differ(instances.map(|instance| &instance.name));
        Some(Services { services })
    }

    fn instance(&mut self, item: &Node, service: &str, index: usize) -> Option<Instance> {
        let fields = self.fields(item, item.span, &INSTANCE_KEYS)?;
        let name = self
            .optional_text(&fields, "name")
            .unwrap_or_else(|| Spanned::new(format!("{service}-{}", index + 1), item.span));
        let labels = self.map(&fields, "labels");
        let selector = self.selector(&fields, &INSTANCE_SELECTORS)?;
        Some(Instance { name, selector, labels })
    }
}
