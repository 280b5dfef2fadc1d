//! Experiment times inventory times catalogue to a bounded plan (reason: purity that the compiler guards).
