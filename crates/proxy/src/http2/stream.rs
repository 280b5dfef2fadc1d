//! Carries one stream: request, body, interim and final response, body, trailers,
//! and a reset from either side to the other.

use std::{future::poll_fn, net::SocketAddr};

use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
    server::SendResponse,
};
use hyper::{Request, Response, Uri, Version, http::request::Parts};

use crate::{
    delay::BootTime,
    layers::{Acts, Decided},
    place::Place,
    plane::Plane,
    rules,
};

/// How a stream ended, as far as its connection cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    Done,
    /// The service takes no more streams on this connection.
    Refused,
}

/// Which side ended a stream early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reset {
    ByClient(Reason),
    ByService(Reason),
}

/// Carries a stream from the client to the service and back.
pub(crate) async fn carry(
    plane: &Plane,
    sender: SendRequest<Bytes>,
    place: Place,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    arrived: BootTime,
) -> Carried {
    let (parts, body) = request.into_parts();
    let decided = decide(plane, &place, &parts, arrived);
    plane.hold_all(&decided.request.delays, arrived).await;
    let Ok(mut sender) = sender.ready().await else {
        // Nothing reached the service: every client may try again elsewhere.
        respond.send_reset(Reason::REFUSED_STREAM);
        return Carried::Refused;
    };
    let mut onward = Request::new(());
    *onward.method_mut() = parts.method;
    *onward.uri_mut() = absolute(parts.uri, place.original);
    *onward.version_mut() = Version::HTTP_2;
    *onward.headers_mut() = parts.headers;
    let ended = body.is_end_stream();
    let Ok((response, mut upstream)) = sender.send_request(onward, ended) else {
        respond.send_reset(Reason::REFUSED_STREAM);
        return Carried::Refused;
    };
    drop(sender);
    let up = async { if ended { Ok(()) } else { copy(plane, body, &mut upstream).await } };
    let down = answer(plane, response, &mut respond, &decided.response);
    match both(up, down).await {
        Ok(()) => {}
        Err(Reset::ByClient(reason)) => upstream.send_reset(reason),
        Err(Reset::ByService(reason)) => respond.send_reset(reason),
    }
    Carried::Done
}

fn decide(plane: &Plane, place: &Place, parts: &Parts, arrived: BootTime) -> Decided {
    let headers = |visit: &mut dyn FnMut(&str, &[u8])| {
        parts.headers.iter().for_each(|(name, value)| visit(name.as_str(), value.as_bytes()));
    };
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let seen = rules::Request { method, path, headers: &headers };
    plane.layers.decide(place, &seen, arrived)
}

/// Runs both directions; a service that stops listening may still answer.
async fn both(
    up: impl Future<Output = Result<(), Broken>>,
    down: impl Future<Output = Result<(), Reset>>,
) -> Result<(), Reset> {
    let (mut up, mut down) = (std::pin::pin!(up), std::pin::pin!(down));
    let (mut up_ended, mut down_ended) = (false, false);
    while !(up_ended && down_ended) {
        tokio::select! {
            sent = &mut up, if !up_ended => match sent {
                Err(Broken::Source(reason)) => return Err(Reset::ByClient(reason)),
                Ok(()) | Err(Broken::Sink(_)) => up_ended = true,
            },
            answered = &mut down, if !down_ended => {
                answered?;
                down_ended = true;
            }
        }
    }
    Ok(())
}

/// A request that names no host is for the address the client dialed.
fn absolute(uri: Uri, original: SocketAddr) -> Uri {
    if uri.authority().is_some() {
        return uri;
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let built = Uri::builder().scheme("http").authority(original.to_string());
    built.path_and_query(path).build().unwrap_or(uri)
}

/// Passes on the interim responses, the response, its body and trailers.
async fn answer(
    plane: &Plane,
    mut response: ResponseFuture,
    respond: &mut SendResponse<Bytes>,
    acts: &Acts,
) -> Result<(), Reset> {
    let head = loop {
        tokio::select! {
            biased;
            reason = poll_fn(|context| respond.poll_reset(context)) => {
                return Err(Reset::ByClient(reason.unwrap_or(Reason::CANCEL)));
            }
            interim = poll_fn(|context| response.poll_informational(context)) => match interim {
                Some(Ok(interim)) => {
                    // A client that left meanwhile is noticed by its reset.
                    let _left = respond.send_informational(interim);
                }
                Some(Err(error)) => return Err(Reset::ByService(reason(&error))),
                None => break (&mut response).await,
            },
        }
    };
    let head = head.map_err(|error| Reset::ByService(reason(&error)))?;
    let arrived = BootTime::now();
    if !acts.delays.is_empty() {
        tokio::select! {
            () = plane.hold_all(&acts.delays, arrived) => {}
            reason = poll_fn(|context| respond.poll_reset(context)) => {
                return Err(Reset::ByClient(reason.unwrap_or(Reason::CANCEL)));
            }
        }
    }
    let (mut parts, body) = head.into_parts();
    parts.version = Version::HTTP_2;
    let ended = body.is_end_stream();
    let mut client = respond
        .send_response(Response::from_parts(parts, ()), ended)
        .map_err(|_left| Reset::ByClient(Reason::CANCEL))?;
    if ended {
        return Ok(());
    }
    copy(plane, body, &mut client).await.map_err(|broken| match broken {
        Broken::Source(reason) => Reset::ByService(reason),
        Broken::Sink(reason) => Reset::ByClient(reason),
    })
}

/// Which end of a body broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Source(Reason),
    Sink(Reason),
}

/// Passes a body and its trailers on, no faster than they are taken.
async fn copy(
    plane: &Plane,
    mut from: RecvStream,
    to: &mut SendStream<Bytes>,
) -> Result<(), Broken> {
    loop {
        let chunk = tokio::select! {
            chunk = from.data() => chunk,
            reason = poll_fn(|context| to.poll_reset(context)) => {
                return Err(Broken::Sink(reason.unwrap_or(Reason::CANCEL)));
            }
        };
        let gone = |_gone| Broken::Sink(Reason::CANCEL);
        match chunk {
            Some(Ok(bytes)) => {
                let count = bytes.len();
                let ended = from.is_end_stream();
                send(bytes, to, ended).await?;
                plane.counters.passed(count);
                // Refused only for more than was taken.
                let _released = from.flow_control().release_capacity(count);
                if ended {
                    return Ok(());
                }
            }
            Some(Err(error)) => return Err(Broken::Source(reason(&error))),
            None => {
                let trailers = from.trailers().await;
                let trailers = trailers.map_err(|error| Broken::Source(reason(&error)))?;
                return match trailers {
                    Some(trailers) => to.send_trailers(trailers).map_err(gone),
                    None => to.send_data(Bytes::new(), true).map_err(gone),
                };
            }
        }
    }
}

/// Sends bytes as windows allow.
async fn send(mut bytes: Bytes, to: &mut SendStream<Bytes>, ended: bool) -> Result<(), Broken> {
    let gone = |_gone| Broken::Sink(Reason::CANCEL);
    if bytes.is_empty() && ended {
        return to.send_data(bytes, true).map_err(gone);
    }
    while !bytes.is_empty() {
        to.reserve_capacity(bytes.len());
        while to.capacity() == 0 {
            match poll_fn(|context| to.poll_capacity(context)).await {
                Some(Ok(_more)) => {}
                Some(Err(error)) => return Err(Broken::Sink(reason(&error))),
                None => return Err(Broken::Sink(Reason::CANCEL)),
            }
        }
        let part = bytes.split_to(to.capacity().min(bytes.len()));
        to.send_data(part, ended && bytes.is_empty()).map_err(gone)?;
    }
    Ok(())
}

/// Returns the reset that tells the other side of an error.
fn reason(error: &h2::Error) -> Reason {
    match error.reason() {
        // A connection that closes in order has not looked at this stream.
        Some(Reason::NO_ERROR) if error.is_go_away() => Reason::REFUSED_STREAM,
        Some(reason) => reason,
        None => Reason::CANCEL,
    }
}
