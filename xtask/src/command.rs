//! Runs other programs and turns their failure into one line that names them.

use std::process::{Command, Stdio};

/// Runs it with this terminal; a failure names the program and its exit code.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("{} did not start: {e}", line(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", line(command))) }
}

/// Runs it and returns its stdout; a failure carries its stderr.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("{} did not start: {e}", line(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}\n{}", line(command), output.status, said.trim_end()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether it runs and succeeds, without a word.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The cargo that runs this tool.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::tree::root());
    as_by_hand(&mut command);
    command
}

/// Takes away what the cargo that started this tool says of its package. Build scripts of
/// dependencies look at such variables, so with them whatever was built by hand is built anew.
pub(crate) fn as_by_hand(command: &mut Command) {
    let of_package = |name: &str| {
        name.starts_with("CARGO_PKG_")
            || ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"].contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_package) {
            command.env_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    #[test]
    fn a_failure_names_the_program() {
        let said = run(Command::new("false").arg("--all")).unwrap_err();
        assert!(said.starts_with("false --all: "), "{said}");
        let said = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(said.contains("no-such-program-here did not start"), "{said}");
        let said = read(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(said.ends_with("why"), "{said}");
    }

    #[test]
    fn cargo_is_called_as_by_hand() {
        let taken: Vec<_> = cargo()
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name.to_string_lossy().into_owned())
            .collect();
        // This test itself was started by a cargo, which set them.
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"] {
            assert!(std::env::var_os(name).is_none() || taken.iter().any(|it| it == name));
        }
    }

    #[test]
    fn output_is_read() {
        assert_eq!(read(Command::new("echo").arg("x")), Ok("x\n".to_owned()));
        assert!(succeeds("true", &[]) && !succeeds("false", &[]));
    }
}
