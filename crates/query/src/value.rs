//! Owns what an expression evaluates to.

use crate::labels::Labels;
use crate::series::Sample;

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A number without labels.
    Scalar(f64),
    /// A string.
    Text(String),
    /// One value for each series, at one time.
    Vector(Vec<Element>),
    /// Several values for each series.
    Matrix(Vec<Track>),
}

/// One series' value in a vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// What names it.
    pub labels: Labels,
    /// Its value.
    pub v: f64,
    /// Whether the metric's name no longer applies. It is dropped at the end of the evaluation, so
    /// that `by (__name__)` and `label_replace` can still see it, as in Prometheus 3.
    pub(crate) drop_name: bool,
}

impl Element {
    /// Builds an element whose labels are final.
    pub fn new(labels: Labels, v: f64) -> Self {
        Element { labels, v, drop_name: false }
    }
}

/// One series' values in a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// What names it.
    pub labels: Labels,
    /// Its values, oldest first.
    pub samples: Vec<Sample>,
    pub(crate) drop_name: bool,
}

impl Value {
    /// Names the kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Scalar(_) => "a scalar",
            Value::Text(_) => "a string",
            Value::Vector(_) => "an instant vector",
            Value::Matrix(_) => "a range vector",
        }
    }
}
