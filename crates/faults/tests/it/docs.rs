//! The pages of the faults are what the folders and the figures say; stale ones are written anew.

use squall_faults::catalog::ALL;
use squall_faults::docs::{index, page};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every table of figures, one after the other.
fn figures() -> String {
    let mut files: Vec<PathBuf> = match fs::read_dir(root().join("bench/faults")) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => Vec::new(),
    };
    files.sort();
    let texts = files.iter().filter(|path| path.extension().is_some_and(|end| end == "md"));
    texts.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn the_pages_of_the_faults_are_fresh() {
    let folder = root().join("docs/faults");
    fs::create_dir_all(&folder).unwrap();
    let figures = figures();
    let named = |entry: &squall_faults::catalog::Entry| {
        (format!("{}.md", entry.fault.describe().name), page(entry, &figures))
    };
    let mut pages: BTreeMap<String, String> = ALL.iter().map(named).collect();
    pages.insert("README.md".to_owned(), index());
    let mut stale = Vec::new();
    for entry in fs::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if !pages.contains_key(&name) {
            fs::remove_file(entry.path()).unwrap();
            stale.push(name);
        }
    }
    for (name, text) in &pages {
        let path = folder.join(name);
        if fs::read_to_string(&path).unwrap_or_default() != *text {
            fs::write(&path, text).unwrap();
            stale.push(name.clone());
        }
    }
    assert!(stale.is_empty(), "these were stale and are written anew, commit them: {stale:?}");
}

#[test]
fn every_page_says_everything() {
    for entry in ALL {
        let name = entry.fault.describe().name;
        let text = page(entry, "");
        for title in ["Why it matters", "Parameters", "Mechanism", "How it dies", "Limits"] {
            let part = text.split(&format!("## {title}\n")).nth(1);
            let part = part.unwrap_or_else(|| panic!("{name} has no {title}"));
            let words = part.split("\n## ").next().unwrap().split_whitespace().count();
            assert!(words >= 3, "{name} says nothing under {title}");
        }
    }
}
