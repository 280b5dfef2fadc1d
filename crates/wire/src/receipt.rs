//! What undoes an injection, written and synced before the effect is applied.

use crate::identity::{BootId, ProcessIdentity};
use serde::{Deserialize, Serialize};

/// The version of receipts this build writes. A reader refuses a newer one, by name.
pub const RECEIPT_VERSION: u32 = 1;

/// Everything that is needed to undo one injection, by a process that knows nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Format version.
    pub v: u32,
    /// Unique on the host, for example `r-7k2f9-i1`.
    pub id: String,
    /// The run it belongs to.
    pub run: String,
    /// The injection it undoes.
    pub injection: String,
    /// The fault that knows how to read `undo`.
    pub fault: String,
    /// The target's name, for messages.
    pub target: String,
    /// The target's process, so that a reused pid is never harmed.
    pub process: ProcessIdentity,
    /// The boot in which the effect exists; after a reboot there is nothing left to undo
    /// unless the fault says otherwise.
    pub boot: BootId,
    /// Wall-clock time of writing in milliseconds, for people only.
    pub at_unix_ms: u64,
    /// What the fault needs to undo itself. Only the fault reads it.
    pub undo: serde_json::Value,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Entry {
    /// Written and synced before the effect is applied.
    Open(Receipt),
    /// Written after the effect was undone and no residue was found.
    Close {
        /// The receipt's id.
        id: String,
        /// Who closed it: `agent`, `watchdog`, `undo`, `restart`.
        by: String,
        /// Wall-clock time in milliseconds, for people only.
        at_unix_ms: u64,
    },
}
