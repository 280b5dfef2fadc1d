//! The systemd unit of a process, and asking systemd to restart it.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

const SYSTEMCTL: &[&str] = &["/usr/bin/systemctl", "/bin/systemctl"];

/// Whether systemd runs this host.
pub(super) fn trial() -> Result<String, String> {
    // sd_booted(3): what the manager makes when it is process 1.
    if !Path::new("/run/systemd/system").is_dir() {
        return Err("systemd does not run this host".to_owned());
    }
    let path = systemctl().map_err(|error| error.to_string())?;
    let done = Command::new(path).args(["show", "--property=Version"]).output();
    match done {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// The service unit a process belongs to.
pub(super) fn of(pid: u32) -> Option<String> {
    in_groups(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

/// Of version 2, or of the tree that systemd keeps for itself in version 1.
fn in_groups(text: &str) -> Option<String> {
    let own = |line: &&str| line.starts_with("0::") || line.contains(":name=systemd:");
    let unit = |line: &str| {
        let path = line.splitn(3, ':').nth(2)?;
        let unit = path.split('/').rfind(|part| part.ends_with(".service"))?;
        // A user's own manager is a unit, but what it runs is not that unit.
        (!unit.starts_with("user@")).then(|| unit.to_owned())
    };
    text.lines().filter(own).find_map(unit)
}

/// Asks for the restart; systemd carries it out by itself.
pub(super) fn restart(unit: &str) -> io::Result<()> {
    let mut command = Command::new(systemctl()?);
    command.args(["restart", "--no-block", "--", unit]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

fn systemctl() -> io::Result<&'static str> {
    let found = SYSTEMCTL.iter().copied().find(|path| Path::new(path).exists());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no systemctl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_read_from_either_version() {
        let unit = |text: &str| in_groups(text);
        let some = |unit: &str| Some(unit.to_owned());
        assert_eq!(unit("0::/system.slice/payment.service\n"), some("payment.service"));
        assert_eq!(
            unit("4:memory:/x\n1:name=systemd:/system.slice/a.service/inner\n"),
            some("a.service")
        );
        assert_eq!(unit("0::/user.slice/user-0.slice/user@0.service/app.slice\n"), None);
        assert_eq!(unit("0::/\n3:cpu:/system.slice/b.service\n"), None);
    }
}
