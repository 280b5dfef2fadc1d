//! A service named as the other end of a target's traffic (`where: {service: payment}`): resolved,
//! for each target, to the addresses and ports that its instances listen on.

use crate::catalog::{place, values};
use crate::inputs::Inputs;
use crate::select::{Found, Known, instances_of};
use squall_faults::fault::{Fault, Kind, Param};
use squall_faults::values::check;
use squall_spec::{Code, Diagnostic, FaultUse, Spanned};
use squall_wire::injection::Values;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// No instance of the service has an address that the target could reach.
const NO_ENDPOINT: Code = Code::error("P209");

/// Returns the `where` block for one target, with endpoints in the place of a name.
pub(crate) fn filters(
    inputs: &Inputs<'_>,
    known: &Known<'_>,
    used: &FaultUse<'_>,
    fault: &dyn Fault,
    target: &Found<'_>,
) -> Result<Values, Vec<Diagnostic>> {
    let mut filters = values(used.where_);
    let Some((by_name, by_address)) = keys(fault) else { return Ok(filters) };
    let Some(service) = used.where_.get(by_name) else { return Ok(filters) };
    let elsewhere = format!("on another host? name it by its address: {by_address}");
    let instances = instances_of(inputs, known, service).map_err(|mut nobody| {
        if nobody.label.is_empty() {
            nobody.help = Some(elsewhere.clone());
        }
        vec![*nobody]
    })?;
    let own = |found: &&Found<'_>| found.process.process != target.process.process;
    let others: Vec<&Found<'_>> = instances.iter().filter(own).collect();
    let ports: Vec<u16> = listed(filters.get("port"));
    let meant = |end: &SocketAddr| ports.is_empty() || ports.contains(&end.port());
    let found: BTreeSet<SocketAddr> =
        others.iter().flat_map(|other| endpoints(inputs, other, target)).filter(meant).collect();
    if found.is_empty() {
        return Err(vec![none(service, &others, target, &ports).help(elsewhere)]);
    }
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    filters.remove(by_name);
    filters.insert(by_address.to_owned(), found.join(","));
    // The fault's own limits, of what was found.
    let issues = check(fault, &values(used.with), &filters).err().unwrap_or_default();
    if issues.is_empty() {
        return Ok(filters);
    }
    let placed = issues.into_iter().map(|mut issue| {
        if issue.key == by_address {
            issue.key = by_name.to_owned();
            issue.help = Some(format!("choose some of them: {by_address}, or port"));
        }
        place(issue, used)
    });
    Err(placed.collect())
}

/// The key of a fault that takes a service's name, and the one that takes endpoints.
fn keys(fault: &dyn Fault) -> Option<(&'static str, &'static str)> {
    let of = |wanted: fn(&Param) -> bool| {
        fault.describe().filters.iter().find(|param| wanted(param)).map(|param| param.name)
    };
    let by_name = of(|param| matches!(param.kind, Kind::Service))?;
    Some((by_name, of(|param| matches!(param.kind, Kind::Endpoints))?))
}

fn listed(ports: Option<&String>) -> Vec<u16> {
    let ports = ports.map(String::as_str).unwrap_or_default();
    ports.split(',').filter_map(|port| port.trim().parse().ok()).collect()
}

/// Under which addresses an instance can be reached from a target.
fn endpoints(inputs: &Inputs<'_>, other: &Found<'_>, target: &Found<'_>) -> Vec<SocketAddr> {
    let (theirs, ours) = (other.process.netns, target.process.netns);
    let own = inputs.inventory.addresses.get(&theirs).map(Vec::as_slice).unwrap_or_default();
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)];
    let mut found = Vec::new();
    for at in &other.process.listening {
        if !at.ip().is_unspecified() {
            found.push(*at);
            continue;
        }
        // A listener on every address of version 6 is one of version 4 as well, unless it says
        // otherwise, which nobody outside can see.
        let meant = |address: &&IpAddr| at.is_ipv6() || address.is_ipv4();
        let all = own.iter().chain(&loopback).filter(meant);
        found.extend(all.map(|address| SocketAddr::new(*address, at.port())));
    }
    // One's own loopback device is nobody else's, and an address that is valid on one link only
    // is not what a service is configured with.
    let is_link = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    found.retain(|at| {
        !is_link(at.ip()) && (theirs == ours || !at.ip().to_canonical().is_loopback())
    });
    found
}

fn none(
    service: &Spanned<String>,
    others: &[&Found<'_>],
    target: &Found<'_>,
    ports: &[u16],
) -> Diagnostic {
    let (name, service_name) = (&target.name, &service.value);
    let message = match (others, ports) {
        ([], _) => format!("{name} is the only instance of {service_name}"),
        (_, []) => {
            format!("no instance of {service_name} listens where {name} could reach it over TCP")
        }
        _ => format!("no instance of {service_name} listens on one of these ports"),
    };
    Diagnostic::new(NO_ENDPOINT, service.span, message)
}
