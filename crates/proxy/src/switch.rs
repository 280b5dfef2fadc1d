//! What is armed now: a set of rules that any thread arms, renews and clears while traffic flows,
//! and that ends by itself at its time.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use rand::{SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use crate::delay::BootTime;

/// A switch for one kind of rules; clones are the same switch.
#[derive(Debug)]
pub struct Switch<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    armed: watch::Sender<Option<Arc<Armed<T>>>>,
    /// When the rules in force stop acting, in nanoseconds of the boot clock.
    expires_ns: AtomicU64,
}

/// Rules in force, with their dice.
#[derive(Debug)]
pub(crate) struct Armed<T> {
    pub(crate) rules: T,
    /// Only the task at work draws, for a few nanoseconds: the lock is never waited for.
    dice: Mutex<StdRng>,
}

impl<T> Clone for Switch<T> {
    fn clone(&self) -> Switch<T> {
        Switch { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Default for Switch<T> {
    fn default() -> Switch<T> {
        let armed = watch::Sender::new(None);
        Switch { shared: Arc::new(Shared { armed, expires_ns: AtomicU64::new(0) }) }
    }
}

impl<T> Switch<T> {
    /// Puts rules in force until `expires`; what earlier ones hold goes on at once.
    pub fn arm(&self, rules: T, seed: u64, expires: BootTime) {
        let dice = Mutex::new(StdRng::seed_from_u64(seed));
        self.shared.expires_ns.store(expires.0, Ordering::SeqCst);
        self.shared.armed.send_replace(Some(Arc::new(Armed { rules, dice })));
    }

    /// Moves the end of the rules in force; a later `clear` still wins.
    pub fn extend(&self, expires: BootTime) {
        self.shared.expires_ns.store(expires.0, Ordering::SeqCst);
    }

    /// Ends the rules in force; what they hold goes on at once.
    pub fn clear(&self) {
        self.shared.armed.send_replace(None);
    }

    /// Returns the rules that act at `now`.
    pub(crate) fn armed(&self, now: BootTime) -> Option<Arc<Armed<T>>> {
        if now >= self.expires() {
            return None;
        }
        self.shared.armed.borrow().clone()
    }

    pub(crate) fn expires(&self) -> BootTime {
        BootTime(self.shared.expires_ns.load(Ordering::SeqCst))
    }

    /// Waits until the rules that decided are no longer in force.
    pub(crate) async fn over(&self, decided: &Arc<Armed<T>>, timer: &crate::delay::Timer) {
        let mut changes = self.shared.armed.subscribe();
        loop {
            let same = |now: &Option<Arc<Armed<T>>>| {
                now.as_ref().is_some_and(|now| Arc::ptr_eq(now, decided))
            };
            if !same(&changes.borrow_and_update()) || BootTime::now() >= self.expires() {
                return;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = timer.until(self.expires()) => {}
            }
        }
    }
}

impl<T> Armed<T> {
    pub(crate) fn dice(&self) -> MutexGuard<'_, StdRng> {
        // A panic while drawing leaves a generator that still draws.
        self.dice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_act_from_arming_until_their_end() {
        let switch = Switch::default();
        assert!(switch.armed(BootTime(0)).is_none());
        switch.arm(1, 7, BootTime(10));
        assert!(switch.armed(BootTime(9)).is_some_and(|armed| armed.rules == 1));
        assert!(switch.armed(BootTime(10)).is_none(), "expired");
        switch.extend(BootTime(11));
        assert!(switch.armed(BootTime(10)).is_some(), "renewed");
        switch.clear();
        assert!(switch.armed(BootTime(9)).is_none(), "cleared");
        switch.extend(BootTime::NEVER);
        assert!(switch.armed(BootTime(9)).is_none(), "a renewal that comes late changes nothing");
    }
}
