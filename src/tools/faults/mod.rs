//! What can be wrong with each thing, and what to change: every sentence about what can't be accepted
//! stands here, in the module of the thing that is at fault.
//!
//! A cause is named only where the bytes rule out every other that is known: beside each table stands what
//! does so. Where two remain, both are said, with *or*; where none is known, what was seen.
//!
//! Nothing here accepts anything, and nothing here prints. Each module takes the bytes that were
//! refused, or the fault that the book has found in them, and names the first cause under which they
//! make sense. The start, `check`, `--explain`, the log and the report print what it says.
//!
//! ```
//! use udpsocket_jwt_server::tools::faults::datagram;
//!
//! let diagnosis = datagram::diagnose(b"b'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'").unwrap();
//! assert_eq!(diagnosis.found(), "it is Python's print of a bytes object");
//! assert_eq!(diagnosis.change(), "send token.encode(), not str(token): no b'...'");
//! ```

pub mod claims;
pub mod datagram;
pub(crate) mod encodings;
pub mod groups_json;
pub mod json;
pub mod key_file;
pub mod reason;
pub mod record;
pub mod refusal;
pub mod reply;
pub mod secret;
mod signable;
pub mod signature;
pub mod start;

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

/// What was found, and what to change: printable ASCII, whatever it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    found: Cow<'static, str>,
    change: Cow<'static, str>,
}

impl Diagnosis {
    /// What to change, and what was found.
    pub(crate) fn new(change: impl Into<Cow<'static, str>>, found: impl Into<Cow<'static, str>>) -> Self {
        Self { change: change.into(), found: found.into() }
    }

    /// What to change. Of a datagram's fault it has 60 bytes or a few more: it fits behind a reason in a
    /// small datagram.
    pub fn change(&self) -> &str {
        &self.change
    }

    /// What was found.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The sentence behind a file's name or a reason: what was found comes first.
    pub fn sentence(&self) -> String {
        match &*self.change {
            "" => self.found.to_string(),
            change => format!("{}; {change}", self.found),
        }
    }
}

/// What to change, and what was found, as the tables of sentences have it.
type Row = (&'static str, &'static str);

/// A row, and how a file is known to be at that fault.
type Form = (&'static str, &'static str, fn(&[u8]) -> bool);

impl From<Row> for Diagnosis {
    fn from((change, found): Row) -> Self {
        Self::new(change, found)
    }
}

impl Display for Diagnosis {
    /// What to change comes first: the rest may be cut.
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        match &*self.change {
            "" => formatter.write_str(&self.found),
            change => write!(formatter, "{change} ({})", self.found),
        }
    }
}
