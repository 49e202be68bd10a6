//! The tools around the book. Nothing in the book imports them; they meet it at
//! [`Lab`](crate::server::Lab). From the top floor down, and no floor imports one above it:
//!
//! - [`cli`]: the command line, which starts the server and all of these.
//! - [`commands`]: what a person runs beside the server: `report` and `check`.
//! - [`lab`]: what looks on at the network or interferes with it: the journal, the losses, the
//!   examiner, the explanations.
//! - [`faults`]: what can be wrong with each thing, and what to change. Every sentence about what
//!   can't be accepted stands there, in the module of the thing, and the others print it.
//! - [`mod@print`]: how text goes to a terminal.

pub mod cli;
pub mod commands;
pub mod faults;
pub mod lab;
mod notify;
pub mod print;

use base64::{DecodeError, Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};

/// Bytes as base64url without padding (RFC 7515 section 2).
pub fn to_base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// The bytes of canonical base64url without padding.
pub fn base64url(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    BASE64URL.decode(text)
}
