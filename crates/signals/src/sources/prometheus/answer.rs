//! Owns the API's answers: JSON to series of raw samples.

use std::collections::BTreeMap;

use serde::Deserialize;
use squall_query::{Labels, Sample};

/// Characters that are shown of what is no answer.
const SHOWN_CHARS: usize = 60;

/// What the API answers, success or not. Unknown fields are its own business.
#[derive(Debug, Deserialize)]
struct Envelope {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default, rename = "errorType")]
    error_type: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    result_type: String,
    result: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct RawSeries {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<serde_json::Value>,
}

/// Raw samples by series, and what the server said beside them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Matrix {
    pub(crate) series: Vec<(Labels, Vec<Sample>)>,
    pub(crate) warnings: Vec<String>,
}

/// Why an answer has no samples.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("{error_type}: {error}")]
    Refused { error_type: String, error: String },
    #[error("{0}")]
    Malformed(String),
}

/// Reads an answer to a range-vector query.
pub(crate) fn read(body: &[u8]) -> Result<Matrix, AnswerError> {
    let malformed = |error: serde_json::Error| AnswerError::Malformed(error.to_string());
    if !body.trim_ascii_start().starts_with(b"{") {
        let begin: String = String::from_utf8_lossy(body).chars().take(SHOWN_CHARS).collect();
        return Err(AnswerError::Malformed(format!("it is no JSON, it begins with {begin:?}")));
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(malformed)?;
    if envelope.status != "success" {
        let Envelope { error_type, error, .. } = envelope;
        return Err(AnswerError::Refused { error_type, error });
    }
    let data = envelope.data.ok_or_else(|| AnswerError::Malformed("it has no data".into()))?;
    if data.result_type != "matrix" {
        let why = format!("the result is a {}, not a matrix", data.result_type);
        return Err(AnswerError::Malformed(why));
    }
    let raw: Vec<RawSeries> = serde_json::from_value(data.result).map_err(malformed)?;
    let mut warnings = envelope.warnings;
    warnings.extend(envelope.infos);
    let native = raw.iter().filter(|series| !series.histograms.is_empty()).count();
    if native > 0 {
        warnings.push(format!("{native} native histograms are left out; classic ones are read"));
    }
    let mut series = Vec::with_capacity(raw.len());
    for RawSeries { metric, values, .. } in raw {
        let samples = values.iter().map(sample).collect::<Result<Vec<_>, _>>()?;
        series.push((Labels::from_pairs(metric), samples));
    }
    Ok(Matrix { series, warnings })
}

fn sample((seconds, value): &(f64, String)) -> Result<Sample, AnswerError> {
    let v = value
        .parse()
        .map_err(|_| AnswerError::Malformed(format!("the value {value:?} is no number")))?;
    Ok(Sample { t_ms: (seconds * 1000.0).round() as i64, v })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn values_are_read_from_strings_and_times_to_the_millisecond() {
        let body = br#"{"status":"success","warnings":["w"],"data":{"resultType":"matrix","result":[
            {"metric":{"__name__":"a","job":"j"},"values":[[1435781430.781,"1"],[1435781431.781,"+Inf"],[1435781432,"NaN"]]}]}}"#;
        let matrix = read(body).unwrap();
        assert_eq!(matrix.warnings, ["w"]);
        let (labels, samples) = &matrix.series[0];
        assert_eq!(labels.to_string(), r#"a{job="j"}"#);
        assert_eq!(samples[0], Sample { t_ms: 1_435_781_430_781, v: 1.0 });
        assert_eq!(samples[1].v, f64::INFINITY);
        assert!(samples[2].v.is_nan());
    }

    #[test]
    fn refusals_and_nonsense_are_told_apart() {
        let check = |body: &str, expected: &str| {
            assert_eq!(read(body.as_bytes()).unwrap_err().to_string(), expected);
        };
        check(
            r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
            "bad_data: parse error",
        );
        check(
            r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            "the result is a vector, not a matrix",
        );
        check(r#"{"status":"success"}"#, "it has no data");
        assert!(matches!(read(b"<html>"), Err(AnswerError::Malformed(_))));
    }
}
