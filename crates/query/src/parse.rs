//! Owns the way from text to tree; the only module that knows the parser crate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use promql_parser::label as theirs_label;
use promql_parser::parser::token::TokenType;
use promql_parser::parser::{self as theirs, LabelModifier, VectorMatchCardinality};

use crate::ast::{
    Aggregate, AggregateOp, At, Binary, BinaryOp, Expr, Group, Grouping, Shift, Subquery,
    VectorSelector,
};
use crate::functions;
use crate::labels::METRIC_NAME;
use crate::selector::{MatchOp, Matcher, PatternError, Selector};
use crate::template;

/// The longest query taken; a page of text is more than any indicator needs.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// The deepest nesting taken; keeps recursion far from the end of a small thread's stack.
pub const QUERY_DEPTH_MAX: usize = 64;

/// Why a text is no query that can be evaluated here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The text is too long.
    #[error("read the query: it has {0} bytes, the limit is {QUERY_BYTES_MAX}")]
    TooLong(usize),
    /// The expression is nested too deeply.
    #[error("read the query: it is nested deeper than {QUERY_DEPTH_MAX} levels")]
    TooDeep,
    /// The text is no PromQL.
    #[error("parse the query: {0}")]
    Syntax(String),
    /// A pattern is no regular expression.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// PromQL that is not evaluated here.
    #[error("evaluate {0}: it is not supported; see `squall_query::functions::ALL` for what is")]
    Unsupported(String),
}

/// Parses and checks a query. One of a kind that was parsed before costs next to nothing.
pub fn parse(query: &str) -> Result<Expr, QueryError> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(QueryError::TooLong(query.len()));
    }
    if nesting(query) > QUERY_DEPTH_MAX {
        return Err(QueryError::TooDeep);
    }
    if has_byte_escape(query) {
        return Err(QueryError::Unsupported(
            "an escaped byte beyond ASCII (write the character itself)".into(),
        ));
    }
    template::parsed(query, parse_anew)
}

/// Parses a query within the limits.
pub(crate) fn parse_anew(query: &str) -> Result<Expr, QueryError> {
    let tree = theirs::parse(query).map_err(QueryError::Syntax)?;
    expr(&tree, 0)
}

/// Counts the deepest nesting of brackets and the longest run of signs, without parsing.
fn nesting(query: &str) -> usize {
    let (mut depth, mut deepest, mut signs) = (0_usize, 0, 0_usize);
    for c in query.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        signs = match c {
            '-' | '+' => signs + 1,
            c if c.is_whitespace() => signs,
            _ => 0,
        };
        deepest = deepest.max(depth).max(signs);
    }
    deepest
}

/// Tells whether a string escapes a byte beyond ASCII, as `\xff` or `\377`: PromQL's strings are
/// bytes, the parser's are characters, so it would read another text than Prometheus does.
fn has_byte_escape(query: &str) -> bool {
    let (mut quote, mut chars) = (None, query.chars().peekable());
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'' | '`') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (Some('"' | '\''), '\\') => match chars.next() {
                Some('x') if matches!(chars.peek(), Some('8' | '9' | 'a'..='f' | 'A'..='F')) => {
                    return true;
                }
                Some('2' | '3') => return true,
                _ => {}
            },
            _ => {}
        }
    }
    false
}

fn expr(tree: &theirs::Expr, depth: usize) -> Result<Expr, QueryError> {
    // Operators chain without brackets, so the tree may be deeper than the text's nesting.
    if depth > 4 * QUERY_DEPTH_MAX {
        return Err(QueryError::TooDeep);
    }
    let down = |tree: &theirs::Expr| expr(tree, depth + 1);
    Ok(match tree {
        theirs::Expr::Paren(paren) => down(&paren.expr)?,
        theirs::Expr::NumberLiteral(number) => Expr::Number(number.val),
        theirs::Expr::StringLiteral(text) => Expr::Text(text.val.clone()),
        theirs::Expr::Unary(unary) => Expr::Negate(Box::new(down(&unary.expr)?)),
        theirs::Expr::VectorSelector(vector) => Expr::Vector(vector_selector(vector)?),
        theirs::Expr::MatrixSelector(matrix) => {
            Expr::Range(vector_selector(&matrix.vs)?, millis(matrix.range))
        }
        theirs::Expr::Subquery(sub) => Expr::Subquery(Box::new(Subquery {
            expr: down(&sub.expr)?,
            range_ms: millis(sub.range),
            step_ms: sub.step.map(millis).filter(|step| *step > 0),
            shift: shift(sub.offset.as_ref(), sub.at.as_ref()),
        })),
        theirs::Expr::Call(call) => {
            let name = call.func.name;
            let function = functions::find(name)
                .ok_or_else(|| QueryError::Unsupported(format!("the function {name}()")))?;
            let args = call.args.args.iter().map(|arg| down(arg)).collect::<Result<_, _>>()?;
            Expr::Call(function, args)
        }
        theirs::Expr::Aggregate(aggregate) => Expr::Aggregate(Box::new(Aggregate {
            op: aggregate_op(aggregate.op)?,
            expr: down(&aggregate.expr)?,
            param: aggregate.param.as_deref().map(down).transpose()?,
            grouping: match &aggregate.modifier {
                Some(modifier) => grouping(modifier),
                None => Grouping::By(Vec::new()),
            },
        })),
        theirs::Expr::Binary(binary) => binary_expr(binary, depth)?,
        theirs::Expr::Extension(_) => {
            return Err(QueryError::Unsupported("an extension of the parser".into()));
        }
    })
}

fn binary_expr(binary: &theirs::BinaryExpr, depth: usize) -> Result<Expr, QueryError> {
    let mut made = Binary {
        op: binary_op(binary.op)?,
        left: expr(&binary.lhs, depth + 1)?,
        right: expr(&binary.rhs, depth + 1)?,
        bool_result: false,
        matching: Grouping::Without(Vec::new()),
        group: Group::None,
    };
    if let Some(modifier) = &binary.modifier {
        if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
            return Err(QueryError::Unsupported("the fill modifier".into()));
        }
        made.bool_result = modifier.return_bool;
        if let Some(matching) = &modifier.matching {
            made.matching = grouping(matching);
        }
        made.group = match &modifier.card {
            VectorMatchCardinality::ManyToOne(labels) => Group::Left(labels.labels.clone()),
            VectorMatchCardinality::OneToMany(labels) => Group::Right(labels.labels.clone()),
            VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => Group::None,
        };
    }
    Ok(Expr::Binary(Box::new(made)))
}

fn vector_selector(vector: &theirs::VectorSelector) -> Result<VectorSelector, QueryError> {
    if !vector.matchers.or_matchers.is_empty() {
        return Err(QueryError::Unsupported("`or` between matchers".into()));
    }
    let mut matchers = Vec::with_capacity(vector.matchers.matchers.len() + 1);
    if let Some(name) = &vector.name {
        matchers.push(Matcher::equal(METRIC_NAME, name));
    }
    for theirs in &vector.matchers.matchers {
        let op = match theirs.op {
            theirs_label::MatchOp::Equal => MatchOp::Equal,
            theirs_label::MatchOp::NotEqual => MatchOp::NotEqual,
            theirs_label::MatchOp::Re(_) => MatchOp::Regex,
            theirs_label::MatchOp::NotRe(_) => MatchOp::NotRegex,
        };
        matchers.push(Matcher::new(&theirs.name, op, &theirs.value)?);
    }
    Ok(VectorSelector {
        selector: Selector::new(matchers),
        shift: shift(vector.offset.as_ref(), vector.at.as_ref()),
    })
}

fn shift(offset: Option<&theirs::Offset>, at: Option<&theirs::AtModifier>) -> Shift {
    Shift {
        offset_ms: match offset {
            None => 0,
            Some(theirs::Offset::Pos(back)) => millis(*back),
            Some(theirs::Offset::Neg(ahead)) => -millis(*ahead),
        },
        at: at.map(|at| match at {
            theirs::AtModifier::Start => At::Start,
            theirs::AtModifier::End => At::End,
            theirs::AtModifier::At(time) => At::Time(epoch_ms(*time)),
        }),
    }
}

fn epoch_ms(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

fn grouping(modifier: &LabelModifier) -> Grouping {
    match modifier {
        LabelModifier::Include(labels) => Grouping::By(labels.labels.clone()),
        LabelModifier::Exclude(labels) => Grouping::Without(labels.labels.clone()),
    }
}

fn aggregate_op(op: TokenType) -> Result<AggregateOp, QueryError> {
    Ok(match op.to_string().as_str() {
        "sum" => AggregateOp::Sum,
        "avg" => AggregateOp::Avg,
        "count" => AggregateOp::Count,
        "min" => AggregateOp::Min,
        "max" => AggregateOp::Max,
        "group" => AggregateOp::Group,
        "stddev" => AggregateOp::Stddev,
        "stdvar" => AggregateOp::Stdvar,
        "topk" => AggregateOp::TopK,
        "bottomk" => AggregateOp::BottomK,
        "count_values" => AggregateOp::CountValues,
        "quantile" => AggregateOp::Quantile,
        other => return Err(QueryError::Unsupported(format!("the aggregation {other}"))),
    })
}

fn binary_op(op: TokenType) -> Result<BinaryOp, QueryError> {
    Ok(match op.to_string().as_str() {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "%" => BinaryOp::Mod,
        "^" => BinaryOp::Pow,
        "atan2" => BinaryOp::Atan2,
        "==" => BinaryOp::Equal,
        "!=" => BinaryOp::NotEqual,
        ">" => BinaryOp::Greater,
        "<" => BinaryOp::Less,
        ">=" => BinaryOp::GreaterEqual,
        "<=" => BinaryOp::LessEqual,
        "and" => BinaryOp::And,
        "or" => BinaryOp::Or,
        "unless" => BinaryOp::Unless,
        other => return Err(QueryError::Unsupported(format!("the operator {other}"))),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;

    use super::*;

    fn refused(query: &str, expected: &str) {
        assert_eq!(parse(query).unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_is_not_evaluated_is_refused_by_name() {
        let see = "it is not supported; see `squall_query::functions::ALL` for what is";
        refused("info(up)", &format!("evaluate the function info(): {see}"));
        refused("limitk(1, up)", &format!("evaluate the aggregation limitk: {see}"));
        refused("a + fill(0) b", &format!("evaluate the fill modifier: {see}"));
        refused(
            r#"a{b="\xe4"}"#,
            &format!("evaluate an escaped byte beyond ASCII (write the character itself): {see}"),
        );
        assert!(parse(r#"a{b="\x41\\xe4"}"#).is_ok());
    }

    #[test]
    fn long_and_deep_queries_are_refused_before_they_cost_anything() {
        refused(&"a".repeat(20_000), "read the query: it has 20000 bytes, the limit is 16384");
        let deep = format!("{}up{}", "sum(".repeat(65), ")".repeat(65));
        refused(&deep, "read the query: it is nested deeper than 64 levels");
        let chain = vec!["1"; 1000].join("+");
        refused(&chain, "read the query: it is nested deeper than 64 levels");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z(){}\\[\\]\"'0-9+*/<=~!@: ,.\\\\-]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_arrangement_of_words_makes_it_panic(words in proptest::collection::vec(
            prop::sample::select(vec!["sum", "rate", "(", ")", "up", "[5m]", "[5m:]", "{a=\"b\"}",
                "by", "(a)", "+", "/", ">", "bool", "on", "group_left", "offset", "5m", "@", "1",
                "start()", "histogram_quantile", ",", "0.9", "and", "-", "\"x\"", "topk"]), 0..14)
        ) {
            if let Ok(tree) = parse(&words.join(" ")) {
                let _ = crate::eval(&tree, &Vec::new(), 0);
            }
        }
    }
}
