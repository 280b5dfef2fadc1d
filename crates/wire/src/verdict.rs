//! How a run ended, the last line of its record.

use crate::control::ControlVerdict;
use crate::record::AbortCause;
use crate::toggled::ToggledEffect;
use serde::{Deserialize, Serialize};

/// The five verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Word {
    /// The steady state held, and there was enough data to know.
    Held,
    /// The steady state broke.
    Refuted,
    /// Stopped before the data could decide.
    Aborted,
    /// Too little data.
    Inconclusive,
    /// The fault had no effect, or the baseline broke the steady state already.
    Invalid,
}

/// How one indicator fared during the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Inside its bound, shown by enough data.
    Pass,
    /// Outside its bound, shown by enough data.
    Fail,
    /// Not enough data to say.
    Undecided,
}

/// The verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The word.
    pub word: Word,
    /// One sentence with the numbers that matter.
    pub sentence: String,
    /// The exit code.
    pub exit: u8,
    /// One entry an indicator.
    pub indicators: Vec<IndicatorVerdict>,
    /// Set where the run was ended early.
    pub aborted: Option<AbortCause>,
    /// False where something of a fault is still there: a person must act.
    pub restored: bool,
    /// What to try next.
    pub advice: Vec<String>,
    /// Bad events above what the steady state allows, summed over the fault.
    pub excess_bad: u64,
    /// What toggled faults did to each indicator; empty where none was toggled to the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<ToggledEffect>,
    /// Disturbed instances beside untouched ones, for each indicator that tells them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<ControlVerdict>,
}

/// The evidence for one indicator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndicatorVerdict {
    /// How it fared.
    pub outcome: Outcome,
    /// Its value in the baseline.
    pub baseline: Option<f64>,
    /// The worst single sample during the fault.
    pub worst: Option<f64>,
    /// Bad share during the fault, where events are counted.
    pub bad_share: Option<f64>,
    /// 99 % confidence sequence of the bad share.
    pub interval: Option<(f64, f64)>,
    /// Events during the fault.
    pub total: Option<u64>,
    /// Bad events among them.
    pub bad: Option<u64>,
    /// Anomalous samples during the fault.
    pub strikes: u32,
    /// The evidence against the bound at its highest.
    pub e: Option<f64>,
    /// Samples without a number during the fault.
    pub gaps: u32,
    /// One line for a person.
    pub text: String,
}
