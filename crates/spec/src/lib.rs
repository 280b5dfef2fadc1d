//! Text to typed experiment, every diagnostic at once (reason: purity that the compiler guards).
