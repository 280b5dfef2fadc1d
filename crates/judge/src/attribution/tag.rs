//! Owns what attribution says: a conclusion for each episode, and a tag with its rung for each
//! injection that the data does not rule out.

use std::fmt;

/// How far the evidence goes. Each needs the ones before it, where there is data for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// It was on at the time.
    A,
    /// The service map has a path from the broken rule to its target, or a node they share.
    B,
    /// It was measured to act on its target.
    C,
    /// It explains a share of the excess that no other cause explains.
    D,
    /// The rule followed the random schedule on which it was switched on and off.
    E,
    /// The data was looked at and does not say.
    F,
}

impl Rung {
    /// All rungs, lowest first.
    pub const ALL: [Rung; 6] = [Rung::A, Rung::B, Rung::C, Rung::D, Rung::E, Rung::F];

    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Rung::A => 'A',
            Rung::B => 'B',
            Rung::C => 'C',
            Rung::D => 'D',
            Rung::E => 'E',
            Rung::F => 'F',
        }
    }

    /// The word that evidence of this rung may be told with.
    pub fn word(self) -> Word {
        match self {
            Rung::A | Rung::F => Word::Coincident,
            Rung::B => Word::OnThePath,
            Rung::C => Word::BitAtTheTarget,
            Rung::D => Word::Attributed,
            Rung::E => Word::Caused,
        }
    }
}

/// The word of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// At the same time, and no more is known.
    Coincident,
    /// At the same time, on a path to the rule.
    OnThePath,
    /// It hurt its target; whether that broke the rule is not known.
    BitAtTheTarget,
    /// It explains a share of the excess.
    Attributed,
    /// Shown by randomized toggling.
    Caused,
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Word::Coincident => "coincident",
            Word::OnThePath => "on the path",
            Word::BitAtTheTarget => "bit at the target",
            Word::Attributed => "attributed",
            Word::Caused => "caused",
        })
    }
}

/// The size of an effect with the interval that the data leaves possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The estimate: excess a sample while the fault was on, against while it was not.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The level of the interval, such as 0.95.
    pub level: f64,
}

/// What one rung's question was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The data supports it.
    Passed,
    /// The data speaks against it: the climb ends.
    Failed,
    /// There is no data for this question: the climb goes on, and the tag says so.
    NoData,
}

/// One rung's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The rung.
    pub rung: Rung,
    /// Its answer.
    pub check: Check,
    /// One line for a person.
    pub text: String,
}

/// One injection that stays in question for an episode.
#[derive(Debug, Clone, PartialEq)]
pub struct Tag {
    /// The injection's id.
    pub injection: String,
    /// The highest rung that passed.
    pub rung: Rung,
    /// The word that may be said.
    pub word: Word,
    /// The effect on the rule, where it could be estimated.
    pub effect: Option<Effect>,
    /// The p value of the permutation test (rung E).
    pub p: Option<f64>,
    /// The evidence that the effect is not zero, where it was gathered as an e value.
    pub e: Option<f64>,
    /// The share of the episode's excess that it explains (rung D and above).
    pub share: Option<f64>,
    /// The rungs' answers, lowest first.
    pub steps: Vec<Step>,
}

/// What is concluded for an episode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion {
    /// The tags say who.
    Injected,
    /// No declared injection did it.
    Organic,
    /// The data does not say, and why.
    Undecidable(String),
}

/// The answer for one episode.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The rule's name.
    pub rule: String,
    /// The service the rule is about.
    pub service: String,
    /// The episode's first sample.
    pub from_ms: i64,
    /// The episode's last sample.
    pub to_ms: i64,
    /// The conclusion.
    pub conclusion: Conclusion,
    /// Injections that stay in question, the strongest first. Empty where it is organic.
    pub tags: Vec<Tag>,
    /// Injections that are ruled out, with the step that did it.
    pub ruled_out: Vec<Tag>,
    /// The share of the excess that no declared injection explains, where it was estimated.
    pub unexplained: Option<f64>,
}

/// What attribution may take for granted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The highest rung that is climbed; lower ones are for ablations.
    pub up_to: Rung,
    /// The share of the excess from which an injection counts as a cause.
    pub share_min: f64,
    /// The chance of a false "caused" that is accepted.
    pub alpha: f64,
    /// The longest delay from a fault to its effect: timeout times tries, in milliseconds.
    pub lag_max_ms: i64,
    /// How long an effect may go on after its fault was undone, in milliseconds.
    pub tail_max_ms: i64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            up_to: Rung::F,
            share_min: 0.25,
            alpha: 0.05,
            lag_max_ms: 30_000,
            tail_max_ms: 600_000,
        }
    }
}
