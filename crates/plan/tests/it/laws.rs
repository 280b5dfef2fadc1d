//! Laws for any host: no cap is exceeded, nothing protected is taken, nobody is left alone.

use crate::fixture::{Fixture, NOW, SERVICES, process};
use proptest::prelude::*;
use squall_plan::{Catalog, INSTANCES_HARD_CAP, Inputs, plan};
use squall_spec::{parse_experiment, parse_policy, parse_services};
use squall_wire::target::{Inventory, Process};

const NAMES: [&str; 6] = ["payment", "order", "sshd", "systemd", "squall", "postgres"];

fn any_process() -> impl Strategy<Value = Process> {
    let ports = prop::sample::select(vec![None, Some(22), Some(9002), Some(9003), Some(5432)]);
    (0_u32..60, 0_u32..60, prop::sample::select(NAMES.to_vec()), ports)
        .prop_map(|(pid, parent, name, port)| process(pid, parent, name, port))
}

fn any_inventory() -> impl Strategy<Value = Inventory> {
    (prop::collection::vec(any_process(), 0..40), prop::collection::vec(0_u32..60, 0..4)).prop_map(
        |(mut processes, own)| {
            // A host has one process a pid.
            processes.sort_by_key(|p| p.process.pid);
            processes.dedup_by_key(|p| p.process.pid);
            Inventory { host: "any".to_owned(), processes, own, ..Inventory::default() }
        },
    )
}

fn any_target() -> impl Strategy<Value = String> {
    let selector = prop_oneof![
        prop::sample::select(NAMES.to_vec()).prop_map(|name| format!("service: {name}")),
        prop::sample::select(NAMES.to_vec()).prop_map(|name| format!("process: {name}")),
        (1_u32..60).prop_map(|pid| format!("pid: {pid}")),
        prop::sample::select(vec![22, 9002, 9003, 5432]).prop_map(|port| format!("port: {port}")),
        prop::sample::select(vec!["/", "/shop", "/shop/payment"])
            .prop_map(|path| format!("cgroup: {path}")),
    ];
    (selector, 1_u32..16).prop_map(|(selector, n)| format!("{{{selector}, instances: {n}}}"))
}

proptest! {
    #[test]
    fn a_plan_is_bounded_and_spares_what_is_protected(
        inventory in any_inventory(),
        targets in prop::collection::vec(any_target(), 1..4),
        cap in prop::option::of(1_u32..20),
        allow_all in any::<bool>(),
        named in any::<bool>(),
    ) {
        let steps: String = targets
            .iter()
            .map(|target| crate::fixture::step("process.pause", target, ""))
            .collect();
        let cap_text = cap.map(|cap| format!("instances: {cap}, ")).unwrap_or_default();
        let radius = format!("  radius: {{{cap_text}allowAll: {allow_all}}}\n");
        let text = Fixture::new(&steps).more(&radius).experiment;
        let (experiment, _) = parse_experiment(&text);
        let (policy, _) = parse_policy(
            "apiVersion: squall.dev/v1\nkind: Policy\nmetadata: {name: any}\nspec:\n  \
             allow: [{faults: \"*\"}]\n  protect: {processes: [postgres]}\n  \
             limits: {instances: 12, allowAll: true}\n",
        );
        let (Some(experiment), Some(policy)) = (experiment, policy) else {
            panic!("both files are read: {text}");
        };
        let (services, _) = parse_services(SERVICES);
        let (plan, diagnostics) = plan(&Inputs {
            experiment: &experiment,
            inventory: &inventory,
            services: services.as_ref().filter(|_| named),
            catalog: &Catalog::all(),
            policy: Some(&policy),
            who: "anybody",
            now_unix_ms: NOW,
            run: "law",
            seed: 1,
            history: None,
        });
        prop_assert_eq!(plan.is_none(), diagnostics.iter().any(|d| d.is_error()));
        let Some(plan) = plan else { return Ok(()) };
        let taken: std::collections::BTreeSet<_> =
            plan.injections.iter().map(|i| i.target.process.pid).collect();
        let most = cap.unwrap_or(u32::MAX).min(INSTANCES_HARD_CAP).min(12);
        prop_assert!(taken.len() as u32 <= most);
        for injection in &plan.injections {
            let target = &injection.target.process;
            let found = inventory.processes.iter().find(|p| p.process == *target);
            let found = found.expect("a target is a process of the inventory");
            prop_assert!(target.pid > 1 && !found.executable.is_empty());
            prop_assert!(!inventory.own.contains(&target.pid));
            prop_assert!(!["sshd", "systemd", "squall", "postgres"].contains(&&*found.name));
            prop_assert!(!found.listening.iter().any(|at| at.port() == 22));
        }
        for (step, target) in plan.steps.iter().zip(&targets) {
            let named = target.contains("service:") || target.contains("process:");
            prop_assert!(!named || allow_all || step.hit.len() < step.of);
        }
        prop_assert!(plan.worst_case.fault_ms <= plan.worst_case.time_ms);
        prop_assert_eq!(
            plan.steps.iter().map(|s| s.hit.len()).sum::<usize>(),
            plan.injections.len()
        );
    }
}
