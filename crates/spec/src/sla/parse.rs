//! Owns the walk over the tokens: one pass makes the lossless tree and the typed rules, and
//! goes on behind every error. Nesting is of fixed depth, so nothing here recurses.

use super::ast::{Clause, Rule};
use super::clauses::{CLAUSES, Known};
use super::lex::{Token, narrow, tokens};
use super::syntax::{Kind, Node, Sla};
use super::text::{Decoded, decode};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::read::closest;
use crate::spanned::Spanned;
use rowan::Language as _;
use std::collections::HashSet;

pub(super) const MEANINGLESS: Code = Code::error("S501");
pub(super) const FULL_WIDTH: Code = Code::error("S502");
pub(super) const UNCLOSED: Code = Code::error("S503");
pub(super) const EXPECTED: Code = Code::error("S504");
pub(super) const UNKNOWN_CLAUSE: Code = Code::error("S505");
pub(super) const NO_SEMICOLON: Code = Code::error("S506");
pub(super) const UNQUOTED: Code = Code::error("S509");
pub(super) const TOO_MANY: Code = Code::error("S513");

/// Messages kept of one file. Nobody reads more, and a file of rubbish must not fill the memory.
pub const DIAGNOSTICS_MAX: usize = 200;

/// A file, understood as far as it goes.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The rules that have at least a name.
    pub rules: Vec<Rule>,
    /// What is wrong with the writing, in file order.
    pub diagnostics: Vec<Diagnostic>,
    green: rowan::GreenNode,
    /// The names' places of rules whose writing has an error.
    broken: HashSet<Span>,
}

impl Parsed {
    /// Tells whether a rule's writing has an error.
    pub(super) fn is_broken(&self, rule: &Rule) -> bool {
        self.broken.contains(&rule.name.span)
    }

    /// The lossless tree: its text is the file's, byte for byte.
    pub fn tree(&self) -> Node {
        Node::new_root(self.green.clone())
    }
}

/// Reads a file of rules. Never fails: what is wrong is among the diagnostics.
pub fn parse(text: &str) -> Parsed {
    let mut parser = Parser {
        text,
        tokens: tokens(text),
        at: 0,
        tree: rowan::GreenNodeBuilder::new(),
        found: Vec::new(),
        dropped: 0,
    };
    parser.start(Kind::File);
    let (mut rules, mut broken) = (Vec::new(), HashSet::new());
    while parser.peek().kind != Kind::End {
        let before = parser.found.len() + parser.dropped;
        let rule = parser.rule();
        let worse = parser.found.len() + parser.dropped > before;
        broken.extend(rule.as_ref().filter(|_| worse).map(|rule| rule.name.span));
        rules.extend(rule);
    }
    parser.trivia();
    parser.tree.finish_node();
    let Parser { tree, mut found, dropped, .. } = parser;
    if dropped > 0 {
        let at = found.last().map_or(Span::NONE, |d| d.span);
        found.push(
            Diagnostic::new(TOO_MANY, at, format!("{dropped} more errors are not shown"))
                .help("mend the first ones; is this a file of SLA rules?"),
        );
    }
    Parsed { rules, diagnostics: found, green: tree.finish(), broken }
}

/// Where the walk is.
pub(super) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    tree: rowan::GreenNodeBuilder<'static>,
    found: Vec<Diagnostic>,
    dropped: usize,
}

impl Parser<'_> {
    /// The next token that is no layout; [`Kind::End`] behind the last.
    pub(super) fn peek(&self) -> Token {
        self.ahead(0)
    }

    /// The token `n` behind the next one.
    fn ahead(&self, n: usize) -> Token {
        let end = self.text.len();
        let end = Token { kind: Kind::End, start: end, end, wide: false };
        self.tokens[self.at..].iter().filter(|t| !t.kind.is_trivia()).nth(n).copied().unwrap_or(end)
    }

    pub(super) fn word_of(&self, token: Token) -> &str {
        &self.text[token.start..token.end]
    }

    /// Takes the next token.
    pub(super) fn bump(&mut self) -> Token {
        self.trivia();
        let token = self.peek();
        if token.kind == Kind::End {
            return token;
        }
        self.push(token);
        if token.wide {
            self.say_narrow(token);
        }
        token
    }

    /// Takes the next token if it is of this kind; says what was wanted otherwise.
    pub(super) fn expect(&mut self, kind: Kind, usage: &str) -> Option<Token> {
        if self.peek().kind == kind {
            return Some(self.bump());
        }
        self.unexpected(kind.word(), usage);
        None
    }

    /// Takes the next token if it is this keyword, in any case.
    pub(super) fn keyword(&mut self, word: &str) -> Option<Token> {
        let next = self.peek();
        let is = next.kind == Kind::Word && self.word_of(next).eq_ignore_ascii_case(word);
        is.then(|| self.bump())
    }

    /// The same, and says what was wanted otherwise.
    pub(super) fn expect_keyword(&mut self, word: &str, usage: &str) -> Option<Token> {
        let taken = self.keyword(word);
        if taken.is_none() {
            self.unexpected(word, usage);
        }
        taken
    }

    pub(super) fn unexpected(&mut self, wanted: &str, usage: &str) {
        let next = self.peek();
        let span = if next.kind == Kind::End { self.last_span() } else { next.span() };
        let message = format!("{wanted} is expected here, not {}", self.shown(next));
        self.say(Diagnostic::new(EXPECTED, span, message).help(format!("write {usage}")));
    }

    /// Takes a text in quotes. One without quotes is taken too, with a message.
    pub(super) fn text(&mut self, usage: &str) -> Option<Decoded> {
        let next = self.peek();
        match next.kind {
            Kind::Text => {
                let token = self.bump();
                let (decoded, closed) = decode(self.word_of(token), token.start);
                if !closed {
                    let said = Diagnostic::new(UNCLOSED, token.span(), "the quotes are not closed");
                    self.say(said.label("from here").help("end it with \" on the same line"));
                }
                Some(decoded)
            }
            Kind::Word | Kind::Number => Some(self.unquoted()),
            _ => {
                self.unexpected(Kind::Text.word(), usage);
                None
            }
        }
    }

    /// Takes what stands without a space between, such as `auth-*`.
    fn unquoted(&mut self) -> Decoded {
        let first = self.bump();
        let mut end = first.end;
        while let Some(next) = self.tokens.get(self.at)
            && matches!(next.kind, Kind::Word | Kind::Number | Kind::Unknown)
        {
            end = self.bump().end;
        }
        let word = self.text[first.start..end].to_owned();
        let span = Span::new(first.start, end);
        let help = format!("\"{word}\"");
        self.say(Diagnostic::new(UNQUOTED, span, format!("{word} has no quotes")).help(help));
        Decoded::plain(word, span)
    }

    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        if self.found.len() < DIAGNOSTICS_MAX {
            self.found.push(diagnostic);
        } else {
            self.dropped += 1;
        }
    }

    fn say_narrow(&mut self, token: Token) {
        let c = self.word_of(token).chars().next().unwrap_or_default();
        let ascii = narrow(c).unwrap_or_default();
        let message = format!("{c} is a full-width sign");
        self.say(Diagnostic::new(FULL_WIDTH, token.span(), message).help(format!("write {ascii}")));
    }

    /// What a message calls a token: itself where it is short.
    pub(super) fn shown(&self, token: Token) -> String {
        const SHOWN_CHARS: usize = 30;
        let text = self.word_of(token);
        if token.kind == Kind::End {
            return Kind::End.word().into();
        }
        let mut chars = text.chars().filter(|c| !c.is_control());
        let short: String = chars.by_ref().take(SHOWN_CHARS).collect();
        if chars.next().is_some() { format!("{short}…") } else { short }
    }

    fn last_span(&self) -> Span {
        let last = self.tokens.iter().rev().find(|t| !t.kind.is_trivia());
        last.map_or(Span::NONE, |t| t.span())
    }

    fn start(&mut self, kind: Kind) {
        self.tree.start_node(Sla::kind_to_raw(kind));
    }

    fn push(&mut self, token: Token) {
        let text = &self.text[token.start..token.end];
        self.tree.token(Sla::kind_to_raw(token.kind), text);
        self.at += 1;
    }

    /// Takes spaces and comments along.
    fn trivia(&mut self) {
        while let Some(&token) = self.tokens.get(self.at)
            && token.kind.is_trivia()
        {
            self.push(token);
        }
    }

    /// Takes tokens that mean nothing here, up to one where it is clear again what comes.
    fn junk(&mut self, stops: impl Fn(&Self, Token) -> bool) {
        self.trivia();
        self.start(Kind::Junk);
        while self.peek().kind != Kind::End && !stops(self, self.peek()) {
            self.trivia();
            let token = self.peek();
            self.push(token);
        }
        self.tree.finish_node();
    }

    fn starts_rule(&self, token: Token) -> bool {
        token.kind == Kind::Word && self.word_of(token).eq_ignore_ascii_case("SLA")
    }

    fn clause_at(&self, token: Token) -> Option<&'static Known> {
        if token.kind != Kind::Word {
            return None;
        }
        let word = self.word_of(token);
        CLAUSES.iter().find(|known| known.word.eq_ignore_ascii_case(word))
    }

    fn rule(&mut self) -> Option<Rule> {
        self.trivia();
        let first = self.peek();
        if first.kind == Kind::Semicolon {
            self.bump();
            return None;
        }
        if !self.starts_rule(first) {
            self.say_no_rule(first);
            self.junk(|parser, token| parser.starts_rule(token) && parser.at > 0);
            return None;
        }
        self.start(Kind::Rule);
        let head = self.bump();
        let name = self.head();
        let mut clauses = Vec::new();
        loop {
            let next = self.peek();
            if next.kind == Kind::Semicolon {
                self.bump();
                break;
            }
            if next.kind == Kind::End || self.starts_rule(next) {
                let at = self.end_of_last(head);
                let said = Diagnostic::new(NO_SEMICOLON, at, "the rule has no end");
                self.say(said.label("behind this").help("end it with ;"));
                break;
            }
            clauses.extend(self.clause(next));
        }
        self.tree.finish_node();
        name.map(|name| Rule { name, clauses })
    }

    fn say_no_rule(&mut self, first: Token) {
        let shown = self.shown(first);
        let said = if first.kind == Kind::Unknown {
            Diagnostic::new(MEANINGLESS, first.span(), format!("{shown} means nothing here"))
        } else {
            let message = format!("SLA(\"…\") is expected here, not {shown}");
            Diagnostic::new(EXPECTED, first.span(), message)
        };
        let yaml = self.word_of(first).starts_with("apiVersion");
        self.say(said.help(match yaml {
            true => "this is YAML: squall check reads experiments, squall sla import OpenSLO",
            false => "a rule begins with SLA(\"its name\")",
        }));
    }

    fn head(&mut self) -> Option<Spanned<String>> {
        const USAGE: &str = "SLA(\"its name\")";
        self.expect(Kind::Open, USAGE)?;
        let name = self.text(USAGE)?;
        self.expect(Kind::Close, USAGE);
        Some(name.name())
    }

    fn clause(&mut self, first: Token) -> Option<Spanned<Clause>> {
        self.trivia();
        let Some(known) = self.clause_at(first) else {
            self.say_unknown(first);
            self.skip_clause();
            return None;
        };
        self.start(Kind::Clause);
        self.bump();
        let clause = (known.parse)(self, known.usage);
        let end = self.tokens[..self.at].last().map_or(first.end, |t| t.end);
        self.tree.finish_node();
        let next = self.peek();
        if clause.is_none() && !self.is_clear(next) && !self.is_nearly_clause(next) {
            self.skip_clause();
        }
        Some(Spanned::new(clause?, Span::new(first.start, end)))
    }

    fn say_unknown(&mut self, first: Token) {
        let shown = self.shown(first);
        if first.kind == Kind::Unknown {
            let message = format!("{shown} means nothing here");
            let help =
                "a rule is clauses such as WHEN metric=\"http_requests_total\", and ends with ;";
            self.say(Diagnostic::new(MEANINGLESS, first.span(), message).help(help));
            return;
        }
        let names: Vec<&str> = CLAUSES.iter().map(|known| known.word).collect();
        let message = format!("{shown} is no clause");
        let said = Diagnostic::new(UNKNOWN_CLAUSE, first.span(), message);
        let near = (first.kind == Kind::Word).then(|| closest(&shown, names.iter().copied()));
        let said = match near.flatten() {
            Some(near) => said.label(format!("did you mean {near}?")),
            None => said,
        };
        self.say(said.note(format!("clauses are {}", names.join(", "))));
    }

    fn is_clear(&self, token: Token) -> bool {
        matches!(token.kind, Kind::Semicolon | Kind::End)
            || self.starts_rule(token)
            || self.clause_at(token).is_some()
    }

    /// Takes at least one token, up to the next clause or the end of the rule. A line that begins
    /// with what is nearly a clause is worth a message of its own.
    fn skip_clause(&mut self) {
        let from = self.at;
        self.junk(|parser, token| {
            let clear = parser.is_clear(token) || parser.is_nearly_clause(token);
            parser.at > from && clear
        });
    }

    fn is_nearly_clause(&self, token: Token) -> bool {
        // Looking back over the whole line would cost its square.
        let before = self.text[..token.start].trim_end_matches([' ', '\t']);
        token.kind == Kind::Word
            && before.ends_with('\n')
            && closest(self.word_of(token), CLAUSES.iter().map(|known| known.word)).is_some()
    }

    fn end_of_last(&self, head: Token) -> Span {
        let taken = self.tokens[..self.at].iter().rev().find(|t| !t.kind.is_trivia());
        taken.map_or(head.span(), |t| t.span())
    }
}
