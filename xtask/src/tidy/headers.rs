//! Every Rust file opens with `//!` and says what it owns.

use super::Finding;
use crate::tree::File;

pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|f| f.path.ends_with(".rs"))
        .filter(|f| !f.text().lines().next().is_some_and(says_something))
        .map(|f| Finding::new(&f.path, 1, "opens without `//!`: say what it owns"))
        .collect()
}

fn says_something(line: &str) -> bool {
    line.strip_prefix("//! ").is_some_and(|rest| !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        let files = [
            File::new("a.rs", "use x;\n"),
            File::new("b.rs", ""),
            File::new("c.rs", "//! \n"),
            File::new("d.rs", "//! Owns d.\n"),
            File::new("e.txt", "anything"),
        ];
        let paths: Vec<String> = check(&files).into_iter().map(|f| f.path).collect();
        assert_eq!(paths, ["a.rs", "b.rs", "c.rs"]);
    }
}
