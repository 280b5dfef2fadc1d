//! Owns the grammar of each clause: its keyword, how it is written, and how it is read.

use super::ast::{
    Aggregate, Bound, Break, Chaos, Clause, Condition, Consistent, Function, Objective, Side,
};
use super::lex::Token;
use super::matchers;
use super::parse::{EXPECTED, Parser};
use super::syntax::Kind;
use crate::diagnostic::{Code, Diagnostic};
use crate::read::closest;
use crate::spanned::Spanned;
use crate::units::{Duration, Op, Quantity, Share};

pub(super) const NOT_A_VALUE: Code = Code::error("S508");
pub(super) const UNKNOWN_WORD: Code = Code::error("S512");

/// A clause of the language.
pub struct Known {
    /// The keyword that begins it.
    pub word: &'static str,
    /// How it is written.
    pub usage: &'static str,
    /// What it says, for people.
    pub meaning: &'static str,
    pub(super) parse: fn(&mut Parser<'_>, &str) -> Option<Clause>,
}

/// Every clause, in the order in which rules usually have them.
pub static CLAUSES: &[Known] = &[
    Known {
        word: "WHEN",
        usage: "WHEN metric=\"http_requests_total\"",
        meaning: "The metric that is measured: a counter, a gauge, or a histogram's base name.",
        parse: when,
    },
    Known {
        word: "WHERE",
        usage: "WHERE label=\"{job='api', status!~'5..'}\"",
        meaning: "Which of its series count. In a share the matcher on the outcome (status, code, \
                  result, …) tells the part from the whole; the others identify the whole.",
        parse: where_,
    },
    Known {
        word: "GOOD",
        usage: "GOOD \"{status!~'5..'}\"",
        meaning: "The good events of a share, said outright. Conditions of WHERE hold here too.",
        parse: good,
    },
    Known {
        word: "TOTAL",
        usage: "TOTAL \"{}\"",
        meaning: "All events of a share, said outright. Conditions of WHERE hold here too.",
        parse: total,
    },
    Known {
        word: "AGGREGATE",
        usage: "AGGREGATE rate(5m)",
        meaning: "What is made of the samples: rate or ratio (a share of events), p99 (a quantile), \
                  avg, min, max (a gauge), increase (a counter), each over a window.",
        parse: aggregate,
    },
    Known {
        word: "GROUP",
        usage: "GROUP BY service",
        meaning: "Judges each value of the labels by itself.",
        parse: group_by,
    },
    Known {
        word: "THRESHOLD",
        usage: "THRESHOLD >= 99.5%",
        meaning: "The bound that the aggregate must meet.",
        parse: threshold,
    },
    Known {
        word: "FOR",
        usage: "FOR 2 samples",
        meaning: "How many anomalous samples in a row are a violation; 2 where nothing is said.",
        parse: for_samples,
    },
    Known {
        word: "BREAK",
        usage: "BREAK WHEN error_rate >= 0.5% OVER 5m DECAY 1m RECOVER AFTER 3 healthy",
        meaning: "An error-rate breaker: opens at that rate over the window, an event's weight \
                  halving every DECAY, and closes after so many healthy checks in a row.",
        parse: breaker,
    },
    Known {
        word: "CONSISTENT",
        usage: "CONSISTENT WITHIN 200ms VIA gtid(\"primary\", \"replica\")",
        meaning: "How far a replica may lag behind its primary.",
        parse: consistent,
    },
    Known {
        word: "OBJECTIVE",
        usage: "OBJECTIVE 99.95% OVER 30d",
        meaning: "The share of good events promised over a long time: the error budget, and the \
                  burn-rate alerts of `sla compile --to rules`.",
        parse: objective,
    },
    Known {
        word: "IMPACTED_BY",
        usage: "IMPACTED_BY chaos(\"cpu-load\", namespace=\"prod\", pod=\"auth-*\")",
        meaning: "The faults a violation may be tagged with, if the evidence supports it.",
        parse: impacted_by,
    },
];

fn when(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    p.expect_keyword("metric", usage)?;
    p.expect(Kind::Equal, usage)?;
    Some(Clause::When(p.text(usage)?.name()))
}

fn where_(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    p.expect_keyword("label", usage)?;
    p.expect(Kind::Equal, usage)?;
    let side = side(p, usage)?;
    if let Some(metric) = &side.metric {
        let message = format!("the metric {} belongs to WHEN", metric.value);
        p.say(
            Diagnostic::new(matchers::MATCHERS, metric.span, message).help(format!(
                "WHEN metric=\"{}\", and here only the part in braces",
                metric.value
            )),
        );
    }
    Some(Clause::Where(Side { metric: None, ..side }))
}

fn good(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    side(p, usage).map(Clause::Good)
}

fn total(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    side(p, usage).map(Clause::Total)
}

fn side(p: &mut Parser<'_>, usage: &str) -> Option<Side> {
    let text = p.text(usage)?;
    let (side, found) = matchers::read(&text);
    found.into_iter().for_each(|d| p.say(d));
    Some(side)
}

fn aggregate(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    let word = p.expect(Kind::Word, usage)?;
    let shown = p.word_of(word).to_owned();
    let Some(function) = Function::of(&shown) else {
        let message = format!("{shown} is no function");
        let said = Diagnostic::new(UNKNOWN_WORD, word.span(), message);
        let said = match closest(&shown, Function::WORDS) {
            Some(near) => said.label(format!("did you mean {near}?")),
            None => said,
        };
        p.say(said.note("functions are rate, ratio, avg, min, max, increase and p50 to p99.99"));
        return None;
    };
    let function = Spanned::new(function, word.span());
    if p.peek().kind != Kind::Open && function.value == Function::Ratio {
        return Some(Clause::Aggregate(Aggregate { function, window: None }));
    }
    let usage = format!("AGGREGATE {}(5m)", function.value.name());
    p.expect(Kind::Open, &usage)?;
    let window = duration(p, &usage)?;
    p.expect(Kind::Close, &usage);
    Some(Clause::Aggregate(Aggregate { function, window: Some(window) }))
}

fn group_by(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    p.expect_keyword("BY", usage)?;
    let mut labels = Vec::new();
    loop {
        let label = p.expect(Kind::Word, usage)?;
        labels.push(Spanned::new(p.word_of(label).to_owned(), label.span()));
        if p.peek().kind != Kind::Comma {
            return Some(Clause::GroupBy(labels));
        }
        p.bump();
    }
}

fn threshold(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    bound(p, usage).map(Clause::Threshold)
}

fn for_samples(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    let count = count(p, usage)?;
    if p.keyword("sample").is_none() {
        p.expect_keyword("samples", usage)?;
    }
    Some(Clause::For(count))
}

fn breaker(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    p.expect_keyword("WHEN", usage)?;
    p.expect_keyword("error_rate", usage)?;
    let bound = bound(p, usage)?;
    p.expect_keyword("OVER", usage)?;
    let over = duration(p, usage)?;
    let decay = match p.keyword("DECAY") {
        Some(_) => Some(duration(p, usage)?),
        None => None,
    };
    let recover = match p.keyword("RECOVER") {
        Some(_) => {
            p.expect_keyword("AFTER", usage)?;
            let count = count(p, usage)?;
            p.expect_keyword("healthy", usage)?;
            Some(count)
        }
        None => None,
    };
    Some(Clause::Break(Break { bound, over, decay, recover }))
}

fn consistent(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    p.expect_keyword("WITHIN", usage)?;
    let within = duration(p, usage)?;
    p.expect_keyword("VIA", usage)?;
    p.expect_keyword("gtid", usage)?;
    p.expect(Kind::Open, usage)?;
    let primary = p.text(usage)?.name();
    p.expect(Kind::Comma, usage)?;
    let replica = p.text(usage)?.name();
    p.expect(Kind::Close, usage);
    Some(Clause::Consistent(Consistent { within, primary, replica }))
}

fn objective(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    let target = number::<Share>(p, usage)?;
    p.expect_keyword("OVER", usage)?;
    let over = duration(p, usage)?;
    Some(Clause::Objective(Objective { target, over }))
}

fn impacted_by(p: &mut Parser<'_>, usage: &str) -> Option<Clause> {
    let mut all = Vec::new();
    loop {
        all.push(chaos(p, usage)?);
        if p.peek().kind != Kind::Comma {
            return Some(Clause::ImpactedBy(all));
        }
        p.bump();
    }
}

fn chaos(p: &mut Parser<'_>, usage: &str) -> Option<Chaos> {
    p.expect_keyword("chaos", usage)?;
    p.expect(Kind::Open, usage)?;
    let fault = p.text(usage)?.name();
    let mut conditions = Vec::new();
    while p.peek().kind == Kind::Comma {
        p.bump();
        let key = p.expect(Kind::Word, usage)?;
        let key = Spanned::new(p.word_of(key).to_owned(), key.span());
        p.expect(Kind::Equal, usage)?;
        conditions.push(Condition { key, pattern: p.text(usage)?.name() });
    }
    p.expect(Kind::Close, usage);
    Some(Chaos { fault, conditions })
}

fn bound(p: &mut Parser<'_>, usage: &str) -> Option<Bound> {
    let token = p.peek();
    if token.kind == Kind::Equal {
        let message = "a bound is compared with >=, <=, > or <, not =";
        p.say(Diagnostic::new(EXPECTED, token.span(), message).help(format!("write {usage}")));
        p.bump();
        return None;
    }
    let token = p.expect(Kind::Compare, usage)?;
    let op = match p.word_of(token) {
        ">=" | "≥" | "＞=" => Op::Ge,
        "<=" | "≤" | "＜=" => Op::Le,
        ">" | "＞" => Op::Gt,
        _ => Op::Lt,
    };
    let value = number::<Quantity>(p, usage)?;
    Some(Bound { op: Spanned::new(op, token.span()), value })
}

fn duration(p: &mut Parser<'_>, usage: &str) -> Option<Spanned<Duration>> {
    let token = p.expect(Kind::Number, usage)?;
    let read = Duration::parse_promql(p.word_of(token));
    value(p, token, read, "such as 5m, 90s or 30d")
}

fn count(p: &mut Parser<'_>, usage: &str) -> Option<Spanned<u32>> {
    let token = p.expect(Kind::Number, usage)?;
    // A sample is seconds, so a thousand of them is beyond any fault.
    match p.word_of(token).parse::<u32>().ok().filter(|n| (1..=1000).contains(n)) {
        Some(count) => Some(Spanned::new(count, token.span())),
        None => {
            let message = format!("{} is no count", p.shown(token));
            p.say(Diagnostic::new(NOT_A_VALUE, token.span(), message).help("1 to 1000"));
            None
        }
    }
}

fn number<T: std::str::FromStr<Err = crate::UnitError>>(
    p: &mut Parser<'_>,
    usage: &str,
) -> Option<Spanned<T>> {
    let token = p.expect(Kind::Number, usage)?;
    let text = p.word_of(token);
    // Days and weeks are usual in agreements, and Go's form has neither.
    let read = text.parse();
    value(p, token, read, "such as 99.95%, 800ms or 200/s")
}

fn value<T>(
    p: &mut Parser<'_>,
    token: Token,
    read: Result<T, crate::UnitError>,
    example: &str,
) -> Option<Spanned<T>> {
    match read {
        Ok(value) => Some(Spanned::new(value, token.span())),
        Err(why) => {
            let said = Diagnostic::new(NOT_A_VALUE, token.span(), why.to_string());
            p.say(said.help(format!("write a value {example}")));
            None
        }
    }
}
