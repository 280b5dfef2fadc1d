//! Spreads many short reads over two threads. What `/proc` says of a process takes the kernel
//! longer to write than anybody to read, and a host has hundreds of processes; more threads would
//! take the cores from the services that are being measured.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

/// Fewer reads are over before a thread has started.
const READS_MIN: usize = 32;

/// Reads all, half of them on a thread of their own; the answers are in the order of `all`.
pub fn over<T: Sync, R: Send>(all: &[T], read: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if all.len() < READS_MIN {
        return all.iter().map(read).collect();
    }
    let (first, second) = all.split_at(all.len() / 2);
    let half = |part: &[T]| part.iter().map(&read).collect::<Vec<R>>();
    let (mut out, rest) = both(|| half(first), || half(second));
    out.extend(rest);
    out
}

/// Does both at once; one after the other where there is no thread to be had.
pub(crate) fn both<A, B: Send>(here: impl FnOnce() -> A, there: impl Fn() -> B + Sync) -> (A, B) {
    scope(|scope| match Builder::new().name("look".into()).spawn_scoped(scope, &there) {
        Ok(thread) => {
            let first = here();
            (first, thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
        }
        Err(_) => (here(), there()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::thread;

    #[test]
    fn answers_keep_their_order_and_come_from_two_threads() {
        for many in [0, 1, READS_MIN - 1, READS_MIN, READS_MIN + 1, 1_001] {
            let all: Vec<usize> = (0..many).collect();
            let read = over(&all, |number| (number * 2, format!("{:?}", thread::current().id())));
            let (doubled, threads): (Vec<usize>, BTreeSet<String>) = read.into_iter().unzip();
            assert_eq!(doubled, all.iter().map(|number| number * 2).collect::<Vec<_>>());
            assert_eq!(threads.len(), [0, 1, 2][many.min(1) + usize::from(many >= READS_MIN)]);
        }
    }
}
