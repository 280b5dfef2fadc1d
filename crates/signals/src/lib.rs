//! Sources of series (reason: heavy dependencies).
