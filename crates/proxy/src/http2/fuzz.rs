//! The fuzzer's door to HTTP/2: both directions of one connection, in pieces as the bytes say, with
//! and without rules that hit. Without rules the same bytes come out; with them, whatever comes out
//! is understood by a receiver that follows the table of headers.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::{runtime::Runtime, sync::watch};

use super::{
    core::Core,
    frame::{self, Head},
    hpack::{Decoder, literals},
};
use crate::{
    delay::{BootTime, Timer},
    lane::Bell,
    layers::Layers,
    place::{Place, Scope, Way},
    plane::{Plane, Stage},
    rules::{
        Answer, Delay, Edit, Effect, GrpcStatus, HeaderMatch, HeaderText, Matcher, Rule, RuleSet,
        Share, Side,
    },
    sniff::PREFACE,
    upstream::Direct,
};

/// Between two pieces: longer than the delays below, so that what waits goes on.
const STEP: std::time::Duration = std::time::Duration::from_millis(40);

thread_local! {
    /// A timer needs a runtime; nothing here waits for it.
    static WORLD: (Runtime, Plane) = world();
}

fn world() -> (Runtime, Plane) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.expect("invariant: the fuzzer has descriptors left");
    let entered = runtime.enter();
    let timer = Timer::new().expect("invariant: the fuzzer has descriptors left");
    drop(entered);
    let layers = Layers::default();
    let plane = Plane {
        upstream: Arc::new(Direct),
        counters: Arc::clone(&layers.shared),
        layers,
        timer,
        stage: watch::channel(Stage::Running).1,
        bell: Bell::new().expect("invariant: the fuzzer has descriptors left"),
    };
    (runtime, plane)
}

/// Carries a connection. The first byte chooses the rule; then each piece has two bytes of its own
/// length, the highest bit of which tells the direction.
pub fn read(bytes: &[u8]) {
    let Some((&first, pieces)) = bytes.split_first() else { return };
    WORLD.with(|(_, plane)| {
        let layer = plane.layers.add(Scope::Everything, None);
        if let Some(rules) = rules(first) {
            layer.rules().arm(rules, BootTime::NEVER);
        }
        carry(plane, pieces, first == 0);
    });
}

fn carry(plane: &Plane, mut pieces: &[u8], same: bool) {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let mut core =
        Core::new(plane, Place { way: Way::Inbound, client: address, original: address });
    let mut inputs = [BytesMut::new(), BytesMut::new()];
    let mut came = [Vec::new(), Vec::new()];
    let mut went = [Vec::new(), Vec::new()];
    let mut now = BootTime(1_000_000_000);
    let mut lost = false;
    while let Some((&length, rest)) = pieces.split_first_chunk::<2>() {
        let length = u16::from_be_bytes(length);
        let side = if length & 0x8000 == 0 { Side::Request } else { Side::Response };
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(length & 0x7fff)));
        pieces = rest;
        inputs[side as usize].extend_from_slice(piece);
        came[side as usize].extend_from_slice(piece);
        now = now.after(STEP);
        core.advance(now);
        if !core.plain && core.take(side, &mut inputs[side as usize], now).is_err() {
            lost = true;
            if core.touched {
                core.break_off();
                break;
            }
            core.plain = true;
        }
        if core.plain {
            for side in [Side::Request, Side::Response] {
                core.give_up(side, &mut inputs[side as usize]);
            }
        }
        drain(&mut core, &mut went);
    }
    now = now.after(STEP);
    core.reconsider(now);
    drain(&mut core, &mut went);
    if same {
        for side in [Side::Request, Side::Response] {
            core.give_up(side, &mut inputs[side as usize]);
        }
        drain(&mut core, &mut went);
        assert_eq!(went, came, "no rule hits, and other bytes came out");
    } else if !lost {
        let [up, down] = &went;
        understood(up.strip_prefix(PREFACE).unwrap_or_default());
        understood(down);
    }
}

fn drain(core: &mut Core<'_>, went: &mut [Vec<u8>; 2]) {
    let (up, down) = core.outs();
    went[0].extend_from_slice(&up.split());
    went[1].extend_from_slice(&down.split());
}

/// Reads frames as their receiver does: every header block has to be one.
fn understood(mut rest: &[u8]) {
    let (mut decoder, mut block) = (Decoder::default(), Vec::new());
    while let Some(head) = Head::read(rest) {
        let Some(payload) = rest.get(frame::HEAD..frame::HEAD + head.length) else { return };
        rest = &rest[frame::HEAD + head.length..];
        let content = match head.kind {
            frame::CONTINUATION => Some(payload),
            frame::HEADERS => frame::content(head, payload),
            frame::PUSH_PROMISE => frame::content(head, payload).and_then(|c| c.get(4..)),
            _ => continue,
        };
        block.extend_from_slice(content.expect("a frame of headers that is none came out"));
        if head.has(frame::END_HEADERS) {
            let fields = decoder.decode(&std::mem::take(&mut block));
            assert!(fields.is_some(), "a block came out that its receiver cannot read");
        }
    }
}

/// Reads blocks of one sender, each behind its length; what is written of them reads the same.
pub fn blocks(bytes: &[u8]) {
    let (mut decoder, mut rest) = (Decoder::default(), bytes);
    while let Some((&length, behind)) = rest.split_first() {
        let (block, behind) = behind.split_at(behind.len().min(usize::from(length)));
        rest = behind;
        let Some(fields) = decoder.decode(block) else { return };
        let mut written = BytesMut::new();
        literals(&fields.list, &mut written);
        let again = Decoder::default().decode(&written);
        let again = again.expect("what was written cannot be read");
        assert!(!again.changes_table, "literals change no table");
        let pairs = |list: &[super::hpack::Field]| {
            list.iter().map(|f| (f.name.clone(), f.value.clone())).collect::<Vec<_>>()
        };
        assert_eq!(pairs(&again.list), pairs(&fields.list));
    }
}

/// One rule of every kind; zero has none.
fn rules(choice: u8) -> Option<RuleSet> {
    let short = Delay::exactly(std::time::Duration::from_millis(30));
    let (side, effect) = match choice {
        0 => return None,
        1 => (Side::Request, Effect::Delay(short)),
        2 => (Side::Response, Effect::Delay(short)),
        3 => (Side::Request, Effect::Reset),
        4 => (Side::Response, Effect::Reset),
        5 => (Side::Response, Effect::Slow { bytes_per_second: 100 }),
        6 => (Side::Request, Effect::Slow { bytes_per_second: 100 }),
        7 => (Side::Response, Effect::Truncate { after: 3 }),
        8 => (Side::Request, Effect::Truncate { after: 3 }),
        9 => (Side::Response, replace()),
        10 => (Side::Request, replace()),
        11 => (Side::Request, status()),
        12 => (Side::Response, status()),
        13 => (Side::Request, Effect::Deadline { at_most: short.mean }),
        14 => (Side::Response, Effect::Cut { messages: 1 }),
        15 => (Side::Request, Effect::Cut { messages: 1 }),
        16 => (Side::Response, Effect::LoseTrailers),
        17 => (Side::Response, edit()),
        18 => (Side::Request, edit()),
        _ => (
            Side::Request,
            Effect::Answer(Answer { status: 503, headers: Vec::new(), body: "no".into() }),
        ),
    };
    // A share by a header leaves some of the streams alone, so that hit ones are overtaken.
    let share = Share { of: 0.5, by: Some("x-id".to_owned()) };
    let rule = |matcher, share, effect, side| Rule { id: 1, matcher, share, side, effect };
    let never = Matcher {
        header: Some(HeaderMatch {
            name: "x-tenant".to_owned(),
            text: HeaderText::Prefix("blue".to_owned()),
        }),
        baggage: Some(("squall".to_owned(), "on".to_owned())),
        ..Matcher::default()
    };
    let list = vec![
        rule(never, Share::ALL, Effect::Reset, Side::Request),
        rule(Matcher::default(), share, effect, side),
    ];
    Some(RuleSet::new(list, 1).expect("invariant: every effect is within the limits"))
}

fn replace() -> Effect {
    Effect::Replace { body: "other".into(), content_type: Some("text/plain".to_owned()) }
}

fn status() -> Effect {
    Effect::Status(GrpcStatus { code: 14, message: "gone".to_owned(), ..GrpcStatus::default() })
}

fn edit() -> Effect {
    Effect::Edit(Edit {
        add: vec![("x-fault".to_owned(), "1".to_owned())],
        remove: vec!["x-tenant".to_owned()],
    })
}
