//! Rewrites the generated lists: the region between `// gen:begin KIND` and `// gen:end` of a list
//! file is made from what lies beside it, so that adding a fault, a source, a function, a format or
//! a verb touches no list by hand.

use crate::tree;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Whether to rewrite or only to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Rewrites what is stale.
    Write,
    /// Fails on what is stale.
    Check,
}

/// One list: where it is and what its region says for the names found in a folder.
struct List {
    kind: &'static str,
    /// Where the names come from.
    folder: &'static str,
    /// The file with the region.
    file: &'static str,
    region: fn(&[String]) -> String,
}

/// Every generated list. A new one is a line here and a pair of markers in its `mod.rs`.
const LISTS: &[List] = &[
    List {
        kind: "catalog",
        folder: "crates/faults/src/catalog",
        file: "crates/faults/src/catalog/mod.rs",
        region: catalog,
    },
    List {
        kind: "cases",
        folder: "crates/faults/src/catalog",
        file: "tests/real/tests/seen.rs",
        region: cases,
    },
    List {
        kind: "families",
        folder: "bench/src/faults",
        file: "bench/src/faults/mod.rs",
        region: families,
    },
    List {
        kind: "sources",
        folder: "crates/signals/src/sources",
        file: "crates/signals/src/sources/mod.rs",
        region: sources,
    },
    List {
        kind: "functions",
        folder: "crates/query/src/functions",
        file: "crates/query/src/functions/mod.rs",
        region: functions,
    },
    List {
        kind: "formats",
        folder: "crates/report/src/formats",
        file: "crates/report/src/formats/mod.rs",
        region: formats,
    },
    List {
        kind: "commands",
        folder: "crates/cli/src/commands",
        file: "crates/cli/src/commands/mod.rs",
        region: commands,
    },
];

fn catalog(names: &[String]) -> String {
    let entries = names.iter().map(|n| {
        format!(
            "Entry {{ fault: {n}::FAULT, #[cfg(feature = \"effects\")] \
             effect: {n}::effect::EFFECT }},"
        )
    });
    format!(
        "{}\n/// Every fault, by name.\npub static ALL: &[Entry] = &[\n{}];\n",
        modules("pub mod", names),
        entries.collect::<String>()
    )
}

/// The cases lie in the folders of the faults but are compiled into the tests alone.
fn cases(names: &[String]) -> String {
    let modules = names.iter().map(|n| {
        format!("#[path = \"../../../crates/faults/src/catalog/{n}/seen.rs\"]\nmod {n};\n")
    });
    let all = names.iter().map(|n| format!("{n}::CASE,")).collect::<String>();
    format!(
        "{}\n/// Every case, by the fault's name.\npub(crate) const CASES: &[Case] = &[{all}];\n",
        modules.collect::<String>()
    )
}

fn families(names: &[String]) -> String {
    let all = names.iter().map(|n| format!("Family {{ name: \"{n}\", run: {n}::run }},"));
    format!(
        "{}\n/// Every family, by name.\npub(crate) static ALL: &[Family] = &[{}];\n",
        modules("mod", names),
        all.collect::<String>()
    )
}

fn sources(names: &[String]) -> String {
    modules("pub mod", names)
}

fn functions(names: &[String]) -> String {
    let all = names.iter().map(|n| format!("{n}::FUNCTION,")).collect::<String>();
    let modules = modules("pub mod", names);
    format!(
        "{modules}\n/// Every function, sorted by name.\npub const ALL: &[Function] = &[{all}];\n"
    )
}

fn formats(names: &[String]) -> String {
    let all = names.iter().map(|n| format!("&{n}::FORMAT,")).collect::<String>();
    let modules = modules("pub mod", names);
    format!(
        "{modules}\n/// Every format, sorted by name.\npub static ALL: &[&Format] = &[{all}];\n"
    )
}

fn commands(names: &[String]) -> String {
    let all = names.iter().map(|n| format!("&{n}::VERB,")).collect::<String>();
    let modules = modules("mod", names);
    format!(
        "{modules}\n/// Every verb, sorted by name.\npub(crate) static ALL: &[&Verb] = &[{all}];\n"
    )
}

fn modules(keyword: &str, names: &[String]) -> String {
    names.iter().map(|n| format!("{keyword} {n};\n")).collect()
}

/// Rewrites or checks every list, or the one of a kind.
pub(crate) fn run(mode: Mode, kind: Option<&str>) -> Result<(), String> {
    if let Some(kind) = kind.filter(|kind| LISTS.iter().all(|list| list.kind != *kind)) {
        let kinds: Vec<&str> = LISTS.iter().map(|list| list.kind).collect();
        return Err(format!("no list {kind}; there are {}", kinds.join(", ")));
    }
    let stale = stale(tree::root(), kind)?;
    if stale.is_empty() {
        println!("generated lists are fresh");
        return Ok(());
    }
    for (path, text) in &stale {
        let short = path.strip_prefix(tree::root()).unwrap_or(path).display();
        match mode {
            Mode::Write => {
                std::fs::write(path, text).map_err(|e| format!("{short}: {e}"))?;
                println!("wrote {short}");
            }
            Mode::Check => println!("{short}:1: stale, run: cargo xtask gen"),
        }
    }
    if mode == Mode::Check { Err(format!("{} stale lists", stale.len())) } else { Ok(()) }
}

/// Every list file that would change, with its new text.
pub(crate) fn stale(root: &Path, kind: Option<&str>) -> Result<Vec<(PathBuf, String)>, String> {
    let mut found = Vec::new();
    for list in LISTS.iter().filter(|list| kind.is_none_or(|kind| kind == list.kind)) {
        let path = root.join(list.file);
        let old = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let names = names_in(&root.join(list.folder))?;
        let new = format(
            &fill(&old, list.kind, &(list.region)(&names))
                .map_err(|e| format!("{}: {e}", path.display()))?,
        )?;
        if new != old {
            found.push((path, new));
        }
    }
    Ok(found)
}

/// The modules of a folder: each `NAME.rs` and each `NAME/mod.rs`, sorted.
fn names_in(folder: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let rust = path.extension().is_some_and(|e| e == "rs") && name != "mod";
        if rust || path.join("mod.rs").is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Puts the region between the markers of its kind.
fn fill(text: &str, kind: &str, region: &str) -> Result<String, String> {
    let begin = format!("// gen:begin {kind}\n");
    let (before, rest) =
        text.split_once(&begin).ok_or_else(|| format!("has no line `{}`", begin.trim_end()))?;
    let at = rest.find("// gen:end").ok_or("has no line `// gen:end`")?;
    Ok(format!("{before}{begin}{region}{}", &rest[at..]))
}

/// The text as rustfmt would leave it, so that the list and the format check cannot disagree.
fn format(text: &str) -> Result<String, String> {
    use std::io::Write as _;
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(tree::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("rustfmt did not start: {e}"))?;
    let mut stdin = rustfmt.stdin.take().expect("invariant: stdin is piped");
    stdin.write_all(text.as_bytes()).map_err(|e| format!("rustfmt: {e}"))?;
    drop(stdin);
    let output = rustfmt.wait_with_output().map_err(|e| format!("rustfmt: {e}"))?;
    if !output.status.success() {
        return Err("rustfmt refused a generated list".to_owned());
    }
    String::from_utf8(output.stdout).map_err(|e| format!("rustfmt: {e}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|n| (*n).to_owned()).collect()
    }

    #[test]
    fn a_region_is_replaced_and_nothing_else() {
        let old = "//! doc\n// gen:begin sources\nmod old;\n// gen:end\nfn kept() {}\n";
        let new = fill(old, "sources", "mod a;\nmod b;\n").unwrap();
        assert_eq!(
            new,
            "//! doc\n// gen:begin sources\nmod a;\nmod b;\n// gen:end\nfn kept() {}\n"
        );
        assert_eq!(fill(&new, "sources", "mod a;\nmod b;\n").unwrap(), new);
    }

    #[test]
    fn missing_markers_are_named() {
        assert!(fill("", "sources", "").unwrap_err().contains("gen:begin sources"));
        assert!(fill("// gen:begin x\n", "x", "").unwrap_err().contains("gen:end"));
    }

    #[test]
    fn a_long_list_is_formatted() {
        let many: Vec<String> = (0..30).map(|n| format!("function{n:02}")).collect();
        let text = format(&functions(&many)).unwrap();
        assert!(text.lines().all(|l| l.len() <= 100), "{text}");
        assert_eq!(format(&text).unwrap(), text);
    }

    #[test]
    fn a_fault_has_its_effect_behind_the_feature() {
        let text = format(&catalog(&names(&["cpu_load"]))).unwrap();
        assert!(text.starts_with("pub mod cpu_load;\n\n/// Every fault"), "{text}");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("#[cfg(feature = \"effects\")] effect: cpu_load::effect"), "{text}");
    }

    #[test]
    fn modules_are_files_and_folders() {
        let here = names_in(&tree::root().join("xtask/src")).unwrap();
        assert!(here.contains(&"tree".to_owned()) && !here.contains(&"mod".to_owned()));
        assert!(here.is_sorted());
    }
}
