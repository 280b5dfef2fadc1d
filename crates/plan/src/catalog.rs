//! The faults there are, and what they say about one use in a file.

use squall_faults::fault::{Fault, Kind, Param, ValueIssue};
use squall_faults::values::{Checked, check};
use squall_query::indicator::Indicator;
use squall_spec::{
    Checks, Code, Diagnostic, FaultShape, FaultUse, KeyShape, Span, Spanned, SpannedMap, closest,
};
use squall_wire::injection::Values;

/// No fault of that name.
const UNKNOWN_FAULT: Code = Code::error("P101");
/// The query does not parse.
const BAD_QUERY: Code = Code::error("P102");

/// Returns the JSON Schema of the experiment file with every fault of this build.
pub fn schema() -> serde_json::Value {
    squall_spec::schema(&Catalog::all().shapes())
}

/// The faults there are.
#[derive(Clone)]
pub struct Catalog {
    faults: Vec<&'static dyn Fault>,
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Catalog {
    /// Returns every fault this build has.
    pub fn all() -> Self {
        let faults = squall_faults::catalog::ALL.iter().map(|entry| entry.fault);
        Self { faults: faults.collect() }
    }

    /// Returns a catalog of these faults.
    pub fn of(faults: Vec<&'static dyn Fault>) -> Self {
        Self { faults }
    }

    /// Returns the names, in the catalog's order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.faults.iter().map(|fault| fault.describe().name)
    }

    /// Returns a fault by its name.
    pub fn get(&self, name: &str) -> Option<&'static dyn Fault> {
        self.faults.iter().copied().find(|fault| fault.describe().name == name)
    }

    /// Returns the faults as the schema wants them.
    pub fn shapes(&self) -> Vec<FaultShape> {
        let shape = |fault: &&'static dyn Fault| {
            let described = fault.describe();
            FaultShape {
                name: described.name.to_owned(),
                summary: described.summary.to_owned(),
                with: described.params.iter().map(key_shape).collect(),
                where_: described.filters.iter().map(key_shape).collect(),
            }
        };
        self.faults.iter().map(shape).collect()
    }

    /// Returns a fault and its checked values; an error was reported when the file was checked.
    pub(crate) fn checked(
        &self,
        used: &FaultUse<'_>,
    ) -> Result<(&'static dyn Fault, Checked), Vec<Diagnostic>> {
        let Some(fault) = self.get(used.fault) else {
            return Err(vec![self.unknown(used.fault)]);
        };
        match check(fault, &values(used.with), &values(used.where_)) {
            Ok(checked) => Ok((fault, checked)),
            Err(issues) => Err(issues.into_iter().map(|issue| place(issue, used)).collect()),
        }
    }

    fn unknown(&self, name: &Spanned<String>) -> Diagnostic {
        let message = format!("there is no fault \"{}\"", name.value);
        let diagnostic = Diagnostic::new(UNKNOWN_FAULT, name.span, message);
        match closest(name, self.names()) {
            Some(near) => diagnostic.label(format!("did you mean \"{near}\"?")),
            None => diagnostic.help("squall faults shows what there is"),
        }
    }
}

impl Checks for Catalog {
    fn fault(&self, used: &FaultUse<'_>) -> Vec<Diagnostic> {
        self.checked(used).err().unwrap_or_default()
    }

    fn query(&self, query: &Spanned<String>) -> Vec<Diagnostic> {
        match Indicator::compile(query) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Diagnostic::new(
                BAD_QUERY,
                query.span,
                format!("this query cannot be used: {error}"),
            )],
        }
    }
}

fn key_shape(param: &Param) -> KeyShape {
    let words = match param.kind {
        Kind::Word(words) => words.iter().map(|&word| word.to_owned()).collect(),
        _ => Vec::new(),
    };
    KeyShape {
        name: param.name.to_owned(),
        help: param.help.to_owned(),
        required: param.required,
        words,
        pattern: param.kind.schema_pattern().map(str::to_owned),
    }
}

/// Returns a block as the catalog reads it.
pub(crate) fn values(map: &SpannedMap) -> Values {
    map.entries.iter().map(|e| (e.key.value.clone(), e.value.value.clone())).collect()
}

/// Gives an issue its place in the file.
pub(crate) fn place(issue: ValueIssue, used: &FaultUse<'_>) -> Diagnostic {
    let entry = |key: &str| {
        let lines = used.with.entries.iter().chain(&used.where_.entries);
        lines.into_iter().find(|entry| entry.key.value == key)
    };
    let span = match entry(&issue.key) {
        // A value at odds with another one is shown with its key.
        Some(found) if issue.other.is_some() => {
            Span::new(found.key.span.start, found.value.span.end)
        }
        Some(found) if issue.at_key => found.key.span,
        Some(found) => found.value.span,
        None => used.fault.span,
    };
    let mut diagnostic =
        Diagnostic::new(Code::error(issue.code), span, issue.message).label(issue.label);
    diagnostic.help = issue.help;
    if let Some((key, label)) = issue.other
        && let Some(other) = entry(&key)
    {
        diagnostic = diagnostic.other(other.value.span, label);
    }
    diagnostic
}
