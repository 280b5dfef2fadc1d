//! Which time-outs of the chain cut in: a time-out ends many requests after the same time, where a
//! slow dependency by itself spreads them.

use crate::number;
use crate::read::Record;
use squall_wire::ending::Ending;
use squall_wire::record::{Event, Phase};
use std::time::Duration;

/// Fewer requests are no pattern.
const COUNT_MIN: u64 = 5;
/// Shorter times are refusals, and latencies of any service.
const SHORTEST_MS: f64 = 20.0;
/// How far the middle four fifths may be apart, as a share of their middle, and at least.
const SPREAD: f64 = 0.12;
const SPREAD_MS: f64 = 8.0;

/// One sentence for each way in which a time-out ended requests while the faults were on.
pub(super) fn time_outs(record: &Record) -> Vec<String> {
    let of = |wanted: Phase| {
        let found = record.lines.iter().find_map(|line| match &line.event {
            Event::Endings { phase, endings } if *phase == wanted => Some(endings.as_slice()),
            _ => None,
        });
        found.unwrap_or_default()
    };
    let (before, during) = (of(Phase::Baseline), of(Phase::Holding));
    let all: u64 = during.iter().map(|ending| ending.count).sum();
    let cut = during.iter().filter(|ending| is_cut(ending, before));
    cut.map(|ending| sentence(ending, all)).collect()
}

/// True for failures that come after the same time, longer than requests took before, and that
/// are not what the service did anyway.
fn is_cut(ending: &Ending, before: &[Ending]) -> bool {
    let usual = before.iter().find(|e| e.outcome == "ok").map_or(0.0, |e| e.p90_ms);
    let same = |e: &&Ending| (&e.outcome, e.code) == (&ending.outcome, ending.code);
    let anyway = before.iter().find(same).map_or(0, |e| e.count);
    !matches!(ending.outcome.as_str(), "ok" | "dropped")
        && ending.count >= COUNT_MIN.max(anyway.saturating_mul(2))
        && ending.p50_ms >= SHORTEST_MS.max(1.5 * usual)
        && ending.p90_ms - ending.p10_ms <= (ending.p50_ms * SPREAD).max(SPREAD_MS)
}

fn sentence(ending: &Ending, all: u64) -> String {
    let after = number::length(Duration::from_secs_f64(ending.p50_ms / 1e3).as_millis() as u64);
    format!(
        "{} of {} requests ended after {after}: {}",
        number::count(ending.count),
        number::count(all),
        whose(ending)
    )
}

/// Whose time-out it is, as far as an answer tells.
fn whose(ending: &Ending) -> String {
    let said = ending.said.as_deref().map(|said| format!("; it said: {said}")).unwrap_or_default();
    let is_handler = ending.said.as_deref().is_some_and(|said| said.contains("<title>Timeout<"));
    match (ending.outcome.as_str(), ending.code) {
        ("timeout", _) => "the client's own time-out".to_owned(),
        (_, Some(503)) if is_handler => "an http.TimeoutHandler, answered with 503".to_owned(),
        (_, Some(504)) => format!("a context deadline in the chain, answered with 504{said}"),
        (_, Some(408)) => format!("a server that waited for the request, answered with 408{said}"),
        (_, Some(code)) => {
            format!(
                "a deadline or a client's time-out inside the chain, answered with {code}{said}"
            )
        }
        (_, None) => format!(
            "the connection was closed without an answer, as by a server's ReadTimeout or \
             WriteTimeout{said}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ending(outcome: &str, code: Option<u16>, count: u64, times: [f64; 3]) -> Ending {
        let [p10_ms, p50_ms, p90_ms] = times;
        Ending { outcome: outcome.into(), code, count, p10_ms, p50_ms, p90_ms, said: None }
    }

    #[test]
    fn a_time_out_ends_many_after_the_same_time() {
        let before = [ending("ok", Some(200), 900, [4.0, 6.0, 12.0])];
        let cut = |ending: Ending| is_cut(&ending, &before);
        assert!(cut(ending("error", Some(504), 40, [499.0, 500.0, 508.0])));
        assert!(cut(ending("timeout", None, 40, [1000.0, 1000.0, 1001.0])));
        assert!(!cut(ending("error", Some(500), 40, [200.0, 420.0, 900.0])), "spread");
        assert!(!cut(ending("error", Some(502), 40, [0.4, 0.5, 0.7])), "refused at once");
        assert!(!cut(ending("ok", Some(200), 40, [499.0, 500.0, 501.0])), "an answer");
        assert!(!cut(ending("error", Some(504), 3, [500.0, 500.0, 500.0])), "too few");
        let before = [ending("error", Some(504), 30, [499.0, 500.0, 501.0])];
        assert!(!is_cut(&ending("error", Some(504), 40, [499.0, 500.0, 501.0]), &before));
    }

    #[test]
    fn an_answer_tells_whose_it_was() {
        let mut one = ending("error", Some(503), 40, [499.0, 500.0, 508.0]);
        one.said = Some("<html><head><title>Timeout</title></head>".into());
        assert_eq!(
            sentence(&one, 60),
            "40 of 60 requests ended after 500 ms: an http.TimeoutHandler, answered with 503"
        );
        one.said = Some("EOF".into());
        one.code = None;
        assert_eq!(
            sentence(&one, 60),
            "40 of 60 requests ended after 500 ms: the connection was closed without an answer, as \
             by a server's ReadTimeout or WriteTimeout; it said: EOF"
        );
    }
}
