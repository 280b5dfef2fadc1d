//! The moments between a receipt and its end at which a crash would hurt most, by name. The crash
//! campaign waits at them and kills somebody; nobody else does, and then each costs one load.

use std::sync::OnceLock;

/// A moment in the life of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Whoever wants to write the journal has it.
    JournalTaken,
    /// The receipt is in the file and not yet on the disk.
    ReceiptWritten,
    /// The receipt is on the disk; nothing was touched.
    ReceiptSynced,
    /// The effect is in place; nobody was told.
    Applied,
    /// The effect was measured; nobody was told.
    Measured,
    /// What the kernel ties to the holder is gone; the receipt was not replayed.
    HolderDropped,
    /// The undo is done; nobody looked for residue.
    Reverted,
    /// Nothing is left; the receipt is open.
    Looked,
    /// The closing entry is written and not synced.
    Closed,
}

impl Point {
    /// Every point, in the order in which an injection reaches them.
    pub const ALL: [Point; 9] = [
        Point::JournalTaken,
        Point::ReceiptWritten,
        Point::ReceiptSynced,
        Point::Applied,
        Point::Measured,
        Point::HolderDropped,
        Point::Reverted,
        Point::Looked,
        Point::Closed,
    ];

    /// Its name, for tables and messages.
    pub fn name(self) -> &'static str {
        match self {
            Point::JournalTaken => "journal taken",
            Point::ReceiptWritten => "receipt written",
            Point::ReceiptSynced => "receipt synced",
            Point::Applied => "applied",
            Point::Measured => "measured",
            Point::HolderDropped => "holder dropped",
            Point::Reverted => "reverted",
            Point::Looked => "looked",
            Point::Closed => "closed",
        }
    }
}

static HOOK: OnceLock<fn(Point)> = OnceLock::new();

/// Calls this at every point from now on, for the life of the process; the first caller wins.
pub fn on_reach(hook: fn(Point)) {
    let _ = HOOK.set(hook);
}

pub(crate) fn reach(point: Point) {
    if let Some(hook) = HOOK.get() {
        hook(point);
    }
}
