//! A redirect in force, in the hands of the fault that wants it.

use super::doors::{Door, Doors, Origins};
use super::outbound::Claim;
use super::space::Space;
use crate::effect::{EffectError, LeaseEnd};
use squall_proxy::{BootTime, Layer, Snapshot};
use std::sync::Arc;

/// A redirect in force; dropping it ends it. Messages held for it go on at once.
pub struct Redirected {
    pub(super) layer: Layer,
    pub(super) hold: Hold,
    pub(super) space: Arc<Space>,
    pub(super) mechanism: String,
}

/// What the kernel holds for it.
pub(super) enum Hold {
    /// The slot of its lease.
    Inbound(usize),
    Outbound(Claim),
}

impl Redirected {
    /// The rules, for another set while it lasts.
    #[must_use]
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// What the proxy counted for this fault.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.layer.snapshot()
    }

    /// How many connections the kernel handed over for this fault.
    #[must_use]
    pub fn redirected(&self) -> u64 {
        match &self.hold {
            Hold::Inbound(slot) => self.space.inbound().redirected(*slot),
            Hold::Outbound(claim) => {
                self.space.outbound(|outbound| Ok(outbound.redirected(claim))).unwrap_or(0)
            }
        }
    }

    /// Moves the end, in the proxy and in the kernel.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn extend(&self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.layer.rules().extend(BootTime(lease.boottime_ns));
        match &self.hold {
            Hold::Inbound(slot) => self.space.inbound().extend(*slot, lease),
            Hold::Outbound(claim) => self.space.outbound(|outbound| outbound.extend(claim, lease)),
        }
    }

    /// Starts whoever answers at the doors.
    pub(super) fn serve(
        &self,
        doors: Vec<Door>,
        serve: Box<dyn FnOnce(Doors) + Send>,
    ) -> Result<(), EffectError> {
        let Hold::Outbound(Claim { first: Some(first), .. }) = &self.hold else {
            let text = "doors are for what the target sends out".to_owned();
            return Err(EffectError::BadValues(text));
        };
        let dests = self.space.outbound(|outbound| Ok(outbound.dests()))?;
        let origins = Origins::new(dests, *first);
        self.space.run_inside(move || serve(Doors { doors, origins }))
    }

    /// How it works here, for the record.
    #[must_use]
    pub fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

impl Drop for Redirected {
    fn drop(&mut self) {
        self.layer.rules().clear();
        match &self.hold {
            Hold::Inbound(slot) => self.space.inbound().release(*slot),
            Hold::Outbound(claim) => {
                let released = self.space.outbound(|outbound| {
                    outbound.release(claim);
                    Ok(())
                });
                released.expect("invariant: it is loaded, for this claim was made");
            }
        }
    }
}
