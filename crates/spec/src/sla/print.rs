//! Owns the one way in which rules are written: printing what was understood reads back as the
//! same, and formatting a file keeps its comments.

use super::ast::{Bound, Break, Chaos, Clause, Rule, Side};
use super::matchers;
use super::parse::parse;
use super::syntax::{Kind, Node};
use super::text::{quote_name, quote_raw};
use crate::units::Duration;

const DAY_NANOS: u64 = 86_400 * 1_000_000_000;

/// Writes a rule as the formatter does, its last line with the semicolon.
pub fn print(rule: &Rule) -> String {
    let mut out = head(rule);
    for clause in &rule.clauses {
        out.push('\n');
        out.push_str(&print_clause(&clause.value));
    }
    out.push_str(";\n");
    out
}

/// Formats a file; `None` where its writing has errors, for then nothing of it may be moved.
pub fn format(text: &str) -> Option<String> {
    let parsed = parse(text);
    if !parsed.diagnostics.is_empty() {
        return None;
    }
    let mut rules = parsed.rules.iter();
    let mut page = Page::default();
    let mut gap = 0;
    for child in parsed.tree().children_with_tokens() {
        match child {
            rowan::NodeOrToken::Node(node) => {
                page.rule(lines(rules.next()?, &node), gap);
                gap = 0;
            }
            rowan::NodeOrToken::Token(token) if token.kind() == Kind::Space => {
                gap = token.text().matches('\n').count();
            }
            rowan::NodeOrToken::Token(token) if token.kind() == Kind::Comment => {
                page.comment(token.text().trim_end(), gap);
                gap = 0;
            }
            rowan::NodeOrToken::Token(_) => {}
        }
    }
    Some(page.text())
}

/// Writes a length of time; whole days as days, which agreements count in.
pub fn length(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos > 0 && nanos.is_multiple_of(DAY_NANOS) {
        return format!("{}d", nanos / DAY_NANOS);
    }
    duration.to_string()
}

/// Writes one clause.
pub fn print_clause(clause: &Clause) -> String {
    match clause {
        Clause::When(metric) => format!("WHEN metric={}", quote_name(metric)),
        Clause::Where(side) => format!("WHERE label={}", print_side(side)),
        Clause::Good(side) => format!("GOOD {}", print_side(side)),
        Clause::Total(side) => format!("TOTAL {}", print_side(side)),
        Clause::Aggregate(aggregate) => {
            let window = aggregate.window.map(|w| format!("({})", length(w.value)));
            format!("AGGREGATE {}{}", aggregate.function.name(), window.unwrap_or_default())
        }
        Clause::GroupBy(labels) => {
            let labels: Vec<&str> = labels.iter().map(|l| l.value.as_str()).collect();
            format!("GROUP BY {}", labels.join(", "))
        }
        Clause::Threshold(bound) => format!("THRESHOLD {}", print_bound(bound)),
        Clause::For(samples) => {
            format!("FOR {} sample{}", samples.value, if samples.value == 1 { "" } else { "s" })
        }
        Clause::Break(breaker) => print_break(breaker),
        Clause::Consistent(c) => format!(
            "CONSISTENT WITHIN {} VIA gtid({}, {})",
            length(c.within.value),
            quote_name(&c.primary),
            quote_name(&c.replica)
        ),
        Clause::Objective(o) => {
            format!("OBJECTIVE {} OVER {}", o.target.value, length(o.over.value))
        }
        Clause::ImpactedBy(all) => {
            format!("IMPACTED_BY {}", all.iter().map(print_chaos).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes a bound, for example `>= 0.995`.
pub fn print_bound(bound: &Bound) -> String {
    format!("{} {}", bound.op.sign(), bound.value.value)
}

/// Writes a fault of `IMPACTED_BY`.
pub fn print_chaos(chaos: &Chaos) -> String {
    let mut out = format!("chaos({}", quote_name(&chaos.fault));
    for condition in &chaos.conditions {
        out.push_str(&format!(", {}={}", condition.key.value, quote_name(&condition.pattern)));
    }
    out.push(')');
    out
}

fn print_side(side: &Side) -> String {
    let metric = side.metric.as_ref().map_or("", |m| m.value.as_str());
    if side.matchers.is_empty() && !metric.is_empty() {
        return quote_raw(metric);
    }
    quote_raw(&format!("{metric}{}", matchers::print(&side.matchers)))
}

fn print_break(breaker: &Break) -> String {
    let bound = print_bound(&breaker.bound);
    let mut out = format!("BREAK WHEN error_rate {bound} OVER {}", length(breaker.over.value));
    if let Some(decay) = breaker.decay {
        out.push_str(&format!(" DECAY {}", length(decay.value)));
    }
    if let Some(recover) = breaker.recover {
        out.push_str(&format!(" RECOVER AFTER {} healthy", recover.value));
    }
    out
}

fn head(rule: &Rule) -> String {
    format!("SLA({})", quote_name(&rule.name))
}

/// A line, and the comment behind it.
#[derive(Debug)]
struct Line {
    text: String,
    behind: Option<String>,
}

impl Line {
    fn of(text: impl Into<String>) -> Line {
        Line { text: text.into(), behind: None }
    }
}

/// The lines of a rule with the comments inside it.
fn lines(rule: &Rule, node: &Node) -> Vec<Line> {
    let mut all = vec![Line::of(head(rule))];
    let mut last_code = 0;
    let mut clauses = rule.clauses.iter();
    let mut same_line = true;
    for child in node.children_with_tokens() {
        match child {
            rowan::NodeOrToken::Node(node) => {
                let inside = node.descendants_with_tokens().filter_map(|e| e.into_token());
                let comments = inside.filter(|t| t.kind() == Kind::Comment);
                all.extend(comments.map(|t| Line::of(t.text().trim_end())));
                if let Some(clause) = clauses.next() {
                    all.push(Line::of(print_clause(&clause.value)));
                    last_code = all.len() - 1;
                }
                same_line = true;
            }
            rowan::NodeOrToken::Token(token) => match token.kind() {
                Kind::Space => same_line &= !token.text().contains('\n'),
                Kind::Comment => {
                    comment(&mut all, last_code, token.text().trim_end(), same_line);
                    same_line = false;
                }
                _ => same_line = true,
            },
        }
    }
    all[last_code].text.push(';');
    all
}

/// Puts a comment behind the last line of code where it stood there, else on a line of its own.
fn comment(all: &mut Vec<Line>, last_code: usize, text: &str, same_line: bool) {
    let behind = same_line && last_code + 1 == all.len() && all[last_code].behind.is_none();
    if behind {
        all[last_code].behind = Some(text.to_owned());
    } else {
        all.push(Line::of(text));
    }
}

#[derive(Default)]
struct Page {
    lines: Vec<Line>,
    after_rule: bool,
}

impl Page {
    fn rule(&mut self, lines: Vec<Line>, gap: usize) {
        if !self.lines.is_empty() && (self.after_rule || gap > 1) {
            self.lines.push(Line::of(""));
        }
        self.lines.extend(lines);
        self.after_rule = true;
    }

    fn comment(&mut self, text: &str, gap: usize) {
        if gap == 0 && self.after_rule {
            let last = self.lines.len() - 1;
            comment(&mut self.lines, last, text, true);
        } else {
            if !self.lines.is_empty() && gap > 1 {
                self.lines.push(Line::of(""));
            }
            self.lines.push(Line::of(text));
        }
        self.after_rule = false;
    }

    fn text(self) -> String {
        let mut out = String::new();
        for Line { text, behind } in self.lines {
            out.push_str(&text);
            if let Some(behind) = behind {
                out.push(' ');
                out.push_str(&behind);
            }
            out.push('\n');
        }
        out
    }
}
