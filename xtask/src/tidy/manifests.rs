//! Versions stand in the root manifest only, each with a line of why: a dependency is a decision.

use super::Finding;
use crate::tree::File;

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with("Cargo.toml")) {
        let root = file.path == "Cargo.toml";
        let mut section = "";
        for (at, line) in file.text().lines().enumerate() {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']);
                continue;
            }
            let Some((name, value)) = line.split_once('=') else { continue };
            let name = name.trim();
            let message = match root {
                true if section == "workspace.dependencies" && !explained(name, value) => {
                    format!("{name} has no `# why it is worth its weight`")
                }
                false if section.ends_with("dependencies") && !shared(name, value) => {
                    format!("{name} has a version of its own: write `{name}.workspace = true`")
                }
                _ => continue,
            };
            findings.push(Finding::new(&file.path, at + 1, message));
        }
    }
    findings
}

/// Our own crates explain themselves in their first doc line.
fn explained(name: &str, value: &str) -> bool {
    name.starts_with("squall-") || value.split_once('#').is_some_and(|(_, why)| why.len() > 5)
}

fn shared(name: &str, value: &str) -> bool {
    name.ends_with(".workspace") || value.contains("workspace = true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_reasons_are_checked() {
        let root = "[workspace.dependencies]\nsquall-a = { path = \"a\" }\nserde = \"1\" # stored types\n\
                    bytes = \"1\"\n[profile.dev]\ndebug = false\n";
        let member = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\n\
                      aya = { workspace = true, optional = true }\nlibc = \"0.2\"\n\
                      [dev-dependencies]\ntempfile = \"3\"\n";
        let files = [File::new("Cargo.toml", root), File::new("crates/x/Cargo.toml", member)];
        let found: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(found[0], "Cargo.toml:4: bytes has no `# why it is worth its weight`");
        assert!(found[1].starts_with("crates/x/Cargo.toml:6: libc has a version"), "{found:?}");
        assert!(found[2].starts_with("crates/x/Cargo.toml:8: tempfile"), "{found:?}");
        assert_eq!(found.len(), 3);
    }
}
