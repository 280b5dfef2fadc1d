//! The policy file: which faults may go where, when and by whom, and what is never touched.

use crate::spanned::Spanned;
use crate::window::Window;

/// A whole policy file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Policy {
    /// Its name, as refusals print it.
    pub name: String,
    /// What is allowed; with no rule at all everything is, with one only what a rule names.
    pub rules: Vec<Rule>,
    /// What is never touched, on top of what the plan protects by itself.
    pub protected: Vec<Protected>,
    /// Instances a plan may take at most, below the hard cap.
    pub instances: Option<Spanned<u32>>,
    /// Hosts a plan may touch at most.
    pub hosts: Option<Spanned<u32>>,
    /// Lets a plan take every instance of a service if the experiment asks for it.
    pub allow_all: bool,
}

/// One permission.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Fault names; `net.*` means the whole family and `*` every fault.
    pub faults: Vec<Spanned<String>>,
    /// Services it holds for; empty means all.
    pub services: Vec<Spanned<String>>,
    /// When.
    pub window: Option<Spanned<Window>>,
    /// User names it holds for; empty means everybody.
    pub who: Vec<Spanned<String>>,
}

/// Something that is never touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protected {
    /// A process name.
    Process(Spanned<String>),
    /// Whoever listens on a port.
    Port(Spanned<u16>),
    /// A service of the services file.
    Service(Spanned<String>),
}
