//! No large file and no path of one person's machine: both look fine at home and nowhere else.

use super::Finding;
use crate::tree::File;

/// A checked-in BPF object has some KiB, the longest lock file some hundred.
const LARGEST: usize = 512 << 10;

/// Folders that exist on one machine only; split, so that this file is not a finding.
const MACHINE: &[&str] =
    &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        if file.bytes.len() > LARGEST {
            let message = format!("{} KiB, more than {}", file.bytes.len() >> 10, LARGEST >> 10);
            findings.push(Finding::new(&file.path, 1, message));
        }
        for path in MACHINE {
            if let Some(at) = find(&file.bytes, path.as_bytes()) {
                let line = 1 + file.bytes[..at].iter().filter(|b| **b == b'\n').count();
                let message = format!("`{path}` is a path of one machine");
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// Where a path starts: at a word's begin, so that `a/home/b` of an address is none.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).enumerate().find_map(|(at, window)| {
        let inside =
            at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || b"-_.}".contains(&bytes[at - 1]));
        (window == wanted && !inside).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_and_machine_paths_are_found() {
        let path = format!("ok\nsee {}anna/notes\n", MACHINE[1]);
        let files = [
            File::new("big.bin", &"x".repeat(LARGEST + 1)),
            File::new("docs/a.md", &path),
            File::new("docs/b.md", &format!("https://example.org{}page", MACHINE[1])),
        ];
        let found: Vec<String> = check(&files).iter().map(ToString::to_string).collect();
        assert_eq!(found[0], "big.bin:1: 512 KiB, more than 512");
        assert!(found[1].starts_with("docs/a.md:2: "), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
