//! Owns what an expression evaluates to.

use std::sync::Arc;

use crate::histogram::{Histogram, HistogramSample};
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
    /// Its value; NaN where it is a histogram.
    pub v: f64,
    /// Its value where it is a native histogram.
    pub histogram: Option<Arc<Histogram>>,
    /// Whether the metric's name no longer applies. It is dropped at the end of the evaluation, so
    /// that `by (__name__)` and `label_replace` can still see it, as in Prometheus 3.
    pub(crate) drop_name: bool,
}

impl Element {
    /// Builds an element whose labels are final.
    pub fn new(labels: Labels, v: f64) -> Self {
        Element { labels, v, histogram: None, drop_name: false }
    }

    pub(crate) fn of(labels: Labels, datum: Datum, drop_name: bool) -> Self {
        let (v, histogram) = match datum {
            Datum::Float(v) => (v, None),
            Datum::Histogram(histogram) => (f64::NAN, Some(histogram)),
        };
        Element { labels, v, histogram, drop_name }
    }

    pub(crate) fn datum(&self) -> Datum {
        match &self.histogram {
            None => Datum::Float(self.v),
            Some(histogram) => Datum::Histogram(histogram.clone()),
        }
    }
}

/// One value: a number or a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Datum {
    Float(f64),
    Histogram(Arc<Histogram>),
}

impl From<Histogram> for Datum {
    fn from(histogram: Histogram) -> Datum {
        Datum::Histogram(Arc::new(histogram))
    }
}

/// One series' values in a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// What names it.
    pub labels: Labels,
    /// Its values that are numbers, oldest first.
    pub samples: Vec<Sample>,
    /// Its values that are native histograms, oldest first.
    pub histograms: Vec<HistogramSample>,
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
