//! What this machine needs, in one table: how to see that it is there, the least version, the
//! Debian package, who uses it. As root what is missing is installed; otherwise the one line that
//! installs it is printed.

use crate::command;
use std::process::Command;

/// One need.
#[derive(Debug)]
pub(crate) struct Need {
    /// The program.
    name: &'static str,
    /// Its words that print a version.
    version: &'static [&'static str],
    /// The least version, as `(major, minor)`; `(0, 0)` takes any.
    least: (u32, u32),
    /// What installs it.
    from: From,
    /// Who uses it.
    why: &'static str,
}

/// Where a need comes from.
#[derive(Debug, Clone, Copy)]
enum From {
    /// A Debian package.
    Debian(&'static str),
    /// A line that a person types, since no package has it in the version needed.
    Hand(&'static str),
}

const GIT: Need = Need {
    name: "git",
    version: &["--version"],
    least: (2, 0),
    from: From::Debian("git"),
    why: "tidy lists the files of the tree",
};
const GCC: Need = Need {
    name: "gcc",
    version: &["--version"],
    least: (0, 0),
    from: From::Debian("gcc"),
    why: "Rust links with it, go test -race needs it",
};
const LIBC: Need = Need {
    name: "ldd",
    version: &["--version"],
    least: (0, 0),
    from: From::Debian("libc6-dev"),
    why: "the C library that both link against",
};
const IP: Need = Need {
    name: "ip",
    version: &["-V"],
    least: (0, 0),
    from: From::Debian("iproute2"),
    why: "demo and real tests run in network namespaces of their own",
};
const NSENTER: Need = Need {
    name: "nsenter",
    version: &["--version"],
    least: (0, 0),
    from: From::Debian("util-linux"),
    why: "starts the shop inside such a namespace",
};
const CURL: Need = Need {
    name: "curl",
    version: &["--version"],
    least: (7, 0),
    from: From::Debian("curl"),
    why: "real tests wait with it until a service in a namespace answers",
};
const DIG: Need = Need {
    name: "dig",
    version: &["-v"],
    least: (9, 0),
    from: From::Debian("bind9-dnsutils"),
    why: "real tests ask a resolver with it while its answers are hurt",
};
const OPENSSL: Need = Need {
    name: "openssl",
    version: &["version"],
    least: (3, 0),
    from: From::Debian("openssl"),
    why: "is a TLS server in real tests, and makes its certificate",
};
const DNSMASQ: Need = Need {
    name: "dnsmasq",
    version: &["--version"],
    least: (2, 0),
    from: From::Debian("dnsmasq-base"),
    why: "is that resolver, in a network namespace",
};
const GO: Need = Need {
    name: "go",
    version: &["version"],
    least: (1, 26),
    from: From::Hand("install Go 1.26 or newer from https://go.dev/dl"),
    why: "builds the shop and the real services of the tests",
};
const PYTHON: Need = Need {
    name: "python3",
    version: &["-c", "import ensurepip, sys; print(sys.version)"],
    least: (3, 9),
    from: From::Debian("python3-venv"),
    why: "a peer that the figures are compared with is written in it",
};
const PROMETHEUS: Need = Need {
    name: "prometheus",
    version: &["--version"],
    least: (2, 0),
    from: From::Debian("prometheus"),
    why: "a test compares its verdict with ours",
};
const CHROMIUM: Need = Need {
    name: "chromium",
    version: &["--version"],
    least: (100, 0),
    from: From::Debian("chromium"),
    why: "a test opens the report",
};
const NODE: Need = Need {
    name: "node",
    version: &["--version"],
    least: (18, 0),
    from: From::Debian("nodejs"),
    why: "drives the browser",
};
const NPM: Need = Need {
    name: "npm",
    version: &["--version"],
    least: (9, 0),
    from: From::Debian("npm"),
    why: "fetches the browser's driver by its lock file",
};
const CLANG: Need = Need {
    name: "clang",
    version: &["--version"],
    least: (14, 0),
    from: From::Debian("clang"),
    why: "a test compiles the BPF programs and compares them with the objects checked in",
};
const RUSTFMT: Need = Need {
    name: "rustfmt",
    version: &["--version"],
    least: (1, 0),
    from: From::Hand("rustup component add rustfmt"),
    why: "formats the generated lists and checks the rest",
};
const CLIPPY: Need = Need {
    name: "cargo-clippy",
    version: &["--version"],
    least: (0, 0),
    from: From::Hand("rustup component add clippy"),
    why: "denies warnings",
};

const STRESS_NG: Need = Need {
    name: "stress-ng",
    version: &["--version"],
    least: (0, 0),
    from: From::Debian("stress-ng"),
    why: "a peer that the figures of CPU and memory are compared with",
};

const HAPROXY: Need = Need {
    name: "haproxy",
    version: &["-v"],
    least: (2, 4),
    from: From::Debian("haproxy"),
    why: "a peer of the empty proxy, in TCP mode",
};

const NFT: Need = Need {
    name: "nft",
    version: &["--version"],
    least: (0, 9),
    from: From::Debian("nftables"),
    why: "writes packet rules of others in namespaces of the tests",
};
const IPTABLES: Need = Need {
    name: "iptables-legacy",
    version: &["--version"],
    least: (1, 8),
    from: From::Debian("iptables"),
    why: "writes packet rules of others in the older form",
};
const GXX: Need = Need {
    name: "c++",
    version: &["--version"],
    least: (0, 0),
    from: From::Debian("g++"),
    why: "compiles libFuzzer, which is C++",
};

/// What building Squall needs.
pub(crate) const BUILD: [&Need; 2] = [&GCC, &LIBC];
/// What the demo needs.
pub(crate) const DEMO: [&Need; 5] = [&GCC, &LIBC, &IP, &NSENTER, &GO];
/// What benchmarks need.
pub(crate) const BENCH: [&Need; 8] =
    [&GCC, &LIBC, &IP, &NSENTER, &GO, &PYTHON, &STRESS_NG, &HAPROXY];
/// What the fuzzer needs.
pub(crate) const FUZZ: [&Need; 3] = [&GCC, &LIBC, &GXX];
/// What every layer of the tests together needs.
pub(crate) const TEST: [&Need; 19] = [
    &GIT,
    &GCC,
    &LIBC,
    &IP,
    &NSENTER,
    &CURL,
    &DIG,
    &DNSMASQ,
    &NFT,
    &IPTABLES,
    &OPENSSL,
    &GO,
    &PROMETHEUS,
    &CHROMIUM,
    &NODE,
    &NPM,
    &CLANG,
    &RUSTFMT,
    &CLIPPY,
];

/// Makes sure of every need, or says what to do.
pub(crate) fn ensure(needs: &[&Need]) -> Result<(), String> {
    let mut packages = Vec::new();
    let mut by_hand = Vec::new();
    for need in needs {
        let Some(lack) = lack(need) else { continue };
        println!("setup: {} {lack}: {}", need.name, need.why);
        match need.from {
            From::Debian(package) => packages.push(package),
            From::Hand(line) => by_hand.push(line),
        }
    }
    if !packages.is_empty() {
        install(&packages)?;
    }
    if !by_hand.is_empty() {
        return Err(format!("please run:\n  {}", by_hand.join("\n  ")));
    }
    match needs.iter().find_map(|need| lack(need).map(|l| format!("{} {l}", need.name))) {
        Some(lack) => Err(format!("{lack}, although its package is installed")),
        None => Ok(()),
    }
}

/// Whether the kernel lets this process make namespaces and load programs.
pub(crate) fn root() -> bool {
    command::read(Command::new("id").arg("-u")).is_ok_and(|uid| uid.trim() == "0")
}

fn install(packages: &[&str]) -> Result<(), String> {
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    if !root() || !command::succeeds("apt-get", &["--version"]) {
        return Err(format!("please run as root, then try again:\n  {line}"));
    }
    println!("setup: apt-get update, then {line}");
    command::run(&mut apt(&["update", "-q"]))?;
    let mut words = vec!["install", "-y", "-q", "--no-install-recommends"];
    words.extend(packages);
    command::run(&mut apt(&words))
}

/// A package's daemons stay off (RUNLEVEL=1): nothing here listens on every interface.
fn apt(words: &[&str]) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["-o", "DPkg::Lock::Timeout=150"])
        .args(words)
        .env("RUNLEVEL", "1")
        .env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

/// Why a need is not met, if so.
fn lack(need: &Need) -> Option<String> {
    let Ok(output) = Command::new(need.name).args(need.version).output() else {
        return Some("is missing".to_owned());
    };
    if !output.status.success() {
        return Some("does not work".to_owned());
    }
    // Some print their version on stderr.
    let text = [output.stdout, output.stderr].concat();
    let found = version(&String::from_utf8_lossy(&text));
    match (found, need.least) {
        (_, (0, 0)) => None,
        (Some(found), least) if found >= least => None,
        (Some((a, b)), (c, d)) => Some(format!("is version {a}.{b}, needs {c}.{d}")),
        (None, _) => Some("does not say its version".to_owned()),
    }
}

/// The first `major.minor` of a text.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let (major, rest) = word.split_once('.')?;
        Some((major.parse().ok()?, rest.split('.').next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(version("git version 2.39.5"), Some((2, 39)));
        assert_eq!(version("prometheus, version 2.42.0+ds (branch: debian)"), Some((2, 42)));
        assert_eq!(version("none"), None);
    }

    #[test]
    fn a_lack_is_named() {
        let need = |name, least| Need {
            name,
            version: &["--version"],
            least,
            from: From::Debian("x"),
            why: "a test",
        };
        assert_eq!(lack(&need("git", (2, 0))), None);
        assert_eq!(lack(&need("no-such-program", (0, 0))).as_deref(), Some("is missing"));
        assert!(lack(&need("git", (99, 0))).is_some_and(|l| l.ends_with("needs 99.0")));
    }
}
