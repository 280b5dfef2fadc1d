//! Owns series that are asked for again and again, at one time after the other: they are read once.

use crate::ast::Expr;
use crate::histogram::HistogramSeries;
use crate::selector::Selector;
use crate::series::{Series, Storage, Visitor, between};

/// A storage that has read some selectors' series.
#[derive(Debug)]
pub(crate) struct Cached {
    found: Vec<(Selector, Vec<Series>, Vec<HistogramSeries>)>,
    holds_histograms: bool,
}

impl Cached {
    /// Reads all that a query asks for.
    pub(super) fn new(expr: &Expr, storage: &dyn Storage) -> Self {
        let mut cached = Cached { found: Vec::new(), holds_histograms: storage.holds_histograms() };
        expr.walk(&mut |expr| {
            if let Expr::Vector(vector) | Expr::Range(vector, _) = expr
                && cached.found(&vector.selector).is_none()
            {
                let series = storage.select(&vector.selector, i64::MIN, i64::MAX);
                let histograms = storage.histograms(&vector.selector, i64::MIN, i64::MAX);
                cached.found.push((vector.selector.clone(), series, histograms));
            }
        });
        cached
    }

    /// Reads the numbers of some selectors from one time to another; none where there are more than
    /// so many.
    pub(crate) fn numbers(
        selectors: impl Iterator<Item = Selector>,
        storage: &dyn Storage,
        (from_ms, to_ms): (i64, i64),
        samples_max: usize,
    ) -> Option<Self> {
        let mut cached = Cached { found: Vec::new(), holds_histograms: false };
        let mut samples = 0;
        for selector in selectors {
            let mut series = Vec::new();
            storage.visit(&selector, from_ms, to_ms, &mut |seen| {
                samples += seen.samples.len();
                if samples <= samples_max {
                    let (labels, created_ms) = (seen.labels.clone(), seen.created_ms);
                    series.push(Series { labels, samples: seen.samples.to_vec(), created_ms });
                }
            });
            if samples > samples_max {
                return None;
            }
            cached.found.push((selector, series, Vec::new()));
        }
        Some(cached)
    }

    /// Returns the series of a selector that was read.
    pub(crate) fn series(&self, selector: &Selector) -> &[Series] {
        self.found(selector).map_or(&[], |(_, series, _)| series)
    }

    fn found(&self, selector: &Selector) -> Option<&(Selector, Vec<Series>, Vec<HistogramSeries>)> {
        self.found.iter().find(|(known, ..)| known == selector)
    }
}

impl Storage for Cached {
    fn select(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<Series> {
        let cut = |series: &Series| Series {
            labels: series.labels.clone(),
            samples: between(&series.samples, start_ms, end_ms).to_vec(),
            created_ms: series.created_ms,
        };
        let cut = self.series(selector).iter().map(cut);
        cut.filter(|series| !series.samples.is_empty()).collect()
    }

    fn visit(&self, selector: &Selector, start_ms: i64, end_ms: i64, see: &mut Visitor<'_>) {
        let series = self.series(selector).iter();
        series.filter_map(|series| series.seen(start_ms, end_ms)).for_each(see);
    }

    fn holds_histograms(&self) -> bool {
        self.holds_histograms
    }

    fn histograms(&self, selector: &Selector, start_ms: i64, end_ms: i64) -> Vec<HistogramSeries> {
        let Some((_, _, series)) = self.found(selector).filter(|_| self.holds_histograms) else {
            return Vec::new();
        };
        let cut = |series: &HistogramSeries| {
            let from = series.samples.partition_point(|s| s.t_ms < start_ms);
            let to = series.samples.partition_point(|s| s.t_ms <= end_ms).max(from);
            let samples = series.samples[from..to].to_vec();
            HistogramSeries { labels: series.labels.clone(), samples }
        };
        series.iter().map(cut).filter(|series| !series.samples.is_empty()).collect()
    }
}
