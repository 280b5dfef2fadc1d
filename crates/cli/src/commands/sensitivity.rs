//! `squall sensitivity`: the same steady state at growing doses of several faults, and where each
//! indicator breaks. The smallest dose comes first, and a series ends at the first that breaks.

use super::run::{carry_out, write_page};
use super::{Verb, options};
use crate::context::{Context, Output};
use crate::diagnostics;
use crate::exit::Exit;
use crate::experiment::{ExperimentOptions, Loaded, load_sound, make_plan};
use crate::shell;
use clap::ArgMatches;
use squall_plan::series::{Answer, SERIES, Series, Threshold, at_dose, find_series, threshold};
use squall_report::{Model, Record};
use squall_spec::Experiment;
use squall_spec::units::Duration;
use squall_wire::record::{Outcome, Word};
use std::fmt::Write as _;

pub(crate) static VERB: Verb = Verb::new::<Options>(
    "sensitivity",
    "Finds the dose at which each indicator breaks, smallest first",
    run,
);

#[derive(clap::Args)]
struct Options {
    /// An experiment: its signals, steady state, baseline and target are used, not its faults
    #[command(flatten)]
    files: ExperimentOptions,
    /// The process to hurt, by name [default: the target of the file's first step]
    #[arg(long, value_name = "PROCESS")]
    target: Option<String>,
    /// The series to run: delay, cpu, freeze, gc; may be given several times [default: all]
    #[arg(long, value_name = "NAME")]
    series: Vec<String>,
    /// How long each dose is held
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    hold: String,
}

/// One dose that was run.
struct Dosed {
    dose: &'static str,
    exit: u8,
    word: &'static str,
    /// One entry an indicator: how it fared and what it was during the fault.
    indicators: Vec<(Answer, String)>,
    /// Which time-outs of the chain cut in.
    time_outs: Vec<String>,
    /// What the fault itself delivered, or why it was not run.
    note: String,
    record: String,
}

/// One series, as far as it went.
struct Answered {
    series: &'static Series,
    doses: Vec<Dosed>,
}

fn run(context: &Context, matches: &ArgMatches) -> Exit {
    let Options { files, target, series, hold } = options(matches);
    let (loaded, experiment) = match load_sound(context, &files) {
        Ok(sound) => sound,
        Err(exit) => return exit,
    };
    let Ok(hold) = hold.parse::<Duration>() else {
        context.error(&format!("{hold} is no duration"), Some("for example --hold 10s"));
        return context.end(Exit::Bad("bad input"));
    };
    let mut chosen = Vec::new();
    for name in &series {
        let Some(found) = find_series(name) else {
            let names: Vec<_> = SERIES.iter().map(|series| series.name).collect();
            let help = format!("there are {}", names.join(", "));
            context.error(&format!("there is no series {name}"), Some(&help));
            return context.end(Exit::Bad("bad input"));
        };
        chosen.push(found);
    }
    if chosen.is_empty() {
        chosen = SERIES.iter().collect();
    }
    let mut answered = Vec::new();
    for series in chosen {
        let at = Runs { loaded: &loaded, base: &experiment, files: &files, series, hold };
        let (one, goes_on) = at.run(context, target.as_deref());
        answered.push(one);
        if !goes_on {
            break;
        }
    }
    let names: Vec<&str> =
        experiment.spec.steady_state.iter().map(|sli| sli.name.value.as_str()).collect();
    match context.output {
        Output::Text => context.data(&table(&names, &answered)),
        Output::Json => context.json(&as_json(&names, &answered)),
    }
    context.end(exit(&answered))
}

/// What one series is run with.
struct Runs<'a> {
    loaded: &'a Loaded,
    base: &'a Experiment,
    files: &'a ExperimentOptions,
    series: &'static Series,
    hold: Duration,
}

impl Runs<'_> {
    /// Runs the doses until one breaks an indicator. False where nothing more may be run: a person
    /// stopped it, or something was not restored.
    fn run(&self, context: &Context, target: Option<&str>) -> (Answered, bool) {
        let mut doses = Vec::new();
        for dose in self.series.doses {
            context.note(&format!("{} {dose}: {}", self.series.name, self.series.fault));
            let experiment = at_dose(self.base, self.series, dose, target, self.hold);
            let one = self.dose(context, &experiment, dose);
            let broke = one.indicators.iter().any(|(answer, _)| *answer == Answer::Broke);
            // 3: stopped by a person. 5: not restored. Neither is a reason to hurt more.
            let stopped = matches!(one.exit, 3 | 5);
            let refused = one.exit == 2;
            doses.push(one);
            if stopped {
                return (Answered { series: self.series, doses }, false);
            }
            if broke || refused {
                break;
            }
        }
        (Answered { series: self.series, doses }, true)
    }

    fn dose(&self, context: &Context, experiment: &Experiment, dose: &'static str) -> Dosed {
        let seed = shell::fresh_seed();
        let refused = |note: String| Dosed {
            dose,
            exit: 2,
            word: "not run",
            indicators: Vec::new(),
            time_outs: Vec::new(),
            note,
            record: String::new(),
        };
        let (plan, found) = make_plan(self.loaded, experiment, &self.files.records, seed);
        let text = &self.loaded.text;
        let Some(plan) = plan else {
            diagnostics::draw(context, &text.name, &text.text, &found);
            let first = found.iter().find(|found| found.is_error());
            return refused(first.map_or_else(String::new, |found| found.message.clone()));
        };
        let folder = self.files.records.join(&plan.run);
        let ran = carry_out(context, experiment, &plan, seed, &text.text, &folder);
        let (outcome, lines) = match ran {
            Ok(ran) => ran,
            Err((why, _help)) => return refused(why),
        };
        let Some(record) = Record::seen(lines) else {
            return refused("the run said nothing of its start".to_owned());
        };
        let model = Model::of(&record);
        let page = write_page(context, &model, &outcome, &folder);
        let valid = outcome.verdict.as_ref().is_some_and(|verdict| verdict.word != Word::Invalid);
        let answer = |outcome: Outcome| match outcome {
            Outcome::Fail if valid => Answer::Broke,
            Outcome::Pass if valid => Answer::Held,
            _ => Answer::Unknown,
        };
        let rows = model.rows.iter().map(|row| (answer(row.outcome), row.during.text()));
        Dosed {
            dose,
            exit: outcome.exit,
            word: model.word.map_or("unknown", squall_report::model::word_text),
            indicators: rows.collect(),
            time_outs: model.time_outs.clone(),
            note: model.causes.first().map(|cause| cause.effect.clone()).unwrap_or_default(),
            record: page.unwrap_or_else(|| outcome.record.display().to_string()),
        }
    }
}

fn table(names: &[&str], answered: &[Answered]) -> String {
    let mut out = String::new();
    for Answered { series, doses } in answered {
        let _ = writeln!(
            out,
            "{}   {}\n  stands for {}\n",
            series.name, series.fault, series.stands_for
        );
        let _ = writeln!(out, "  {:<10}{:<14}what it did", series.key, "verdict");
        for one in doses {
            let _ = writeln!(out, "  {:<10}{:<14}{}", one.dose, one.word, one.note);
            for (name, (answer, during)) in names.iter().zip(&one.indicators) {
                let _ = writeln!(out, "    {} {name}: {during}", glyph(*answer));
            }
            for time_out in &one.time_outs {
                let _ = writeln!(out, "    a time-out cut in: {time_out}");
            }
        }
        out.push('\n');
        for (at, name) in names.iter().enumerate() {
            let _ = writeln!(out, "  {name} {}", sentence(series, doses, at));
        }
        out.push('\n');
    }
    out
}

const fn glyph(answer: Answer) -> &'static str {
    match answer {
        Answer::Held => "\u{2713}",
        Answer::Broke => "\u{2717}",
        Answer::Unknown => "?",
    }
}

/// The answers of one indicator over the doses that were run.
fn answers(doses: &[Dosed], indicator: usize) -> Vec<Answer> {
    let of = |one: &Dosed| one.indicators.get(indicator).map_or(Answer::Unknown, |(a, _)| *a);
    doses.iter().map(of).collect()
}

fn sentence(series: &Series, doses: &[Dosed], indicator: usize) -> String {
    let dose = |at: usize| doses.get(at).map_or("", |one| one.dose);
    let key = series.key;
    match threshold(&answers(doses, indicator)) {
        Threshold::Above(at) if at + 1 == doses.len() => {
            format!("held up to {key} {}, the most that was tried", dose(at))
        }
        Threshold::Above(at) => {
            format!("held up to {key} {}; what was tried above decided nothing", dose(at))
        }
        Threshold::Between(Some(held), broke) => {
            format!("breaks between {key} {} and {}", dose(held), dose(broke))
        }
        Threshold::Between(None, broke) => format!("breaks at or below {key} {}", dose(broke)),
        Threshold::Unknown => "is undecided: no dose decided it".to_owned(),
    }
}

fn as_json(names: &[&str], answered: &[Answered]) -> serde_json::Value {
    let series = answered.iter().map(|Answered { series, doses }| {
        let dosed = doses.iter().map(|one| {
            let indicators = names.iter().zip(&one.indicators).map(|(name, (answer, during))| {
                serde_json::json!({ "name": name, "answer": word(*answer), "during": during })
            });
            serde_json::json!({
                "dose": one.dose, "verdict": one.word, "exit": one.exit, "effect": one.note,
                "report": one.record, "indicators": indicators.collect::<Vec<_>>(),
                "timeOuts": one.time_outs,
            })
        });
        let breaks = names.iter().enumerate().map(|(at, name)| {
            serde_json::json!({ "name": name, "sentence": sentence(series, doses, at) })
        });
        serde_json::json!({
            "series": series.name, "fault": series.fault, "key": series.key,
            "standsFor": series.stands_for, "doses": dosed.collect::<Vec<_>>(),
            "breaks": breaks.collect::<Vec<_>>(),
        })
    });
    serde_json::json!({ "version": 1, "kind": "Sensitivity", "series": series.collect::<Vec<_>>() })
}

const fn word(answer: Answer) -> &'static str {
    match answer {
        Answer::Held => "held",
        Answer::Broke => "broke",
        Answer::Unknown => "unknown",
    }
}

/// That something breaks is what was asked for; only what went wrong by itself is no success.
fn exit(answered: &[Answered]) -> Exit {
    let exits = || answered.iter().flat_map(|one| &one.doses).map(|dose| dose.exit);
    if exits().any(|exit| exit == 5) {
        return Exit::NotRestored;
    }
    if exits().all(|exit| exit == 2) {
        return Exit::Bad("refused");
    }
    Exit::Fine("measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_says_where_each_indicator_breaks() {
        let dosed = |dose, answer, exit| Dosed {
            dose,
            exit,
            word: "held",
            indicators: vec![(answer, "0.1 %".to_owned())],
            time_outs: vec!["9 of 90 requests ended after 500 ms: a context deadline".to_owned()],
            note: "bit".to_owned(),
            record: String::new(),
        };
        let series = find_series("delay").unwrap_or(&SERIES[0]);
        let doses = vec![dosed("10ms", Answer::Held, 0), dosed("25ms", Answer::Broke, 1)];
        let answered = [Answered { series, doses }];
        let shown = table(&["order success"], &answered);
        assert!(shown.contains("order success breaks between mean 10ms and 25ms"), "{shown}");
        assert!(shown.contains("\u{2717} order success: 0.1 %"), "{shown}");
        assert!(shown.contains("    a time-out cut in: 9 of 90 requests"), "{shown}");
        assert_eq!(exit(&answered), Exit::Fine("measured"));
        assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    }

    #[test]
    fn what_was_not_run_or_not_restored_is_no_success() {
        let series = &SERIES[0];
        let dosed = |exit| Dosed {
            dose: "10ms",
            exit,
            word: "not run",
            indicators: Vec::new(),
            time_outs: Vec::new(),
            note: String::new(),
            record: String::new(),
        };
        assert_eq!(exit(&[Answered { series, doses: vec![dosed(2)] }]), Exit::Bad("refused"));
        let doses = vec![dosed(0), dosed(5)];
        assert_eq!(exit(&[Answered { series, doses }]), Exit::NotRestored);
    }
}
