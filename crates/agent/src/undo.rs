//! The panic button: restores everything on this host, with or without a running agent.

use crate::client::{Client, ClientError};
use crate::journal::{Journal, JournalError, peek};
use crate::paths::Paths;
use crate::shell::signals::unix_ms;
use crate::watchdog::{pause, until_restored};
use squall_faults::sys::clock;
use squall_wire::journal::{Damage, Replay};
use squall_wire::protocol::{Answer, Ask, Undone};
use squall_wire::receipt::Receipt;
use std::time::Duration;

/// How long it waits for an agent, or its watchdog, that is restoring at this moment.
const LOCK_NS_MAX: u64 = 5 * 1_000_000_000;

/// An agent that does not greet within this hangs; a panic button does not wait for it.
const GREETING_TIME_MAX: Duration = Duration::from_secs(1);

/// What the panic button did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Restored injections, by target and fault.
    pub restored: Vec<Line>,
    /// Those that could not be, with what a person has to do.
    pub stuck: Vec<Line>,
    /// True when a running agent was asked.
    pub by_agent: bool,
    /// Lines of the journal that cannot be read any more, by number, with the reason: what they
    /// held may be in place, and nobody knows what it was.
    pub unreadable: Vec<(usize, String)>,
}

/// One injection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The receipt.
    pub receipt: String,
    /// The run it belonged to.
    pub run: String,
    /// The injection's id.
    pub injection: String,
    /// What was done; empty where the journal does not tell any more.
    pub fault: String,
    /// To whom.
    pub target: String,
    /// What is still there, and the command to type; empty when restored.
    pub advice: String,
}

/// Asks a running agent to undo everything, then replays whatever receipt is still open.
/// Idempotent.
///
/// # Errors
/// When the journal cannot be read: then nothing is known of what an agent left behind.
pub fn undo_all(paths: &Paths) -> Result<Report, JournalError> {
    let mut report = Report::default();
    // Afterwards it may be emptied; the agent's answer names receipts.
    let known = peek(&paths.state_dir).unwrap_or_default();
    report.unreadable = unreadable(&known);
    let asked = ask_agent(paths);
    // One that is there but says nothing hangs with the journal in its hands.
    let hangs = matches!(asked, Err(ClientError::Io(_)));
    if let Ok(outcomes) = asked {
        report.by_agent = true;
        for outcome in outcomes {
            let advice = match &outcome.advice {
                Some(advice) => format!("{}; try: {advice}", outcome.residue.join("; ")),
                None => String::new(),
            };
            let (run, injection) = (outcome.run, outcome.injection);
            let receipt = outcome.receipt;
            let open = known.open.iter().find(|open| open.id == receipt);
            let (fault, target) =
                open.map(|open| (open.fault.clone(), open.target.clone())).unwrap_or_default();
            let line = Line { receipt, run, injection, fault, target, advice };
            if line.advice.is_empty() { &mut report.restored } else { &mut report.stuck }
                .push(line);
        }
        return Ok(report);
    }
    replay(paths, if hangs { 0 } else { LOCK_NS_MAX }, &mut report)?;
    Ok(report)
}

/// A torn tail was never synced, so nothing was done; a broken link is told by the agent and hides
/// nothing.
fn unreadable(found: &Replay) -> Vec<(usize, String)> {
    let hides = |damage: &&(usize, Damage)| {
        matches!(damage.1, Damage::Checksum | Damage::Frame | Damage::Unknown(_))
    };
    let text = |(line, damage): &(usize, Damage)| (*line, damage.to_string());
    found.damaged.iter().filter(hides).map(text).collect()
}

fn ask_agent(paths: &Paths) -> Result<Vec<Undone>, ClientError> {
    let mut client = Client::connect_within(&paths.socket, "undo", GREETING_TIME_MAX)?;
    match client.call(Ask::UndoAll)? {
        Answer::Disarmed { outcomes } => {
            let _ = client.call(Ask::Shutdown);
            Ok(outcomes)
        }
        other => Err(ClientError::Garbled(format!("{other:?} to an undo"))),
    }
}

fn replay(paths: &Paths, patience_ns: u64, report: &mut Report) -> Result<(), JournalError> {
    let give_up_ns = clock::boottime_ns() + patience_ns;
    let (mut journal, open) = loop {
        match Journal::take_existing(&paths.state_dir) {
            Ok(Some((journal, found))) => break (Some(journal), found.open),
            Ok(None) => return Ok(()),
            Err(JournalError::Held(_)) if clock::boottime_ns() < give_up_ns => pause(2_000_000),
            // Whoever has it hangs. Restoring matters more than noting it.
            Err(JournalError::Held(_)) => break (None, peek(&paths.state_dir)?.open),
            Err(JournalError::System { .. }) => break (None, peek(&paths.state_dir)?.open),
            Err(error) => return Err(error),
        }
    };
    let line = |receipt: &Receipt, advice: String| Line {
        receipt: receipt.id.clone(),
        run: receipt.run.clone(),
        injection: receipt.injection.clone(),
        fault: receipt.fault.clone(),
        target: receipt.target.clone(),
        advice,
    };
    let stuck = until_restored(open, |receipt| {
        if let Some(journal) = journal.as_mut() {
            let _ = journal.close(&receipt.id, "undo", unix_ms());
        }
        report.restored.push(line(receipt, String::new()));
    });
    report.stuck.extend(stuck.iter().map(|(receipt, advice)| line(receipt, advice.clone())));
    Ok(())
}
