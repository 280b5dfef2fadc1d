//! Run record to terminal, JSON, JUnit, Markdown, HTML (reason: purity that the compiler guards).
