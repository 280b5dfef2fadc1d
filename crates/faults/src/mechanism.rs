//! What the faults of one mechanism have in common, said once for all of them.

use crate::dose::Tolerance;
use crate::fault::{Death, Description, Need, Param};

/// How a group of faults acts and ends; see [`Description`] for each field.
pub(crate) struct Mechanism {
    pub(crate) family: &'static str,
    pub(crate) death: Death,
    pub(crate) acts: &'static str,
    pub(crate) ends: &'static str,
    pub(crate) spares: &'static str,
    pub(crate) needs: &'static [Need],
}

/// What one of them has of its own.
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) filters: &'static [Param],
    pub(crate) hit_word: &'static str,
    pub(crate) tolerance: Tolerance,
    pub(crate) conflicts: &'static [&'static str],
    pub(crate) example: &'static str,
    pub(crate) cases: &'static str,
}

impl Mechanism {
    /// A whole description.
    pub(crate) const fn fault(self, own: Own) -> Description {
        Description {
            name: own.name,
            family: self.family,
            summary: own.summary,
            death: self.death,
            params: own.params,
            filters: own.filters,
            acts: self.acts,
            ends: self.ends,
            spares: self.spares,
            hit_word: own.hit_word,
            tolerance: own.tolerance,
            conflicts: own.conflicts,
            needs: self.needs,
            example: own.example,
            cases: own.cases,
        }
    }
}
