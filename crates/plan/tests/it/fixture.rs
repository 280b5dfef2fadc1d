//! A host like the one of the examples, and one call that plans on it.

use squall_plan::{Catalog, History, Inputs, Plan, plan};
use squall_spec::{
    Diagnostic, Experiment, Policy, Services, parse_experiment, parse_policy, parse_services,
};
use squall_wire::identity::ProcessIdentity;
use squall_wire::target::{Inventory, Process};

/// 2026-11-24 02:00 in UTC, 10:00 in Shanghai.
pub(crate) const NOW: i64 = 1_795_485_600_000;

/// Two payments, an order, ssh, the agent and the kernel.
pub(crate) struct Fixture {
    pub(crate) experiment: String,
    pub(crate) services: Option<&'static str>,
    pub(crate) policy: Option<String>,
    pub(crate) inventory: Inventory,
    pub(crate) history: Option<History>,
    pub(crate) catalog: Catalog,
}

pub(crate) const SERVICES: &str = "services:
  payment:
    - {port: 9002, name: payment-1, labels: {zone: a}}
    - {port: 9003, name: payment-2, labels: {zone: b}}
  order:
    - {process: order}
";

pub(crate) fn process(pid: u32, parent: u32, name: &str, port: Option<u16>) -> Process {
    Process {
        process: ProcessIdentity { pid, start_ticks: u64::from(pid) * 10 },
        parent,
        name: name.chars().take(15).collect(),
        executable: if parent == 2 || pid == 2 { String::new() } else { name.to_owned() },
        command: if parent == 2 || pid == 2 { Vec::new() } else { vec![name.to_owned()] },
        uid: 0,
        netns: 4_026_531_840,
        cgroup: format!("/shop/{name}"),
        unit: None,
        container: None,
        listening: port.map(|port| ([127, 0, 0, 1], port).into()).into_iter().collect(),
        probes: Vec::new(),
    }
}

pub(crate) fn inventory() -> Inventory {
    let mut worker = process(4_200, 4_188, "payment", None);
    worker.cgroup = "/shop/payment".to_owned();
    let mut inventory = Inventory {
        host: "shop".to_owned(),
        processes: vec![
            process(1, 0, "systemd", None),
            process(2, 0, "kthreadd", None),
            process(40, 2, "ksoftirqd/0", None),
            process(700, 1, "sshd", Some(22)),
            process(900, 1, "postgres", Some(5432)),
            process(4_000, 1, "gateway", Some(8080)),
            process(4_100, 1, "order", Some(9001)),
            process(4_121, 1, "payment", Some(9002)),
            process(4_188, 1, "payment", Some(9003)),
            worker,
            process(5_000, 700, "bash", None),
            process(5_001, 5_000, "squall", None),
        ],
        own: vec![5_000, 5_001],
        addresses: Default::default(),
    };
    inventory.processes[7].netns = 4_026_532_281;
    inventory
}

pub(crate) fn step(fault: &str, target: &str, rest: &str) -> String {
    format!("    - {{fault: {fault}, target: {target}, hold: 60s{rest}}}\n")
}

pub(crate) fn experiment(steps: &str, more: &str) -> String {
    format!(
        "apiVersion: squall.dev/v1
kind: Experiment
metadata: {{name: payment-stops, labels: {{env: staging}}}}
spec:
  hypothesis: Orders keep succeeding while a payment stands still.
  signals:
    - scrape: http://127.0.0.1:8080/metrics
    - traffic: {{url: \"http://127.0.0.1:8080/api/order\", rate: 500/s}}
  steadyState:
    - name: order success
      query: sum(rate(orders_total{{result=\"ok\"}}[30s])) / sum(rate(orders_total[30s]))
      expect: \">= 99.95%\"
    - name: order latency p95
      query: histogram_quantile(0.95, sum by (le) (rate(latency_seconds_bucket[30s])))
      expect: \"<= 300ms\"
  method:
{steps}{more}"
    )
}

impl Fixture {
    pub(crate) fn new(steps: &str) -> Self {
        Self {
            experiment: experiment(steps, ""),
            services: Some(SERVICES),
            policy: None,
            inventory: inventory(),
            history: None,
            catalog: Catalog::all(),
        }
    }

    pub(crate) fn pause(target: &str) -> Self {
        Self::new(&step("process.pause", target, ""))
    }

    pub(crate) fn more(mut self, more: &str) -> Self {
        self.experiment.push_str(more);
        self
    }

    /// The values of the one step.
    pub(crate) fn with(mut self, values: &str) -> Self {
        self.experiment =
            self.experiment.replace(", where: ", &format!(", with: {{{values}}}, where: "));
        self
    }

    pub(crate) fn policy(mut self, spec: &str) -> Self {
        self.policy = Some(format!(
            "apiVersion: squall.dev/v1\nkind: Policy\nmetadata: {{name: staging}}\nspec:\n{spec}"
        ));
        self
    }

    pub(crate) fn plan(&self) -> (Option<Plan>, Vec<Diagnostic>) {
        let experiment = self.parsed();
        let services: Option<Services> =
            self.services.map(|text| parse_services(text).0.expect("the services are read"));
        let policy: Option<Policy> = self.policy.as_ref().map(|text| {
            let (policy, diagnostics) = parse_policy(text);
            policy.unwrap_or_else(|| panic!("the policy is read: {diagnostics:?}"))
        });
        plan(&Inputs {
            experiment: &experiment,
            inventory: &self.inventory,
            services: services.as_ref(),
            catalog: &self.catalog,
            policy: policy.as_ref(),
            who: "alice",
            now_unix_ms: NOW,
            run: "7k2f9",
            seed: 7,
            history: self.history.as_ref(),
        })
    }

    fn parsed(&self) -> Experiment {
        let (experiment, diagnostics) = parse_experiment(&self.experiment);
        experiment.unwrap_or_else(|| panic!("the experiment is read: {diagnostics:?}"))
    }
}
