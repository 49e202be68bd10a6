//! Why a datagram is left unanswered: the one list of reasons, in the order of the checks.
//!
//! The network hears nothing of a refusal, so its detail is all the news a student gets (in
//! `requests.jsonl`, on the server's terminal, from `check`). It names the claim or the part,
//! says what was found and what to do.
//!
//! ```
//! use udpsocket_jwt_server::refusal::{Reason, quote};
//!
//! assert_eq!(Reason::BadBase64.name(), "bad_base64");
//! assert!(Reason::WrongAlg < Reason::BadSignature, "alg is looked at before any cryptography");
//! assert_eq!(quote(b"\x1b[2Jgone"), r#""\x1b[2Jgone""#, "a datagram can't drive a terminal");
//! ```

use serde_json::Value;

/// A reason, in the order in which the checks are made: the first that applies is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// `--lose` or `--trial` discarded the request or its reply.
    LostOnPurpose,
    /// More than 4,096 bytes, the final newline included.
    TooLarge,
    /// Not exactly three parts with dots between them (RFC 7515 section 3.1).
    NotAJws,
    /// A part is not canonical base64url without padding (RFC 7515 section 2).
    BadBase64,
    /// The header is not a JSON object.
    BadHeader,
    /// `alg` is not `RS256`: the server fixes the algorithm, not the token (RFC 8725 section 3.1).
    WrongAlg,
    /// `crit` is present, and this server understands no extension (RFC 7515 section 4.1.11).
    UnsupportedCrit,
    /// The payload is not a JSON object (RFC 7519 section 7.2).
    BadPayload,
    /// `group` is absent, not a string, or not in the table.
    UnknownGroup,
    /// The group is in the table, but the server has no usable public key of it.
    NoKey,
    /// The signature does not verify with the group's key. *From here on the message is signed.*
    BadSignature,
    /// A claim is absent, or not of its type and range.
    BadClaim,
    /// `exp` has passed (RFC 7519 section 4.1.4).
    Expired,
    /// `nbf` is still to come (RFC 7519 section 4.1.5).
    NotYetValid,
    /// `aud` is present, and this server is nobody's audience (RFC 7519 section 4.1.3).
    WrongAudience,
    /// The state machine has no such transition from the group's state.
    OutOfOrder,
    /// The message could not be put on the disk, so it must not be acknowledged.
    NotRecorded,
    /// It was recorded, but the system refused to send the reply.
    NotSent,
}

impl Reason {
    /// Every reason, in order.
    pub const ALL: [Self; 18] = [
        Self::LostOnPurpose,
        Self::TooLarge,
        Self::NotAJws,
        Self::BadBase64,
        Self::BadHeader,
        Self::WrongAlg,
        Self::UnsupportedCrit,
        Self::BadPayload,
        Self::UnknownGroup,
        Self::NoKey,
        Self::BadSignature,
        Self::BadClaim,
        Self::Expired,
        Self::NotYetValid,
        Self::WrongAudience,
        Self::OutOfOrder,
        Self::NotRecorded,
        Self::NotSent,
    ];

    /// The name that stands in the logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LostOnPurpose => "lost_on_purpose",
            Self::TooLarge => "too_large",
            Self::NotAJws => "not_a_jws",
            Self::BadBase64 => "bad_base64",
            Self::BadHeader => "bad_header",
            Self::WrongAlg => "wrong_alg",
            Self::UnsupportedCrit => "unsupported_crit",
            Self::BadPayload => "bad_payload",
            Self::UnknownGroup => "unknown_group",
            Self::NoKey => "no_key",
            Self::BadSignature => "bad_signature",
            Self::BadClaim => "bad_claim",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::WrongAudience => "wrong_audience",
            Self::OutOfOrder => "out_of_order",
            Self::NotRecorded => "not_recorded",
            Self::NotSent => "not_sent",
        }
    }

    /// What a datagram must be to pass this check.
    #[must_use]
    pub fn condition(self) -> &'static str {
        match self {
            Self::LostOnPurpose => "not discarded by --lose or --trial",
            Self::TooLarge => "the datagram has at most 4,096 bytes",
            Self::NotAJws => "three parts with dots between them",
            Self::BadBase64 => "each part is canonical base64url, without padding",
            Self::BadHeader => "the header is a JSON object",
            Self::WrongAlg => "alg is RS256",
            Self::UnsupportedCrit => "there is no crit",
            Self::BadPayload => "the payload is a JSON object",
            Self::UnknownGroup => "claim group is a group of the table",
            Self::NoKey => "the group has a usable key",
            Self::BadSignature => "the signature verifies with the group's key",
            Self::BadClaim => "seq_number, matricula, seq_max, exp and nbf are of their types",
            Self::Expired => "exp is still to come",
            Self::NotYetValid => "nbf has passed",
            Self::WrongAudience => "there is no aud",
            Self::OutOfOrder => "seq_number is the next one, the last one again, or 0",
            Self::NotRecorded => "the message is recorded",
            Self::NotSent => "the reply is sent",
        }
    }

    /// Whether a message refused for this reason had a signature that verified.
    #[must_use]
    pub fn is_signed(self) -> bool {
        self > Self::BadSignature
    }

    /// A refusal for this reason, with the detail that tells a student what to mend.
    pub fn because(self, detail: impl Into<String>) -> Refusal {
        Refusal { reason: self, detail: detail.into() }
    }
}

/// A reason with its detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which check failed.
    pub reason: Reason,
    /// What was found and what to do: printable ASCII, whatever the datagram held.
    pub detail: String,
}

/// Bytes from outside as they may appear in a log or on a terminal: between quotes, as
/// [`<[u8]>::escape_ascii`](slice::escape_ascii) writes them, at most 64 of them.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    const MOST: usize = 64;
    let shown = bytes[..bytes.len().min(MOST)].escape_ascii();
    if bytes.len() > MOST { format!("\"{shown}\"...") } else { format!("\"{shown}\"") }
}

/// A JSON value from outside, with its type.
#[must_use]
pub fn describe(value: Option<&Value>) -> String {
    match value {
        None => "absent".into(),
        Some(Value::String(text)) => format!("the string {}", quote(text.as_bytes())),
        Some(Value::Number(number)) => format!("the number {number}"),
        Some(Value::Array(_)) => "an array".into(),
        Some(Value::Object(_)) => "an object".into(),
        Some(other) => other.to_string(),
    }
}
