//! Sources that bring the same events twice, which would look like more evidence than there is.

use squall_spec::{Code, Diagnostic, SignalSpec, Spanned};

/// Two sources bring the same series.
const TWICE: Code = Code::warning("P305");

/// Warns of every source that repeats an earlier one.
pub(crate) fn check_sources(signals: &[Spanned<SignalSpec>], diagnostics: &mut Vec<Diagnostic>) {
    for (at, later) in signals.iter().enumerate() {
        let Some(earlier) = signals[..at].iter().find(|earlier| same(earlier, later)) else {
            continue;
        };
        let message = "both sources may bring the same events, and each event counts";
        diagnostics.push(
            Diagnostic::new(TWICE, later.url().span, message)
                .label("read here again")
                .other(earlier.url().span, "read here")
                .help("keep one of them, or make sure that they know different targets"),
        );
    }
}

/// A Prometheus may scrape anything that is scraped here; traffic counts only its own requests.
fn same(a: &SignalSpec, b: &SignalSpec) -> bool {
    use SignalSpec::{Prometheus, Scrape};
    match (a, b) {
        (Scrape { url: a }, Scrape { url: b }) => a.value == b.value,
        (Scrape { .. } | Prometheus { .. }, Scrape { .. } | Prometheus { .. }) => true,
        _ => false,
    }
}
