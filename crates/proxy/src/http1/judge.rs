//! Decides what becomes of a head at hand, and how the message behind it is followed.

use super::{
    body::{Body, Chunk},
    effects,
    exchange::{Exchange, Switch},
    head::{Length, RequestHead, ResponseHead},
    relay::Direction,
};
use crate::{layers::Acts, rules::Request};

/// What to do with a head.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) acts: Acts,
    pub(super) body: Option<Body>,
    pub(super) may_switch: bool,
    /// Whether the client gets an answer of the proxy's own, and whether that is the last one.
    pub(super) own: Option<bool>,
    /// Whether the connection could end after this response.
    pub(super) last: bool,
    /// Whether a response has no body whatever it says.
    pub(super) head_only: bool,
}

impl Direction<'_> {
    /// Decides on the request head at hand and notes it as unanswered.
    pub(super) fn judge_request(&self, length: usize) -> Verdict {
        let Some(head) = RequestHead::read(&self.buf[..length]) else {
            return Verdict::default();
        };
        let body = match head.length {
            _ if head.method == "CONNECT" => Body::Done,
            Length::Unsaid | Length::Bytes(0) => Body::Done,
            Length::Bytes(count) => Body::Bytes(count),
            Length::Chunked => Body::Chunked(Chunk::START),
            Length::Doubtful => return Verdict::default(),
        };
        let headers = |visit: &mut dyn FnMut(&str, &[u8])| head.headers(visit);
        let request = Request { method: head.method, path: head.path, headers: &headers };
        let decided = self.plane.layers.decide(&self.place, &request, self.arrived);
        let (head_only, last) = (head.method == "HEAD", head.answer_ends);
        let own = effects::own(&decided.request, self.arrived, head_only, last);
        let answered = own.is_some();
        let noted = self.exchanges.push(Exchange {
            head_only,
            connect: head.method == "CONNECT",
            may_switch: head.may_switch && !answered,
            acts: decided.response,
            own,
        });
        Verdict {
            acts: decided.request,
            body: noted.then_some(body),
            may_switch: head.may_switch,
            own: (noted && answered).then_some(last),
            ..Verdict::default()
        }
    }

    /// Decides on the response head at hand.
    pub(super) fn judge_response(&self, length: usize) -> Verdict {
        let mut verdict = Verdict::default();
        let Some(head) = ResponseHead::read(&self.buf[..length]) else {
            return verdict;
        };
        if (100..200).contains(&head.status) && head.status != 101 {
            verdict.body = Some(Body::Done);
            return verdict;
        }
        let Some(exchange) = self.exchanges.begin_response() else {
            // An answer to nothing: the service is about to close.
            return verdict;
        };
        let switched = head.status == 101 || (exchange.connect && head.status / 100 == 2);
        if exchange.may_switch || switched {
            let switch = if switched { Switch::Switched } else { Switch::Refused };
            self.exchanges.answer_switch(switch);
        }
        verdict.body = match head.length {
            _ if switched => None,
            _ if exchange.head_only || matches!(head.status, 204 | 304) => Some(Body::Done),
            Length::Bytes(0) => Some(Body::Done),
            Length::Bytes(count) => Some(Body::Bytes(count)),
            Length::Chunked => Some(Body::Chunked(Chunk::START)),
            Length::Unsaid if exchange.acts.main.is_some() => Some(Body::UntilEnd),
            Length::Unsaid | Length::Doubtful => None,
        };
        verdict.acts = exchange.acts;
        verdict.head_only = exchange.head_only;
        verdict.last = verdict.body.is_some_and(|body| body != Body::UntilEnd);
        verdict
    }
}
