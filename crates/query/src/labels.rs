//! Owns `Labels`, the sorted label set that names a series. Knows nothing of samples.

use std::fmt;
use std::sync::Arc;

/// The label that carries the metric's name.
pub const METRIC_NAME: &str = "__name__";
/// The label of a classic histogram's upper bucket bound.
pub const BUCKET_BOUND: &str = "le";

/// One label: name and value.
pub type Label = (Arc<str>, Arc<str>);

/// A label set: sorted by name, without empty values (an empty value means "no such label").
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[Label]>);

impl Labels {
    /// Returns the empty set.
    pub fn empty() -> Self {
        Labels(Arc::from([]))
    }

    /// Builds a set from pairs in any order; a later pair wins over an earlier one of the same name.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Arc<str>>,
        V: Into<Arc<str>>,
    {
        let mut all: Vec<Label> = pairs.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut kept: Vec<Label> = Vec::with_capacity(all.len());
        for pair in all {
            match kept.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => kept.push(pair),
            }
        }
        kept.retain(|(_, value)| !value.is_empty());
        Labels(kept.into())
    }

    /// Builds a set for a metric name and further pairs.
    pub fn named<N, V>(metric: &str, pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<Arc<str>>,
        V: Into<Arc<str>>,
    {
        let name: (Arc<str>, Arc<str>) = (METRIC_NAME.into(), metric.into());
        Labels::from_pairs(
            pairs.into_iter().map(|(n, v)| (n.into(), v.into())).chain(std::iter::once(name)),
        )
    }

    /// Returns the label's value, or the empty string where the set lacks it.
    pub fn get(&self, name: &str) -> &str {
        self.value(name).map_or("", |value| value)
    }

    /// Returns the label's value as it is kept, for those who share texts.
    pub fn value(&self, name: &str) -> Option<&Arc<str>> {
        Some(&self.0[self.place(name)?].1)
    }

    /// Returns where a label is among the pairs.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|(n, _)| n.as_ref().cmp(name)).ok()
    }

    pub(crate) fn at(&self, place: usize) -> Option<&Label> {
        self.0.get(place)
    }

    /// Tells whether the set has this label.
    pub fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// Returns the metric's name, or the empty string.
    pub fn metric(&self) -> &str {
        self.get(METRIC_NAME)
    }

    /// Iterates over the pairs in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_ref(), v.as_ref()))
    }

    /// Returns the number of labels, the metric's name included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether the set has no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the bytes of all names and values, for limits.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|(n, v)| n.len() + v.len()).sum()
    }

    /// Returns the same set with each name and value replaced by an equal one, so that many sets
    /// can share their texts.
    #[must_use]
    pub fn shared(&self, mut share: impl FnMut(&Arc<str>) -> Arc<str>) -> Self {
        Labels(self.0.iter().map(|(n, v)| (share(n), share(v))).collect())
    }

    /// Iterates over the pairs as they are kept, for those who share texts.
    pub fn pairs(&self) -> impl Iterator<Item = &Label> {
        self.0.iter()
    }

    /// Returns the set without the metric's name.
    #[must_use]
    pub fn without_name(&self) -> Self {
        if self.has(METRIC_NAME) { self.without(&[METRIC_NAME]) } else { self.clone() }
    }

    /// Returns the set without these labels.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        self.keep(|name| !names.contains(&name))
    }

    /// Returns the set with only these labels.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        self.keep(|name| names.contains(&name))
    }

    /// Returns the set with this label set to a value; an empty value removes it.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<Label> =
            self.0.iter().filter(|(n, _)| n.as_ref() != name).cloned().collect();
        if !value.is_empty() {
            let at = pairs.partition_point(|(n, _)| n.as_ref() < name);
            pairs.insert(at, (name.into(), value.into()));
        }
        Labels(pairs.into())
    }

    fn keep(&self, want: impl Fn(&str) -> bool) -> Self {
        Labels(self.0.iter().filter(|(n, _)| want(n)).cloned().collect())
    }
}

/// Tells whether a label name needs no quotes in PromQL and the exposition formats.
pub fn is_plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Tells whether a metric name needs no quotes in PromQL and the exposition formats.
pub fn is_plain_metric(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// Returns the text in double quotes, escaped as PromQL and the exposition formats want it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.metric();
        let mut parts: Vec<String> = Vec::with_capacity(self.len());
        if is_plain_metric(metric) {
            f.write_str(metric)?;
        } else if !metric.is_empty() {
            parts.push(quoted(metric));
        }
        for (name, value) in self.iter().filter(|(n, _)| *n != METRIC_NAME) {
            let name = if is_plain_name(name) { name.to_owned() } else { quoted(name) };
            parts.push(format!("{name}={}", quoted(value)));
        }
        if parts.is_empty() && !metric.is_empty() {
            return Ok(());
        }
        write!(f, "{{{}}}", parts.join(","))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_sorted_and_drops_empty_values() {
        let set = Labels::named("up", [("zone", "b"), ("job", "shop"), ("gone", "")]);
        assert_eq!(set.to_string(), r#"up{job="shop",zone="b"}"#);
        assert_eq!(set.get("job"), "shop");
        assert_eq!(set.get("gone"), "");
        assert_eq!(set.with("job", "").to_string(), r#"up{zone="b"}"#);
        assert_eq!(set.with("app", "x").to_string(), r#"up{app="x",job="shop",zone="b"}"#);
    }

    #[test]
    fn names_outside_the_old_alphabet_are_quoted() {
        let set = Labels::named("订单", [("service.name", "a\"b")]);
        assert_eq!(set.to_string(), r#"{"订单","service.name"="a\"b"}"#);
        assert_eq!(Labels::empty().to_string(), "{}");
    }
}
