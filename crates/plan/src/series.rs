//! Dose series: the same experiment at growing doses of one fault, the smallest first, to find
//! where an objective breaks.

use squall_spec::units::Duration;
use squall_spec::{Entry, Experiment, Selector, Span, Spanned, SpannedMap, Step, TargetSpec};

/// One fault at growing doses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// What people call it.
    pub name: &'static str,
    /// The fault.
    pub fault: &'static str,
    /// The key of its `with` block that is the dose.
    pub key: &'static str,
    /// The doses, growing, and far from what ends a process.
    pub doses: &'static [&'static str],
    /// The rest of its `with` block.
    pub rest: &'static [(&'static str, &'static str)],
    /// What the dose stands for, in one sentence.
    pub stands_for: &'static str,
}

/// The series there are.
pub const SERIES: &[Series] = &[
    Series {
        name: "delay",
        fault: "http.delay",
        key: "mean",
        doses: &["10ms", "25ms", "50ms", "100ms", "250ms", "500ms"],
        rest: &[("existing", "reset")],
        stands_for: "a dependency that answers late",
    },
    Series {
        name: "cpu",
        fault: "cpu.load",
        key: "percent",
        doses: &["25%", "50%", "75%", "100%"],
        rest: &[],
        stands_for: "a neighbor, a batch or a collection that takes a core",
    },
    Series {
        name: "freeze",
        fault: "process.freeze",
        key: "length",
        doses: &["10ms", "25ms", "50ms", "100ms"],
        rest: &[("period", "500ms")],
        stands_for: "a long stop of the whole process: CPU starvation, a heap dump, a stalled \
                     host. Today's Go collector pauses for tens of microseconds, not for this long",
    },
    Series {
        name: "gc",
        fault: "go.gc-pressure",
        key: "rate",
        doses: &["64MiB/s", "256MiB/s", "1GiB/s"],
        rest: &[],
        stands_for: "allocation that keeps the collector running; the cost is CPU and assists",
    },
];

/// Finds a series by its name.
pub fn find_series(name: &str) -> Option<&'static Series> {
    SERIES.iter().find(|series| series.name == name)
}

/// The experiment with its method replaced by one dose of a series, held for `hold`.
pub fn at_dose(
    base: &Experiment,
    series: &Series,
    dose: &str,
    process: Option<&str>,
    hold: Duration,
) -> Experiment {
    let mut experiment = base.clone();
    let first = base.spec.method.first();
    let target = match (process, first) {
        (None, Some(step)) => step.target.clone(),
        (name, _) => Spanned::default_value(TargetSpec {
            selector: Selector::Process(Spanned::default_value(name.unwrap_or_default().into())),
            instances: Spanned::default_value(1),
        }),
    };
    let entry = |key: &str, value: &str| Entry {
        key: Spanned::default_value(key.into()),
        value: Spanned::default_value(value.into()),
    };
    let mut entries = vec![entry(series.key, dose)];
    entries.extend(series.rest.iter().map(|(key, value)| entry(key, value)));
    let lease = first.map_or(Spanned::default_value(Duration::from_secs(5)), |step| step.lease);
    experiment.metadata.name = base.metadata.name.clone().map(|name| {
        let dose: String = dose.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{name}-{}-{}", series.name, dose.to_ascii_lowercase())
    });
    experiment.spec.method = vec![Step {
        fault: Spanned::default_value(series.fault.into()),
        target,
        where_: SpannedMap::default(),
        with: SpannedMap { entries, span: Span::NONE },
        hold: Spanned::default_value(hold),
        lease,
    }];
    experiment
}

/// How one indicator fared at one dose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Its bound held.
    Held,
    /// Its bound broke.
    Broke,
    /// The data cannot tell, or the fault had no effect.
    Unknown,
}

/// Where an indicator breaks, by index into the doses that were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// It held at every dose that was run.
    Above(usize),
    /// It held up to the first and broke at the second, or broke at the smallest dose (no first).
    Between(Option<usize>, usize),
    /// No dose decided it.
    Unknown,
}

/// Finds where an indicator breaks; doses that decided nothing widen the interval.
pub fn threshold(answers: &[Answer]) -> Threshold {
    let broke = answers.iter().position(|answer| *answer == Answer::Broke);
    let before = &answers[..broke.unwrap_or(answers.len())];
    let held = before.iter().rposition(|answer| *answer == Answer::Held);
    match (held, broke) {
        (held, Some(broke)) => Threshold::Between(held, broke),
        (Some(held), None) => Threshold::Above(held),
        (None, None) => Threshold::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Broke, Held, Unknown};

    #[test]
    fn what_decided_nothing_widens_the_interval() {
        assert_eq!(threshold(&[Held, Held]), Threshold::Above(1));
        assert_eq!(threshold(&[Held, Unknown, Broke]), Threshold::Between(Some(0), 2));
        assert_eq!(threshold(&[Broke]), Threshold::Between(None, 0));
        assert_eq!(threshold(&[Unknown, Unknown]), Threshold::Unknown);
        assert_eq!(threshold(&[Held, Unknown]), Threshold::Above(0));
        assert_eq!(threshold(&[]), Threshold::Unknown);
    }

    #[test]
    fn every_dose_is_one_that_its_fault_takes() {
        for series in SERIES {
            let fault = squall_faults::catalog::find(series.fault).map(|entry| entry.fault);
            let fault = fault.unwrap_or_else(|| panic!("there is no {}", series.fault));
            for dose in series.doses {
                let with = std::iter::once((series.key, *dose)).chain(series.rest.iter().copied());
                let with = with.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
                let checked = squall_faults::values::check(fault, &with, &Default::default());
                assert!(checked.is_ok(), "{} {dose}: {checked:?}", series.name);
            }
        }
    }
}
