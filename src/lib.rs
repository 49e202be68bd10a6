//! A server for a networking class: signed tokens over UDP, and an acknowledgment that is a promise.
//!
//! Each group of students sends one datagram for each of its members: a JWT, signed with the group's
//! RSA key. The server takes the members in order and answers with a JWT of its own that says which
//! number comes next. What it can't accept it leaves unanswered.
//!
//! # One token
//!
//! ```text
//! eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJncm91cCI6IkhFQVJUQkVBVCIsInNlcV9udW1iZXIiOjEsInNlcV9
//! tYXgiOjEsIm1hdHJpY3VsYSI6MjAyNDAwMDF9.jYabv9I9XuukLPGIGuUxEfNpgaqjg3Jtm_nFw6Agiw1i5Uw1w-Sapm
//! 73XjryoPxdpW87O-YwpJAjuj-8GpN7Xt8EIv-v4bTBi1ykV9rg6zXMo8D30Ki6dRGvsmufJnsyPQaiT6Pk6qWH1QSGWY
//! ...                              (472 characters in all, in one line)
//!
//! part       in base64url                  is
//! header     eyJhbGciOiJSUzI1NiIs...       {"alg":"RS256","typ":"JWT"}
//! payload    eyJncm91cCI6IkhFQVJU...       {"group":"HEARTBEAT","seq_number":1,"seq_max":1,"matricula":20240001}
//! signature  jYabv9I9XuukLPGIGuUx...       256 bytes: 8d 86 9b bf d2 3d 5e eb ...
//!
//! signed     eyJhbGciOiJSUzI1NiIs...9.eyJncm91cCI6IkhFQVJU...F9    these 129 characters
//! ```
//!
//! # The page
//!
//! The whole protocol, as a program that serves a class (`cargo run --example page -- 127.0.0.1:5555`
//! in its directory):
//!
#![doc = concat!("```no_run\n", include_str!("page.rs"), "```")]
//!
//! What it leaves out, each told in a chapter: `crit`, and a proof that can't open another token
//! ([`jws`]); `exp`, `nbf`, `aud`, the `matricula`, a fairly drawn `otp_number` ([`claims`]); why nothing
//! came back ([`refusal`]); a state machine that can be tried by itself ([`fsm`]); the record, without
//! which a restart forgets everyone ([`received`]), and a bound for what an attacker adds to it
//! ([`allowance`]); datagrams that the buffer cuts, and a crowd ([`server`]); other tables ([`groups`]);
//! other keys and files, and their faults ([`keys`], [`start`]).
//!
//! # The book
//!
//! ```text
//!  datagram                                                                  reply
//!     |                                                                        ^
//!     v                        the loop: server                                |
//!  [jws]      [jws]       [keys]       [jws]     [claims]   [fsm]   [received] [claims]  [jws]
//!  parse  ->  claimed ->  the key  ->  verify -> Request -> next -> commit  -> reply  -> sign
//!             group       of that      proof     what it    which   on the     what it   with the
//!             a mere      group        of it     says       number  disk       says      secret
//!             claim
//! ```
//!
//! The first step that fails ends the way with a [`Refusal`](refusal::Refusal), and the network hears
//! nothing. Read the chapters in this order, in one sitting:
//!
//! 1. [`jws`]: a token is taken apart, verified, signed. *What exactly is signed? Why is `alg` not its choice?*
//! 2. [`claims`]: what a verified message says, and what a reply does. *What may be read before that?*
//! 3. [`fsm`]: the state machine. *What do a repeat and a replayed 0 do?*
//! 4. [`record`] and [`allowance`]: what is recorded, and how much of it. [`received`]: the file. *Why does
//!    the record come before the acknowledgment?* [`restart`]: the file read back. *What does a restart know?*
//! 5. [`server`]: all of it in order, and the loop. *What can hold it up? What do datagrams share?*
//! 6. [`start`] and [`keys`]: a socket, a class, a record. *What is in an RSA key, and why 65,537?*
//!
//! Beside the way: [`refusal`], every reason for silence; [`groups`], who may speak; [`files`] and
//! [`time`], how files are opened and times are written. The chapters name the sections of [`protocol`],
//! the contract of server and clients; [`rules`] says what each of the client's rules is for. [`tools`] is
//! the rest: the command line, the report, `check`, the examiner. The book does not need them; they look
//! on through [`server::Lab`].

#![forbid(unsafe_code)]

pub mod allowance;
pub mod claims;
#[doc = include_str!("client.md")]
#[allow(clippy::doc_markdown)] // a page for students, not of this crate's items
pub mod client {}
#[doc = include_str!("client.pt.md")]
#[allow(clippy::doc_markdown)]
pub mod client_pt {}
#[doc = include_str!("course.md")]
#[allow(clippy::doc_markdown)]
pub mod course {}
pub mod files;
pub mod fsm;
pub mod groups;
pub mod jws;
pub mod keys;
#[doc = include_str!("protocol.md")]
#[allow(clippy::doc_markdown)] // a page for every client, not of this crate's items
pub mod protocol {}
pub mod received;
pub mod record;
pub mod refusal;
pub mod restart;
#[doc = include_str!("rules.md")]
pub mod rules {}
pub mod server;
pub mod start;
pub mod time;
pub mod tools;
