//! A detour for packets: out of their device into a TAP device, held here for as long as each is
//! meant to be late, and back onto their device.
//!
//! Without a process there is no TAP device, without one there are no links: everything goes
//! straight again, and only what was held at that moment is lost.

mod back;
mod fault;
mod hold;

use crate::effect::EffectError;
use crate::sys::armed::Armed;
use crate::sys::bpf::unavailable;
use crate::sys::device::{self, Device};
use crate::sys::lateness::Lateness;
use crate::sys::netns::Netns;
use crate::sys::process::system;
use crate::sys::rule::Rule;
use crate::sys::tap::Tap;
use aya::programs::tc::TcAttachType;
use back::Back;
pub(crate) use fault::{LineFault, late, trial};
use hold::Hold;
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

/// The programs of the object, and the map that pairs devices.
const OUT: &str = "squall_line_out";
const BACK: &str = "squall_line_back";
const PAIRS: &str = "line_pairs";

/// What packets that went back over a socket are marked with; the lower half is the injection's.
const MARK: u32 = 0x5371_0000;

/// The detour of one injection. Dropping it sends on what it holds.
pub(crate) struct Line {
    armed: Armed,
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
    taps: Arc<Vec<Tap>>,
    /// What was held, and for how long.
    pub(crate) counted: Arc<Counted>,
    /// The devices, for the record.
    pub(crate) devices: Vec<String>,
}

/// What a line has done so far.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// Packets sent on.
    pub(crate) released: AtomicU64,
    /// The sum of the delays they were to have.
    pub(crate) asked_ns: AtomicU64,
    /// The sum of the delays they had.
    pub(crate) held_ns: AtomicU64,
    /// Packets that were overtaken while they were held.
    pub(crate) overtaken: AtomicU64,
    /// Packets that could not be sent on, or came when too much was held.
    pub(crate) missed: AtomicU64,
}

impl Counted {
    pub(crate) fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

/// What a line needs of the target's namespace, made by a thread that is in it.
struct Ends {
    devices: Vec<Device>,
    taps: Vec<Tap>,
    back: Back,
}

impl Line {
    /// Lays the detour and makes the chosen packets take it.
    pub(crate) fn start(
        mut armed: Armed,
        netns: &Netns,
        mut rule: Rule,
        lateness: Lateness,
    ) -> Result<Line, EffectError> {
        rule.mode = MARK | (rule.token & 0xffff) as u32;
        let ends = netns.inside(|| ends(&mut armed, rule.mode))??;
        pair(&mut armed, &ends)?;
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let stop = stop.map_err(|error| system("make an event descriptor")(error.into()))?;
        let heard = stop.try_clone().map_err(system("copy an event descriptor"))?;
        let counted = Arc::new(Counted::default());
        let taps = Arc::new(ends.taps);
        let devices = ends.devices.into_iter().map(|device| device.name).collect();
        let hold = Hold {
            taps: Arc::clone(&taps),
            back: ends.back,
            lateness,
            counters: armed.counters()?,
            counted: Arc::clone(&counted),
        };
        let thread = std::thread::Builder::new().name("delay-line".into());
        let thread = thread.spawn(move || hold.run(&heard)).map_err(system("start a thread"))?;
        let thread = Some(thread);
        let mut line = Line { armed, stop, thread, taps, counted, devices };
        // From here on the line ends what it began, also when this fails.
        line.armed.arm(rule)?;
        Ok(line)
    }

    /// All that a start needs, on the calling thread's loopback device.
    fn trial(mut armed: Armed) -> Result<(), EffectError> {
        let tap = Tap::new(true).map_err(unavailable("a TAP device"))?;
        drop(Back::new(MARK).map_err(system("open a raw socket"))?);
        armed.on_devices(BACK, std::slice::from_ref(&tap.name), TcAttachType::Ingress)?;
        armed.on_devices(OUT, &["lo".to_owned()], TcAttachType::Egress)
    }

    pub(crate) fn armed(&mut self) -> &mut Armed {
        &mut self.armed
    }

    /// Packets that found no room on the way.
    pub(crate) fn lost(&self) -> u64 {
        self.taps.iter().map(Tap::lost).sum::<u64>() + Counted::of(&self.counted.missed)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // No further packet takes the detour; those on it are sent on; then it is taken up.
        let _links_follow = self.armed.end();
        let _thread_ends = rustix::io::write(&self.stop, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _its_packets_are_lost_if_it_panicked = thread.join();
        }
    }
}

fn ends(armed: &mut Armed, mark: u32) -> Result<Ends, EffectError> {
    let devices = device::list().map_err(system("list the target's network devices"))?;
    if devices.is_empty() {
        let text = "no network device of the target's namespace is up".to_owned();
        return Err(EffectError::InTheWay(text));
    }
    let taps = devices.iter().map(|device| Tap::new(device.is_loopback));
    let taps = taps.collect::<std::io::Result<Vec<Tap>>>();
    let taps = taps.map_err(unavailable("a TAP device"))?;
    let back = Back::new(mark).map_err(system("open a raw socket"))?;
    let with = |loopback: bool| {
        let chosen = devices.iter().zip(&taps).filter(move |(of, _)| loopback || !of.is_loopback);
        chosen.map(|(device, tap)| (device.name.clone(), tap.name.clone()))
    };
    let out: Vec<String> = with(true).map(|(device, _)| device).collect();
    let returns: Vec<String> = with(false).map(|(_, tap)| tap).collect();
    armed.on_devices(BACK, &returns, TcAttachType::Ingress)?;
    armed.on_devices(OUT, &out, TcAttachType::Egress)?;
    Ok(Ends { devices, taps, back })
}

fn pair(armed: &mut Armed, ends: &Ends) -> Result<(), EffectError> {
    let mut lines = armed.hash::<4, 4>(PAIRS)?;
    for (device, tap) in ends.devices.iter().zip(&ends.taps) {
        let (device, tap) = (device.index.to_ne_bytes(), tap.index.to_ne_bytes());
        lines.insert(device, tap, 0).map_err(unavailable("a BPF map"))?;
        lines.insert(tap, device, 0).map_err(unavailable("a BPF map"))?;
    }
    Ok(())
}
