//! The catalogue: one folder a fault (reason: another privilege behind one feature).
