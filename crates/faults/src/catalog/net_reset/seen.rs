//! How `net.reset` is seen from outside: a connection that was open to the target is reset.

use crate::seen::{Case, Seen};
use crate::victim::Victim;
use std::io::Read;
use std::net::TcpStream;
use std::sync::Mutex;
use std::time::Duration;

pub(crate) const CASE: Case =
    Case { filters: &[("port", "8080")], ..Case::of("net.reset", Seen::Once(resets)) };

/// The connection that is open, with its target, and how many were reset so far.
static OPEN: Mutex<(Option<(u32, TcpStream)>, u64)> = Mutex::new((None, 0));

fn resets(victim: &Victim) -> u64 {
    let mut open = OPEN.lock().unwrap();
    let (kept, count) = &mut *open;
    match kept.take() {
        Some((pid, mut stream)) if pid == victim.pid() => {
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            let read = stream.read(&mut [0; 1]);
            let lives = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
            if lives {
                *kept = Some((pid, stream));
            } else {
                *count += 1;
            }
        }
        // Of a target that is gone.
        _ => {}
    }
    if kept.is_none() {
        let stream = victim.connect(Duration::from_secs(5)).unwrap();
        *kept = Some((victim.pid(), stream));
    }
    *count
}
