//! Owns what a function is and what it may ask of the evaluation. Knows no particular function.

use std::fmt;

use crate::ast::{Expr, VectorSelector};
use crate::eval::{Context, EvalError, each_window};
use crate::functions::ALL;
use crate::histogram::{Histogram, HistogramSample};
use crate::incremental::Over;
use crate::series::Sample;
use crate::value::{Datum, Element, Track, Value};

/// One PromQL function.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name in PromQL.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    pub(crate) body: Body,
}

/// How a function computes.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Each number of a vector by itself; histograms are left out.
    Each(fn(f64) -> f64),
    /// Each series' numbers in a range; `None` leaves the series out.
    Over(fn(&Window<'_>) -> Option<f64>),
    /// Each series' numbers and histograms in a range.
    OverBoth(fn(&Window<'_>) -> Option<Datum>),
    /// As `OverBoth`, but the result is still the metric, so it keeps its name.
    OverKeepName(fn(&Window<'_>) -> Option<Datum>),
    /// Anything else.
    Whole(fn(&Call<'_>) -> Result<Value, EvalError>),
}

/// The samples of one series in a range, free of staleness markers. Some are numbers, some native
/// histograms; what reads numbers alone is not asked where there is none.
pub(crate) struct Window<'w> {
    pub(crate) samples: &'w [Sample],
    pub(crate) histograms: &'w [HistogramSample],
    /// The range is `from_ms < t <= to_ms`.
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// The evaluation's own time, which `offset` and `@` do not move.
    pub(crate) at_ms: i64,
}

impl Window<'_> {
    pub(crate) fn values(&self) -> impl Iterator<Item = f64> {
        self.samples.iter().map(|s| s.v)
    }

    /// Returns how many samples there are of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.samples.len() + self.histograms.len()
    }

    /// Returns the oldest sample of either kind.
    pub(crate) fn oldest(&self) -> Option<(i64, Datum)> {
        match (self.samples, self.histograms) {
            ([first, ..], []) => Some((first.t_ms, Datum::Float(first.v))),
            _ => self.both().into_iter().next(),
        }
    }

    /// Returns the newest sample of either kind.
    pub(crate) fn newest(&self) -> Option<(i64, Datum)> {
        match (self.samples, self.histograms) {
            ([.., last], []) => Some((last.t_ms, Datum::Float(last.v))),
            _ => self.both().pop(),
        }
    }

    /// Returns the samples of both kinds in the order of time.
    pub(crate) fn both(&self) -> Vec<(i64, Datum)> {
        let floats = self.samples.iter().map(|s| (s.t_ms, Datum::Float(s.v)));
        let histograms =
            self.histograms.iter().map(|s| (s.t_ms, Datum::Histogram(s.histogram.clone())));
        let mut all: Vec<_> = floats.chain(histograms).collect();
        all.sort_by_key(|(t_ms, _)| *t_ms);
        all
    }
}

/// A call of a function, with its arguments still to be evaluated.
pub(crate) struct Call<'c> {
    pub(crate) name: &'static str,
    pub(crate) args: &'c [Expr],
    pub(crate) context: &'c Context<'c>,
}

/// Returns the function of this name.
pub fn find(name: &str) -> Option<&'static Function> {
    ALL.binary_search_by(|f| f.name.cmp(name)).ok().map(|at| &ALL[at])
}

impl Function {
    /// Returns what the function does to each series of its only argument, where it does that.
    pub(crate) fn over(&self) -> Option<Over<'_>> {
        let name = self.name;
        match &self.body {
            Body::Over(f) => {
                let f = Box::new(|window: &Window<'_>| Some(Datum::Float(f(window)?)));
                Some(Over { name, keep_name: false, f })
            }
            Body::OverBoth(f) => Some(Over { name, keep_name: false, f: Box::new(f) }),
            Body::OverKeepName(f) => Some(Over { name, keep_name: true, f: Box::new(f) }),
            Body::Each(_) | Body::Whole(_) => None,
        }
    }

    pub(crate) fn call(&self, args: &[Expr], context: &Context<'_>) -> Result<Value, EvalError> {
        let call = Call { name: self.name, args, context };
        match self.body {
            Body::Each(f) => call.each(f),
            Body::Over(f) => call.over(0, f),
            Body::OverBoth(f) => call.over_both(0, false, f),
            Body::OverKeepName(f) => call.over_both(0, true, f),
            Body::Whole(f) => f(&call),
        }
    }
}

impl Over<'_> {
    /// Applies the function to each series' window; `None` where there may be native histograms.
    fn each(&self, range: (&VectorSelector, i64), context: &Context<'_>) -> Option<Vec<Element>> {
        let mut out = Vec::new();
        let all = each_window(context, range, &mut |labels, window| {
            if let Some(datum) = (self.f)(window) {
                out.push(Element::of(labels.clone(), datum, !self.keep_name));
            }
        });
        all.then_some(out)
    }
}

impl Call<'_> {
    /// Evaluates an argument.
    pub(crate) fn value(&self, arg: usize) -> Result<Value, EvalError> {
        let expr = self.args.get(arg).ok_or_else(|| self.wrong(arg, "nothing"))?;
        self.context.eval(expr)
    }

    /// Evaluates an argument that must be a number.
    pub(crate) fn scalar(&self, arg: usize) -> Result<f64, EvalError> {
        match self.value(arg)? {
            Value::Scalar(v) => Ok(v),
            other => Err(self.wrong(arg, other.kind())),
        }
    }

    /// Evaluates an argument that must be an instant vector.
    pub(crate) fn vector(&self, arg: usize) -> Result<Vec<Element>, EvalError> {
        match self.value(arg)? {
            Value::Vector(elements) => Ok(elements),
            other => Err(self.wrong(arg, other.kind())),
        }
    }

    /// Evaluates an argument that must be a string.
    pub(crate) fn text(&self, arg: usize) -> Result<String, EvalError> {
        match self.value(arg)? {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(arg, other.kind())),
        }
    }

    /// Evaluates an argument that must be an instant vector, and leaves histograms out.
    pub(crate) fn floats(&self, arg: usize) -> Result<Vec<Element>, EvalError> {
        let mut elements = self.vector(arg)?;
        elements.retain(|element| element.histogram.is_none());
        Ok(elements)
    }

    /// Maps each number of the first argument, a vector; the name goes.
    pub(crate) fn each(&self, f: impl Fn(f64) -> f64) -> Result<Value, EvalError> {
        let mut elements = self.floats(0)?;
        for element in &mut elements {
            element.v = f(element.v);
            element.drop_name = true;
        }
        Ok(Value::Vector(elements))
    }

    /// Maps each histogram of the first argument, a vector, to a number; the name goes.
    pub(crate) fn each_histogram(&self, f: impl Fn(&Histogram) -> f64) -> Result<Value, EvalError> {
        let one = |element: Element| {
            let v = f(element.histogram.as_deref()?);
            Some(Element::of(element.labels, Datum::Float(v), true))
        };
        Ok(Value::Vector(self.vector(0)?.into_iter().filter_map(one).collect()))
    }

    /// Reduces each series' numbers of a range argument to one.
    pub(crate) fn over(
        &self,
        arg: usize,
        f: impl Fn(&Window<'_>) -> Option<f64>,
    ) -> Result<Value, EvalError> {
        self.over_both(arg, false, |window| match window.samples {
            [] => None,
            _ => Some(Datum::Float(f(window)?)),
        })
    }

    /// Reduces each series of a range argument to one value.
    pub(crate) fn over_both(
        &self,
        arg: usize,
        keep_name: bool,
        f: impl Fn(&Window<'_>) -> Option<Datum>,
    ) -> Result<Value, EvalError> {
        let expr = self.args.get(arg).ok_or_else(|| self.wrong(arg, "nothing"))?;
        if let Expr::Range(vector, range_ms) = expr {
            let over = Over { name: self.name, keep_name, f: Box::new(&f) };
            let live = self.context.live;
            let found = live.and_then(|l| l.over((vector, *range_ms), &over, self.context.at_ms));
            if let Some(elements) = found.or_else(|| over.each((vector, *range_ms), self.context)) {
                return Ok(Value::Vector(elements));
            }
        }
        let range = self.context.range(expr)?.ok_or_else(|| self.wrong(arg, "no range vector"))?;
        let mut out = Vec::with_capacity(range.tracks.len());
        for Track { labels, samples, histograms, drop_name } in range.tracks {
            let window = Window {
                samples: &samples,
                histograms: &histograms,
                from_ms: range.from_ms,
                to_ms: range.to_ms,
                at_ms: self.context.at_ms,
            };
            if let Some(datum) = f(&window) {
                out.push(Element::of(labels, datum, drop_name || !keep_name));
            }
        }
        Ok(Value::Vector(out))
    }

    fn wrong(&self, arg: usize, got: &'static str) -> EvalError {
        EvalError::Argument { function: self.name, place: arg + 1, got }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}()", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_function_is_found() {
        assert!(ALL.is_sorted_by(|a, b| a.name < b.name), "the list must be sorted by name");
        for function in ALL {
            assert_eq!(find(function.name).map(|f| f.name), Some(function.name));
            assert!(function.summary.ends_with('.'), "{}: a summary is a sentence", function.name);
        }
        assert!(find("no_such_function").is_none());
    }
}
