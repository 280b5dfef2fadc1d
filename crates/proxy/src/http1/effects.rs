//! What rules do to one HTTP/1 message whose head is at hand. A message that an effect cannot
//! act on, such as a cut where there is no body, passes unharmed and is not counted as acted on.

use std::{io, time::Duration};

use bytes::{Buf, BytesMut};

use super::{
    body::Body,
    edit,
    exchange::{Own, What},
    relay::{Direction, Leave},
};
use crate::{
    bytes_through,
    counters::Pace,
    delay::BootTime,
    layers::{Acts, Held},
    rules::Effect,
};

/// A slow body goes in pieces of this length of time.
const PIECE: Duration = Duration::from_millis(20);

/// What of a message is left to carry as usual.
pub(super) enum Left {
    /// All of it.
    Whole,
    /// The head went, changed.
    Body(Option<Body>),
    /// None of it.
    Nothing,
}

impl Direction<'_> {
    /// Does what rules ask to the message at hand: delays first, then changes of the head, then
    /// what happens to all of it.
    pub(super) async fn hurt(
        &mut self,
        length: usize,
        body: Option<Body>,
        acts: &Acts,
        head_only: bool,
    ) -> Result<Left, Leave> {
        self.plane.hold_all(&acts.delays, self.arrived).await;
        let now = BootTime::now();
        let main = acts.main.as_ref().filter(|held| held.stands(now));
        let edits: Vec<_> = acts.edits.iter().filter(|held| held.stands(now)).collect();
        if main.is_none() && edits.is_empty() {
            return Ok(Left::Whole);
        }
        let mut head = self.buf.split_to(length);
        for held in edits {
            if let Effect::Edit(changes) = held.effect() {
                let (changed, any) = edit::edited(&head, changes);
                if any {
                    held.counters().acted();
                }
                head = changed;
            }
        }
        match main {
            Some(held) => self.act(held, head, body, head_only).await,
            None => {
                self.send(head).await?;
                Ok(Left::Body(body))
            }
        }
    }

    /// Does one thing to a message whose head was taken.
    async fn act(
        &mut self,
        held: &Held,
        head: BytesMut,
        body: Option<Body>,
        head_only: bool,
    ) -> Result<Left, Leave> {
        let framed = body.filter(|body| *body != Body::Done);
        match (held.effect(), framed) {
            (Effect::Reset, _) => return Err(reset(held)),
            (Effect::Answer(answer), _) => {
                // Behind a body of unknown end no other answer could follow.
                let last = body.is_none() || body == Some(Body::UntilEnd);
                let bytes = edit::answer(answer, head_only, last);
                self.answer(What::Answer { bytes, last }, held).await?;
                self.swallow(body.unwrap_or(Body::UntilEnd)).await?;
            }
            (Effect::Slow { bytes_per_second }, Some(body)) => {
                self.send(head).await?;
                self.slowly(body, *bytes_per_second, held).await?;
            }
            (Effect::Truncate { after }, Some(body)) => {
                self.send(head).await?;
                self.cut_off(body, *after, held).await?;
            }
            (Effect::Replace { body: other, content_type }, Some(body)) => {
                let mut head = edit::for_body(&head, other, content_type.as_deref());
                head.extend_from_slice(other);
                held.counters().acted();
                self.send(head).await?;
                self.swallow(body).await?;
            }
            _ => {
                self.send(head).await?;
                return Ok(Left::Body(body));
            }
        }
        Ok(Left::Nothing)
    }

    /// Gives the client what the proxy itself has for it, in its turn.
    pub(super) async fn own(&mut self, own: Own) -> Result<(), Leave> {
        self.plane.hold_all(&own.delays, own.arrived).await;
        self.answer(own.what, &own.by).await
    }

    async fn answer(&mut self, what: What, by: &Held) -> Result<(), Leave> {
        match what {
            What::Reset => Err(reset(by)),
            What::Answer { bytes, last } => {
                by.counters().acted();
                self.send(BytesMut::from(bytes)).await?;
                self.exchanges.end_response();
                if last { Err(self.end().await) } else { Ok(()) }
            }
        }
    }

    /// Reads a body that goes nowhere.
    pub(super) async fn swallow(&mut self, mut body: Body) -> Result<(), Leave> {
        loop {
            let count = self.take(&mut body, self.buf.len())?;
            self.buf.advance(count);
            if body == Body::Done {
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// Ends what goes to the client; the connection follows soon.
    async fn end(&mut self) -> Leave {
        let finished = self.finish().await;
        self.exchanges.end();
        finished
    }

    async fn send(&mut self, mut bytes: BytesMut) -> Result<(), Leave> {
        let count = bytes.len();
        let counters = &self.plane.counters;
        Ok(bytes_through::write(&mut self.to, &mut bytes, count, counters).await?)
    }

    /// Forwards a body at a rate, or at full speed from the moment the rule ends.
    async fn slowly(&mut self, mut body: Body, rate: u64, held: &Held) -> Result<(), Leave> {
        let piece =
            usize::try_from(rate / (1_000 / PIECE.as_millis() as u64)).unwrap_or(usize::MAX);
        let mut pace = Pace::from(BootTime::now());
        let mut waited = false;
        loop {
            let count = self.take(&mut body, piece.max(1))?;
            if count > 0 {
                let waits = pace.due > BootTime::now();
                if waits && !self.plane.wait(held, pace.due).await {
                    self.pass(count).await?;
                    return self.body(body).await;
                }
                let now = BootTime::now();
                if waits {
                    pace.note(held.counters(), now);
                    if !std::mem::replace(&mut waited, true) {
                        held.counters().acted();
                    }
                }
                self.pass(count).await?;
                pace.next(waits, now, Duration::from_secs_f64(count as f64 / rate as f64));
            }
            if body == Body::Done {
                return Ok(());
            }
            if self.buf.is_empty() {
                self.more().await?;
            }
        }
    }

    /// Forwards the start of a body and breaks off the rest, if there is one.
    async fn cut_off(&mut self, mut body: Body, after: u64, held: &Held) -> Result<(), Leave> {
        let ended_by_close = body == Body::UntilEnd;
        let mut left = after;
        loop {
            let count = self.take(&mut body, self.buf.len())?;
            let passes = usize::try_from(left).unwrap_or(usize::MAX).min(count);
            self.pass(passes).await?;
            left -= passes as u64;
            if passes < count {
                break;
            }
            match body {
                Body::Done => return Ok(()),
                Body::Bytes(_) | Body::Chunked(_) if left == 0 => break,
                _ => self.more().await?,
            }
        }
        if ended_by_close {
            // Its end could be taken for the true one.
            return Err(reset(held));
        }
        held.counters().acted();
        if self.is_request {
            let end = bytes_through::finish(&mut self.to).await;
            return Err(Leave::Unheard(Some(end)));
        }
        Err(self.end().await)
    }
}

fn reset(held: &Held) -> Leave {
    held.counters().acted();
    Leave::Failed(io::ErrorKind::ConnectionReset.into())
}

/// Returns what the client gets without anybody asking the service, if rules say so.
pub(super) fn own(acts: &Acts, arrived: BootTime, head_only: bool, last: bool) -> Option<Own> {
    let by = acts.main.clone()?;
    let what = match by.effect() {
        Effect::Answer(answer) => {
            What::Answer { bytes: edit::answer(answer, head_only, last), last }
        }
        Effect::Reset => What::Reset,
        _ => return None,
    };
    Some(Own { what, by, delays: acts.delays.clone(), arrived })
}
