//! Files that people write, and those of other tools that they hand over.

use squall_spec::sla::{self, Facts};
use squall_spec::{Diagnostic, LineIndex, chaosblade, openslo};

use crate::Target;

const YAML: &[&str] = &[
    "apiVersion: squall.dev/v1\n",
    "kind: ",
    "metadata: {name: a}",
    "spec:\n",
    "  - ",
    "&a ",
    "*a",
    "!!str ",
    "<<: ",
    "|\n",
    "---\n",
    "500ms",
    "99.95%",
];
const LANGUAGE: &[&str] = &[
    "SLA(\"a\")",
    "WHEN metric=\"",
    "WHERE label=\"{",
    "AGGREGATE rate(5m)",
    "p99(1h)",
    "THRESHOLD >= ",
    "IMPACTED_BY chaos(",
    "GOOD ",
    "TOTAL ",
    "GROUP BY ",
    "FOR 2 samples",
    "BREAK WHEN error_rate >= 0.5% OVER 5m DECAY 1m RECOVER AFTER 3 healthy",
    "CONSISTENT WITHIN 200ms VIA gtid(\"a\",\"b\")",
    "OBJECTIVE 99.95% OVER 30d",
    ";",
    "status!~'5..'",
    "--",
    "\\\"",
];

/// The experiment file.
pub(super) const EXPERIMENT: Target =
    Target { name: "experiment", about: "experiment files", words: YAML, run: experiment };
/// The policy file.
pub(super) const POLICY: Target =
    Target { name: "policy", about: "policy files", words: YAML, run: policy };
/// The services file.
pub(super) const SERVICES: Target =
    Target { name: "services", about: "services files", words: YAML, run: services };
/// The SLA language and everything that is made of it.
pub(super) const SLA: Target =
    Target { name: "sla", about: "files of SLA rules", words: LANGUAGE, run: rules };
/// The SLA language as an editor asks about it.
pub(super) const SLA_EDITOR: Target = Target {
    name: "sla_editor",
    about: "files of SLA rules while somebody writes them",
    words: LANGUAGE,
    run: editor,
};
/// OpenSLO.
pub(super) const OPENSLO: Target = Target {
    name: "openslo",
    about: "OpenSLO files",
    words: &[
        "apiVersion: openslo/v1\n",
        "kind: SLO\n",
        "indicator:",
        "ratioMetric:",
        "---\n",
        "*a",
    ],
    run: openslo,
};
/// ChaosBlade's reports.
pub(super) const CHAOSBLADE: Target = Target {
    name: "chaosblade",
    about: "ChaosBlade's reports",
    words: &[
        "{\"code\":200,",
        "\"success\":true,",
        "\"result\":",
        "\"Command\":",
        "\"CreateTime\":",
        "}\n{",
    ],
    run: chaosblade,
};

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Every diagnostic is about a place in the file that can be shown.
fn shown(text: &str, diagnostics: &[Diagnostic]) {
    let lines = LineIndex::new(text);
    for diagnostic in diagnostics {
        let span = diagnostic.span;
        let places = std::iter::once(span).chain(diagnostic.others.iter().map(|(span, _)| *span));
        for place in places {
            let whole = text.get(place.start..place.end).is_some();
            assert!(whole, "a place outside or inside a letter: {diagnostic:?}");
        }
        assert!(!diagnostic.message.is_empty());
        let _place = lines.position(span.start);
    }
}

fn experiment(bytes: &[u8]) {
    let text = text(bytes);
    let (read, found) = squall_spec::parse_experiment(&text);
    shown(&text, &found);
    assert!(read.is_some() || !found.is_empty(), "refused without a word");
}

fn policy(bytes: &[u8]) {
    let text = text(bytes);
    let (read, found) = squall_spec::parse_policy(&text);
    shown(&text, &found);
    assert!(read.is_some() || !found.is_empty(), "refused without a word");
}

fn services(bytes: &[u8]) {
    let text = text(bytes);
    let (read, found) = squall_spec::parse_services(&text);
    shown(&text, &found);
    assert!(read.is_some() || !found.is_empty(), "refused without a word");
}

fn rules(bytes: &[u8]) {
    let text = text(bytes);
    let checked = sla::check(&text, &Facts::default());
    shown(&text, &checked.diagnostics);
    assert_eq!(checked.parsed.tree().text().to_string(), *text, "the tree lost something");
    if let Some(once) = sla::format(&text) {
        assert_eq!(sla::format(&once).as_ref(), Some(&once), "formatting twice is another text");
        let again = sla::check(&once, &Facts::default());
        let names = |all: &[sla::Agreement]| all.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&again.agreements), names(&checked.agreements), "formatting lost a rule");
    }
    for agreement in &checked.agreements {
        let queries = [
            sla::promql::query(agreement),
            sla::promql::violation(agreement),
            sla::promql::breaker(agreement),
            sla::promql::bad_share(agreement, agreement.window_ms),
        ];
        for query in queries.into_iter().flatten() {
            // A pattern or a length may be beyond the evaluator; no text may be no PromQL.
            if let Err(error @ squall_query::QueryError::Syntax(_)) = squall_query::parse(&query) {
                panic!("a rule became what is no PromQL: {query}: {error}");
            }
        }
        let _sentence = sla::sentence(agreement);
    }
    let _rule_file = sla::rules(&checked.agreements);
    let _page = sla::promql::page(&checked.agreements);
    let (exported, found) = openslo::export(&checked.agreements);
    shown(&text, &found);
    let _imported = openslo::import(&exported);
}

fn editor(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let text = text(bytes);
    let mut at = usize::from(first).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let _hover = sla::hover(&text, at, &Facts::default());
    let _all = sla::complete(&text, at);
}

fn openslo(bytes: &[u8]) {
    let text = text(bytes);
    let (rules, found) = openslo::import(&text);
    shown(&text, &found);
    if rules.trim().is_empty() {
        assert!(squall_spec::diagnostic::has_error(&found), "no rule, and no word about it");
        return;
    }
    let checked = sla::check(&rules, &Facts::default());
    let mut errors = checked.diagnostics.iter().filter(|d| d.level == squall_spec::Level::Error);
    let error = errors.next();
    assert_eq!(error, None, "it was carried over to what is no rule: {rules}");
}

fn chaosblade(bytes: &[u8]) {
    let text = text(bytes);
    let report = chaosblade::read(&text);
    shown(&text, &report.diagnostics);
}
