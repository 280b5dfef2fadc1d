//! Owns how much of a fault was asked for, read from its parameters: those of a Squall record
//! (`mean: 500ms`, `share: 20%`) and the flags of ChaosBlade (`time: 3000`, `percent: 50`).

use squall_judge::attribution::Dose;
use squall_spec::Duration;
use std::collections::BTreeMap;

/// The dose; none where the parameters do not tell it. How much of a service's capacity one busy
/// core or one killed process is, no record says.
pub(super) fn dose(fault: &str, params: &BTreeMap<String, String>) -> Option<Dose> {
    let (family, kind) = fault.split_once('.')?;
    let any = |keys: &[&str]| keys.iter().find_map(|key| params.get(*key)).map(String::as_str);
    match kind {
        "delay" | "http-delay" | "grpc-delay" => {
            seconds(any(&["mean", "time", "delay"])?).map(Dose::Seconds)
        }
        "abort" | "status" | "loss" | "http-error" | "grpc-status" => {
            // A fault that says no share acts on every request.
            any(&["share", "percent"]).map_or(Some(1.0), share).map(Dose::Requests)
        }
        // ChaosBlade's acts on all cores unless it is told otherwise.
        "fullload" if family == "cpu" && any(&["cpu-count", "cpu-list"]).is_none() => {
            any(&["cpu-percent"]).map_or(Some(1.0), share).map(Dose::Capacity)
        }
        _ => None,
    }
}

/// `20%` or `20`, both a fifth.
fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.trim_end_matches('%').trim().parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// `500ms`, or a bare number of milliseconds.
fn seconds(text: &str) -> Option<f64> {
    if let Ok(ms) = text.parse::<u32>() {
        return Some(f64::from(ms) / 1e3);
    }
    Some(text.parse::<Duration>().ok()?.as_millis() as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doses_are_read_where_they_are_told_and_nowhere_else() {
        let of = |fault: &str, params: &[(&str, &str)]| {
            let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            dose(fault, &params.iter().map(own).collect())
        };
        assert_eq!(of("http.delay", &[("mean", "500ms")]), Some(Dose::Seconds(0.5)));
        assert_eq!(of("network.delay", &[("time", "3000")]), Some(Dose::Seconds(3.0)));
        assert_eq!(of("http.delay", &[]), None);
        assert_eq!(of("http.abort", &[("share", "20%")]), Some(Dose::Requests(0.2)));
        assert_eq!(of("http.abort", &[]), Some(Dose::Requests(1.0)));
        assert_eq!(of("network.loss", &[("percent", "50")]), Some(Dose::Requests(0.5)));
        assert_eq!(of("network.loss", &[("percent", "500")]), None);
        assert_eq!(of("cpu.fullload", &[("cpu-percent", "80")]), Some(Dose::Capacity(0.8)));
        assert_eq!(of("cpu.fullload", &[("cpu-count", "1")]), None);
        assert_eq!(of("process.kill", &[]), None, "one of how many is not told");
        assert_eq!(of("cpu.load", &[("percent", "80%")]), None);
    }
}
