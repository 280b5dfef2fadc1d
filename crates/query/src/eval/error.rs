//! Owns the reasons for which an evaluation ends without a value.

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// An argument has the wrong kind.
    #[error("evaluate {function}(): argument {place} is {got}")]
    Argument {
        /// The function.
        function: &'static str,
        /// Which argument, counted from one.
        place: usize,
        /// What it is.
        got: &'static str,
    },
    /// An argument has a value that means nothing.
    #[error("evaluate {function}: {why}")]
    Parameter {
        /// The function or aggregation.
        function: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// An operator's operand has the wrong kind.
    #[error("evaluate an operator: an operand is {0}")]
    Operand(&'static str),
    /// Two series of the result have the same labels.
    #[error("evaluate the query: two series of the result have the labels {0}")]
    SameLabels(String),
    /// Several series on the "one" side match one on the other.
    #[error(
        "match two vectors: several series on the {side} side have the matching labels {labels}; \
         add labels to on() or allow many with group_left or group_right"
    )]
    ManyToMany {
        /// `left` or `right`.
        side: &'static str,
        /// The labels they share.
        labels: String,
    },
    /// Several series match one, and the query does not allow it.
    #[error(
        "match two vectors: several series match the labels {0}; allow it with group_left or \
         group_right, or add labels that tell them apart"
    )]
    ManyToOne(String),
    /// A range or subquery has more steps than the limit.
    #[error("evaluate a range: it has {0} steps, the limit is {max}", max = super::context::STEPS_MAX)]
    Steps(i64),
    /// Nested subqueries have more steps than the limit.
    #[error(
        "evaluate a subquery: it and those within it have more than {0} steps; use a shorter range \
         or a longer step"
    )]
    SubquerySteps(i64),
}
