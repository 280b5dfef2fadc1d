//! Stops a process at a named point for as long as it takes to kill somebody.

use squall_agent::points::Point;
use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a process of ours connects to at every point; it goes on when the connection closes.
pub(super) struct Trap {
    pub(super) path: PathBuf,
    set: Arc<Mutex<Option<String>>>,
    caught: Receiver<UnixStream>,
}

impl Trap {
    pub(super) fn new(folder: &Path) -> Trap {
        let path = folder.join("points.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let set = Arc::new(Mutex::new(None));
        let (sender, caught) = channel();
        let here = set.clone();
        std::thread::spawn(move || serve(&listener, &here, &sender));
        Trap { path, set, caught }
    }

    /// From now on the next process of that role that reaches the point is held there.
    pub(super) fn set(&self, role: &str, point: Point) {
        *self.set.lock().unwrap() = Some(format!("{role} {}", point.name()));
    }

    /// Waits until somebody is held. Dropping the answer lets it go on, if it lives.
    #[track_caller]
    pub(super) fn caught(&self, within: Duration) -> UnixStream {
        let caught = self.caught.recv_timeout(within);
        caught.unwrap_or_else(|_| {
            panic!("nobody came to the point {:?}", self.set.lock().unwrap().take())
        })
    }
}

fn serve(listener: &UnixListener, set: &Mutex<Option<String>>, caught: &Sender<UnixStream>) {
    for stream in listener.incoming().flatten() {
        let mut line = String::new();
        let read = BufReader::new(&stream).read_line(&mut line);
        let mut set = set.lock().unwrap();
        if read.is_ok() && set.as_deref() == Some(line.trim_end()) {
            *set = None;
            if caught.send(stream).is_err() {
                return;
            }
        }
    }
}
