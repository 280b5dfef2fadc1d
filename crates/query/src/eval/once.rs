//! Owns series that several selectors of one query want, as the part and the whole of a ratio do:
//! they are read once.

use std::cell::RefCell;

use crate::ast::{Expr, Shift};
use crate::histogram::HistogramSeries;
use crate::labels::Labels;
use crate::selector::{Asker, Matcher, Selector};
use crate::series::{Sample, Seen, Series, Storage, Visitor};

/// Answers kept; a query that asks for more times reads the storage.
const KEPT_MAX: usize = 4;

/// A storage during one evaluation of a query some of whose selectors want the same.
pub(crate) struct Shared<'s> {
    storage: &'s dyn Storage,
    /// Selectors whose series hold those of another one.
    wide: Vec<Selector>,
    kept: RefCell<Vec<Kept>>,
}

struct Kept {
    wide: usize,
    from_ms: i64,
    to_ms: i64,
    /// Each series with where its samples end.
    series: Vec<(Labels, usize)>,
    samples: Vec<Sample>,
}

impl Kept {
    fn visit(&self, selector: &Selector, see: &mut Visitor<'_>) {
        let (mut asker, mut from) = (Asker::new(selector), 0);
        for (labels, to) in &self.series {
            if asker.matches(labels) {
                // When a series was made is no query's question.
                see(Seen { labels, samples: &self.samples[from..*to], created_ms: None });
            }
            from = *to;
        }
    }
}

impl<'s> Shared<'s> {
    /// Prepares an evaluation; none where no two selectors of the query want the same.
    pub(crate) fn new(expr: &Expr, storage: &'s dyn Storage) -> Option<Shared<'s>> {
        let mut all: Vec<(&Selector, Shift, i64)> = Vec::new();
        leaves(expr, &mut all);
        let mut wide: Vec<Selector> = Vec::new();
        for (at, (selector, shift, range_ms)) in all.iter().enumerate() {
            let holds = |(other, leaf): (usize, &(&Selector, Shift, i64))| {
                other != at
                    && (leaf.1, leaf.2) == (*shift, *range_ms)
                    && beyond(selector, leaf.0).is_some()
            };
            if !wide.contains(selector) && all.iter().enumerate().any(holds) {
                wide.push((*selector).clone());
            }
        }
        (!wide.is_empty()).then(|| Shared { storage, wide, kept: RefCell::default() })
    }
}

fn leaves<'e>(expr: &'e Expr, into: &mut Vec<(&'e Selector, Shift, i64)>) {
    match expr {
        Expr::Vector(vector) => into.push((&vector.selector, vector.shift, 0)),
        Expr::Range(vector, range_ms) => into.push((&vector.selector, vector.shift, *range_ms)),
        // Each of its steps reads another time.
        Expr::Number(_) | Expr::Text(_) | Expr::Subquery(_) => {}
        Expr::Negate(inner) => leaves(inner, into),
        Expr::Call(_, args) => args.iter().for_each(|arg| leaves(arg, into)),
        Expr::Aggregate(aggregate) => leaves(&aggregate.expr, into),
        Expr::Binary(binary) => {
            leaves(&binary.left, into);
            leaves(&binary.right, into);
        }
    }
}

/// The conditions that a narrow selector has beyond a wide one; none where the wide one has others.
fn beyond(wide: &Selector, narrow: &Selector) -> Option<Vec<Matcher>> {
    let holds = wide.matchers.iter().all(|matcher| narrow.matchers.contains(matcher));
    let more = narrow.matchers.iter().filter(|matcher| !wide.matchers.contains(matcher));
    holds.then(|| more.cloned().collect())
}

impl Storage for Shared<'_> {
    fn select(&self, selector: &Selector, from_ms: i64, to_ms: i64) -> Vec<Series> {
        let mut found = Vec::new();
        self.visit(selector, from_ms, to_ms, &mut |Seen { labels, samples, created_ms }| {
            let (labels, samples) = (labels.clone(), samples.to_vec());
            found.push(Series { labels, samples, created_ms });
        });
        found
    }

    fn visit(&self, selector: &Selector, from_ms: i64, to_ms: i64, see: &mut Visitor<'_>) {
        let found = self.wide.iter().enumerate();
        let found = found.filter_map(|(at, wide)| Some((at, beyond(wide, selector)?)));
        let Some((wide, more)) = found.max_by_key(|(_, more)| more.len()) else {
            return self.storage.visit(selector, from_ms, to_ms, see);
        };
        let mut kept = self.kept.borrow_mut();
        let same = |k: &Kept| (k.wide, k.from_ms, k.to_ms) == (wide, from_ms, to_ms);
        let at = match kept.iter().position(same) {
            Some(at) => at,
            None if kept.len() >= KEPT_MAX => {
                return self.storage.visit(selector, from_ms, to_ms, see);
            }
            None => {
                let (series, samples) = (Vec::new(), Vec::new());
                let mut new = Kept { wide, from_ms, to_ms, series, samples };
                self.storage.visit(&self.wide[wide], from_ms, to_ms, &mut |seen| {
                    new.samples.extend_from_slice(seen.samples);
                    new.series.push((seen.labels.clone(), new.samples.len()));
                });
                kept.push(new);
                kept.len() - 1
            }
        };
        kept[at].visit(&Selector::new(more), see);
    }

    fn holds_histograms(&self) -> bool {
        self.storage.holds_histograms()
    }

    fn histograms(&self, selector: &Selector, from_ms: i64, to_ms: i64) -> Vec<HistogramSeries> {
        self.storage.histograms(selector, from_ms, to_ms)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;
    use crate::eval::eval;
    use crate::parse::parse;
    use std::cell::Cell;

    /// Counts what is read of it.
    struct Counted(Vec<Series>, Cell<usize>);

    impl Storage for Counted {
        fn select(&self, selector: &Selector, from_ms: i64, to_ms: i64) -> Vec<Series> {
            self.1.set(self.1.get() + 1);
            self.0.select(selector, from_ms, to_ms)
        }
    }

    fn check(query: &str, reads: usize) {
        let series = |r: &str, slope: f64| Series {
            labels: Labels::named("a", [("r", r)]),
            samples: (0..9).map(|n| Sample { t_ms: n * 1000, v: n as f64 * slope }).collect(),
            created_ms: None,
        };
        let storage = Counted(vec![series("ok", 5.0), series("error", 2.0)], Cell::new(0));
        let expr = parse(query).unwrap();
        let shared = format!("{:?}", eval(&expr, &storage, 8000).unwrap());
        assert_eq!(storage.1.get(), reads, "{query}");
        // Each selector alone has no other to share with.
        let alone = format!("{:?}", crate::eval::eval_range(&expr, &storage, (8000, 8000, 1)));
        let numbers = |text: &str| {
            let all = text.split(['{', '}', ' ', ',']).filter_map(|word| word.parse::<f64>().ok());
            all.filter(|v| *v != 8000.0).map(f64::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&shared), numbers(&alone), "{query}");
    }

    #[test]
    fn the_part_of_a_whole_is_not_read_again() {
        check(r#"sum(rate(a{r="ok"}[5s])) / sum(rate(a[5s]))"#, 1);
        check(r#"sum(rate(a[5s])) - sum(rate(a{r!="ok"}[5s])) - sum(rate(a{r=~"e.*"}[5s]))"#, 1);
        check(r#"sum(rate(a{r="ok"}[5s])) / sum(rate(a[4s]))"#, 2);
        check(r#"sum(rate(a{r="ok"}[5s])) / sum(rate(a[5s] offset 1s))"#, 2);
        check(r#"sum(rate(a{r="ok"}[5s])) / sum(rate(a{r="error"}[5s]))"#, 2);
        check("sum(a) / sum(a)", 1);
    }
}
