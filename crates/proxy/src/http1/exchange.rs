//! What the two directions of a connection tell each other: which requests are
//! unanswered, and whether HTTP is still spoken.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    delay::BootTime,
    layers::{Acts, Held},
};

/// The most unanswered requests followed on a connection; a client that sends more ahead
/// is passed as plain bytes from there on.
pub(crate) const MAX_PIPELINE: usize = 1024;

/// A request that waits for its response.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Whether a response has no body whatever it says.
    pub(crate) head_only: bool,
    pub(crate) connect: bool,
    pub(crate) may_switch: bool,
    /// What rules do to its response.
    pub(crate) acts: Acts,
    /// What the client gets where the service is never asked.
    pub(crate) own: Option<Own>,
}

/// What a client gets from the proxy itself.
#[derive(Debug)]
pub(crate) struct Own {
    /// What is done.
    pub(crate) what: What,
    /// Who asked for it.
    pub(crate) by: Held,
    /// How long it is held before.
    pub(crate) delays: Vec<Held>,
    /// When the request came.
    pub(crate) arrived: BootTime,
}

/// The two ways of an answer of the proxy's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// An answer, and whether the connection ends with it.
    Answer { bytes: Bytes, last: bool },
    /// A reset of the connection.
    Reset,
}

/// The answer to a request that asked for another protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    Switched,
    Refused,
}

/// Shared by the two directions of one connection.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Exchange>,
    switch: Option<Switch>,
    /// Whether the client is inside a request.
    in_request: bool,
    /// Whether the service is inside a response.
    in_response: bool,
    /// Whether a direction has become plain bytes: no end of a request is known any more.
    plain: bool,
    /// Whether the client was asked to leave: what it sends after that is not carried.
    leaving: bool,
    /// Whether the client was told that the connection is over.
    over: bool,
    /// Whether what the client sends goes nowhere any more.
    unheard: bool,
    /// Whether the service sends nothing any more.
    answered: bool,
}

impl Exchanges {
    pub(crate) fn begin_request(&self) {
        self.state().in_request = true;
    }

    pub(crate) fn end_request(&self) {
        self.state().in_request = false;
        self.changed.notify_waiters();
    }

    /// Notes a request that goes out; `false` when too many wait.
    pub(crate) fn push(&self, exchange: Exchange) -> bool {
        let mut state = self.state();
        let room = state.waiting.len() < MAX_PIPELINE;
        if room {
            state.waiting.push_back(exchange);
            drop(state);
            self.changed.notify_waiters();
        }
        room
    }

    /// Waits until the next response is the proxy's own, and takes it.
    pub(crate) async fn own(&self) -> Own {
        self.when(|state| {
            let own = state.waiting.front_mut()?.own.take()?;
            state.waiting.pop_front();
            state.in_response = true;
            Some(own)
        })
        .await
    }

    /// Settles that nothing goes to the client any more.
    pub(crate) fn end(&self) {
        self.state().over = true;
        self.changed.notify_waiters();
    }

    pub(crate) fn end_responses(&self) {
        self.state().answered = true;
        self.changed.notify_waiters();
    }

    pub(crate) fn became_unheard(&self) {
        self.state().unheard = true;
        self.changed.notify_waiters();
    }

    /// Waits until nothing the client sends matters any more.
    pub(crate) async fn over(&self) {
        let over = |state: &mut State| state.over || (state.unheard && state.answered);
        self.when(|state| over(state).then_some(())).await;
    }

    /// Takes the request that a final response answers.
    pub(crate) fn begin_response(&self) -> Option<Exchange> {
        let mut state = self.state();
        state.in_response = true;
        let answered = state.waiting.front().is_some_and(|exchange| exchange.own.is_some());
        if answered { None } else { state.waiting.pop_front() }
    }

    pub(crate) fn end_response(&self) {
        self.state().in_response = false;
        self.changed.notify_waiters();
    }

    pub(crate) fn answer_switch(&self, switch: Switch) {
        self.state().switch = Some(switch);
        self.changed.notify_waiters();
    }

    pub(crate) fn became_plain(&self) {
        self.state().plain = true;
    }

    /// Settles, while a response is at hand, that it is the last one of the connection; `false`
    /// when the client has begun another request already.
    pub(crate) fn leave(&self) -> bool {
        let mut state = self.state();
        state.leaving |= state.waiting.is_empty() && !state.in_request && !state.plain;
        state.leaving
    }

    pub(crate) fn leaving(&self) -> bool {
        self.state().leaving
    }

    /// Waits for the answer to the request that asked for another protocol.
    pub(crate) async fn switch_answered(&self) -> Switch {
        self.when(|state| state.switch.take()).await
    }

    /// Waits until no request is under way, so that the connection can end without loss.
    pub(crate) async fn quiet(&self) {
        self.when(|state| state.quiet().then_some(())).await;
    }

    /// Waits until the state gives an answer.
    async fn when<T>(&self, is: impl Fn(&mut State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(answer) = is(&mut self.state()) {
                return answer;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn quiet(&self) -> bool {
        self.waiting.is_empty() && !self.in_request && !self.in_response && !self.plain
    }
}
