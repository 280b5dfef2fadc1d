//! Readings times bounds to verdicts (reason: purity that the compiler guards).
