//! What every connection shares: rules, counters, timer, and the stage of life
//! the proxy is in. Owns how long a message is held.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    counters::Counters,
    delay::{BootTime, Timer},
    lane::Bell,
    layers::{Held, Layers},
    upstream::Upstream,
};

/// Where the proxy is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// New connections come in.
    Running,
    /// What is open goes on; clients are asked to connect anew.
    Draining,
    /// What is open ends between two requests.
    Closing,
}

pub(crate) struct Plane {
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) layers: Layers,
    pub(crate) counters: Arc<Counters>,
    pub(crate) timer: Timer,
    pub(crate) stage: watch::Receiver<Stage>,
    /// Leads back to the lane.
    pub(crate) bell: Bell,
}

impl Plane {
    /// Holds a message that arrived at a moment for all its delays, one after the other.
    pub(crate) async fn hold_all(&self, holds: &[Held], mut arrived: BootTime) {
        for held in holds {
            self.hold(held, arrived).await;
            arrived = BootTime::now();
        }
    }

    /// Holds a message that arrived at a moment until its delay is over, or until the
    /// rules that asked for it expire, are replaced or cleared.
    async fn hold(&self, held: &Held, arrived: BootTime) {
        if self.wait(held, arrived.after(held.asked())).await {
            held.counters().held(held.asked(), BootTime::now().since(arrived));
        } else {
            held.counters().let_go();
        }
    }

    /// Waits for a moment, as long as the rules that asked for it stand; tells whether it came.
    pub(crate) async fn wait(&self, held: &Held, deadline: BootTime) -> bool {
        let mut changes = held.rules().changes();
        loop {
            let now = BootTime::now();
            if now >= deadline {
                return true;
            }
            changes.seen();
            if !held.stands(now) {
                return false;
            }
            // The expiry is read again on each round: a renewal moves it while we wait.
            tokio::select! {
                () = self.timer.until(deadline.min(held.rules().expires())) => {}
                () = changes.next() => {}
            }
        }
    }

    /// Waits until the proxy has reached a stage.
    pub(crate) async fn reached(&self, stage: Stage) {
        let mut seen = self.stage.clone();
        if seen.wait_for(|now| *now >= stage).await.is_err() {
            // Nobody drives the stage any more; the task is about to be dropped.
            std::future::pending::<()>().await;
        }
    }
}
