//! Owns what an SLI measures: its queries as far as rules can say the same.

use super::clauses::{Source, rest_of};
use super::document::{get, text_at};
use super::import::Indicators;
use super::query::{self, Query, Series};
use super::reader::{Reader, Refused};
use super::{INCOMPLETE, INEXPRESSIBLE};
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn indicator(
        &mut self,
        spec: &Node,
        indicators: &Indicators,
    ) -> Result<Source, Refused> {
        let help = "put the document of kind SLI into the same file";
        let Some(name) = self.word_if_any(spec, "indicatorRef", help)? else {
            let help = "add indicator: {spec: …}, or indicatorRef with the name of an SLI";
            let indicator = self.map(spec, "indicator", "the SLO", help)?;
            let help = "spec: {ratioMetric: …} or spec: {thresholdMetric: …}";
            let inline = self.map(indicator, "spec", "the indicator", help)?;
            return self.source(inline);
        };
        let Some((offset, sli)) = indicators.get(name.text) else {
            let message = format!("the SLI {} is not in this file", name.text);
            return Err(self.refuse(INCOMPLETE, name.span, message, help));
        };
        // What is said about the SLI is about the other document.
        let here = std::mem::replace(&mut self.offset, *offset);
        let help = "spec: {ratioMetric: …} or spec: {thresholdMetric: …}";
        let spec = self.map(sli, "spec", "the SLI", help);
        let source = spec.and_then(|spec| self.source(spec));
        self.offset = here;
        source
    }

    fn source(&mut self, spec: &Node) -> Result<Source, Refused> {
        if get(spec, "ratioMetric").is_some() {
            let help = "ratioMetric: {good: …, total: …}";
            let ratio = self.map(spec, "ratioMetric", "the SLI", help)?;
            return self.ratio(ratio);
        }
        let help = "the SLI needs one of them";
        let whole = "ratioMetric or thresholdMetric";
        if get(spec, "thresholdMetric").is_none() {
            return Err(self.missing(spec, whole, "the SLI", help));
        }
        let help = "thresholdMetric: {metricSource: …}";
        let threshold = self.map(spec, "thresholdMetric", "the SLI", help)?;
        match self.query(threshold)? {
            Query::Counter(_) => {
                let help = "a counter only grows: use ratioMetric";
                let message = "a threshold on a counter cannot be expressed";
                Err(self.refuse(INEXPRESSIBLE, self.mark(threshold), message, help))
            }
            other => Ok(Source::Threshold(other)),
        }
    }

    fn ratio(&mut self, ratio: &Node) -> Result<Source, Refused> {
        if let Some(raw) = get(ratio, "raw") {
            let help =
                "a ratio that is computed elsewhere has no events to judge; give good, total";
            let message = "a raw ratio cannot be expressed";
            return Err(self.refuse(INEXPRESSIBLE, self.mark(raw), message, help));
        }
        let help = "give good (or bad) and total";
        let total_node = self.map(ratio, "total", "the ratioMetric", help)?;
        let total = self.counter(ratio, total_node)?;
        if get(ratio, "good").is_some() {
            let good = self.map(ratio, "good", "the ratioMetric", help)?;
            return Ok(Source::Ratio { good: self.counter(ratio, good)?, total });
        }
        if get(ratio, "bad").is_none() {
            return Err(self.missing(ratio, "good", "the ratioMetric", help));
        }
        let bad_node = self.map(ratio, "bad", "the ratioMetric", help)?;
        let bad = self.counter(ratio, bad_node)?;
        rest_of(&bad, &total).map(|good| Source::Ratio { good, total }).ok_or_else(|| {
            let message = "the good events cannot be expressed from the bad ones";
            let help = "give good; or let bad be total with one more condition";
            self.refuse(INEXPRESSIBLE, self.mark(bad_node), message, help)
        })
    }

    fn counter(&mut self, ratio: &Node, node: &Node) -> Result<Series, Refused> {
        match self.query(node)? {
            Query::Counter(series) => Ok(series),
            // A bare name says nothing about itself; the document does.
            Query::Gauge("avg", series) if text_at(ratio, &["counter"]) != Some("false") => {
                Ok(series)
            }
            _ => {
                let help =
                    "good, bad and total are counters: sum(rate(NAME{…}[5m])), counter: true";
                let message = "this is no counter of events";
                Err(self.refuse(INEXPRESSIBLE, self.mark(node), message, help))
            }
        }
    }

    fn query(&mut self, node: &Node) -> Result<Query, Refused> {
        let help = "metricSource: {type: Prometheus, spec: {query: …}}";
        let source = self.map(node, "metricSource", "the metric", help)?;
        if let Some(kind) = self.word_if_any(source, "type", help)?
            && !kind.text.eq_ignore_ascii_case("prometheus")
        {
            let message = format!("queries of {} are not read", kind.text);
            let help =
                "a rule is measured in Prometheus: give the query that counts the same there";
            return Err(self.refuse(INEXPRESSIBLE, kind.span, message, help));
        }
        let spec = self.map(source, "spec", "the metricSource", help)?;
        let text = self.word(spec, "query", "the metricSource's spec", help)?;
        query::read(text.text).ok_or_else(|| {
            let help = "one metric with conditions: sum(rate(NAME{…}[5m])), or histogram_quantile";
            self.refuse(INEXPRESSIBLE, text.span, "this query cannot be expressed as a rule", help)
        })
    }
}
