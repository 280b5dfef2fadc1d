//! Owns the only clock of the sources: how long a pull took, and when it has taken too long.

use std::time::Duration;

use tokio::time::Instant;

/// Runs a future up to a limit and returns how long it took; `None` where the limit ended it.
pub(crate) async fn timed<T>(
    limit: Duration,
    work: impl Future<Output = T>,
) -> (Option<T>, Duration) {
    let start = Instant::now();
    let done = tokio::time::timeout(limit, work).await;
    (done.ok(), start.elapsed())
}
