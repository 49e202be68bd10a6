//! Why a datagram is not answered: the reasons, each with what was found. They stand in the order of
//! the checks. (The first, [`LostOnPurpose`](Refusal::LostOnPurpose), comes from no check. It replaces
//! what the checks found. The last two say that a record or a reply failed.)
//!
//! The page says only this:
//!
//! ```text,page
//! return None;
//! ```
//!
//! Nobody will ever know why. Here each check returns its reason and what it found, as a value. The
//! network still hears nothing, unless `--explain` is given. The tools turn the value into the sentences
//! that a student reads in the logs, on the terminal and from `check`. To add a reason, add a variant
//! here, in its place in the order, and a name and a sentence in the tools. The compiler asks for both.

use base64::DecodeError;
use serde_json::Value;
use std::io;

/// Which check failed, and what it found. After the first check that fails, no other is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The lab (`--lose`, `--trial`) has lost the request or the reply on purpose, or has sent
    /// something else. The fields: a word for the log, and a sentence that says how.
    LostOnPurpose(&'static str, String),
    /// The datagram has this number of bytes, its final newline included. More than 4,096 are too many.
    TooLarge(usize),
    /// The text does not have exactly three parts with dots between them (RFC 7515 section 3.1). The
    /// field: how many it has.
    NotAJws(usize),
    /// A part is not canonical base64url without padding (RFC 7515 section 2). The fields: the part's
    /// name, its length, and the first mistake in it.
    BadBase64(&'static str, usize, DecodeError),
    /// The header is not a JSON object.
    BadHeader(NotAnObject),
    /// `alg` is not `RS256`. The server fixes the algorithm, and the token can't (RFC 8725 section 3.1).
    WrongAlg(Option<Value>),
    /// `crit` is present, and this server understands no extension (RFC 7515 section 4.1.11).
    UnsupportedCrit,
    /// The payload is not a JSON object (RFC 7519 section 7.2).
    BadPayload(NotAnObject),
    /// `group` is absent, not a string, or not in the table.
    UnknownGroup(Option<Value>),
    /// The server has no usable public key of this group.
    NoKey,
    /// The signature does not verify with the group's key. The fields: how many bytes the signature has,
    /// and how many bits the key. *For every reason below, the message is signed.*
    BadSignature(usize, usize),
    /// A claim is absent, or does not have its type and range. The fields: the claim's name, and its
    /// value.
    BadClaim(&'static str, Option<Value>),
    /// `exp` passed this many seconds ago (RFC 7519 section 4.1.4).
    Expired(f64),
    /// `nbf` is this many seconds ahead (RFC 7519 section 4.1.5).
    NotYetValid(f64),
    /// `aud` is present, so the token is for another service (RFC 7519 section 4.1.3).
    WrongAudience(Value),
    /// The state machine does not accept this number now. The fields: the group's number of members, its
    /// state, and the `seq_number`.
    OutOfOrder(u8, u64, u64),
    /// The message needs a record, and could not be recorded. Or the commit of this message's
    /// [batch](crate::server) failed, and the batch had a new message of the same group. So this
    /// message is not acknowledged.
    NotRecorded(NotRecorded),
    /// What the message says is recorded, but it has no reply: the system refused to send the reply, or
    /// gave no random number for it. The field: the system's error.
    NotSent(String),
}

/// What was found in place of a JSON object.
#[derive(Clone, Debug, PartialEq)]
pub enum NotAnObject {
    /// JSON of another type.
    Json(Value),
    /// Text that is not JSON. The fields: the text, and the parser's error.
    Text(Vec<u8>, String),
}

/// Why a message could not be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRecorded {
    /// The group has 100,000 records, and no more are kept.
    TooMany,
    /// The group's allowance is used up: 300 records at once, and then two a second.
    TooFast,
    /// The file could not be written, cut or synced. The field: the system's error.
    Disk(String),
    /// The server could not check whether the name `received.jsonl` still leads to its file. So it does
    /// not know whether the next start would read this file. The field: the system's error.
    Unseen(String),
    /// The name `received.jsonl` leads to no file or to another file now, so the next start would not
    /// read this one.
    Moved,
    /// The file has another length than the server left. The fields: its length now, and the length that
    /// it should have.
    Changed(u64, u64),
}

impl From<io::Error> for NotRecorded {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}
