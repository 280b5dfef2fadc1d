//! The network devices of the calling thread's namespace, and its addresses.

use crate::sys::netlink::{Netlink, attributes, number16, number32};
use std::io;
use std::net::IpAddr;

const RTM_GETLINK: u16 = 18;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFLA_IFNAME: u16 = 3;
const IFF_UP: u32 = 1;
/// `ARPHRD_LOOPBACK`.
const LOOPBACK: u16 = 772;
/// What all devices that Squall makes are called.
pub(crate) const OWN: &str = "squall";

/// One device that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Device {
    /// Its number in the namespace.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
    /// True for the loopback device.
    pub(crate) is_loopback: bool,
}

/// Every device that is up, Squall's own left out. `struct ifinfomsg`: family, padding, type,
/// index, flags, change.
///
/// # Errors
/// When the kernel does not answer.
pub(crate) fn list() -> io::Result<Vec<Device>> {
    let device = |body: &Vec<u8>| {
        let (kind, index, flags) = (number16(body, 2)?, number32(body, 4)?, number32(body, 8)?);
        let fields = attributes(body.get(16..)?);
        let (_, name) = fields.iter().find(|(kind, _)| *kind == IFLA_IFNAME)?;
        let name = String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
        let is_meant = flags & IFF_UP != 0 && !name.starts_with(OWN);
        is_meant.then_some(Device { index, name, is_loopback: kind == LOOPBACK })
    };
    let listed = Netlink::open(None)?.list(RTM_GETLINK, &[0; 16])?;
    Ok(listed.iter().filter_map(|(_, body)| device(body)).collect())
}

/// Every address of its own. `struct ifaddrmsg`: family, prefix length, flags, scope, index.
///
/// # Errors
/// When the kernel does not answer.
pub fn addresses() -> io::Result<Vec<IpAddr>> {
    let address = |body: &Vec<u8>| {
        let fields = attributes(body.get(8..)?);
        // Between two ends the first is the own one.
        let find = |kind: u16| fields.iter().find(|(found, _)| *found == kind);
        let (_, bytes) = find(IFA_LOCAL).or_else(|| find(IFA_ADDRESS))?;
        let four = <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from);
        four.or_else(|| <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from))
    };
    let listed = Netlink::open(None)?.list(RTM_GETADDR, &[0; 8])?;
    let mut found: Vec<IpAddr> = listed.iter().filter_map(|(_, body)| address(body)).collect();
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
