//! Owns the comparison of disturbed instances with untouched ones: the concurrent control. What
//! hits both alike, load and time of day, drops out.

use super::script::Script;
use super::state::Core;
use super::words;
use squall_judge::bursts::Bursts;
use squall_judge::control::{Arms, Control};
use squall_judge::reading::Counts;
use squall_wire::record::{self, ControlVerdict};

/// One comparison an indicator.
#[derive(Debug)]
pub(super) struct Controls(Vec<Control>);

impl Controls {
    pub(super) fn of(script: &Script) -> Controls {
        let planned = script.hold_rule().samples;
        // Bursts are assumed until the baseline shows how much events come in them.
        let unknown = Bursts::default().rho_most();
        Controls(script.indicators.iter().map(|_| Control::new(planned, unknown)).collect())
    }

    pub(super) fn with_baseline(script: &Script, bursts: &[Bursts]) -> Controls {
        let planned = script.hold_rule().samples;
        Controls(bursts.iter().map(|b| Control::new(planned, b.rho_most())).collect())
    }

    /// Takes a sample under a fault; readings without arms compare nothing.
    pub(super) fn sample(&mut self, readings: &[record::Reading]) {
        for (control, reading) in self.0.iter_mut().zip(readings) {
            let Some(arms) = reading.arms else { continue };
            let (disturbed, untouched) = (counts(arms.disturbed), counts(arms.untouched));
            control.sample(Arms { disturbed, untouched });
        }
    }
}

impl Core {
    /// What the comparison says, for the indicators whose events tell instances apart.
    pub(super) fn controls(&self) -> Vec<ControlVerdict> {
        let all = self.controls.0.iter().enumerate();
        all.filter_map(|(index, control)| self.control(index, control)).collect()
    }

    fn control(&self, index: usize, control: &Control) -> Option<ControlVerdict> {
        let (alpha, indicator) = (self.script.false_alarm, &self.script.indicators[index]);
        let difference = control.difference(alpha)?;
        let Arms { disturbed, untouched } = control.arms();
        let excess = self.hold.tallies()[index].excess() as f64;
        let alone = difference.value.max(0.0) * disturbed.total as f64;
        let worse = control.highest() >= 1.0 / alpha && difference.value > 0.0;
        let of = |c: Counts| format!("{} of {}", words::count(c.bad_least), words::count(c.total));
        let text = format!(
            "{} {}: {} {} on the disturbed instances, {} on untouched ones at the same time, E {}",
            indicator.name,
            if worse { "is worse under the fault" } else { "is not shown to be worse" },
            of(disturbed),
            indicator.bad_word,
            of(untouched),
            words::evidence(control.highest()),
        );
        Some(ControlVerdict {
            indicator: index,
            arms: record::Arms { disturbed: arm(disturbed), untouched: arm(untouched) },
            difference: difference.value,
            interval: (difference.low, difference.high),
            e: control.highest(),
            explains: (excess > 0.0).then(|| (alone / excess).clamp(0.0, 1.0)),
            worse,
            text,
        })
    }
}

fn counts(arm: record::Arm) -> Counts {
    Counts { total: arm.total, bad_least: arm.bad_least, bad_most: arm.bad_most }
}

fn arm(counts: Counts) -> record::Arm {
    let Counts { total, bad_least, bad_most } = counts;
    record::Arm { total, bad_least, bad_most }
}
