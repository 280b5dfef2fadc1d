//! Owns the text inside the quotes of WHERE, GOOD and TOTAL: `metric{name='value', …}`.

use super::ast::{MatchOp, Matcher, Place, Side};
use super::lex::in_word;
use super::text::Decoded;
use crate::diagnostic::{Code, Diagnostic};
use crate::spanned::Spanned;
use regex_syntax::hir::{Hir, HirKind};

pub(super) const MATCHERS: Code = Code::error("S510");
pub(super) const PATTERN: Code = Code::error("S511");

const HELP: &str = "write {name='value', other!~'pattern'}";
/// Nobody writes more conditions by hand, and each costs time at every sample.
const MATCHERS_MAX: usize = 100;
/// A regular expression this long is a mistake.
const PATTERN_BYTES_MAX: usize = 4096;
/// How often a pattern may repeat something, as in RE2; more makes an automaton too large to build.
const REPEATS_MAX: u32 = 1000;

/// Reads conditions; what is wrong is among the diagnostics, and the rest is kept.
pub(super) fn read(text: &Decoded) -> (Side, Vec<Diagnostic>) {
    let mut reader = Reader { whole: text, at: 0, found: Vec::new() };
    let (metric, matchers) = reader.side();
    let side = Side { metric, matchers, place: Place(text.span) };
    (side, reader.found)
}

struct Reader<'d> {
    whole: &'d Decoded,
    at: usize,
    found: Vec<Diagnostic>,
}

impl<'d> Reader<'d> {
    fn rest(&self) -> &'d str {
        &self.whole.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let taken = self.rest().starts_with(sign);
        self.at += if taken { sign.len() } else { 0 };
        taken
    }

    fn word(&mut self) -> Option<Spanned<String>> {
        self.skip_space();
        let len = self.rest().find(|c| !in_word(c)).unwrap_or(self.rest().len());
        let word = self.rest()[..len].to_owned();
        let span = self.whole.place(self.at, self.at + len);
        self.at += len;
        (len > 0).then(|| Spanned::new(word, span))
    }

    fn say(&mut self, code: Code, message: impl Into<String>) {
        self.skip_space();
        let end = self.rest().char_indices().nth(1).map_or(self.rest().len(), |(at, _)| at);
        let span = self.whole.place(self.at, self.at + end);
        // At the very end there is nothing to mark but the text itself.
        let span = if span.is_written() { span } else { self.whole.span };
        self.found.push(Diagnostic::new(code, span, message).help(HELP));
    }

    fn side(&mut self) -> (Option<Spanned<String>>, Vec<Spanned<Matcher>>) {
        let metric = self.word();
        let mut matchers = Vec::new();
        self.skip_space();
        if self.rest().is_empty() {
            if metric.is_none() {
                self.say(MATCHERS, "conditions are expected here, and there are none");
            }
            return (metric, matchers);
        }
        if !self.take("{") {
            self.say(MATCHERS, "conditions stand in braces");
            return (metric, matchers);
        }
        while !self.take("}") {
            if matchers.len() == MATCHERS_MAX {
                self.say(MATCHERS, format!("there are more than {MATCHERS_MAX} conditions"));
                return (metric, matchers);
            }
            let Some(matcher) = self.matcher() else { return (metric, matchers) };
            matchers.push(matcher);
            if !self.take(",") {
                if !self.take("}") {
                    self.say(MATCHERS, "\",\" or \"}\" is expected here");
                    return (metric, matchers);
                }
                break;
            }
        }
        self.skip_space();
        if !self.rest().is_empty() {
            self.say(MATCHERS, "nothing may follow the closing brace");
        }
        (metric, matchers)
    }

    fn matcher(&mut self) -> Option<Spanned<Matcher>> {
        self.skip_space();
        let from = self.at;
        let quoted_name = self.rest().starts_with(['\'', '"', '`']);
        let name = if quoted_name { self.quoted() } else { self.word().map(|w| w.value) };
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            self.say(MATCHERS, "a label's name is expected here");
            return None;
        };
        let Some(op) = MatchOp::ALL.into_iter().find(|op| self.take(op.sign())) else {
            self.say(MATCHERS, format!("=, !=, =~ or !~ is expected behind {name}"));
            return None;
        };
        self.skip_space();
        let value_at = self.at;
        let Some(value) = self.quoted() else {
            self.say(MATCHERS, format!("the value of {name} is expected here, in quotes"));
            return None;
        };
        let value_span = self.whole.place(value_at, self.at);
        if matches!(op, MatchOp::Regex | MatchOp::NotRegex)
            && let Err(why) = pattern(&value)
        {
            let message = format!("the pattern of {name} is no regular expression: {why}");
            self.found.push(
                Diagnostic::new(PATTERN, value_span, message)
                    .help("patterns are RE2's, anchored at both ends: '5..', 'a|b', '.*'"),
            );
        }
        Some(Spanned::new(Matcher { name, op, value }, self.whole.place(from, self.at)))
    }

    /// Reads a text in any of PromQL's quotes, with its escapes.
    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"' | '`'))?;
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at += at + 1;
                    return Some(out);
                }
                '\\' if quote != '`' => {
                    let (escaped_at, escaped) = chars.next()?;
                    match unescape(escaped) {
                        Some(c) => out.push(c),
                        None => {
                            let place = self
                                .whole
                                .place(self.at + at, self.at + escaped_at + escaped.len_utf8());
                            let message = format!("\\{escaped} is no escape");
                            let help =
                                format!("a backslash in a pattern is doubled: \\\\{escaped}");
                            self.found.push(Diagnostic::new(MATCHERS, place, message).help(help));
                            out.extend(['\\', escaped]);
                        }
                    }
                }
                c => out.push(c),
            }
        }
        None
    }
}

fn unescape(c: char) -> Option<char> {
    Some(match c {
        '\\' | '\'' | '"' | '`' => c,
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        _ => return None,
    })
}

fn pattern(text: &str) -> Result<(), String> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(format!("it is longer than {PATTERN_BYTES_MAX} bytes"));
    }
    // The syntax alone: building the automaton costs a hundred times as much and finds no more.
    match regex_syntax::parse(text) {
        Ok(hir) if !repeats_within(&hir, REPEATS_MAX) => {
            Err(format!("it repeats something more than {REPEATS_MAX} times"))
        }
        Ok(_) => Ok(()),
        Err(regex_syntax::Error::Parse(why)) => Err(why.kind().to_string()),
        Err(regex_syntax::Error::Translate(why)) => Err(why.kind().to_string()),
        Err(why) => Err(why.to_string().lines().last().unwrap_or_default().to_owned()),
    }
}

/// Tells whether nothing is repeated more often than so many times, repeats inside repeats
/// multiplied.
fn repeats_within(hir: &Hir, most: u32) -> bool {
    match hir.kind() {
        HirKind::Repetition(repeat) => match repeat.max.unwrap_or(repeat.min) {
            times if times > most => false,
            times => repeats_within(&repeat.sub, most / times.max(1)),
        },
        HirKind::Capture(capture) => repeats_within(&capture.sub, most),
        HirKind::Concat(all) | HirKind::Alternation(all) => {
            all.iter().all(|one| repeats_within(one, most))
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => true,
    }
}

/// Writes conditions in braces, so that they read back.
pub(super) fn print(matchers: &[Spanned<Matcher>]) -> String {
    let one = |m: &Spanned<Matcher>| {
        let plain = !m.name.is_empty() && m.name.chars().all(in_word);
        let name = if plain { m.name.clone() } else { quote(&m.name) };
        format!("{name}{}{}", m.op.sign(), quote(&m.value.value))
    };
    format!("{{{}}}", matchers.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::super::text::{decode, quote_raw};
    use super::*;

    fn check(text: &str, expected: &str, messages: &[&str]) {
        let quoted = quote_raw(text);
        let (side, found) = read(&decode(&quoted, 0).0);
        let metric = side.metric.map(|m| m.value).unwrap_or_default();
        assert_eq!(format!("{metric}{}", print(&side.matchers)), expected, "{text}");
        let said: Vec<_> = found.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(said, messages, "{text}");
    }

    #[test]
    fn conditions_read_and_print() {
        check("{job='api-gateway', status!~'5..'}", "{job='api-gateway', status!~'5..'}", &[]);
        check("a_total{x=\"1\",}", "a_total{x='1'}", &[]);
        check("{}", "{}", &[]);
        check("orders", "orders{}", &[]);
        check("{环境=`生产`, 'a b'=~'x\\\\d'}", "{环境='生产', 'a b'=~'x\\\\d'}", &[]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        check("", "{}", &["conditions are expected here, and there are none"]);
        check("job='a'", "job{}", &["conditions stand in braces"]);
        check("{job}", "{}", &["=, !=, =~ or !~ is expected behind job"]);
        check("{job=a}", "{}", &["the value of job is expected here, in quotes"]);
        check("{a='1' b='2'}", "{a='1'}", &["\",\" or \"}\" is expected here"]);
        check(
            "{a=~'('}",
            "{a=~'('}",
            &["the pattern of a is no regular expression: unclosed group"],
        );
        let often = "the pattern of a is no regular expression: it repeats something more than \
                     1000 times";
        check("{a=~'(b{40}c){40}'}", "{a=~'(b{40}c){40}'}", &[often]);
        check("{a=~'b{30}(c{30}|d{33}){30}e*'}", "{a=~'b{30}(c{30}|d{33}){30}e*'}", &[]);
        check("{a=~'\\d'}", "{a=~'\\\\d'}", &["\\d is no escape"]);
        check("{a='1'} x", "{a='1'}", &["nothing may follow the closing brace"]);
        check("{a='1", "{}", &["the value of a is expected here, in quotes"]);
    }
}
