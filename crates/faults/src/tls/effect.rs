//! Handshakes in the hands of the proxy, on the redirect that other faults share.

use super::{listening, port_out};
use crate::dose::of_share;
use crate::effect::{EffectError, Holder, LeaseEnd};
use crate::sys::process::system;
use crate::sys::redirect::{self, Led, Protocols, Redirected, Undo, What};
use crate::values::Checked;
use squall_proxy::tls::{self, Fake, Handshakes, Impostor, Rule, Snapshot};
use squall_proxy::{BootTime, NamePattern};
use squall_wire::injection::{Bite, Injection};
use squall_wire::receipt::Receipt;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// So many seen names fit a line for a person.
const NAMES_SHOWN: usize = 5;
/// A certificate and a key are a few thousand bytes.
const AUTHORITY_BYTES_MAX: u64 = 64 * 1024;
/// Write permission of others than the owner, and read permission of everybody.
const OTHERS_MAY: u32 = 0o026;

/// A fault on handshakes: what is done to those that match, and the word for it.
pub(crate) struct Shaken {
    /// The effect that the values ask for.
    pub(crate) effect: fn(&Checked) -> Result<tls::Effect, EffectError>,
    /// What a handshake was, for example `ended with an alert`.
    pub(crate) hurt: &'static str,
}

struct Held {
    handshakes: Handshakes,
    redirected: Redirected,
    share: f64,
    hurt: &'static str,
    /// Where connections were looked for, for people.
    place: String,
}

impl Led for Shaken {
    fn undo(&self, injection: &Injection, values: &Checked) -> Result<Undo, EffectError> {
        // What could not be done is not begun.
        (self.effect)(values)?;
        match values.word("direction") {
            "in" => Undo::inbound(injection, listening(values, &injection.target)),
            _ => Undo::outbound(
                injection,
                &redirect::remotes(values, "to", Some(port_out(values))),
                Protocols::Tcp,
            ),
        }
    }

    fn lead(
        &self,
        injection: &Injection,
        values: &Checked,
        receipt: &Receipt,
        lease: LeaseEnd,
    ) -> Result<Box<dyn Holder>, EffectError> {
        let rule = Rule {
            names: NamePattern::new(values.text("sni").unwrap_or("*")),
            share: values.share("share"),
            effect: (self.effect)(values)?,
        };
        let handshakes = Handshakes::default();
        handshakes.rules().arm(rule, injection.seed, BootTime(lease.boottime_ns));
        let what = What::Stream(Box::new(handshakes.clone()));
        let reset = values.word("existing") == "reset";
        let redirected = Undo::of(receipt)?.apply(receipt, lease, what, reset)?;
        let place = match values.word("direction") {
            "in" => "no new connection reached the target".to_owned(),
            _ => format!("the target opened no new connection to port {}", port_out(values)),
        };
        let (share, hurt) = (values.share("share"), self.hurt);
        Ok(Box::new(Held { handshakes, redirected, share, hurt, place }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Handshakes held now go on at once; the redirect follows.
        self.handshakes.rules().clear();
    }
}

impl Holder for Held {
    fn bite(&mut self) -> Result<Bite, EffectError> {
        let counted = self.handshakes.counters().snapshot();
        let detail = detail(&counted, self.redirected.redirected(), self.hurt, &self.place);
        let bite = Bite { hits: counted.hurt, seen: counted.hellos, detail, ..Bite::default() };
        Ok(of_share(bite, self.share, counted.spared))
    }

    fn extend(&mut self, lease: LeaseEnd) -> Result<(), EffectError> {
        self.handshakes.rules().extend(BootTime(lease.boottime_ns));
        self.redirected.extend(lease)
    }

    fn mechanism(&self) -> String {
        self.redirected.mechanism()
    }
}

/// Makes the server that answers in another's place.
pub(crate) fn impostor(values: &Checked, fake: Fake) -> Result<tls::Effect, EffectError> {
    let authority = values.text("authority").map(authority).transpose()?;
    let impostor = Impostor::new(fake, authority.as_deref()).map_err(|error| {
        let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
        EffectError::BadValues(format!("{error}{why}"))
    })?;
    Ok(tls::Effect::Impostor(Arc::new(impostor)))
}

/// Reads the test CA. An experiment must not make the agent read, with its privilege, what is not
/// meant for that: the file is of root or the agent's user, and nobody else may change it or
/// everybody read it; nothing of it is ever shown.
fn authority(path: &str) -> Result<String, EffectError> {
    let read = system("read the test authority");
    let file = File::open(path).map_err(system("open the test authority"))?;
    let about = file.metadata().map_err(system("open the test authority"))?;
    let own = [0, rustix::process::geteuid().as_raw()].contains(&about.uid());
    let closed = about.mode() & OTHERS_MAY == 0;
    if !about.is_file() || !own || !closed || about.len() > AUTHORITY_BYTES_MAX {
        return Err(EffectError::BadValues(format!(
            "the authority {path} must be a file of root with mode 0600, at most 64 KiB"
        )));
    }
    let mut text = String::new();
    file.take(AUTHORITY_BYTES_MAX).read_to_string(&mut text).map_err(read)?;
    Ok(text)
}

/// One line for a person: what happened, or why nothing did.
fn detail(counted: &Snapshot, redirected: u64, hurt: &str, nobody: &str) -> String {
    let Snapshot { hellos, matched, hurt: count, refused, accepted, other, .. } = counted;
    if *hellos == 0 {
        return match (redirected, other) {
            (0, _) => nobody.to_owned(),
            (_, 0) => format!("{redirected} connections, no hello on them yet"),
            (_, other) => format!("{other} of {redirected} connections did not begin as TLS"),
        };
    }
    let list = |seen: &[(String, u64)]| {
        let first = seen.iter().take(NAMES_SHOWN);
        first.map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ")
    };
    if *matched == 0 {
        return format!("{hellos} handshakes, none matches: {}", list(&counted.names));
    }
    let mut text = format!("{count} of {matched} matching handshakes {hurt}, {hellos} seen");
    if *refused > 0 {
        text += &format!("; clients refused {refused}: {}", list(&counted.reasons));
    }
    if *accepted > 0 {
        text += &format!("; FINDING: clients accepted {accepted}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_is_seen_is_explained() {
        let check = |counted: Snapshot, redirected, expected: &str| {
            assert_eq!(detail(&counted, redirected, "ended", "nobody came"), expected);
        };
        let none = Snapshot::default();
        check(none.clone(), 0, "nobody came");
        check(none.clone(), 1, "1 connections, no hello on them yet");
        check(Snapshot { other: 2, ..none.clone() }, 3, "2 of 3 connections did not begin as TLS");
        let other = Snapshot { hellos: 3, names: vec![("a.b".into(), 3)], ..none.clone() };
        check(other, 3, "3 handshakes, none matches: a.b (3)");
        let hit = Snapshot { hellos: 9, matched: 4, hurt: 3, ..none };
        check(hit.clone(), 9, "3 of 4 matching handshakes ended, 9 seen");
        let reasons = vec![("alert UnknownCA".into(), 2)];
        check(
            Snapshot { refused: 2, accepted: 1, reasons, ..hit },
            9,
            "3 of 4 matching handshakes ended, 9 seen; clients refused 2: alert UnknownCA (2); \
             FINDING: clients accepted 1",
        );
    }

    #[test]
    fn an_authority_that_others_can_change_or_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, "text").unwrap();
        let with = |mode| {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            authority(path.to_str().unwrap())
        };
        assert_eq!(with(0o600).unwrap(), "text");
        for mode in [0o620, 0o602, 0o604] {
            let error = with(mode).unwrap_err().to_string();
            assert!(error.contains("mode 0600") && !error.contains("text"), "{error}");
        }
        assert!(authority("/").is_err() && authority("/none").is_err());
    }
}
