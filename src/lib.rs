//! A server for a networking class: signed tokens over UDP, and an acknowledgment that is a promise.
//!
//! Each group of students sends one datagram for each of its members: a JWT, signed with the
//! group's RSA key. The server takes the members in order and answers with a JWT of its own that
//! says which number comes next. What it can't accept it leaves unanswered. This page is the table
//! of contents: read the modules in the order of a datagram's way, in one sitting.
//!
//! # The way of a datagram
//!
//! ```text
//!  datagram                                                                  reply
//!     |                                                                        ^
//!     v                        the loop: server                                |
//!  [jws]      [claims]    [keys]       [jws]     [claims]   [fsm]   [received] [claims]  [jws]
//!  parse  ->  group   ->  the key  ->  verify -> request -> next -> append  -> reply  -> sign
//!             a mere      of that      proof     what it    which   on the     what it   with the
//!             claim       group        of it     says       number  disk       says      secret
//! ```
//!
//! Each step is a call that [`server`] makes, and no step calls another. The first that fails ends
//! the way with a [`Refusal`](refusal::Refusal), and the network hears nothing.
//!
//! 1. [`jws`]: a compact JWS is taken apart. *What exactly is signed? Why base64url? Why does the
//!    server fix the algorithm, and not the token?*
//! 2. [`claims`]: the payload's JSON becomes a request, once the signature has verified. *What may be
//!    read before that, and for what?*
//! 3. [`keys`]: modulus and exponent out of PEM and OpenSSH files. *What is an RSA public key?*
//! 4. [`fsm`]: the state machine, to be compared with its diagram line by line. *What does a replayed
//!    datagram do?*
//! 5. [`received`]: the record. *Why does it come before the acknowledgment?*
//! 6. [`server`]: all of it in order, and the loop. *What is lost when a datagram is? What do datagrams
//!    that wait together share?*
//!
//! [`protocol`] is the contract that the server and every client keep; the modules name its sections.
//! Beside the way: [`refusal`], every reason for silence; [`groups`], who may speak; [`time`], how a
//! log writes it.
//!
//! # The state machine
//!
//! ```text
//!        1/2        2/3        3/0
//!    0 -------> 1 -------> 2 -------> 3        seq_number/next_number, with 3 members
//! ```
//!
//! Each of 1, 2, 3 repeats onto itself with the same answer, and 0/1 leads from any state to 0: a
//! whole message arrives at least once, and being told twice does no harm.
//!
//! # A datagram, step by step
//!
//! [`server::read`] is the whole way up to the state machine as one function of bytes. It needs no
//! socket and no disk, so a rule can be tried, tested and measured by itself:
//!
//! ```
//! use std::time::Duration;
//! use udpsocket_jwt_server::groups::Table;
//! use udpsocket_jwt_server::server::{Class, Seen, read};
//! # use ring::hmac;
//! # let secret = hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]);
//!
//! let table = Table::compiled_in();
//! let class = Class { keys: vec![None; table.len()], table, secret };
//!
//! let datagram = b"eyJhbGciOiJSUzI1NiJ9.eyJncm91cCI6IkphdmFsaSJ9.c2lnbmF0dXJl\n"; // {"group":"Javali"}
//! let mut seen = Seen::default();
//! let refusal = read(&class, datagram, Duration::ZERO, &mut seen).unwrap_err();
//! assert_eq!(refusal.reason.name(), "no_key");
//! assert_eq!(class.table[seen.group.unwrap()].name, "JAVALI", "claimed, and not yet verified");
//! ```
//!
//! # The tools
//!
//! [`tools`] is the rest: the command line, the report, `check`, the examiner. The book does not need
//! them; they look on through [`server::Lab`].

#![forbid(unsafe_code)]

pub mod claims;
pub mod fsm;
pub mod groups;
pub mod jws;
pub mod keys;
#[doc = include_str!("protocol.md")]
#[allow(clippy::doc_markdown)] // a page for every client, not of this crate's items
pub mod protocol {}
pub mod received;
pub mod refusal;
pub mod server;
pub mod time;
pub mod tools;
