//! A queue that shapes only what a program chose. The program goes with its link; the queue, then
//! inert, goes by the receipt.

use crate::effect::{Effect, EffectError, Holder, LeaseEnd};
use crate::sys::armed::{self, Armed, Object};
use crate::sys::bpf::unavailable;
use crate::sys::device::{self, Device};
use crate::sys::netlink::Netlink;
use crate::sys::netns::Netns;
use crate::sys::packets::{Undo, on_devices};
use crate::sys::process::system;
use crate::sys::qdisc::{self, Passed};
use crate::sys::rule::Rule;
use crate::values::Checked;
use aya::programs::tc::TcAttachType;
use serde_json::Value;
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The effect.
pub static EFFECT: &dyn Effect = &Bandwidth;

static OBJECT: Object = Object {
    what: "packet programs on a device (tcx)",
    name: "bandwidth",
    bytes: aya::include_bytes_aligned!("effect.bpf.o"),
};

/// How often the class is looked at while it is on.
const LOOK: Duration = Duration::from_millis(20);
/// A rate that was measured over less time says nothing.
const MEASURED_MIN: Duration = Duration::from_millis(500);
/// How far the rate may be off, as a share.
const TOLERANCE: f64 = 0.1;

struct Bandwidth;

/// What the class has done.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    last: Passed,
    /// Bytes that passed, and the time, while others waited behind them.
    limited_bytes: u64,
    limited: Duration,
}

struct Held {
    armed: Armed,
    seen: Arc<Mutex<Seen>>,
    /// Dropped to end the thread that looks.
    _looks: Sender<()>,
    asked: f64,
    mechanism: String,
}

impl Effect for Bandwidth {
    fn prepare(&self, injection: &Injection, values: &Checked) -> Result<Value, EffectError> {
        let undo = Undo::of(injection)?;
        let netns = Netns::of(injection.target.process)?;
        if netns.is_first() {
            return Err(EffectError::InTheWay(
                "the target lives in the host's own network namespace, whose queues are \
                 everybody's; start it in a container"
                    .to_owned(),
            ));
        }
        Rule::of(values, 0, 0, LeaseEnd::NEVER).bytes()?;
        let taken = netns.inside(|| qdisc::taken(&devices()?).map_err(system("list queues")))??;
        if let Some(whose) = taken {
            let text = format!("{whose}: remove it, or shape there");
            return Err(EffectError::InTheWay(text));
        }
        armed::tried(&OBJECT)?;
        Ok(undo.value())
    }

    fn apply(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let undo = Undo::read(receipt)?;
        let netns = undo.enterable(receipt)?;
        let handle = qdisc::handle(undo.token);
        let rate = values.byte_rate("rate").map_or(0.0, |rate| rate.bytes_per_second());
        let mut rule = undo.rule(values, injection.seed, lease);
        rule.mode = qdisc::class(handle);
        let mut armed = Armed::load(&OBJECT)?;
        let (devices, names) = netns.inside(|| {
            let devices = devices()?;
            for device in &devices {
                let added = qdisc::add(device.index, handle, rate as u64);
                added.map_err(unavailable("a shaping queue (HTB)"))?;
            }
            let names = on_devices(&mut armed, "squall_shape", TcAttachType::Egress)?;
            Ok::<_, EffectError>((devices, names))
        })??;
        armed.arm(rule)?;
        let (seen, looks) = look(netns, devices, handle)?;
        let (names, whose) = (names.join(", "), undo.scope.shown());
        let mechanism = format!("HTB on {names}, its class chosen by tcx for {whose}");
        let asked = rate * 8.0 / 1e6;
        Ok(Box::new(Held { armed, seen, _looks: looks, asked, mechanism }))
    }

    fn revert(&self, receipt: &Receipt) -> Result<(), EffectError> {
        let undo = Undo::read(receipt)?;
        armed::end(&OBJECT, undo.token)?;
        let Some(netns) = Netns::find(undo.netns) else { return Ok(()) };
        let removed = netns.inside(|| qdisc::remove(qdisc::handle(undo.token)))?;
        removed.map_err(system("remove a queue"))
    }

    fn residue(&self, receipt: &Receipt) -> Result<Vec<String>, EffectError> {
        let undo = Undo::read(receipt)?;
        let mut left = Vec::new();
        if armed::acting(&OBJECT, undo.token)? > 0 {
            left.push(format!("packets of {} are still shaped", undo.scope.shown()));
        }
        let Some(netns) = Netns::find(undo.netns) else { return Ok(left) };
        let queues = netns.inside(|| qdisc::left(qdisc::handle(undo.token)))?;
        let queues = queues.map_err(system("list queues"))?.into_iter();
        let named = queues.map(|device| format!("a queue on device {device} of {}", undo.netns));
        left.extend(named);
        Ok(left)
    }

    fn advice(&self, receipt: &Receipt) -> String {
        let netns = Undo::read(receipt).map_or(0, |undo| undo.netns);
        format!(
            "squall undo, or in the namespace net:[{netns}]: tc qdisc del dev DEVICE root, where \
             `tc qdisc` shows htb 5a"
        )
    }
}

fn devices() -> Result<Vec<Device>, EffectError> {
    device::list().map_err(system("list the target's network devices"))
}

/// Starts the thread that looks at the class until its sender is dropped.
fn look(
    netns: Netns,
    devices: Vec<Device>,
    handle: u32,
) -> Result<(Arc<Mutex<Seen>>, Sender<()>), EffectError> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (looks, ended) = channel::<()>();
    let shared = Arc::clone(&seen);
    let thread = move || {
        let Ok(()) = netns.enter() else { return };
        let Ok(netlink) = Netlink::open(None) else { return };
        let mut before_ns = crate::sys::clock::monotonic_ns();
        while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            let all = devices
                .iter()
                .filter_map(|device| qdisc::passed(&netlink, device.index, handle).ok());
            let now = all.fold(Passed::default(), |sum, one| Passed {
                bytes: sum.bytes + one.bytes,
                packets: sum.packets + one.packets,
                waiting: sum.waiting + one.waiting,
                throttled: sum.throttled + one.throttled,
                dropped: sum.dropped + one.dropped,
            });
            let now_ns = crate::sys::clock::monotonic_ns();
            let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.last.waiting > 0 && now.waiting > 0 {
                seen.limited_bytes += now.bytes.saturating_sub(seen.last.bytes);
                seen.limited += Duration::from_nanos(now_ns - before_ns);
            }
            seen.last = now;
            before_ns = now_ns;
        }
    };
    let builder = std::thread::Builder::new().name("shaped".into());
    builder.spawn(thread).map_err(system("start a thread"))?;
    Ok((seen, looks))
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let tally = self.armed.tally()?;
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Passed { packets, throttled, dropped, .. } = seen.last;
        let limited = seen.limited.as_secs_f64();
        let delivered =
            (seen.limited >= MEASURED_MIN).then(|| seen.limited_bytes as f64 * 8.0 / 1e6 / limited);
        let detail = match (tally.seen, tally.matched, delivered) {
            (0, ..) => "no packet of the target was seen".to_owned(),
            (seen, 0, _) => format!("{seen} packets seen, none of them matches"),
            (.., Some(got)) => format!(
                "{packets} packets at {got:.3} Mbit/s while they had to wait ({limited:.1} s), \
                 asked {:.3} Mbit/s; {dropped} dropped from a full queue",
                self.asked
            ),
            _ => format!("{packets} packets, the rate was reached {throttled} times"),
        };
        let tolerance = Some(self.asked * TOLERANCE);
        let (hits, asked) = (throttled.min(tally.seen), Some(self.asked));
        Ok(Bite { hits, seen: tally.seen, asked, delivered, tolerance, detail })
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.armed.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.mechanism.clone()
    }
}

/// Puts a queue on the calling thread's loopback device and takes it away.
pub(crate) fn trial() -> Result<(), EffectError> {
    let handle = qdisc::handle(0);
    let loopback = 1;
    qdisc::add(loopback, handle, 125_000).map_err(unavailable("a shaping queue (HTB)"))?;
    qdisc::remove(handle).map_err(system("remove a queue"))
}
