//! The diagnosis: which mistake was made, told so that whoever made it knows what to change.
//!
//! Nothing here accepts anything. Each module takes bytes that were refused, tries what may have
//! happened to them, and names the first cause under which they make sense: the sentences of one
//! kind of mistake stand in one module.
//!
//! ```
//! use udpsocket_jwt_server::tools::faults::datagram;
//!
//! let diagnosis = datagram::diagnose(b"b'eyJhbGciOiJSUzI1NiJ9.e30.c2ln'").unwrap();
//! assert_eq!(diagnosis.short(), "send token.encode(), not str(token): no b'...'");
//! assert_eq!(
//!     diagnosis.to_string(),
//!     "send token.encode(), not str(token): no b'...' (it is Python's print of a bytes object)",
//! );
//! ```

pub mod claims;
pub mod datagram;
pub(crate) mod encodings;
pub mod groups_json;
pub mod json;
pub mod key_file;
pub mod key_form;
pub mod mistake;
pub mod record;
pub mod refusal;
pub mod reply;
pub mod secret;
mod signable;
pub mod signature;
pub mod start;
pub mod table;

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

/// A mistake, and the way out of it: printable ASCII, whatever it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    change: Cow<'static, str>,
    found: Cow<'static, str>,
}

impl Diagnosis {
    /// What to change, and what was found.
    pub(crate) fn new(change: impl Into<Cow<'static, str>>, found: impl Into<Cow<'static, str>>) -> Self {
        Self { change: change.into(), found: found.into() }
    }

    /// What to change, in 60 bytes or a few more: it fits behind a reason in a small datagram.
    pub fn short(&self) -> &str {
        &self.change
    }

    /// What was found.
    pub fn found(&self) -> &str {
        &self.found
    }
}

/// What to change, and what was found, as the tables of sentences have it.
type Row = (&'static str, &'static str);

impl From<Row> for Diagnosis {
    fn from((change, found): Row) -> Self {
        Self::new(change, found)
    }
}

/// A file without UTF-8's byte order mark, which may be passed over.
pub fn without_mark(file: &[u8]) -> &[u8] {
    file.strip_prefix(encodings::BOM).unwrap_or(file)
}

impl Display for Diagnosis {
    /// What to change comes first: the rest may be cut.
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        write!(formatter, "{} ({})", self.change, self.found)
    }
}
