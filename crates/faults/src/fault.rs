//! What a fault says of itself. Pure; every view (help, schema, docs, checks) derives from it.

use crate::dose::Tolerance;
use crate::values::Checked;
use squall_wire::target::Target;

/// One kind of disturbance.
pub trait Fault: Sync {
    /// Everything a view needs, as data.
    fn describe(&self) -> &'static Description;

    /// Checks that span several values (`jitter` at most `mean`); each value alone was already
    /// checked against its [`Param`].
    fn check(&self, _values: &Checked) -> Vec<ValueIssue> {
        Vec::new()
    }

    /// The worst this fault can do with these values, in words and bounded in time by the lease.
    fn bound(&self, values: &Checked) -> Bound;

    /// True where the target may end by it: the agent then keeps it on when the target is gone.
    fn may_end_target(&self, _values: &Checked) -> bool {
        self.describe().death == Death::OneShot
    }

    /// Why it cannot act on this target, if so (for example: it listens nowhere).
    fn fits(&self, _values: &Checked, _target: &Target) -> Result<(), String> {
        Ok(())
    }
}

/// A fault as data.
#[derive(Debug)]
pub struct Description {
    /// The name in files, for example `http.delay`.
    pub name: &'static str,
    /// The heading it is listed under, for example `process`.
    pub family: &'static str,
    /// What it does, in at most 46 characters, without a full stop.
    pub summary: &'static str,
    /// How it dies with its holder.
    pub death: Death,
    /// The `with` block.
    pub params: &'static [Param],
    /// The `where` block.
    pub filters: &'static [Param],
    /// The mechanism, for `squall faults NAME`.
    pub acts: &'static str,
    /// How it ends, for `squall faults NAME`.
    pub ends: &'static str,
    /// What it never touches, for `squall faults NAME`.
    pub spares: &'static str,
    /// What one hit is, for example `request delayed`.
    pub hit_word: &'static str,
    /// How far the dose delivered may be from the dose asked for before the run is invalid.
    pub tolerance: Tolerance,
    /// Faults that cannot be on the same target at the same time.
    pub conflicts: &'static [&'static str],
    /// What the host must offer.
    pub needs: &'static [Need],
    /// The smallest experiment that uses it (`example.yaml` in its folder).
    pub example: &'static str,
    /// Longer documentation (`cases.md` in its folder has the checked values).
    pub cases: &'static str,
}

/// How a fault dies with its holder, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Tied to a file descriptor: gone when the agent is gone.
    KernelLink,
    /// A process that dies with the agent.
    Holder,
    /// The target holds the lease and ends it by itself when the agent falls silent.
    InTarget,
    /// The watchdog, or the next start of the agent, replays the receipt.
    Receipt,
    /// Nothing stays: it acts once.
    OneShot,
}

impl Death {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Death::KernelLink => "kernel link",
            Death::Holder => "its holder",
            Death::InTarget => "target's lease",
            Death::Receipt => "receipt",
            Death::OneShot => "one shot",
        }
    }
}

/// What a host must offer for a fault. `squall doctor` tries each, never reads a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    /// Effective user id 0 or the capabilities to signal any process.
    Root,
    /// A cgroup v2 mount.
    Cgroup2,
    /// Programs of type cgroup/connect4 and 6 load and attach.
    BpfCgroupConnect,
    /// Programs of type cgroup/bind4 and 6 load and attach.
    BpfCgroupBind,
    /// Programs that see a cgroup's packets load and attach.
    BpfCgroupSkb,
    /// Programs that see a device's packets load and attach (tcx).
    BpfTcx,
    /// A TAP device can be made.
    Tap,
    /// A queue that shapes can be put on a device.
    Htb,
    /// Programs of type sk_lookup load and attach.
    BpfSkLookup,
    /// Programs for the addresses a cgroup sends to, and of type sockops, load and attach.
    BpfCgroupRedirect,
    /// Established sockets can be destroyed over netlink.
    SockDestroy,
}

impl Need {
    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Need::Root => "root",
            Need::Cgroup2 => "cgroup v2",
            Need::BpfCgroupConnect => "bpf cgroup/connect4, 6",
            Need::BpfCgroupBind => "bpf cgroup/bind4, 6",
            Need::BpfCgroupSkb => "bpf cgroup_skb",
            Need::BpfTcx => "bpf tcx",
            Need::Tap => "tap device",
            Need::Htb => "htb queue",
            Need::BpfSkLookup => "bpf sk_lookup",
            Need::BpfCgroupRedirect => "bpf cgroup redirect",
            Need::SockDestroy => "socket destroy",
        }
    }
}

/// One value of a `with` or `where` block.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// The key.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// The value used when it is absent; `None` for a filter means "everything".
    pub default: Option<&'static str>,
    /// True where the file must give it.
    pub required: bool,
    /// One line for help.
    pub help: &'static str,
}

impl Param {
    /// A value that may be left out.
    pub const fn optional(
        name: &'static str,
        kind: Kind,
        default: Option<&'static str>,
        help: &'static str,
    ) -> Param {
        Param { name, kind, default, required: false, help }
    }

    /// A value that the file must give.
    pub const fn required(name: &'static str, kind: Kind, help: &'static str) -> Param {
        Param { name, kind, default: None, required: true, help }
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A duration in Go form, both ends included.
    Duration {
        /// The least.
        min: &'static str,
        /// The most.
        max: &'static str,
    },
    /// A share in percent, both ends included.
    Share {
        /// The least, in percent.
        min_percent: f64,
        /// The most, in percent.
        max_percent: f64,
    },
    /// A whole number, both ends included.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A path with `*` for any text.
    Pattern,
    /// `name=value`, for headers.
    Pair,
    /// A TCP or UDP port.
    Port,
    /// An address range such as `10.0.0.0/8` or `::1`.
    Cidr,
    /// A name such as a method: letters, digits, `-`, `_`.
    Name,
    /// An amount of memory or data such as `64MiB`, both ends included.
    Bytes {
        /// The least.
        min: &'static str,
        /// The most.
        max: &'static str,
    },
    /// Data over time such as `10MiB/s` or `1Mbit/s`, both ends included.
    ByteRate {
        /// The least.
        min: &'static str,
        /// The most.
        max: &'static str,
    },
    /// Any text, for example a body.
    Text {
        /// The most bytes of UTF-8.
        bytes_max: usize,
    },
    /// A dotted or slashed name with `*` for any text: a host, a gRPC service.
    Glob,
    /// A file or folder, from the root.
    Path,
    /// Ports, joined by commas.
    Ports,
    /// Address ranges, joined by commas.
    Cidrs,
    /// Addresses, joined by commas.
    Addresses,
    /// Names, joined by commas.
    Names,
    /// Addresses with their ports, joined by commas: `10.0.0.7:8083,[::1]:8083`.
    Endpoints,
    /// The name of a service. A plan puts the endpoints of its instances in its place; what acts
    /// knows addresses only.
    Service,
}

/// The worst a fault can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// For example `every matching request is 0 to 1 s late`.
    pub text: String,
    /// The share of the target's work that may fail, 0 to 1000 per mille, for the error budget.
    pub per_mille_hurt: u32,
}

/// What is wrong with one value. The planner adds the span, the agent refuses with the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueIssue {
    /// A stable code, `F001`…
    pub code: &'static str,
    /// The key it is about.
    pub key: String,
    /// True where it is about the key itself, not its value.
    pub at_key: bool,
    /// What is wrong.
    pub message: String,
    /// The short text beside the mark.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Another key the issue refers to, with its label.
    pub other: Option<(String, String)>,
}
