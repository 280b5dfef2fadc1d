//! Owns native histograms in test scripts: as they are written, and made of classic buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use squall_query::Labels;
use squall_query::histogram::{CUSTOM_BOUNDS, Hint, Histogram, HistogramSample};

use crate::script::{Loaded, number_of};

/// Reads `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`, `{{…}}-{{…}}x3`.
pub(crate) fn items(token: &str) -> Vec<Histogram> {
    let (start, rest) = one(token);
    let (step, minus, rest) = match rest.chars().next() {
        Some(sign @ ('+' | '-')) => {
            let (step, rest) = one(&rest[1..]);
            (Some(step), sign == '-', rest)
        }
        _ => (None, false, rest),
    };
    let times = rest.strip_prefix('x').map_or(0, |times| times.parse::<usize>().unwrap());
    let mut out = vec![start.clone().compact()];
    let mut now = start;
    for _ in 0..times {
        if let Some(step) = &step {
            now = if minus { now.minus(step) } else { now.plus(step) }.unwrap();
        }
        out.push(now.clone().compact());
    }
    out
}

fn one(text: &str) -> (Histogram, &str) {
    let end = text.find("}}").unwrap_or_else(|| panic!("no end of the histogram in {text}"));
    let body = text[..end].strip_prefix("{{").unwrap();
    let mut h = Histogram::default();
    let (mut offset, mut negative_offset) = (0, 0);
    let (mut positive, mut negative) = (Vec::new(), Vec::new());
    let mut rest = body.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').unwrap();
        let (value, next) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').unwrap(),
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        let number = || number_of(value).unwrap();
        let list = || value.split_whitespace().map(|v| number_of(v).unwrap()).collect::<Vec<_>>();
        match key {
            "schema" => h.schema = number() as i32,
            "sum" => h.sum = number(),
            "count" => h.count = number(),
            "z_bucket" => h.zero_count = number(),
            "z_bucket_w" => h.zero_threshold = number(),
            "offset" => offset = number() as i32,
            "n_offset" => negative_offset = number() as i32,
            "buckets" => positive = list(),
            "n_buckets" => negative = list(),
            "custom_values" => h.bounds = list(),
            "counter_reset_hint" => {
                h.hint = match value {
                    "gauge" => Hint::Gauge,
                    "reset" => Hint::Reset,
                    "not_reset" => Hint::NoReset,
                    _ => Hint::Unknown,
                }
            }
            other => panic!("unknown key {other} of a histogram"),
        }
        rest = next.trim_start();
    }
    let indexed = |list: Vec<f64>, offset: i32| {
        list.into_iter().enumerate().map(|(n, count)| (n as i32 + offset, count)).collect()
    };
    (h.positive, h.negative) = (indexed(positive, offset), indexed(negative, negative_offset));
    (h, &text[end + 2..])
}

/// What a storage keeps of a histogram after the one before: whether it follows a reset is found
/// out once.
pub(crate) fn stored(before: Option<&Histogram>, h: Histogram) -> Histogram {
    let hint = match (h.hint, before) {
        (Hint::Gauge | Hint::Reset, _) => h.hint,
        (_, None) => Hint::Unknown,
        (_, Some(before)) => {
            let h = Histogram { hint: Hint::Unknown, ..h.clone() };
            if h.was_reset_since(before) { Hint::Reset } else { Hint::NoReset }
        }
    };
    Histogram { hint, ..h }
}

#[derive(Default)]
struct Classic {
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Makes native histograms with listed bounds out of classic ones.
pub(crate) fn from_classic(loaded: &[Loaded]) -> Vec<Loaded> {
    let mut found = BTreeMap::<Labels, BTreeMap<i64, Classic>>::new();
    for series in loaded {
        let name = series.labels.metric();
        let of = |suffix: &str| name.strip_suffix(suffix);
        let Some((base, part)) = of("_bucket")
            .map(|base| (base, 'b'))
            .or_else(|| of("_count").map(|base| (base, 'c')))
            .or_else(|| of("_sum").map(|base| (base, 's')))
        else {
            continue;
        };
        let labels = series.labels.without(&["le"]).with("__name__", base);
        let at = found.entry(labels).or_default();
        for sample in &series.samples {
            let classic = at.entry(sample.t_ms).or_default();
            match (part, number_of(&series.labels.get("le").replace("+Inf", "inf"))) {
                ('b', Ok(le)) => classic.buckets.push((le, sample.v)),
                ('c', _) => classic.count = Some(sample.v),
                ('s', _) => classic.sum = sample.v,
                _ => {}
            }
        }
    }
    let series = |(labels, at): (Labels, BTreeMap<i64, Classic>)| {
        let sample = |(t_ms, classic)| {
            Some(HistogramSample { t_ms, histogram: Arc::new(converted(classic)?) })
        };
        let histograms = at.into_iter().filter_map(sample).collect();
        Loaded { labels, samples: Vec::new(), histograms }
    };
    found.into_iter().map(series).filter(|loaded| !loaded.histograms.is_empty()).collect()
}

fn converted(mut classic: Classic) -> Option<Histogram> {
    classic.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (_, most) = *classic.buckets.last()?;
    let count = classic.count.unwrap_or(most);
    if classic.buckets.last()?.0 != f64::INFINITY {
        classic.buckets.push((f64::INFINITY, count));
    }
    let (mut positive, mut before) = (Vec::new(), 0.0);
    for (index, (_, below)) in classic.buckets.iter().enumerate() {
        if *below < before {
            return None;
        }
        positive.push((index as i32, below - before));
        before = *below;
    }
    let finite = classic.buckets.iter().map(|(le, _)| *le).filter(|le| le.is_finite());
    let bounds = finite.collect();
    let histogram = Histogram {
        schema: CUSTOM_BOUNDS,
        count,
        sum: classic.sum,
        positive,
        bounds,
        ..Histogram::default()
    };
    Some(histogram.compact())
}
