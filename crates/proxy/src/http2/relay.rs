//! Moves the frames of an HTTP/2 connection between its two sockets.

use std::{
    io,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use bytes::BytesMut;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::core::Core;
use crate::{
    bytes_through::READ_CHUNK,
    delay::BootTime,
    place::Place,
    plane::{Plane, Stage},
    rules::Side,
};

/// A side is not read while so much waits to be written to the other.
const OUT_MAX: usize = 256 * 1024;
/// A client is not read while so much waits for itself: answers in the service's place, which it
/// asks for but does not take.
const ANSWERS_MAX: usize = 1024 * 1024;
/// A direction is not read while it keeps so much of bodies back; the windows of its streams
/// usually end them long before.
const KEPT_MAX: usize = 4 * 1024 * 1024;
/// The same for all connections together.
const KEPT_ALL_MAX: usize = 64 * 1024 * 1024;
/// A buffer that was larger than this is given back when it is empty.
const BUFFER_KEPT: usize = 4 * 1024;

/// What all connections keep back.
static KEPT_ALL: AtomicUsize = AtomicUsize::new(0);

/// One side of the connection, with what was read from it but not taken yet.
struct End<'a> {
    reads: ReadHalf<'a>,
    writes: WriteHalf<'a>,
    input: BytesMut,
    /// From when the last of those bytes count.
    came: Option<BootTime>,
    /// Whether it sends no more, and whether it was told that the other one does not.
    ended: bool,
    told: bool,
    /// Whether it takes no more.
    dead: bool,
}

/// What a connection keeps back, as part of what all keep.
#[derive(Default)]
struct Kept(usize);

impl Kept {
    fn set(&mut self, now: usize) {
        KEPT_ALL.fetch_add(now, Relaxed);
        KEPT_ALL.fetch_sub(std::mem::replace(&mut self.0, now), Relaxed);
    }
}

/// Tells whether more may come of a direction that keeps so much back. The other one is always
/// read: it may bring the windows by which this one goes on.
fn may_grow(kept: usize) -> bool {
    kept == 0 || (kept < KEPT_MAX && KEPT_ALL.load(Relaxed) < KEPT_ALL_MAX)
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT_ALL.fetch_sub(self.0, Relaxed);
    }
}

/// Carries an HTTP/2 connection, whose first bytes are at hand, until both directions ended or the
/// proxy closes and no stream is open; tells whether it ended well.
pub(crate) async fn relay(
    plane: &Plane,
    client: &mut TcpStream,
    upstream: &mut TcpStream,
    place: Place,
    (early, at): (BytesMut, BootTime),
) -> io::Result<bool> {
    let mut client = End::new(client.split(), early);
    client.came = Some(at);
    let mut service = End::new(upstream.split(), BytesMut::new());
    let mut core = Core::new(plane, place);
    let mut kept = Kept::default();
    let mut news = plane.layers.news();
    let mut draining = std::pin::pin!(plane.reached(Stage::Draining));
    let mut closing = std::pin::pin!(plane.reached(Stage::Closing));
    let (mut leaving, mut closes) = (false, false);
    loop {
        core.advance(BootTime::now());
        if !taken(&mut core, &mut client, &mut service) {
            farewell(&mut core, &mut client, &mut service).await;
            return Ok(false);
        }
        tell_ends(&mut core, &mut client, &mut service).await;
        let idle = core.streams.open_now() == 0 && core.is_flushed();
        if (client.told && service.told) || (idle && (core.is_left() || closes)) {
            return Ok(!(client.dead || service.dead));
        }
        kept.set(core.held.iter().sum());
        let due = core.next_due();
        let [up_grows, down_grows] = core.held.map(may_grow);
        let answered = core.waiting(Side::Response) < ANSWERS_MAX;
        let (to_service, to_client) = core.outs();
        let take_client = !client.ended && answered && to_service.len() < OUT_MAX && up_grows;
        let take_service = !service.ended && to_client.len() < OUT_MAX && down_grows;
        tokio::select! {
            biased;
            wrote = service.writes.write_buf(to_service), if !to_service.is_empty() => {
                service.wrote(wrote, to_service, plane);
            }
            wrote = client.writes.write_buf(to_client), if !to_client.is_empty() => {
                client.wrote(wrote, to_client, plane);
            }
            read = read(&client.reads, &mut client.input), if take_client => {
                client.came = Some(plane.timer.counts_from());
                client.ended = read? == 0;
            }
            read = read(&service.reads, &mut service.input), if take_service => {
                service.came = Some(plane.timer.counts_from());
                service.ended = read? == 0;
            }
            () = plane.timer.until(due), if due != BootTime::NEVER => {}
            _changed = news.changed(), if due != BootTime::NEVER => {
                core.reconsider(BootTime::now());
            }
            () = &mut draining, if !leaving => {
                leaving = true;
                core.leave();
            }
            () = &mut closing, if !closes => closes = true,
        }
    }
}

/// Takes what was read of both sides. What cannot be read is plain bytes from there on; `false` when
/// it is too late for that.
fn taken<'a>(core: &mut Core<'_>, client: &mut End<'a>, service: &mut End<'a>) -> bool {
    let now = BootTime::now();
    for (side, end) in [(Side::Request, client), (Side::Response, service)] {
        let came = end.came.take().unwrap_or(now);
        if !core.plain && core.take(side, &mut end.input, came).is_err() {
            core.plane.counters.not_read();
            if core.touched {
                core.break_off();
                return false;
            }
            core.plain = true;
        }
        if core.plain || end.ended {
            // What is left at an end is the start of something that never comes.
            core.give_up(side, &mut end.input);
        }
        if end.input.is_empty() && end.input.capacity() > BUFFER_KEPT {
            end.input = BytesMut::new();
        }
    }
    true
}

/// Passes on the end of a side once nothing of it waits any more.
async fn tell_ends<'a>(core: &mut Core<'_>, client: &mut End<'a>, service: &mut End<'a>) {
    let (to_service, to_client) = core.outs();
    let (up, down) = (to_service.is_empty(), to_client.is_empty());
    let up = up && client.ended && !service.told && !core.streams.any_waits(Side::Request);
    let down = down && service.ended && !client.told && !core.streams.any_waits(Side::Response);
    for (end, tell) in [(service, up), (client, down)] {
        if tell {
            end.told = true;
            end.dead |= end.writes.shutdown().await.is_err();
        }
    }
}

/// Writes what can be written at once.
async fn farewell<'a>(core: &mut Core<'_>, client: &mut End<'a>, service: &mut End<'a>) {
    let (to_service, to_client) = core.outs();
    for (end, out) in [(service, to_service), (client, to_client)] {
        tokio::select! {
            biased;
            _wrote = end.writes.write_all_buf(out) => {}
            () = std::future::ready(()) => {}
        }
    }
}

/// Waits for bytes before it makes room for them: a quiet connection needs none.
async fn read(from: &ReadHalf<'_>, into: &mut BytesMut) -> io::Result<usize> {
    loop {
        from.readable().await?;
        into.reserve(READ_CHUNK);
        match from.try_read_buf(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

impl<'a> End<'a> {
    fn new((reads, writes): (ReadHalf<'a>, WriteHalf<'a>), input: BytesMut) -> End<'a> {
        End { reads, writes, input, came: None, ended: false, told: false, dead: false }
    }

    /// Notes what was written; a side that is gone takes no more, but may still have sent something.
    fn wrote(&mut self, wrote: io::Result<usize>, out: &mut BytesMut, plane: &Plane) {
        match wrote {
            Ok(count) => plane.counters.passed(count),
            Err(_gone) => {
                self.dead = true;
                out.clear();
            }
        }
        if out.is_empty() && out.capacity() > BUFFER_KEPT {
            *out = BytesMut::new();
        }
    }
}
