//! Values with a unit: reading them, and saying which unit was meant.

use super::walk::{Fields, Walk};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::spanned::Spanned;
use crate::units::{Bytes, Duration, Expect, Op, Port, Quantity, Rate, Share, UnitError};
use crate::yaml::{Kind, Node};
use std::str::FromStr;

/// A number stands alone.
const NO_UNIT: Code = Code::error("S107");
/// The text is not of this kind.
const NOT_THIS: Code = Code::error("S108");
/// Nothing where something must be.
const ZERO: Code = Code::error("S201");
/// More than can be, or finer.
const TOO_LARGE: Code = Code::error("S202");
/// A share over all of it.
const SHARE_OVER_ALL: Code = Code::error("S203");
/// Below zero.
const NEGATIVE: Code = Code::error("S204");

/// A unit that can say what a bare number might have meant.
pub(super) trait Unit: FromStr<Err = UnitError> {
    /// The question under a bare number.
    const QUESTION: &'static str;

    /// What to write instead of a bare number.
    fn suggest(number: &str) -> String;
}

impl Unit for Duration {
    const QUESTION: &'static str = "seconds or milliseconds?";

    fn suggest(number: &str) -> String {
        format!("{number}s or {number}ms")
    }
}

impl Unit for Share {
    const QUESTION: &'static str = "of a hundred or of one?";

    fn suggest(number: &str) -> String {
        let percent = format!("{number}%");
        match number.parse::<f64>() {
            // Someone who writes 0.9995 means 99.95%; the exact digits come from the text.
            Ok(share) if share > 0.0 && share <= 1.0 => {
                format!("{}%", (share * 1e9).round() / 1e7)
            }
            _ => percent,
        }
    }
}

impl Unit for Rate {
    const QUESTION: &'static str = "a second or a minute?";

    fn suggest(number: &str) -> String {
        format!("{number}/s")
    }
}

impl Unit for Bytes {
    const QUESTION: &'static str = "which unit?";

    fn suggest(number: &str) -> String {
        format!("{number}MiB or {number}KiB")
    }
}

impl Walk<'_> {
    /// Reads a value with a unit.
    pub(super) fn unit<T: Unit>(&mut self, node: &Node) -> Option<Spanned<T>> {
        let text = self.text(node)?;
        match text.value.parse::<T>() {
            Ok(value) => Some(Spanned::new(value, text.span)),
            Err(error) => {
                let place = text.span;
                let diagnostic = unit_diagnostic(&error, place, T::QUESTION);
                let diagnostic = match &error {
                    UnitError::NoUnit(number) => diagnostic.help(T::suggest(number)),
                    _ => diagnostic,
                };
                self.report(diagnostic);
                None
            }
        }
    }

    /// Reads a length of time that must be more than nothing and at most `most`.
    pub(super) fn duration(
        &mut self,
        node: &Node,
        most: Duration,
        why: &str,
    ) -> Option<Spanned<Duration>> {
        let value = self.unit::<Duration>(node)?;
        if *value == Duration::ZERO {
            self.report(Diagnostic::new(ZERO, value.span, "no time at all").label("must be more"));
            return None;
        }
        if *value > most {
            let message = format!("{} is too long; {most} is the most", value.value);
            self.report(Diagnostic::new(TOO_LARGE, value.span, message).note(why));
            return None;
        }
        Some(value)
    }

    /// Reads the duration of a key, or its default.
    pub(super) fn duration_or(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        default: Duration,
        limit: (Duration, &str),
    ) -> Spanned<Duration> {
        fields
            .get(key)
            .and_then(|node| self.duration(node, limit.0, limit.1))
            .unwrap_or(Spanned::default_value(default))
    }

    /// Reads a whole number from 1 to `most`.
    pub(super) fn count(&mut self, node: &Node, most: u32, why: &str) -> Option<Spanned<u32>> {
        let text = self.text(node)?;
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits {
            let message = format!("{} is not a whole number", text.value);
            self.report(Diagnostic::new(NOT_THIS, text.span, message));
            return None;
        }
        match text.parse::<u32>() {
            Ok(0) => {
                let message = "0 leaves nothing to do";
                self.report(Diagnostic::new(ZERO, text.span, message).label("at least 1"));
                None
            }
            Ok(count) if count <= most => Some(Spanned::new(count, text.span)),
            _ => {
                let message = format!("{} is too many; {most} is the most", text.value);
                self.report(Diagnostic::new(TOO_LARGE, text.span, message).note(why));
                None
            }
        }
    }

    /// Reads a port.
    pub(super) fn port(&mut self, node: &Node) -> Option<Spanned<u16>> {
        let text = self.text(node)?;
        match text.parse::<Port>() {
            Ok(port) => Some(Spanned::new(port.get(), text.span)),
            Err(error) => {
                self.report(unit_diagnostic(&error, text.span, ""));
                None
            }
        }
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&mut self, node: &Node) -> Option<Spanned<bool>> {
        if let Kind::Scalar { text, plain: true } = &node.kind
            && let Ok(value) = text.parse()
        {
            return Some(Spanned::new(value, node.span));
        }
        let text = self.text(node)?;
        let message = format!("{} is neither true nor false", text.value);
        self.report(Diagnostic::new(NOT_THIS, text.span, message));
        None
    }

    /// Reads a chance: a number above 0 and at most one half.
    pub(super) fn chance(&mut self, node: &Node) -> Option<Spanned<f64>> {
        let text = self.text(node)?;
        let value = match text.strip_suffix('%') {
            Some(_) => text.parse::<Share>().ok().map(Share::as_f64),
            None => text.parse::<f64>().ok(),
        };
        match value {
            Some(chance) if chance > 0.0 && chance <= 0.5 => Some(Spanned::new(chance, text.span)),
            Some(_) => {
                let message = format!("{} is no chance of a false alarm", text.value);
                let diagnostic = Diagnostic::new(TOO_LARGE, text.span, message);
                self.report(diagnostic.label("above 0, at most 0.5").help("0.01"));
                None
            }
            None => {
                let message = format!("{} is not a number", text.value);
                self.report(Diagnostic::new(NOT_THIS, text.span, message).help("0.01 or 1%"));
                None
            }
        }
    }

    /// Reads a bound; `seconds` says that its query yields a length of time.
    pub(super) fn expect(&mut self, node: &Node, seconds: bool) -> Option<Spanned<Expect>> {
        let text = self.text(node)?;
        let written = text.trim();
        let number = Op::split(written).map_or(written, |(_, rest)| rest.trim());
        let part = self.part(text.span, number);
        match text.parse::<Expect>() {
            Ok(expect) if seconds && matches!(expect.value, Quantity::Number(_)) => {
                let sign = expect.op.sign();
                let bare = UnitError::NoUnit(number.to_owned());
                let means = length_in_words(expect.bound_in_query_unit());
                let diagnostic = unit_diagnostic(&bare, part, Duration::QUESTION).help(format!(
                    "\"{sign} {number}ms\"; this query is in seconds, so {number} would mean {means}"
                ));
                self.report(diagnostic);
                None
            }
            Ok(expect) => Some(Spanned::new(expect, text.span)),
            Err(UnitError::ShareOverAll) => {
                let diagnostic = unit_diagnostic(&UnitError::ShareOverAll, text.span, "");
                self.report(diagnostic);
                None
            }
            Err(error) => {
                let shape = Op::split(written).is_none();
                let place = if shape { text.span } else { part };
                self.report(unit_diagnostic(&error, place, Duration::QUESTION));
                None
            }
        }
    }
}

/// Turns a unit's error into a diagnostic.
fn unit_diagnostic(error: &UnitError, place: Span, question: &str) -> Diagnostic {
    let code = match error {
        UnitError::NoUnit(_) => NO_UNIT,
        UnitError::NotThis { .. } => NOT_THIS,
        UnitError::TooLarge { .. } | UnitError::TooFine { .. } => TOO_LARGE,
        UnitError::ShareOverAll => SHARE_OVER_ALL,
        UnitError::Negative(_) => NEGATIVE,
    };
    let label = match error {
        UnitError::NoUnit(_) => question,
        UnitError::ShareOverAll => "no value can satisfy this",
        _ => "",
    };
    Diagnostic::new(code, place, error.to_string()).label(label)
}

/// Says a number of seconds the way a person would.
fn length_in_words(seconds: f64) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    let say = |count: f64, unit: &str| {
        let word = WORDS.get(count as usize).filter(|_| count.fract() == 0.0);
        let plural = if count == 1.0 { "" } else { "s" };
        match word {
            Some(word) => format!("{word} {unit}{plural}"),
            None => format!("{count} {unit}{plural}"),
        }
    };
    for (unit, size) in [("day", 86_400.0), ("hour", 3600.0), ("minute", 60.0)] {
        if seconds >= size && seconds % size == 0.0 {
            return say(seconds / size, unit);
        }
    }
    say(seconds, "second")
}
