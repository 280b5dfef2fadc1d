//! No drawers: a module named for nothing collects everything.

use super::Finding;
use super::source::rust;
use crate::tree::File;

const DRAWERS: &[&str] =
    &["util", "utils", "common", "helper", "helpers", "misc", "base", "shared", "stuff"];

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with(".rs") || f.path.ends_with(".go")) {
        for part in file.path.split('/') {
            let stem = part.split('.').next().unwrap_or_default();
            if DRAWERS.contains(&stem) {
                findings.push(Finding::new(&file.path, 1, message(stem)));
            }
        }
    }
    for (file, lines) in rust(files) {
        for line in &lines {
            let Some((_, after)) = line.code.split_once("mod ") else { continue };
            let name = after.split(|c: char| !c.is_alphanumeric() && c != '_').next();
            if let Some(name) = name.filter(|n| DRAWERS.contains(n)) {
                findings.push(Finding::new(&file.path, line.number, message(name)));
            }
        }
    }
    findings
}

fn message(name: &str) -> String {
    format!("`{name}` is a drawer: move each thing to its owner")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawers_are_found_by_file_folder_and_module() {
        let files = [
            File::new("crates/x/src/util.rs", "//! x\n"),
            File::new("crates/x/src/common/mod.rs", "//! x\n"),
            File::new("crates/x/src/a.rs", "//! x\npub mod helpers;\nmod baseline;\n"),
            File::new("targets/shop/misc/a.go", "package misc\n"),
        ];
        let found = check(&files);
        assert_eq!(found.len(), 4, "{found:?}");
    }
}
