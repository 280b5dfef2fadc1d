//! A queue that shapes what a program chose, on the devices of the calling thread's namespace.
//!
//! An HTB queue with one class and no default: a packet whose priority names the class waits
//! there, every other one goes straight. Without the program that sets the priority it is inert.

use crate::sys::device::Device;
use crate::sys::netlink::{NLM_F_NEW, Netlink, attributes, number32, put};
use std::io;

const RTM_NEWQDISC: u16 = 36;
const RTM_DELQDISC: u16 = 37;
const RTM_GETQDISC: u16 = 38;
const RTM_NEWTCLASS: u16 = 40;
const RTM_GETTCLASS: u16 = 42;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_STATS2: u16 = 7;
const TCA_STATS_BASIC: u16 = 1;
const TCA_STATS_QUEUE: u16 = 3;
const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const ROOT: u32 = 0xffff_ffff;
/// `struct tcmsg`.
const HEAD: usize = 20;
/// The upper byte of every handle of ours; the lower one tells injections apart.
const OWN: u32 = 0x5a00;
/// How much may go at once after a pause, in time at the rate, and the kernel's tick.
const BURST_NS: u64 = 2_000_000;
const TICK_NS: u64 = 64;

/// True for a handle that only Squall gives.
pub(crate) fn is_own(handle: u32) -> bool {
    handle >> 24 == OWN >> 8
}

/// The handle of an injection's queues.
pub(crate) fn handle(token: u64) -> u32 {
    (OWN | (token as u32 & 0xff)) << 16
}

/// The class that packets name in their priority.
pub(crate) fn class(handle: u32) -> u32 {
    handle | 1
}

/// What has passed the class, and how often it had to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    /// Bytes that wait at this moment.
    pub(crate) waiting: u64,
    pub(crate) throttled: u64,
    pub(crate) dropped: u64,
}

/// Says who else has a queue on these devices. The kernel's own have no handle.
///
/// # Errors
/// When the kernel does not answer.
pub(crate) fn taken(devices: &[Device]) -> io::Result<Option<String>> {
    let roots = roots()?;
    let taken = roots.iter().find_map(|(index, handle, kind)| {
        let device = devices.iter().find(|device| device.index == *index)?;
        (*handle != 0).then(|| format!("{} has a queue of its own ({kind})", device.name))
    });
    Ok(taken)
}

/// Puts a shaped class on a device that has only the kernel's own queue.
///
/// # Errors
/// The kernel's.
pub(crate) fn add(device: u32, handle: u32, bytes_per_second: u64) -> io::Result<()> {
    let netlink = Netlink::open(None)?;
    let mut body = head(device, handle, ROOT);
    put(&mut body, TCA_KIND, b"htb\0");
    // Version, quantum divisor, default class, debug, packets that went straight.
    let global: Vec<u8> = [3u32, 10, 0, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    let mut options = Vec::new();
    put(&mut options, TCA_HTB_INIT, &global);
    put(&mut body, TCA_OPTIONS, &options);
    netlink.order(RTM_NEWQDISC, NLM_F_NEW, &body)?;
    let mut body = head(device, class(handle), handle);
    put(&mut body, TCA_KIND, b"htb\0");
    let mut options = Vec::new();
    put(&mut options, TCA_HTB_PARMS, &parameters(bytes_per_second));
    put(&mut body, TCA_OPTIONS, &options);
    netlink.order(RTM_NEWTCLASS, NLM_F_NEW, &body)
}

/// Puts a queue on a device that delays and loses nothing, to see whether this kernel has the kind
/// that could.
///
/// # Errors
/// The kernel's.
pub(crate) fn try_netem(device: u32) -> io::Result<()> {
    let mut body = head(device, OWN << 16, ROOT);
    put(&mut body, TCA_KIND, b"netem\0");
    // `struct tc_netem_qopt`: latency, limit, loss, gap, duplicate, jitter.
    let options: Vec<u8> =
        [0u32, 1_000, 0, 0, 0, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    put(&mut body, TCA_OPTIONS, &options);
    Netlink::open(None)?.order(RTM_NEWQDISC, NLM_F_NEW, &body)
}

/// Takes away what [`add`] put there, and nothing else. Idempotent.
///
/// # Errors
/// The kernel's, when something of ours stays.
pub(crate) fn remove(handle: u32) -> io::Result<()> {
    let netlink = Netlink::open(None)?;
    for device in left(handle)? {
        match netlink.order(RTM_DELQDISC, 0, &head(device, handle, ROOT)) {
            // The device went meanwhile, and its queue with it.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENOENT)) => {}
            other => other?,
        }
    }
    Ok(())
}

/// The devices with a queue of that handle.
///
/// # Errors
/// When the kernel does not answer.
pub(crate) fn left(handle: u32) -> io::Result<Vec<u32>> {
    let own = |(device, found, kind): (u32, u32, String)| {
        (found == handle && kind == "htb").then_some(device)
    };
    Ok(roots()?.into_iter().filter_map(own).collect())
}

/// What has passed the class of that handle on a device.
///
/// # Errors
/// When the kernel does not answer.
pub(crate) fn passed(netlink: &Netlink, device: u32, handle: u32) -> io::Result<Passed> {
    let listed = netlink.list(RTM_GETTCLASS, &head(device, 0, 0))?;
    let own = listed.iter().find(|(_, body)| number32(body, 8) == Some(class(handle)));
    Ok(own.and_then(|(_, body)| statistics(body)).unwrap_or_default())
}

fn statistics(body: &[u8]) -> Option<Passed> {
    let fields = attributes(body.get(HEAD..)?);
    let (_, all) = fields.iter().find(|(kind, _)| *kind == TCA_STATS2)?;
    let parts = attributes(all);
    let part = |kind: u16| parts.iter().find(|(found, _)| *found == kind).map(|found| found.1);
    // `struct gnet_stats_basic` and `struct gnet_stats_queue`.
    let (basic, queue) = (part(TCA_STATS_BASIC)?, part(TCA_STATS_QUEUE)?);
    Some(Passed {
        bytes: u64::from_ne_bytes(basic.get(..8)?.try_into().ok()?),
        packets: number32(basic, 8)?.into(),
        waiting: number32(queue, 4)?.into(),
        dropped: number32(queue, 8)?.into(),
        throttled: number32(queue, 16)?.into(),
    })
}

/// Device, handle and kind of every root queue.
fn roots() -> io::Result<Vec<(u32, u32, String)>> {
    let root = |body: &Vec<u8>| {
        let fields = attributes(body.get(HEAD..)?);
        let (_, kind) = fields.iter().find(|(found, _)| *found == TCA_KIND)?;
        let kind = String::from_utf8_lossy(kind).trim_end_matches('\0').to_owned();
        (number32(body, 12)? == ROOT).then_some((number32(body, 4)?, number32(body, 8)?, kind))
    };
    let listed = Netlink::open(None)?.list(RTM_GETQDISC, &[0; HEAD])?;
    Ok(listed.iter().filter_map(|(_, body)| root(body)).collect())
}

/// `struct tcmsg`: family and padding, device, handle, parent, info.
fn head(device: u32, handle: u32, parent: u32) -> Vec<u8> {
    [0, device, handle, parent, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect()
}

/// `struct tc_htb_opt`: two `struct tc_ratespec` (cell, link layer, overhead, alignment, minimum,
/// rate), then burst of either in ticks, quantum, level, priority.
fn parameters(bytes_per_second: u64) -> Vec<u8> {
    const ETHERNET: u8 = 1;
    let rate = u32::try_from(bytes_per_second).unwrap_or(u32::MAX).max(1);
    let mut out = Vec::new();
    for _ in 0..2 {
        out.extend([0, ETHERNET, 0, 0, 0, 0, 0, 0]);
        out.extend(rate.to_ne_bytes());
    }
    let burst = (BURST_NS / TICK_NS) as u32;
    let quantum = (rate / 10).clamp(1_600, 200_000);
    for word in [burst, burst, quantum, 0, 0] {
        out.extend(word.to_ne_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_marked_and_no_usual_one_is() {
        assert!(is_own(handle(0)) && is_own(handle(u64::MAX)) && is_own(class(handle(7))));
        for usual in [0, 0x1_0000, 0x8001_0000, 0xffff_0000, 0x10_0000] {
            assert!(!is_own(usual), "{usual:x}");
        }
    }

    #[test]
    fn parameters_have_the_kernels_length() {
        assert_eq!(parameters(125_000).len(), 44);
        assert_eq!(statistics(&[0; HEAD]), None);
    }
}
