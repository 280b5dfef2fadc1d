//! A value and where the file writes it.

use crate::diagnostic::Span;

/// A value with its place; equality is the value's alone.
#[derive(Debug, Clone, Copy, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place; `Span::NONE` for a default.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Returns a value the file does not write.
    pub const fn default_value(value: T) -> Self {
        Self { value, span: Span::NONE }
    }

    /// Changes the value, keeps the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// One line of a map of strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Spanned<String>,
    /// The value, as written; numbers and booleans are their text.
    pub value: Spanned<String>,
}

/// A map of strings in the order of the file, for example a fault's `with`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpannedMap {
    /// Its lines; no key is there twice.
    pub entries: Vec<Entry>,
    /// The whole map; `Span::NONE` when the file has none.
    pub span: Span,
}

impl SpannedMap {
    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Spanned<String>> {
        self.entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
    }

    /// Returns whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
