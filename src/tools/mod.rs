//! The tools around the book, in four rooms. Nothing in the book imports them; they meet it at
//! [`Lab`](crate::server::Lab).
//!
//! - [`terminal`]: what a person types and is told: the command line, and every sentence about a
//!   refused datagram, a file that can't be used, a start that fails.
//! - [`lab`]: what looks on at the network or interferes with it: the journal, the losses, the
//!   examiner, the explanations.
//! - [`commands`]: what a person runs beside the server: `report` and `check`.
//! - [`diagnosis`]: which mistake was made, in what was refused: what `check`, the start and `--explain` say.

pub mod commands;
pub mod diagnosis;
pub mod lab;
pub mod terminal;

use base64::{DecodeError, Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};

/// Bytes as base64url without padding (RFC 7515 section 2).
pub fn to_base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// The bytes of canonical base64url without padding.
pub fn base64url(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    BASE64URL.decode(text)
}
