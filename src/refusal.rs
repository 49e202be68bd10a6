//! Why a datagram is left unanswered: the reasons, in the order of the checks, each with what was found.
//!
//! The page says
//!
//! ```text,page
//! return None;
//! ```
//!
//! and nobody will ever know why. Here a rule says which reason applies and what it found, as data. The
//! network hears nothing all the same; the sentences that a student reads, in the logs, on the terminal
//! and from `check`, the tools make of it, in one place. A new reason is a variant here, in its place in
//! the order, and a name and a sentence there: the compiler asks for both.

use base64::DecodeError;
use serde_json::Value;
use std::io;

/// Which check failed, and what it found: the first that fails ends the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The lab (`--lose`, `--trial`) has lost this on purpose: a word for the log, and how.
    LostOnPurpose(&'static str, String),
    /// More than 4,096 bytes, the final newline included: how many.
    TooLarge(usize),
    /// Not three parts with dots between them (RFC 7515 section 3.1), but so many.
    NotAJws(usize),
    /// A part is not canonical base64url without padding (RFC 7515 section 2): its name and length, and
    /// the first mistake in it.
    BadBase64(&'static str, usize, DecodeError),
    /// The header is not a JSON object.
    BadHeader(NotAnObject),
    /// `alg` is not `RS256`: the server fixes the algorithm, not the token (RFC 8725 section 3.1).
    WrongAlg(Option<Value>),
    /// `crit` is present, and this server understands no extension (RFC 7515 section 4.1.11).
    UnsupportedCrit,
    /// The payload is not a JSON object (RFC 7519 section 7.2).
    BadPayload(NotAnObject),
    /// `group` is absent, not a string, or not in the table.
    UnknownGroup(Option<Value>),
    /// The server has no usable public key of this group.
    NoKey,
    /// The signature, of so many bytes, does not verify with the group's key, of so many bits. *From
    /// here on the message is signed.*
    BadSignature(usize, usize),
    /// This claim is absent, or not of its type and range.
    BadClaim(&'static str, Option<Value>),
    /// `exp` passed so many seconds ago (RFC 7519 section 4.1.4).
    Expired(f64),
    /// `nbf` is so many seconds ahead (RFC 7519 section 4.1.5).
    NotYetValid(f64),
    /// `aud` is present, and this server is nobody's audience (RFC 7519 section 4.1.3).
    WrongAudience(Value),
    /// The state machine has no such transition: the group's members, its state, the `seq_number`.
    OutOfOrder(u8, u64, u64),
    /// What it says is not on the disk, or may not stay there: so it must not be acknowledged.
    NotRecorded(NotRecorded),
    /// It is recorded, but the system refused to send the reply, or gave no random number for it: its error.
    NotSent(String),
}

/// What stands where a JSON object should.
#[derive(Clone, Debug, PartialEq)]
pub enum NotAnObject {
    /// JSON of another type.
    Json(Value),
    /// This text, which is not JSON, and the parser's first complaint.
    Text(Vec<u8>, String),
}

/// Why a message is not on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    /// This group has as many records as are kept.
    TooMany,
    /// The group's allowance is used up, of 300 records at once and then two a second.
    TooFast,
    /// The file could not be written or synced: the system's error.
    Disk(String),
    /// Its name can't be looked at, with this error: whether the next start would read it is not known.
    Unseen(String),
    /// The file has lost its name: the next start would not read it.
    Moved,
    /// The file has so many bytes, and not so many as the server has left.
    Changed(u64, u64),
}

impl From<io::Error> for NotRecorded {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}
