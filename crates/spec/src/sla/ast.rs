//! Owns the typed tree of what a person wrote: rules and their clauses, each with its place.
//! Equality is the values' alone; places do not count.

use crate::diagnostic::Span;
use crate::spanned::Spanned;
use crate::units::{Duration, Op, Quantity, Share};

/// One `SLA("…") … ;`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, in any script.
    pub name: Spanned<String>,
    /// Its clauses, in the order of the file.
    pub clauses: Vec<Spanned<Clause>>,
}

/// One clause.
#[derive(Debug, Clone, PartialEq)]
pub enum Clause {
    /// `WHEN metric="…"`
    When(Spanned<String>),
    /// `WHERE label="{…}"`
    Where(Side),
    /// `AGGREGATE rate(5m)`
    Aggregate(Aggregate),
    /// `GOOD "{…}"`
    Good(Side),
    /// `TOTAL "{…}"`
    Total(Side),
    /// `GROUP BY service`
    GroupBy(Vec<Spanned<String>>),
    /// `THRESHOLD >= 0.995`
    Threshold(Bound),
    /// `FOR 2 samples`
    For(Spanned<u32>),
    /// `BREAK WHEN error_rate >= 0.5% OVER 5m DECAY 1m RECOVER AFTER 3 healthy`
    Break(Break),
    /// `CONSISTENT WITHIN 200ms VIA gtid("primary","replica")`
    Consistent(Consistent),
    /// `OBJECTIVE 99.95% OVER 30d`
    Objective(Objective),
    /// `IMPACTED_BY chaos("cpu-load", namespace="prod")`
    ImpactedBy(Vec<Chaos>),
}

/// A metric's series: conditions on labels, and the metric where it is not the rule's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    /// The metric written before the braces.
    pub metric: Option<Spanned<String>>,
    /// The conditions.
    pub matchers: Vec<Spanned<Matcher>>,
    /// The whole text, quotes included.
    pub place: Place,
}

/// A place that never makes two values differ.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place(pub Span);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How it compares.
    pub op: MatchOp,
    /// The text or the pattern.
    pub value: String,
}

/// How a condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

impl MatchOp {
    /// Every operator; longer signs first, for `=` begins `=~`.
    pub const ALL: [MatchOp; 4] =
        [MatchOp::NotRegex, MatchOp::NotEqual, MatchOp::Regex, MatchOp::Equal];

    /// Returns the operator as `PromQL` writes it.
    pub const fn sign(self) -> &'static str {
        match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        }
    }

    /// Tells whether it asks for something not to be.
    pub const fn is_negative(self) -> bool {
        matches!(self, MatchOp::NotEqual | MatchOp::NotRegex)
    }
}

/// What is made of the samples in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The function.
    pub function: Spanned<Function>,
    /// The window; only `ratio` may go without.
    pub window: Option<Spanned<Duration>>,
}

/// The functions of `AGGREGATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// A share of events where the bound is a share, events a second where it is a rate.
    Rate,
    /// A share of events.
    Ratio,
    /// `p99`: a quantile of a histogram, judged as the share of events above the bound.
    Quantile(Share),
    /// The mean of a gauge.
    Avg,
    /// The least of a gauge.
    Min,
    /// The most of a gauge.
    Max,
    /// How much a counter grew.
    Increase,
}

impl Function {
    /// The names of those that are a word.
    pub const WORDS: [&'static str; 6] = ["rate", "ratio", "avg", "min", "max", "increase"];

    /// Reads a function's name.
    pub fn of(word: &str) -> Option<Function> {
        let word = word.to_ascii_lowercase();
        Some(match word.as_str() {
            "rate" => Function::Rate,
            "ratio" => Function::Ratio,
            "avg" => Function::Avg,
            "min" => Function::Min,
            "max" => Function::Max,
            "increase" => Function::Increase,
            _ => {
                let percent: Share = format!("{}%", word.strip_prefix('p')?).parse().ok()?;
                let inside = percent > Share::NONE && percent < Share::ALL;
                return inside.then_some(Function::Quantile(percent));
            }
        })
    }

    /// Returns its name as written.
    pub fn name(self) -> String {
        match self {
            Function::Rate => "rate".into(),
            Function::Ratio => "ratio".into(),
            Function::Avg => "avg".into(),
            Function::Min => "min".into(),
            Function::Max => "max".into(),
            Function::Increase => "increase".into(),
            Function::Quantile(share) => format!("p{}", share.to_string().trim_end_matches('%')),
        }
    }
}

/// What a value must meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The comparison; the measured value is on its left.
    pub op: Spanned<Op>,
    /// The bound.
    pub value: Spanned<Quantity>,
}

/// An error-rate breaker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Break {
    /// The error rate that opens it.
    pub bound: Bound,
    /// The window the rate is taken over.
    pub over: Spanned<Duration>,
    /// The time in which an event's weight halves; none where all weigh the same.
    pub decay: Option<Spanned<Duration>>,
    /// Healthy checks in a row that close it.
    pub recover: Option<Spanned<u32>>,
}

/// How old a replica's answer may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Consistent {
    /// The longest lag.
    pub within: Spanned<Duration>,
    /// Who is written to.
    pub primary: Spanned<String>,
    /// Who is read from.
    pub replica: Spanned<String>,
}

/// The share of good events that is promised over a long time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The share.
    pub target: Spanned<Share>,
    /// The time.
    pub over: Spanned<Duration>,
}

/// A fault that may hurt the rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Chaos {
    /// The fault's name or a pattern for it.
    pub fault: Spanned<String>,
    /// Conditions on its target: key and pattern.
    pub conditions: Vec<Condition>,
}

/// One condition on an injection's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What of the target: `namespace`, `pod`, `service` and the like.
    pub key: Spanned<String>,
    /// The text; `*` stands for anything.
    pub pattern: Spanned<String>,
}
