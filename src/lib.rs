//! A teaching server: signed tokens over UDP, and an acknowledgment that is a promise.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod claims;
pub mod fsm;
pub mod groups;
pub mod jws;
pub mod keys;
pub mod received;
pub mod refusal;
pub mod server;
pub mod time;
pub mod tools;
