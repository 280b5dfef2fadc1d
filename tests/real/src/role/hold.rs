//! Applies one injection without any agent, says its receipt, and waits to be killed.

use squall_agent::shell::{Options, processes};
use squall_faults::catalog;
use squall_faults::effect::LeaseEnd;
use squall_faults::sys::{clock, inprocess};
use squall_faults::values::check;
use squall_wire::injection::Injection;
use squall_wire::protocol::Registered;
use squall_wire::receipt::{RECEIPT_VERSION, Receipt};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(crate) fn main() -> ExitCode {
    match hold() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("failed {error}");
            ExitCode::FAILURE
        }
    }
}

/// How long a process with the SDK may take to find its agent.
const REGISTERED_WITHIN: Duration = Duration::from_secs(10);

/// Faults inside a process are armed over its own connection, so the holder waits for that.
fn wait_for_process(injection: &Injection) -> Result<(), Box<dyn Error>> {
    if injection.target.probes.is_empty() {
        return Ok(());
    }
    processes::start(&Options::new("test"))?;
    let give_up = Instant::now() + REGISTERED_WITHIN;
    let is_target = |found: &Registered| found.process == injection.target.process;
    while !inprocess::registered().iter().any(is_target) {
        if Instant::now() > give_up {
            return Err("the target has not registered".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

fn hold() -> Result<(), Box<dyn Error>> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let injection: Injection = serde_json::from_str(&line)?;
    let entry = catalog::find(&injection.fault).ok_or("no such fault")?;
    let values = check(entry.fault, &injection.params, &injection.filters);
    let values = values.map_err(|issues| format!("{issues:?}"))?;
    wait_for_process(&injection)?;
    let receipt = Receipt {
        v: RECEIPT_VERSION,
        id: format!("r-{}-{}", injection.run, injection.id),
        run: injection.run.clone(),
        injection: injection.id.clone(),
        fault: injection.fault.clone(),
        target: injection.target.name.clone(),
        process: injection.target.process,
        boot: clock::boot_id()?,
        at_unix_ms: 0,
        undo: entry.effect.prepare(&injection, &values)?,
    };
    println!("{}", serde_json::to_string(&receipt)?);
    let lease_ns = injection.lease_ms * 1_000_000;
    let lease = LeaseEnd {
        boottime_ns: clock::boottime_ns() + lease_ns,
        monotonic_ns: clock::monotonic_ns() + lease_ns,
    };
    let mut holder = entry.effect.apply(&injection, &values, &receipt, lease)?;
    println!("applied {}", holder.mechanism());
    std::io::stdout().flush()?;
    // Every further line is a request to measure; the end of input ends it.
    loop {
        line.clear();
        if std::io::stdin().read_line(&mut line)? == 0 {
            return Ok(());
        }
        println!("{}", serde_json::to_string(&holder.bite()?)?);
    }
}
