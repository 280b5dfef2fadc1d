//! Owns the parsing of a whole exposition. Knows nothing of targets, times of scrape or stores.

use std::borrow::Cow;
use std::collections::HashMap;

use squall_query::{BUCKET_BOUND, Labels, METRIC_NAME};

use super::cursor::{Cursor, Wrong, shown};

/// The longest line taken; a label set is limited to far less.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Samples of one scrape at most; a service with more has a cardinality defect.
pub const SCRAPE_SAMPLES_MAX: usize = 200_000;

/// Which of the two formats a body is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Tells the format by the answer's content type.
    pub fn of(content_type: &str) -> Format {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Format::OpenMetrics
        } else {
            Format::Text
        }
    }
}

/// One exposed sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Scraped {
    /// What names it.
    pub labels: Labels,
    /// Its value.
    pub v: f64,
    /// Its own time, where the target gives one.
    pub t_ms: Option<i64>,
}

/// A parsed body.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exposition {
    /// The samples in the body's order, `_created` ones included.
    pub samples: Vec<Scraped>,
    /// When families' metrics were made, by family and the labels that tell them apart.
    created: Created,
}

type Created = HashMap<(String, Labels), (Kind, i64)>;

impl Exposition {
    /// Returns when a series' counter, histogram or summary was made, as OpenMetrics' `_created`
    /// says.
    pub fn created_ms(&self, labels: &Labels) -> Option<i64> {
        created_ms(&self.created, labels)
    }
}

fn created_ms(created: &Created, labels: &Labels) -> Option<i64> {
    if created.is_empty() {
        return None;
    }
    let others = labels.without(&[METRIC_NAME, BUCKET_BOUND, "quantile"]);
    ["_total", "_bucket", "_sum", "_count", ""].into_iter().find_map(|suffix| {
        let family = labels.metric().strip_suffix(suffix)?.to_owned();
        let (kind, at_ms) = created.get(&(family, others.clone()))?;
        kind.suffixes().contains(&suffix).then_some(*at_ms)
    })
}

/// Why a body is no exposition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ExpositionError {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong there.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Histogram,
    Summary,
    Other,
}

impl Kind {
    /// Returns what the names of its counting series end in.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Kind::Counter => &["_total"],
            Kind::Histogram => &["_bucket", "_sum", "_count"],
            Kind::Summary => &["", "_sum", "_count"],
            Kind::Other => &[],
        }
    }
}

/// One sample as it stands in a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw<'t> {
    /// The text that names its series; empty where it cannot be told from the rest.
    pub series: &'t str,
    /// What names it.
    pub named: Named,
    /// Its value.
    pub v: f64,
    /// Its own time, where the target gives one.
    pub t_ms: Option<i64>,
}

/// What names a sample's series.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// The number by which the caller knows the text.
    Known(u32),
    /// The labels, read from the text.
    New(Labels),
}

/// A body whose series may be known by their text already.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page<'t> {
    /// The samples in the body's order.
    pub samples: Vec<Raw<'t>>,
    created: Created,
}

impl Page<'_> {
    /// As [`Exposition::created_ms`].
    pub fn created_ms(&self, labels: &Labels) -> Option<i64> {
        created_ms(&self.created, labels)
    }
}

/// Parses a body. One malformed line refuses the whole body, as Prometheus does: half a scrape
/// would look like series that ended.
pub fn parse(body: &str, format: Format) -> Result<Exposition, ExpositionError> {
    let Page { samples, created } = read(body, format, |_| None)?;
    let scraped = |Raw { named, v, t_ms, .. }: Raw<'_>| match named {
        Named::New(labels) => Some(Scraped { labels, v, t_ms }),
        Named::Known(_) => None,
    };
    Ok(Exposition { samples: samples.into_iter().filter_map(scraped).collect(), created })
}

/// As [`parse`], but asks whether the text that names a series is known, and then leaves it alone:
/// a target's series are the same from one scrape to the next.
pub fn read<'t>(
    body: &'t str,
    format: Format,
    mut known: impl FnMut(&'t str) -> Option<u32>,
) -> Result<Page<'t>, ExpositionError> {
    let mut out = Page::default();
    let mut kinds = HashMap::<Cow<'_, str>, Kind>::new();
    let mut ended = false;
    let mut lines = 0;
    for (at, line) in body.split('\n').enumerate() {
        lines = at + 1;
        let wrong = |why: Wrong| ExpositionError { line: at + 1, why };
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.len() > LINE_BYTES_MAX {
            let why = format!("it has {} bytes, the limit is {LINE_BYTES_MAX}", line.len());
            return Err(wrong(why));
        }
        if ended && !line.trim().is_empty() {
            return Err(wrong("there is text after the end mark".into()));
        }
        if format == Format::OpenMetrics && line == "# EOF" {
            ended = true;
            continue;
        }
        let mut cursor = Cursor::new(line);
        cursor.skip_blanks();
        if cursor.is_at_end() {
            continue;
        }
        if cursor.eat('#') {
            if let Some((name, kind)) = type_line(cursor).map_err(wrong)? {
                kinds.insert(name, kind);
            }
            continue;
        }
        if out.samples.len() >= SCRAPE_SAMPLES_MAX {
            return Err(wrong(format!("there are more than {SCRAPE_SAMPLES_MAX} samples")));
        }
        let raw = sample(cursor, format, &mut known).map_err(wrong)?;
        note_created(&raw, &kinds, &mut out.created);
        out.samples.push(raw);
    }
    if format == Format::OpenMetrics && !ended {
        let why = "the end mark `# EOF` is missing, so the body is cut off".into();
        return Err(ExpositionError { line: lines, why });
    }
    Ok(out)
}

fn type_line<'t>(mut cursor: Cursor<'t>) -> Result<Option<(Cow<'t, str>, Kind)>, Wrong> {
    cursor.skip_blanks();
    if cursor.word() != "TYPE" {
        return Ok(None);
    }
    cursor.skip_blanks();
    let name = match cursor.peek() {
        Some('"') => cursor.quoted()?,
        _ => Cow::Borrowed(cursor.name(true)?),
    };
    cursor.skip_blanks();
    let kind = match cursor.word() {
        "counter" => Kind::Counter,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "" => return Err(format!("the type of {} is missing", shown(&name))),
        _ => Kind::Other,
    };
    Ok(Some((name, kind)))
}

fn sample<'t>(
    mut cursor: Cursor<'t>,
    format: Format,
    known: &mut impl FnMut(&'t str) -> Option<u32>,
) -> Result<Raw<'t>, Wrong> {
    let (line, extent) = (cursor.rest(), extent(cursor.rest()));
    let series = line.get(..extent).unwrap_or_default();
    // When a series was made is read from its labels, each time; quoted names have no such sample.
    let name = series.split('{').next().unwrap_or_default();
    let may_be_known = !series.is_empty() && !name.ends_with("_created");
    let (series, named) = match Some(series).filter(|_| may_be_known).and_then(known) {
        Some(number) => {
            cursor = Cursor::new(line.get(extent..).unwrap_or_default());
            (series, Named::Known(number))
        }
        None => {
            let labels = labels(&mut cursor)?;
            let read = line.len() - cursor.rest().len();
            (if read == extent { series } else { "" }, Named::New(labels))
        }
    };
    cursor.skip_blanks();
    let v = cursor.number("value")?;
    cursor.skip_blanks();
    let t_ms = match cursor.peek() {
        None | Some('#') => None,
        Some(_) => Some(time(&mut cursor, format)?),
    };
    cursor.skip_blanks();
    let exemplar = format == Format::OpenMetrics && cursor.eat('#');
    if !exemplar && !cursor.is_at_end() {
        return Err(format!("{} is left over after the sample", shown(cursor.rest())));
    }
    Ok(Raw { series, named, v, t_ms })
}

/// Reads what names a series.
fn labels(cursor: &mut Cursor<'_>) -> Result<Labels, Wrong> {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    if cursor.peek() != Some('{') {
        pairs.push((Cow::Borrowed(METRIC_NAME), Cow::Borrowed(cursor.name(true)?)));
        let mut ahead = *cursor;
        ahead.skip_blanks();
        if ahead.peek() == Some('{') {
            *cursor = ahead;
        }
    }
    if cursor.eat('{') {
        label_pairs(cursor, &mut pairs)?;
    }
    if !pairs.iter().any(|(name, _)| name == METRIC_NAME) {
        return Err("a metric's name is missing".into());
    }
    Ok(Labels::from_pairs(pairs))
}

/// Returns where the text that names a series seems to end, without reading it.
fn extent(line: &str) -> usize {
    let bytes = line.as_bytes();
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(name) = bytes.iter().position(|b| blank(b) || *b == b'{') else { return bytes.len() };
    let Some(open) = bytes[name..].iter().position(|b| !blank(b)) else { return name };
    if bytes[name + open] != b'{' {
        return name;
    }
    let (mut at, mut quoted) = (name + open + 1, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Reads what is between the braces; a lone quoted text is the metric's name.
fn label_pairs<'t>(
    cursor: &mut Cursor<'t>,
    pairs: &mut Vec<(Cow<'t, str>, Cow<'t, str>)>,
) -> Result<(), Wrong> {
    loop {
        cursor.skip_blanks();
        if cursor.eat('}') {
            return Ok(());
        }
        let quoted_name = cursor.peek() == Some('"');
        let name = match quoted_name {
            true => cursor.quoted()?,
            false => Cow::Borrowed(cursor.name(false)?),
        };
        cursor.skip_blanks();
        let (name, value) = if cursor.eat('=') {
            cursor.skip_blanks();
            (name, cursor.quoted()?)
        } else if quoted_name {
            (Cow::Borrowed(METRIC_NAME), name)
        } else {
            return Err(format!("the label {name} has no value"));
        };
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(format!("the label {} is given twice", shown(&name)));
        }
        pairs.push((name, value));
        cursor.skip_blanks();
        if !cursor.eat(',') && cursor.peek() != Some('}') {
            return Err(format!("a comma or `}}` is expected at {}", shown(cursor.rest())));
        }
    }
}

fn time(cursor: &mut Cursor<'_>, format: Format) -> Result<i64, Wrong> {
    match format {
        Format::Text => {
            let word = cursor.word();
            word.parse().map_err(|_| format!("the time {} is no whole number", shown(word)))
        }
        Format::OpenMetrics => {
            let seconds = cursor.number("time")?;
            let ms = (seconds * 1000.0).round();
            // Beyond this a float no longer holds whole milliseconds.
            const WHOLE_MS_MAX: f64 = 9_007_199_254_740_992.0;
            match ms.abs() <= WHOLE_MS_MAX {
                true => Ok(ms as i64),
                false => Err(format!("the time {seconds} is out of range")),
            }
        }
    }
}

/// Notes what a `_created` sample says of its family.
fn note_created(raw: &Raw<'_>, kinds: &HashMap<Cow<'_, str>, Kind>, created: &mut Created) {
    let Named::New(labels) = &raw.named else { return };
    let Some(family) = labels.metric().strip_suffix("_created") else { return };
    let at_ms = (raw.v * 1000.0).round();
    if let Some(kind) = kinds.get(family)
        && at_ms.is_finite()
        && at_ms > 0.0
    {
        created.insert((family.to_owned(), labels.without_name()), (*kind, at_ms as i64));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;
    use squall_query::{is_plain_metric, is_plain_name, quoted};

    use super::*;

    fn check(body: &str, format: Format, expected: &[&str]) {
        let shown: Vec<String> = parse(body, format)
            .unwrap()
            .samples
            .iter()
            .map(|s| match s.t_ms {
                None => format!("{} {}", s.labels, s.v),
                Some(t_ms) => format!("{} {} @{t_ms}", s.labels, s.v),
            })
            .collect();
        assert_eq!(shown, expected);
    }

    fn refused(body: &str, format: Format, expected: &str) {
        assert_eq!(parse(body, format).unwrap_err().to_string(), expected);
    }

    #[test]
    fn prometheus_text_is_read() {
        check(
            "# HELP a_total Things {with} \"signs\".\n# TYPE a_total counter\n\
             a_total{code=\"200\",path=\"C:\\\\DIR\\n\\\"x\\\"\",} 1.027e+03 1395066363000\n\
             \ta_total { code = \"500\" }\t+Inf\r\n\n# a comment\nx NaN\n",
            Format::Text,
            &[
                r#"a_total{code="200",path="C:\\DIR\n\"x\""} 1027 @1395066363000"#,
                r#"a_total{code="500"} inf"#,
                "x NaN",
            ],
        );
        check("", Format::Text, &[]);
        check(
            "{\"http.requests\",\"service.name\"=\"结账\"} 3",
            Format::Text,
            &[r#"{"http.requests","service.name"="结账"} 3"#],
        );
    }

    #[test]
    fn openmetrics_is_read_with_created_times_and_without_exemplars() {
        let body = "# TYPE d histogram\n# UNIT d seconds\n\
            d_bucket{p=\"/\",le=\"0.1\"} 8 # {trace_id=\"x # y\"} 0.054 1.5\n\
            d_bucket{p=\"/\",le=\"+Inf\"} 9\nd_sum{p=\"/\"} 1.5\nd_count{p=\"/\"} 9 12.5\n\
            d_created{p=\"/\"} 1520430000.123\n# TYPE c counter\nc_total 1\nc_created 2\n# EOF\n";
        let parsed = parse(body, Format::OpenMetrics).unwrap();
        assert_eq!(parsed.samples.len(), 7);
        assert_eq!(parsed.samples[3].t_ms, Some(12_500));
        let covered = |name: &str, pairs: &[(&str, &str)]| {
            let labels = Labels::named(name, pairs.iter().copied());
            parsed.created_ms(&labels)
        };
        assert_eq!(covered("d_bucket", &[("p", "/"), ("le", "0.1")]), Some(1_520_430_000_123));
        assert_eq!(covered("d_count", &[("p", "/x")]), None);
        assert_eq!(covered("c_total", &[]), Some(2000));
    }

    #[test]
    fn what_is_malformed_is_refused_with_its_line() {
        refused("a 1\nb x", Format::Text, r#"line 2: the value "x" is no number"#);
        refused(
            "a{b=\"c} 1",
            Format::Text,
            r#"line 1: the quote that opens at "\"c} 1" is never closed"#,
        );
        refused(
            "a{b=\"c\" d=\"e\"} 1",
            Format::Text,
            r#"line 1: a comma or `}` is expected at "d=\"e\"} 1""#,
        );
        refused("a{b=\"c\",b=\"d\"} 1", Format::Text, r#"line 1: the label "b" is given twice"#);
        refused("a 1 1.5", Format::Text, r#"line 1: the time "1.5" is no whole number"#);
        refused("a 1 # {} 1", Format::Text, r##"line 1: "# {} 1" is left over after the sample"##);
        refused("9a 1", Format::Text, r#"line 1: a name is expected at "9a 1""#);
        refused("{b=\"c\"} 1", Format::Text, "line 1: a metric's name is missing");
        refused("a", Format::Text, r#"line 1: the value "" is no number"#);
        refused(
            "a 1\n",
            Format::OpenMetrics,
            "line 2: the end mark `# EOF` is missing, so the body is cut off",
        );
        refused("# EOF\na 1\n", Format::OpenMetrics, "line 2: there is text after the end mark");
        let long = format!("a 1\nb{{c=\"{}\"}} 1", "x".repeat(10 << 20));
        refused(&long, Format::Text, "line 2: it has 10485769 bytes, the limit is 65536");
    }

    fn printed(samples: &[Scraped], format: Format) -> String {
        let mut out = String::new();
        for s in samples {
            let metric = s.labels.metric();
            let mut parts = Vec::new();
            if is_plain_metric(metric) {
                out.push_str(metric);
            } else {
                parts.push(quoted(metric));
            }
            for (name, value) in s.labels.iter().filter(|(name, _)| *name != METRIC_NAME) {
                let name = if is_plain_name(name) { name.to_owned() } else { quoted(name) };
                parts.push(format!("{name}={}", quoted(value)));
            }
            out.push_str(&format!("{{{}}} {}", parts.join(","), s.v));
            match (s.t_ms, format) {
                (None, _) => {}
                (Some(t_ms), Format::Text) => out.push_str(&format!(" {t_ms}")),
                (Some(t_ms), Format::OpenMetrics) => {
                    out.push_str(&format!(" {}.{:03}", t_ms / 1000, t_ms % 1000));
                }
            }
            out.push('\n');
        }
        if format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out
    }

    fn any_sample() -> impl Strategy<Value = Scraped> {
        let pairs = proptest::collection::btree_map("[a-z\"\\\\. 中]{1,6}", "[^\r]{1,8}", 0..4);
        let time = proptest::option::of(0_i64..4_000_000_000_000);
        ("[a-zA-Z:\"\\\\ 中]{1,8}", pairs, -1e9..1e9_f64, time).prop_map(
            |(name, pairs, v, t_ms)| Scraped { labels: Labels::named(&name, pairs), v, t_ms },
        )
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let text = String::from_utf8_lossy(&bytes);
            let _ = parse(&text, Format::Text);
            let _ = parse(&text, Format::OpenMetrics);
        }

        #[test]
        fn nothing_that_looks_like_metrics_makes_it_panic(text in "[a{}\"=,# 1.\\\\\nTYPE]{0,80}") {
            let _ = parse(&text, Format::Text);
            let _ = parse(&text, Format::OpenMetrics);
        }

        /// A page read with some of its series known says the same of all of them.
        #[test]
        fn known_series_read_as_unknown_ones_do(
            samples in proptest::collection::vec(any_sample(), 0..6),
            noise in "[a{}\"=,# 1.\\\\\nTYPE_created]{0,80}",
        ) {
            for format in [Format::Text, Format::OpenMetrics] {
                let shown = printed(&samples, format);
                for body in [shown.clone(), noise.clone(), format!("{noise}\n{shown}")] {
                    let full = read(&body, format, |_| None);
                    let known = |series: &str| {
                        let page = full.as_ref().ok()?;
                        let at = page.samples.iter().position(|raw| raw.series == series)?;
                        Some(at as u32)
                    };
                    match (&full, read(&body, format, known)) {
                        (Ok(full), Ok(page)) => {
                            let both = full.samples.iter().zip(&page.samples);
                            prop_assert_eq!(full.samples.len(), page.samples.len());
                            for (a, b) in both {
                                prop_assert!(a.series == b.series && a.t_ms == b.t_ms);
                                prop_assert_eq!(a.v.to_bits(), b.v.to_bits());
                            }
                        }
                        (full, page) => prop_assert!(full.is_err() && page.is_err()),
                    }
                }
            }
        }

        #[test]
        fn what_is_printed_is_read_back(samples in proptest::collection::vec(any_sample(), 0..6)) {
            for format in [Format::Text, Format::OpenMetrics] {
                prop_assert_eq!(&parse(&printed(&samples, format), format).unwrap().samples, &samples);
            }
        }
    }
}
