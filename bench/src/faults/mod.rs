//! The fidelity of the faults, one file a family; `cargo xtask gen` lists them. The first words of
//! a figure are the fault's name and a colon: its page in `docs/faults/` shows the row.

use crate::figure::Table;

/// The figures of one family.
pub(crate) struct Family {
    /// The file's name.
    pub(crate) name: &'static str,
    /// Measures them.
    pub(crate) run: fn(&mut Table),
}

// gen:begin families
mod handshakes;
mod http;
mod names;
mod network;
mod process;
mod resources;

/// Every family, by name.
pub(crate) static ALL: &[Family] = &[
    Family { name: "handshakes", run: handshakes::run },
    Family { name: "http", run: http::run },
    Family { name: "names", run: names::run },
    Family { name: "network", run: network::run },
    Family { name: "process", run: process::run },
    Family { name: "resources", run: resources::run },
];
// gen:end

/// The inner program of the figures of the network, if this is one.
pub(crate) use network::play;
pub(crate) use process::gaps;

/// Measures one family, or all; with `write` each table replaces `bench/faults/NAME.md`.
pub(crate) fn run(wanted: Option<&str>, write: bool) -> Result<(), String> {
    let families: Vec<_> =
        ALL.iter().filter(|family| wanted.is_none_or(|name| name == family.name)).collect();
    if families.is_empty() {
        let names: Vec<_> = ALL.iter().map(|family| family.name).collect();
        return Err(format!("no such family; there are {}", names.join(", ")));
    }
    for family in families {
        eprintln!("bench: faults {}", family.name);
        let mut table = Table::new();
        (family.run)(&mut table);
        let text = table.markdown();
        println!("\n## {}\n\n{text}", family.name);
        if write {
            let path = format!("bench/faults/{}.md", family.name);
            std::fs::create_dir_all("bench/faults").map_err(|why| format!("{path}: {why}"))?;
            let head = format!(
                "# Figures of the faults: {}\n\nMade by `cargo xtask bench faults {} --write`.\n\n",
                family.name, family.name
            );
            std::fs::write(&path, head + &text).map_err(|why| format!("{path}: {why}"))?;
        }
    }
    Ok(())
}
