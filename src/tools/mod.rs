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
