//! The experiment file: envelope, body, and the rules that span its parts.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Code, Diagnostic, Span, has_error};
use crate::experiment::{
    API_VERSION, Abort, Budget, Checks, Experiment, FaultUse, Metadata, Radius, Recovery,
    SignalSpec, Spec,
};
use crate::spanned::Spanned;
use crate::units::Duration;
use crate::window::Window;
use crate::yaml::{self, Kind, Node, Pair};

/// Another version or kind of file.
const WRONG_KIND: Code = Code::error("S110");
/// A name that Kubernetes would refuse.
const BAD_NAME: Code = Code::error("S111");
/// Not a stretch of the day in a time zone.
const BAD_WINDOW: Code = Code::error("S113");
/// The abort rule needs more time than there is.
const ABORT_TOO_SLOW: Code = Code::warning("S311");

const HOUR: Duration = Duration::from_secs(3600);
/// A baseline is there to measure noise, not to soak.
const BASELINE_LIMIT: (Duration, &str) = (HOUR, "an hour of baseline says all it can");
const BASELINE: Duration = Duration::from_secs(30);
/// Slower samples would let a breach stand for too long.
const EVERY_LIMIT: (Duration, &str) =
    (Duration::from_secs(60), "a breach must not stand unseen for longer");
const RECOVERY_LIMIT: (Duration, &str) = (HOUR, "a system that needs longer has not recovered");
const RECOVERY: Duration = Duration::from_secs(30);
const BUDGET_OVER: Duration = Duration::from_secs(30 * 24 * 3600);
const BUDGET_LIMIT: (Duration, &str) =
    (Duration::from_secs(366 * 24 * 3600), "objectives are counted over a year at most");
/// A hundred samples in a row are no longer an early stop.
const CONSECUTIVE_MAX: u32 = 100;
/// The planner's own cap is lower; this one keeps typing errors out.
const INSTANCES_MAX: u32 = 1000;
/// Names become labels, file names and Kubernetes objects.
const NAME_MAX: usize = 63;

const SPEC_KEYS: [&str; 10] = [
    "hypothesis",
    "signals",
    "steadyState",
    "baseline",
    "abort",
    "method",
    "recovery",
    "window",
    "radius",
    "budget",
];

/// Reads an experiment file; there is none when any diagnostic is an error.
pub fn parse_experiment(text: &str) -> (Option<Experiment>, Vec<Diagnostic>) {
    check_experiment(text, &LanguageOnly)
}

/// Nothing beyond the language is checked.
struct LanguageOnly;

impl Checks for LanguageOnly {
    fn fault(&self, _used: &FaultUse<'_>) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn query(&self, _query: &Spanned<String>) -> Vec<Diagnostic> {
        Vec::new()
    }
}

/// Reads an experiment file and lets others check its faults and queries, so that one look shows
/// everything wrong with the file, in its order.
pub fn check_experiment(text: &str, checks: &dyn Checks) -> (Option<Experiment>, Vec<Diagnostic>) {
    let (root, diagnostics) = yaml::read(text);
    let mut walk = Walk::new(text, diagnostics);
    let experiment = root.and_then(|root| walk.experiment(&root, checks));
    let diagnostics = walk.finish();
    (experiment.filter(|_| !has_error(&diagnostics)), diagnostics)
}

/// Apiversion, name and body of any of our files.
pub(super) struct Envelope<'n> {
    pub(super) api_version: Option<Spanned<String>>,
    pub(super) kind: Option<Spanned<String>>,
    pub(super) metadata: Option<Metadata>,
    pub(super) body: Option<Fields<'n>>,
}

impl Walk<'_> {
    /// Opens a file: `apiVersion`, `kind`, `metadata` and `spec`.
    pub(super) fn envelope<'n>(
        &mut self,
        root: &'n Node,
        kind: &'static str,
        body_keys: &[&str],
    ) -> Option<Envelope<'n>> {
        let keys = ["apiVersion", "kind", "metadata", "spec"];
        let start = Span::new(root.span.start, root.span.start);
        let fields = self.root(root, start, kind, &keys)?;
        self.required(&fields, "apiVersion", &format!("apiVersion: {API_VERSION}"));
        self.required(&fields, "kind", &format!("kind: {kind}"));
        let (api_version, found) = self.version_and_kind(&fields, kind);
        let metadata = self.metadata(&fields);
        let body = self
            .required(&fields, "spec", "spec: holds everything else")
            .and_then(|pair| self.fields(&pair.value, pair.key_span, body_keys));
        Some(Envelope { api_version, kind: found, metadata, body })
    }

    /// Says so where a sound file of another kind was given: all else that could be said of it
    /// would be about the wrong file.
    pub(super) fn is_another_file(&mut self, pairs: &[Pair], kind: &str) -> bool {
        let found = pairs.iter().find(|pair| pair.key == "kind").map(|pair| &pair.value);
        let Some(Node { kind: Kind::Scalar { text: other, .. }, span }) = found else {
            return false;
        };
        let place = match other.as_str() {
            _ if other == kind => return false,
            "Experiment" => "squall check, plan and run read it",
            "Services" => "it belongs beside an experiment, or behind --services",
            "Policy" => "it belongs beside an experiment, or behind --policy",
            _ => return false,
        };
        let message = format!("this is a file of kind {other}, not {kind}");
        self.report(Diagnostic::new(WRONG_KIND, *span, message).help(place));
        true
    }

    /// Reads `apiVersion` and `kind`, which a services file may leave out.
    pub(super) fn version_and_kind(
        &mut self,
        fields: &Fields<'_>,
        kind: &'static str,
    ) -> (Option<Spanned<String>>, Option<Spanned<String>>) {
        let version = self.optional_text(fields, "apiVersion");
        if let Some(version) = version.as_ref().filter(|v| v.value != API_VERSION) {
            let message = format!("{} is not a version this build reads", version.value);
            let diagnostic = Diagnostic::new(WRONG_KIND, version.span, message);
            self.report(diagnostic.help(format!("apiVersion: {API_VERSION}")));
        }
        let found = self.optional_text(fields, "kind");
        if let Some(other) = found.as_ref().filter(|found| found.value != kind) {
            let message = format!("this is a file of kind {}, not {kind}", other.value);
            let diagnostic = Diagnostic::new(WRONG_KIND, other.span, message);
            self.report(diagnostic.help(format!("kind: {kind}")));
        }
        (version, found)
    }

    fn metadata(&mut self, fields: &Fields<'_>) -> Option<Metadata> {
        let pair = self.required(fields, "metadata", "metadata: {name: payment-slow}")?;
        let keys = ["name", "labels", "namespace", "annotations"];
        let fields = self.fields(&pair.value, pair.key_span, &keys)?;
        let labels = self.map(&fields, "labels");
        let name = self.required_text(&fields, "name", "name: payment-slow")?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let edges = name.starts_with('-') || name.ends_with('-');
        if name.is_empty() || name.len() > NAME_MAX || edges || !name.chars().all(good) {
            let message = format!("\"{}\" is not a name", name.value);
            let diagnostic = Diagnostic::new(BAD_NAME, name.span, message)
                .note("lower-case letters, digits and dashes between them, at most 63");
            self.report(diagnostic);
        }
        Some(Metadata { name, labels })
    }

    fn experiment(&mut self, root: &Node, checks: &dyn Checks) -> Option<Experiment> {
        let envelope = self.envelope(root, "Experiment", &SPEC_KEYS)?;
        let body = envelope.body?;
        let example = "hypothesis: Orders keep succeeding while a payment is slow.";
        let hypothesis = self.required_text(&body, "hypothesis", example);
        let signals = self.signals(&body);
        let steady_state = self.steady_state(&body, checks);
        let baseline = self.duration_or(&body, "baseline", BASELINE, BASELINE_LIMIT);
        let abort = self.abort(&body);
        let (method, toggle) = self.method(&body, checks);
        let recovery = self.recovery(&body);
        let window = self.window(&body);
        let radius = self.radius(&body);
        let budget = self.budget(&body);
        let sends = signals.iter().any(|s| matches!(s.value, SignalSpec::Traffic(_)));
        self.drains_own_traffic(toggle, sends);
        if toggle.is_none() {
            // A toggled fault is over before on purpose, and is judged by counts alone.
            self.windows_fit();
            self.abort_can_fire(abort);
        }
        Some(Experiment {
            api_version: envelope.api_version?,
            kind: envelope.kind?,
            metadata: envelope.metadata?,
            spec: Spec {
                hypothesis: hypothesis?,
                signals,
                steady_state,
                baseline,
                abort,
                method,
                toggle,
                recovery,
                window,
                radius,
                budget,
            },
        })
    }

    fn abort(&mut self, body: &Fields<'_>) -> Abort {
        let mut abort = Abort::DEFAULT;
        let keys = ["consecutive", "every", "literal", "falseAlarm"];
        let Some(pair) = body.pair("abort") else {
            return abort;
        };
        let Some(fields) = self.fields(&pair.value, pair.key_span, &keys) else {
            return abort;
        };
        abort.every = self.duration_or(&fields, "every", *abort.every, EVERY_LIMIT);
        let why = "the rule is there to stop early";
        if let Some(node) = fields.get("consecutive")
            && let Some(count) = self.count(node, CONSECUTIVE_MAX, why)
        {
            abort.consecutive = count;
        }
        if let Some(node) = fields.get("literal")
            && let Some(literal) = self.boolean(node)
        {
            abort.literal = *literal;
        }
        if let Some(node) = fields.get("falseAlarm")
            && let Some(chance) = self.chance(node)
        {
            abort.false_alarm = chance;
        }
        abort
    }

    fn recovery(&mut self, body: &Fields<'_>) -> Recovery {
        let within = Spanned::default_value(RECOVERY);
        let Some(pair) = body.pair("recovery") else {
            return Recovery { within };
        };
        let fields = self.fields(&pair.value, pair.key_span, &["within"]);
        let within = fields
            .map_or(within, |fields| self.duration_or(&fields, "within", RECOVERY, RECOVERY_LIMIT));
        Recovery { within }
    }

    pub(super) fn window(&mut self, fields: &Fields<'_>) -> Option<Spanned<Window>> {
        let text = self.optional_text(fields, "window")?;
        match text.parse::<Window>() {
            Ok(window) => Some(Spanned::new(window, text.span)),
            Err(error) => {
                let diagnostic = Diagnostic::new(BAD_WINDOW, text.span, error.to_string());
                self.report(diagnostic.help("window: 22:00-06:00 Asia/Shanghai"));
                None
            }
        }
    }

    fn radius(&mut self, body: &Fields<'_>) -> Option<Spanned<Radius>> {
        let pair = body.pair("radius")?;
        let keys = ["instances", "hosts", "allowAll"];
        let fields = self.fields(&pair.value, pair.key_span, &keys)?;
        let why = "a larger radius is no experiment";
        let mut bound = |key| {
            let node = fields.get(key)?;
            self.count(node, INSTANCES_MAX, why)
        };
        let (instances, hosts) = (bound("instances"), bound("hosts"));
        let allow_all = fields.get("allowAll").and_then(|node| self.boolean(node));
        let radius = Radius { instances, hosts, allow_all };
        Some(Spanned::new(radius, pair.key_span))
    }

    fn budget(&mut self, body: &Fields<'_>) -> Option<Spanned<Budget>> {
        let pair = body.pair("budget")?;
        let fields = self.fields(&pair.value, pair.key_span, &["allowance", "over"])?;
        let over = self.duration_or(&fields, "over", BUDGET_OVER, BUDGET_LIMIT);
        let allowance = self.required(&fields, "allowance", "allowance: 10m")?;
        let allowance = self.duration(&allowance.value, BUDGET_LIMIT.0, BUDGET_LIMIT.1)?;
        Some(Spanned::new(Budget { allowance, over }, pair.key_span))
    }

    fn abort_can_fire(&mut self, abort: Abort) {
        let needs = u64::from(*abort.consecutive).saturating_mul(abort.every.as_nanos());
        for hold in self.holds.clone().into_iter().filter(|hold| hold.as_nanos() < needs) {
            let message = format!(
                "the abort rule needs {} and the fault is over before",
                Duration::from_nanos(needs)
            );
            let mut diagnostic = Diagnostic::new(ABORT_TOO_SLOW, hold.span, message)
                .label("a breach cannot end this step");
            for (span, label) in [
                (abort.consecutive.span, "this many samples"),
                (abort.every.span, "this far apart"),
            ] {
                if span.is_written() {
                    diagnostic = diagnostic.other(span, label);
                }
            }
            self.report(diagnostic);
        }
    }
}
