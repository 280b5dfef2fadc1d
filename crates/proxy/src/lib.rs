//! The data plane: applies rules to bytes, knows no policy (reason: heavy dependencies).
