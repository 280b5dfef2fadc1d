//! From the paths on the command line to a checked experiment, and on to a plan.

use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::files::{self, Text};
use crate::history;
use crate::host;
use squall_plan::{Catalog, Inputs, Plan, plan};
use squall_spec::{
    Diagnostic, Experiment, Policy, Services, check_experiment, parse_policy, parse_services,
};
use std::path::{Path, PathBuf};

/// Names of the files looked for beside an experiment.
const SERVICES_FILE: &str = "squall.services.yaml";
const POLICY_FILE: &str = "squall.policy.yaml";
/// The period that an error budget is counted over where the file names none: 30 days.
const PERIOD_MS: u64 = 30 * 24 * 3_600_000;

/// Options of every verb that reads an experiment.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ExperimentOptions {
    /// The experiment; `-` reads standard input
    pub(crate) file: PathBuf,
    /// Names for what runs [default: squall.services.yaml beside FILE or here]
    #[arg(long)]
    services: Option<PathBuf>,
    /// What is allowed [default: squall.policy.yaml beside FILE or here]
    #[arg(long)]
    policy: Option<PathBuf>,
    /// Where the folders of runs are
    #[arg(long, default_value = ".squall")]
    pub(crate) records: PathBuf,
}

/// Options of the verbs that make a plan.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PlanOptions {
    #[command(flatten)]
    pub(crate) files: ExperimentOptions,
    /// The seed of every random choice, to repeat it
    #[arg(long)]
    seed: Option<u64>,
}

/// What was read, what it was planned with, and the plan, if it is not refused.
pub(crate) struct Planned {
    pub(crate) loaded: Loaded,
    pub(crate) experiment: Experiment,
    pub(crate) seed: u64,
    pub(crate) plan: Option<Plan>,
    pub(crate) found: Vec<Diagnostic>,
}

impl PlanOptions {
    /// Reads the files and makes the plan against this host. Says otherwise what is wrong with the
    /// files, and how the verb ends.
    pub(crate) fn plan(&self, context: &Context) -> Result<Planned, Exit> {
        let (loaded, experiment) = load_sound(context, &self.files)?;
        let seed = self.seed.unwrap_or_else(crate::shell::fresh_seed);
        let (plan, found) = make_plan(&loaded, &experiment, &self.files.records, seed);
        Ok(Planned { loaded, experiment, seed, plan, found })
    }
}

/// An experiment file that was read and checked, and the files beside it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) text: Text,
    pub(crate) experiment: Option<Experiment>,
    pub(crate) services: Option<Services>,
    pub(crate) policy: Option<Policy>,
    /// What is wrong, file by file, files without a diagnostic included.
    pub(crate) findings: Vec<(Text, Vec<Diagnostic>)>,
}

impl Loaded {
    /// True where any file cannot be used.
    pub(crate) fn has_error(&self) -> bool {
        self.findings.iter().flat_map(|(_, found)| found).any(Diagnostic::is_error)
    }

    /// Prints every diagnostic of every file: drawn on stderr, and in JSON as one document. Where
    /// one is an error, how many there are stands last.
    pub(crate) fn print(&self, context: &Context) {
        if context.output == Output::Json {
            let files = self.findings.iter();
            let all =
                files.map(|(text, found)| diagnostics::as_json(&text.name, &text.text, found));
            context.json(&serde_json::json!({"files": all.collect::<Vec<_>>()}));
        }
        for (text, found) in &self.findings {
            diagnostics::draw(context, &text.name, &text.text, found);
        }
        if self.has_error() {
            let counts = self.findings.iter().filter(|(_, found)| !found.is_empty());
            let counts = counts.map(|(text, found)| diagnostics::count_in(&text.name, found));
            context.note(&counts.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Reads the experiment and its companions. `None` where a file cannot be read at all; that was
/// said.
pub(crate) fn load(context: &Context, options: &ExperimentOptions) -> Option<Loaded> {
    let text = files::read(context, &options.file, files::EXPERIMENT)?;
    let (experiment, found) = check_experiment(&text.text, &Catalog::all());
    let mut findings = vec![(text.clone(), found)];
    let beside = |given: Option<&Path>, name: &str| -> Option<Option<Text>> {
        match files::companion(given, &options.file, name) {
            Some(path) => files::read(context, &path, name).map(Some),
            None => Some(None),
        }
    };
    let services_text = beside(options.services.as_deref(), SERVICES_FILE)?;
    let policy_text = beside(options.policy.as_deref(), POLICY_FILE)?;
    let services = services_text.and_then(|text| {
        let (services, found) = parse_services(&text.text);
        findings.push((text, found));
        services
    });
    let policy = policy_text.and_then(|text| {
        let (policy, found) = parse_policy(&text.text);
        findings.push((text, found));
        policy
    });
    Some(Loaded { text, experiment, services, policy, findings })
}

/// Reads the experiment and its companions, and takes them only without an error. Says otherwise
/// what is wrong, and how the verb ends.
pub(crate) fn load_sound(
    context: &Context,
    options: &ExperimentOptions,
) -> Result<(Loaded, Experiment), Exit> {
    let bad = || context.end(Exit::Bad("bad input"));
    let mut loaded = load(context, options).ok_or_else(bad)?;
    match loaded.experiment.take().filter(|_| !loaded.has_error()) {
        Some(experiment) => Ok((loaded, experiment)),
        None => {
            loaded.print(context);
            Err(bad())
        }
    }
}

/// Makes the plan of a loaded experiment against this host. `None` where it is refused.
pub(crate) fn make_plan(
    loaded: &Loaded,
    experiment: &Experiment,
    records: &Path,
    seed: u64,
) -> (Option<Plan>, Vec<Diagnostic>) {
    let who = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    let now_unix_ms = crate::shell::now_unix_ms();
    let period_ms = experiment.spec.budget.map_or(PERIOD_MS, |b| b.over.as_millis());
    let since_unix_ms = now_unix_ms.saturating_sub_unsigned(period_ms);
    let history = history::of(records, &experiment.metadata.name, since_unix_ms);
    let inputs = Inputs {
        experiment,
        inventory: &host::inventory(),
        services: loaded.services.as_ref(),
        catalog: &Catalog::all(),
        policy: loaded.policy.as_ref(),
        who: &who.unwrap_or_default(),
        now_unix_ms,
        run: &crate::shell::run_id(seed),
        seed,
        history: history.as_ref(),
    };
    plan(&inputs)
}
