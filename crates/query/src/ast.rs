//! Owns the tree of a parsed query. Knows neither the parser nor the evaluation.

use crate::functions::Function;
use crate::selector::Selector;

/// A parsed and type-checked expression.
#[derive(Debug, Clone)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A string.
    Text(String),
    /// The negative of an expression.
    Negate(Box<Expr>),
    /// Newest samples of series.
    Vector(VectorSelector),
    /// Samples of series over a range.
    Range(VectorSelector, i64),
    /// An expression evaluated over and over along a range.
    Subquery(Box<Subquery>),
    /// A function call.
    Call(&'static Function, Vec<Expr>),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// An operator between two expressions.
    Binary(Box<Binary>),
}

/// Which series, and which time they are read at.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// Which series.
    pub selector: Selector,
    /// When.
    pub shift: Shift,
}

/// `offset` and `@`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shift {
    /// How far back, in milliseconds; negative looks ahead.
    pub offset_ms: i64,
    /// A fixed time in place of the evaluation time.
    pub at: Option<At>,
}

/// What `@` names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum At {
    /// A time.
    Time(i64),
    /// The first time of the query's range.
    Start,
    /// The last time of the query's range.
    End,
}

/// `expr[range:step]`.
#[derive(Debug, Clone)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Expr,
    /// How far back, in milliseconds.
    pub range_ms: i64,
    /// How often, in milliseconds; `None` takes the default.
    pub step_ms: Option<i64>,
    /// When.
    pub shift: Shift,
}

/// `op by (…) (param, expr)`.
#[derive(Debug, Clone)]
pub struct Aggregate {
    /// Which aggregation.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: Expr,
    /// The first argument of those that take two.
    pub param: Option<Expr>,
    /// Which labels make a group.
    pub grouping: Grouping,
}

/// Which labels make a group, or make two series match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grouping {
    /// `by`, `on`: only these.
    By(Vec<String>),
    /// `without`, `ignoring`: all but these.
    Without(Vec<String>),
}

/// The aggregations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as PromQL names it")]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
}

/// `left op right`.
#[derive(Debug, Clone)]
pub struct Binary {
    /// Which operator.
    pub op: BinaryOp,
    /// The left operand.
    pub left: Expr,
    /// The right operand.
    pub right: Expr,
    /// Whether a comparison returns 0 or 1 in place of filtering.
    pub bool_result: bool,
    /// Which labels must agree.
    pub matching: Grouping,
    /// Which side may have several series for one of the other.
    pub group: Group,
}

/// The cardinality of a match between vectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    /// One to one (and many to many for the set operators).
    None,
    /// `group_left`: many on the left; the labels are taken from the right.
    Left(Vec<String>),
    /// `group_right`: many on the right; the labels are taken from the left.
    Right(Vec<String>),
}

/// The operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as PromQL's operator reads")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    And,
    Or,
    Unless,
}

impl BinaryOp {
    /// Tells whether the operator compares.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        matches!(self, Equal | NotEqual | Greater | Less | GreaterEqual | LessEqual)
    }

    /// Tells whether the operator works on sets of series.
    pub fn is_set(self) -> bool {
        matches!(self, BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
    }
}

impl Expr {
    /// Calls a visitor on this expression and all below it, parents first.
    pub fn walk<'e>(&'e self, visit: &mut impl FnMut(&'e Expr)) {
        visit(self);
        match self {
            Expr::Number(_) | Expr::Text(_) | Expr::Vector(_) | Expr::Range(..) => {}
            Expr::Negate(inner) => inner.walk(visit),
            Expr::Subquery(sub) => sub.expr.walk(visit),
            Expr::Call(_, args) => args.iter().for_each(|arg| arg.walk(visit)),
            Expr::Aggregate(aggregate) => {
                aggregate.expr.walk(visit);
                if let Some(param) = &aggregate.param {
                    param.walk(visit);
                }
            }
            Expr::Binary(binary) => {
                binary.left.walk(visit);
                binary.right.walk(visit);
            }
        }
    }
}
