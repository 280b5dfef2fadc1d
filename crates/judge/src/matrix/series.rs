//! Owns the short notation for series in cases: `name{labels} 0+100x40 _ 4100+50x10 stale`.

use squall_query::{Labels, Sample, Series, stale_marker};

/// Samples of one series at most; a case is written by hand.
const SAMPLES_MAX: usize = 100_000;

/// Reads one line: samples stand `every_ms` apart from time zero on.
pub(super) fn read(line: &str, every_ms: i64) -> Result<Series, String> {
    let (name, values) = split(line).ok_or("a series is NAME{LABELS} VALUES")?;
    let labels = labels(name)?;
    let mut samples = Vec::new();
    let mut at = 0_i64;
    for word in values.split_whitespace() {
        for value in expand(word)? {
            if samples.len() >= SAMPLES_MAX || at >= SAMPLES_MAX as i64 {
                return Err(format!("a series has at most {SAMPLES_MAX} samples"));
            }
            if let Some(v) = value {
                samples.push(Sample { t_ms: at * every_ms, v });
            }
            at += 1;
        }
    }
    Ok(Series { labels, samples, created_ms: None })
}

fn split(line: &str) -> Option<(&str, &str)> {
    match line.find('}') {
        Some(at) => Some(line.split_at(at + 1)),
        None => line.split_once(char::is_whitespace),
    }
}

fn labels(name: &str) -> Result<Labels, String> {
    let selector = squall_query::parse(name).map_err(|why| why.to_string())?;
    let squall_query::ast::Expr::Vector(vector) = selector else {
        return Err(format!("{name} is no series"));
    };
    let pairs = vector.selector.matchers.iter().map(|m| (m.name.clone(), m.value.clone()));
    Ok(Labels::from_pairs(pairs.collect::<Vec<_>>()))
}

/// One word to its samples; none is a scrape without the series.
fn expand(word: &str) -> Result<Vec<Option<f64>>, String> {
    let wrong = || format!("{word} is no value: 5, 0+100x40, _, _x3 or stale");
    match word {
        "_" => return Ok(vec![None]),
        "stale" => return Ok(vec![Some(stale_marker())]),
        _ => {}
    }
    let (value, times) = match word.split_once('x') {
        Some((value, times)) => (value, Some(times.parse::<usize>().map_err(|_| wrong())?)),
        None => (word, None),
    };
    if times.is_some_and(|times| times > SAMPLES_MAX) {
        return Err(format!("a series has at most {SAMPLES_MAX} samples"));
    }
    if value == "_" {
        return Ok(vec![None; times.unwrap_or(1)]);
    }
    // The sign between start and step; one at the very front belongs to the start.
    let at = value.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-')).map(|(at, _)| at);
    let (start, step) = match at {
        Some(at) => (&value[..at], value[at..].parse::<f64>().map_err(|_| wrong())?),
        None => (value, 0.0),
    };
    let start = start.parse::<f64>().map_err(|_| wrong())?;
    Ok((0..=times.unwrap_or(0)).map(|n| Some(start + step * n as f64)).collect())
}
