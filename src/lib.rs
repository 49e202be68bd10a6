//! A server for a networking class: signed tokens over UDP, and an acknowledgment that is a promise.
//!
//! Each group of students sends one datagram for each of its members. The datagram is a JWT, signed with
//! the group's RSA key. The server accepts the members in order. It answers with a JWT of its own, which
//! says which number comes next. If the server can't accept a datagram, the client gets no answer.
//!
//! # One token
//!
//! ```text
//! eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJncm91cCI6IkhFQVJUQkVBVCIsInNlcV9udW1iZXIiOjE
//! sInNlcV9tYXgiOjEsIm1hdHJpY3VsYSI6MjAyNDAwMDF9.jYabv9I9XuukLPGIGuUxEfNpgaqjg3Jtm_nFw6
//! Agiw1i5Uw1w-Sapm73XjryoPxdpW87O-YwpJAjuj-8GpN7Xt8EIv-v4bTBi1ykV9rg6zXMo8D30Ki6dRGvsm
//! ...                                  (472 characters in all, in one line)
//!
//! part       in base64url                is
//! header     eyJhbGciOiJSUzI1NiIs...     {"alg":"RS256","typ":"JWT"}
//! payload    eyJncm91cCI6IkhFQVJU...     {"group":"HEARTBEAT","seq_number":1,
//!                                         "seq_max":1,"matricula":20240001}
//! signature  jYabv9I9XuukLPGIGuUx...     256 bytes: 8d 86 9b bf d2 3d 5e eb ...
//!
//! signed     eyJhbGciOiJSUzI1NiIs...9.eyJncm91cCI6IkhFQVJU...F9   these 129 characters
//! ```
//!
//! (The payload is one line, without white space. `matricula` is the student number of the member.)
//!
//! # The page
//!
//! The program below is a whole server on one page. The book calls it *the page*. It can serve a class.
//! The chapters add what it leaves out. To run it in the class's directory: `cargo run --example page
//! -- 127.0.0.1:5555`.
//!
#![doc = concat!("```no_run\n", include_str!("page.rs"), "```")]
//!
//! [`claims`] explains each claim of a request and of a reply. The page leaves out the following. Each
//! line begins with the chapter that explains it:
//!
//! - [`jws`]: `crit`, and a Rust type, `Verified`, which is made only from a token whose signature has
//!   verified.
//! - [`claims`]: `exp`, `nbf`, `aud`, `matricula`, the type of `seq_max`, an `otp_number` that is drawn
//!   evenly, and an `otp_timestamp` that is the time of receipt.
//! - [`groups`]: other tables, and group names in lower or mixed case.
//! - [`fsm`]: a state machine that can be tried by itself.
//! - [`refusal`]: why nothing came back.
//! - [`received`]: the file of the records. Without it, a restart forgets every group.
//! - [`allowance`]: a limit on how fast a group may add records. ([`record`] has a limit on how many.)
//! - [`server`]: long datagrams, which the page's buffer cuts. White space at the end of a datagram:
//!   the server removes one newline, and the page removes all of it. Datagrams that wait together: the
//!   page answers them one by one, and the server lets them share one sync. A socket that fails.
//! - [`keys`] and [`start`]: other keys and files, and what can be wrong with them. A secret that ends
//!   with a space: the page takes this space off.
//!
//! # The book
//!
//! ```text
//!   datagram                                              reply
//!      |                                                    ^
//!      v                 the loop: server                   |
//!   parse      the token's three parts        jws           |
//!   claimed_group    a claim, not verified    jws           |
//!   the key    of that group                  keys          |
//!   verify     makes the proof                jws           |
//!   Request    what the message says          claims        |
//!   next       which number comes next        fsm           |
//!   admits     may it have a record           record        |
//!   commit     the record is on the disk      received      |
//!   reply      what the reply says            claims        |
//!   sign       with the secret                jws  ---------+
//! ```
//!
//! If a step fails, no later step is done, and the result is a [`Refusal`](refusal::Refusal). The
//! client then gets no reply. (With `--explain`, an option for practice, the client is told why.) One
//! exception: the random number of the reply is drawn before `commit`. If the system gives none,
//! `commit` is done all the same. The message is then recorded, but it gets no reply. Read the chapters
//! in this order, in one sitting:
//!
//! 1. [`jws`]: a token is taken apart, verified, signed. *What exactly is signed? Why does the server, not
//!    the token, choose `alg`?*
//! 2. [`claims`]: what a verified message says, and what a reply says. *What may be read before the
//!    signature verifies? Why is a reply smaller than its request?*
//! 3. [`fsm`]: the state machine. *What do a repeat and a replayed 0 do?*
//! 4. [`record`]: what is recorded of a message. *Which message needs a record?*
//! 5. [`allowance`]: how fast a group may add records. *What could an attacker do without it?*
//! 6. [`received`]: the file. *Why does the record come before the acknowledgment?*
//! 7. [`restart`]: the file is read back. *What does a restart know?*
//! 8. [`server`]: all of it in order, and the loop. *What can block it? Why do datagrams share a sync?
//!    What bounds memory and disk?*
//! 9. [`start`]: from the class's files to a server. *What is checked before the first datagram?*
//! 10. [`keys`]: the keys and their files. *What is in an RSA key, and why 65,537?*
//!
//! Four more chapters are short, and have no number. Read them when you meet them. [`refusal`] has
//! every reason for silence. [`groups`] has the groups that may speak. [`files`] says how files are
//! opened. [`time`] writes times, and says what a clock that jumps changes.
//!
//! Pages beside the book: [`client`] is the students' sheet, and [`client_pt`] is the same in
//! Portuguese. [`course`] is the teacher's page. [`protocol`] is the contract of server and clients,
//! and the chapters name its sections. [`rules`] says what each of the client's rules is for. [`tools`]
//! is the rest of the program: the command line, the report, `check`, the exam. The book does not need
//! the tools. While the server runs, the tools watch it through the trait [`server::Lab`], and can
//! interfere.

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
