//! The targets, by where their bytes come from.

mod files;
mod measured;
mod network;
mod processes;

use crate::Target;

/// Every target.
pub static ALL: &[Target] = &[
    files::EXPERIMENT,
    files::POLICY,
    files::SERVICES,
    files::SLA,
    files::SLA_EDITOR,
    files::OPENSLO,
    files::CHAOSBLADE,
    measured::PROMQL,
    measured::EXPOSITION,
    measured::OPENMETRICS,
    measured::PROMETHEUS,
    processes::PROTOCOL,
    processes::SDK,
    processes::JOURNAL,
    processes::RECORD,
    network::HTTP1,
    network::HTTP2,
    network::HPACK,
    network::GRPC,
    network::DNS,
    network::TLS_HELLO,
];
