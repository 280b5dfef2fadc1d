//! What a rule does to a message, and the limits of it.

use std::time::Duration;

use bytes::Bytes;
use rand::{Rng, RngExt};

use super::{RuleError, Side};

/// The longest delay that is ever drawn; beyond it a client has given up for certain.
pub const MAX_DELAY: Duration = Duration::from_secs(600);
/// The longest body that a rule sends in place of another: each hit holds a copy in memory
/// until its client has taken it.
pub const MAX_BODY: usize = 64 * 1024;
/// The most headers that a rule adds, and that it removes.
pub const MAX_FIELDS: usize = 32;
/// The highest rate of a slow body, in bytes a second; a faster one could not be told from none.
pub const MAX_RATE: u64 = 1 << 30;
/// The longest name or value of a header, and the longest message of a status.
const MAX_TEXT: usize = 4 * 1024;
/// An exponential delay is never longer than so many means: one in 22,000 would be.
const EXPONENTIAL_MEANS_MAX: f64 = 10.0;
/// A Pareto delay is never longer than so many means: one in 27,000 would be.
const PARETO_MEANS_MAX: f64 = 20.0;
/// The shape of the Pareto distribution; the kernel's network emulation uses the same.
const PARETO_SHAPE: f64 = 3.0;
/// A normal delay stays within so many deviations of its mean: one in 16,000 would not.
const NORMAL_DEVIATIONS_MAX: f64 = 4.0;

/// Headers that frame a message or steer its connection. A rule that changed them would break
/// other messages than the ones it is about.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a rule does.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Holds the message for a while.
    Delay(Delay),
    /// Answers in the service's place.
    Answer(Answer),
    /// Breaks the exchange: an HTTP/1 connection is reset, of HTTP/2 the stream alone.
    Reset,
    /// Changes headers.
    Edit(Edit),
    /// Lets the body through at this many bytes a second.
    Slow {
        /// The rate.
        bytes_per_second: u64,
    },
    /// Breaks off a body that is longer than this; a shorter one passes unharmed.
    Truncate {
        /// How many bytes of the body pass.
        after: u64,
    },
    /// Puts another body in place of the one there is.
    Replace {
        /// The body.
        body: Bytes,
        /// Its type, where it is not that of the body it replaces.
        content_type: Option<String>,
    },
    /// Ends a gRPC call with a status.
    Status(GrpcStatus),
    /// Shortens the deadline that a gRPC call carries, and gives it one if it has none.
    Deadline {
        /// The most that is left of it.
        at_most: Duration,
    },
    /// Breaks a gRPC stream after so many messages of one side; one that ends before, passes.
    Cut {
        /// How many messages pass.
        messages: u64,
    },
    /// Ends a gRPC response without the trailers that carry its status.
    LoseTrailers,
}

/// How long a message is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// How delays are spread.
    pub distribution: Distribution,
    /// The middle.
    pub mean: Duration,
    /// What the distribution makes of it.
    pub jitter: Duration,
}

/// How delays are spread around their mean. All are cut off below zero and above
/// [`Delay::longest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// Evenly over mean ± jitter.
    Uniform,
    /// By the bell curve whose standard deviation is the jitter.
    Normal,
    /// Mostly short, sometimes much longer than the mean, as waiting times in queues are; no jitter.
    Exponential,
    /// Never below two thirds of the mean, with a heavy tail; no jitter.
    Pareto,
}

/// An answer of the proxy's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status, 200 to 599.
    pub status: u16,
    /// Headers beside those that frame the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// A change of headers: first the removals, then the additions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Headers to add behind those there are.
    pub add: Vec<(String, String)>,
    /// Names of headers to remove.
    pub remove: Vec<String>,
}

/// How a gRPC call ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrpcStatus {
    /// The code, 0 to 16.
    pub code: u8,
    /// The message, any text.
    pub message: String,
    /// Reason and domain of a `google.rpc.ErrorInfo` among the details.
    pub error_info: Option<(String, String)>,
    /// The time of a `google.rpc.RetryInfo` among the details.
    pub retry_after: Option<Duration>,
}

impl Delay {
    /// A delay that is the same for every message.
    #[must_use]
    pub fn exactly(mean: Duration) -> Delay {
        Delay { distribution: Distribution::Uniform, mean, jitter: Duration::ZERO }
    }

    /// Returns the longest delay that can be drawn.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let longest = match self.distribution {
            Distribution::Uniform => self.mean.saturating_add(self.jitter),
            Distribution::Normal => self.mean + self.jitter.mul_f64(NORMAL_DEVIATIONS_MAX),
            Distribution::Exponential => self.mean.mul_f64(EXPONENTIAL_MEANS_MAX),
            Distribution::Pareto => self.mean.mul_f64(PARETO_MEANS_MAX),
        };
        longest.min(MAX_DELAY)
    }

    pub(super) fn draw(&self, dice: &mut impl Rng) -> Duration {
        let mean = self.mean.as_secs_f64();
        let jitter = self.jitter.as_secs_f64();
        let drawn = match self.distribution {
            Distribution::Uniform if self.jitter.is_zero() => return self.mean,
            Distribution::Uniform => mean + jitter * (2.0 * dice.random::<f64>() - 1.0),
            Distribution::Normal => mean + jitter * bell(dice),
            Distribution::Exponential => -mean * above_zero(dice).ln(),
            Distribution::Pareto => {
                let least = mean * (PARETO_SHAPE - 1.0) / PARETO_SHAPE;
                least / above_zero(dice).powf(1.0 / PARETO_SHAPE)
            }
        };
        Duration::from_secs_f64(drawn.clamp(0.0, self.longest().as_secs_f64()))
    }
}

/// Draws from (0, 1].
fn above_zero(dice: &mut impl Rng) -> f64 {
    1.0 - dice.random::<f64>()
}

/// Draws from the standard normal distribution by the Box–Muller transform.
fn bell(dice: &mut impl Rng) -> f64 {
    let radius = (-2.0 * above_zero(dice).ln()).sqrt();
    radius * (std::f64::consts::TAU * dice.random::<f64>()).cos()
}

impl Effect {
    /// Refuses what is beyond the limits, or cannot be done on a side.
    pub(super) fn check(&self, id: u32, side: Side) -> Result<(), RuleError> {
        let limit = |what: &'static str, fits: bool| {
            if fits { Ok(()) } else { Err(RuleError::Limit { id, what }) }
        };
        match self {
            Effect::Delay(delay) => {
                let asked = delay.mean.saturating_add(delay.jitter);
                if asked > MAX_DELAY {
                    return Err(RuleError::Delay { id, delay: asked });
                }
                Ok(())
            }
            Effect::Answer(answer) => {
                limit("a status is 200 to 599", (200..600).contains(&answer.status))?;
                limit("a body has at most 64 KiB", answer.body.len() <= MAX_BODY)?;
                check_fields(id, &answer.headers)
            }
            Effect::Edit(edit) => {
                limit("at most 32 headers are removed", edit.remove.len() <= MAX_FIELDS)?;
                edit.remove.iter().try_for_each(|name| check_name(id, name))?;
                check_fields(id, &edit.add)
            }
            Effect::Slow { bytes_per_second } => limit(
                "a rate is 1 byte to 1 GiB a second",
                (1..=MAX_RATE).contains(bytes_per_second),
            ),
            Effect::Replace { body, content_type } => {
                limit("a body has at most 64 KiB", body.len() <= MAX_BODY)?;
                let fits = content_type.as_ref().is_none_or(|text| is_value(text));
                limit("a content type is one line of text", fits)
            }
            Effect::Status(status) => {
                limit("a gRPC code is 0 to 16", status.code <= 16)?;
                let info = status.error_info.as_ref();
                let info = info.map_or(0, |(reason, domain)| reason.len().max(domain.len()));
                let fits = status.message.len().max(info) <= MAX_TEXT;
                limit("a message has at most 4 KiB", fits)
            }
            Effect::Deadline { .. } => limit("a deadline is in requests", side == Side::Request),
            Effect::LoseTrailers => limit("trailers are in responses", side == Side::Response),
            Effect::Reset | Effect::Truncate { .. } | Effect::Cut { .. } => Ok(()),
        }
    }

    /// Tells whether it needs the messages of gRPC.
    pub(crate) fn is_grpc(&self) -> bool {
        matches!(
            self,
            Effect::Status(_) | Effect::Deadline { .. } | Effect::Cut { .. } | Effect::LoseTrailers
        )
    }
}

fn check_fields(id: u32, fields: &[(String, String)]) -> Result<(), RuleError> {
    if fields.len() > MAX_FIELDS {
        return Err(RuleError::Limit { id, what: "at most 32 headers are added" });
    }
    fields.iter().try_for_each(|(name, value)| {
        check_name(id, name)?;
        let bad = || RuleError::Field { id, name: name.clone(), why: "its value is not one line" };
        is_value(value).then_some(()).ok_or_else(bad)
    })
}

fn check_name(id: u32, name: &str) -> Result<(), RuleError> {
    let bad = |why| Err(RuleError::Field { id, name: name.to_owned(), why });
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > MAX_TEXT || !name.bytes().all(token) {
        return bad("it is no name of a header");
    }
    if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
        return bad("it frames the message and would break others");
    }
    Ok(())
}

/// Tells whether a text can be the value of a header: one line without control characters.
fn is_value(text: &str) -> bool {
    text.len() <= MAX_TEXT && text.trim() == text && !text.chars().any(|c| c.is_control())
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn drawn(distribution: Distribution, mean_ms: u64, jitter_ms: u64) -> Vec<f64> {
        let (mean, jitter) = (Duration::from_millis(mean_ms), Duration::from_millis(jitter_ms));
        let delay = Delay { distribution, mean, jitter };
        let mut dice = StdRng::seed_from_u64(1);
        let all: Vec<_> = (0..20_000).map(|_| delay.draw(&mut dice)).collect();
        assert!(all.iter().all(|one| *one <= delay.longest()));
        let mut all: Vec<_> = all.iter().map(|one| one.as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn mean(of: &[f64]) -> f64 {
        of.iter().sum::<f64>() / of.len() as f64
    }

    #[test]
    fn a_jitter_wider_than_the_mean_never_goes_below_zero() {
        let all = drawn(Distribution::Uniform, 1, 5);
        assert!(all[0] == 0.0 && all[19_999] <= 6.0);
    }

    #[test]
    fn each_distribution_has_its_mean_and_its_shape() {
        let uniform = drawn(Distribution::Uniform, 100, 50);
        assert!((mean(&uniform) - 100.0).abs() < 1.0 && uniform[0] >= 50.0);
        assert!((uniform[5_000] - 75.0).abs() < 2.0, "a quarter is below 75");

        let normal = drawn(Distribution::Normal, 100, 20);
        assert!((mean(&normal) - 100.0).abs() < 1.0);
        assert!((normal[3_173] - 80.0).abs() < 1.0, "one deviation below: 15.9 %");
        assert!((normal[16_827] - 120.0).abs() < 1.0, "one deviation above: 84.1 %");

        let exponential = drawn(Distribution::Exponential, 100, 0);
        assert!((mean(&exponential) - 100.0).abs() < 3.0);
        assert!((exponential[10_000] - 69.3).abs() < 3.0, "the median is ln 2 of the mean");

        let pareto = drawn(Distribution::Pareto, 100, 0);
        assert!((mean(&pareto) - 100.0).abs() < 3.0);
        assert!((pareto[0] - 66.7).abs() < 0.1, "the least is two thirds of the mean");
        assert!((pareto[10_000] - 84.0).abs() < 2.0, "the median is 2^(1/3) of the least");
        assert!(pareto[19_990] > 400.0, "a heavy tail");
    }

    fn refused(effect: Effect, side: Side) -> String {
        effect.check(3, side).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn what_is_beyond_the_limits_is_refused_by_name() {
        let check = |effect: Effect, text: &str| assert_eq!(refused(effect, Side::Request), text);
        let edit = |name: &str, value: &str| {
            Effect::Edit(Edit { add: vec![(name.to_owned(), value.to_owned())], remove: vec![] })
        };
        check(edit("x-a", "b"), "");
        check(
            edit("Content-Length", "1"),
            "arm rule 3: header \"Content-Length\": it frames the message and would break others",
        );
        check(edit("x a", "b"), "arm rule 3: header \"x a\": it is no name of a header");
        check(edit("x-a", "b\r\nc: d"), "arm rule 3: header \"x-a\": its value is not one line");
        check(edit(":path", "/"), "arm rule 3: header \":path\": it is no name of a header");
        let many = Edit { add: vec![("a".to_owned(), String::new()); 33], remove: vec![] };
        check(Effect::Edit(many), "arm rule 3: at most 32 headers are added");
        let answer = |status| Effect::Answer(Answer { status, ..Answer::default() });
        check(answer(503), "");
        check(answer(101), "arm rule 3: a status is 200 to 599");
        check(
            Effect::Slow { bytes_per_second: 0 },
            "arm rule 3: a rate is 1 byte to 1 GiB a second",
        );
        let status = GrpcStatus { code: 17, ..GrpcStatus::default() };
        check(Effect::Status(status), "arm rule 3: a gRPC code is 0 to 16");
        check(Effect::LoseTrailers, "arm rule 3: trailers are in responses");
        assert_eq!(refused(Effect::LoseTrailers, Side::Response), "");
        let big = Bytes::from(vec![0; MAX_BODY + 1]);
        check(
            Effect::Replace { body: big, content_type: None },
            "arm rule 3: a body has at most 64 KiB",
        );
    }
}
