//! Why a text is not the unit it should be.

/// Why a text is not a value of the unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A number stands alone.
    #[error("{0} has no unit")]
    NoUnit(String),
    /// The unit is not one of this kind.
    #[error("{text} is not {kind}")]
    NotThis {
        /// What was written.
        text: String,
        /// What was wanted, with its article.
        kind: &'static str,
    },
    /// More than the type can hold.
    #[error("{text} is too large; {most} is the most")]
    TooLarge {
        /// What was written.
        text: String,
        /// The largest value.
        most: &'static str,
    },
    /// Finer than the type can hold.
    #[error("{text} is finer than {finest}")]
    TooFine {
        /// What was written.
        text: String,
        /// The finest step.
        finest: &'static str,
    },
    /// A share over all of it.
    #[error("a share cannot exceed 100%")]
    ShareOverAll,
    /// Below zero where that means nothing.
    #[error("{0} is below zero")]
    Negative(String),
}
