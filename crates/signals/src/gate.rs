//! Owns whether a source's own requests flow.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

/// Lets the requests of a source rest and flow again, from wherever the run is decided. What is
/// under way ends by itself; what would have been due meanwhile is neither sent nor counted.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Lets requests flow or rest.
    pub fn let_flow(&self, flows: bool) {
        self.0.store(!flows, Relaxed);
    }

    /// Tells whether they rest.
    #[must_use]
    pub fn rests(&self) -> bool {
        self.0.load(Relaxed)
    }
}
