//! PromQL over series (reason: purity that the compiler guards, and a parser to keep away).
