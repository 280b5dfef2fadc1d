//! Tests against the real kernel and real servers (reason: they need root and minutes).
