//! The loop, and the way of a datagram: from the socket through each step and back.
//!
//! A *step* is a line of [the diagram of the book](crate). All steps are called here, and no step calls
//! another one. A *stage* is the form that a datagram has between steps. Each stage has a type of its
//! own:
//!
//! ```text
//! stage      type                          made by
//! received   Datagram                      receive
//! read       Message, or Unverified        read: it needs no socket, clock or disk
//! decided    Acknowledgment, or Refusal    Server::handle: decide, record, commit
//! ```
//!
//! [`Handled`] holds all three. [`Server::serve`] then sends every acknowledgment. This order makes an
//! acknowledgment a promise: decide, record, and only then reply. [`Server::run`] is the loop.
//!
//! Through the trait [`Lab`], the loop calls the tools. They can lose a datagram, or send something
//! else than the reply. They explain, log and print after the last acknowledgment of a batch is sent.
//! While you read the book, think of a lab that does nothing.
//!
//! The page has this whole way in one line:
//!
//! ```text,page
//! if let Some(reply) = answer(&buffer[..length], &keys, &mut states, &secret) {
//! ```
//!
//! The page's buffer cuts a longer datagram. If a part of the token is cut off, the beginning does not
//! verify, and nobody learns why. Here the buffer holds any datagram.
//!
//! # Why datagrams share a sync
//!
//! Suppose that the server wrote and synced for each datagram alone, at 5 ms each. The 300 new messages
//! that a group may send at once would hold up everyone for 1.5 s. But for ten records together a disk
//! needs about the time that it needs for one. So the datagrams that wait together share one write and
//! one sync. They are a *batch*. A batch has at most [`MOST_TOGETHER`], 16, datagrams, since the first
//! of them waits until the last is verified and recorded.
//!
//! # What a lost datagram costs
//!
//! If a request or a reply is lost, only time is lost. The client hears nothing, and sends the same
//! bytes again. Until its `exp` has passed, [a repeat](crate::fsm) is answered like the first message.
//!
//! # What can block the loop
//!
//! 1. `recv_from`, while there is nothing to do.
//! 2. For each batch: up to 16 verifications, up to 16 random numbers, and one commit. A commit is the
//!    check of the file's name and length, one write (rarely more), one sync, and the same check again.
//!    If a commit fails, its bytes are cut off, and the cut is synced: at once, or before the next
//!    write.
//! 3. With `-v` or `--explain`, if a client is on this machine: the tools read the system's list of
//!    sockets. They look whether the client still has the socket that the reply goes to.
//! 4. After the acknowledgments of the batch are sent: the tools' explanations, and the write of their
//!    log.
//! 5. If the socket fails n times in a row, a pause of n ms after the n-th failure.
//!
//! The `send_to` of a reply does not wait. If the system has no room for the reply, the send fails. The
//! client's next try then gets a reply. A line for the terminal does not wait for the terminal either.
//!
//! # Every bound
//!
//! First comes what a client or an attacker can make the server hold or do. Then comes what the teacher's
//! files may hold, and then what the tools may hold or do.
//!
//! | what | at most | enforced in |
//! | --- | --- | --- |
//! | a datagram that is received | 65,536 bytes | the buffer of [`Server::run`] |
//! | a datagram that is read | 4,096 bytes | [`MOST_BYTES`], in [`read`] |
//! | depth of its JSON | 127 | `serde_json` |
//! | datagrams in memory at once | 16, so 1 MiB of bytes | [`MOST_TOGETHER`] |
//! | bits of a modulus | 4,096 | [`MOST_BITS`](crate::keys::MOST_BITS), at the start |
//! | multiplications of a verification | 17 | [`PublicKey::new`], at the start |
//! | a reply | 277 bytes | follows from [`claims`] |
//! | records of a group at once | 300, then two a second | [`allowance`](crate::allowance) |
//! | records of a group | 100,000 | [`MOST_RECORDS`](crate::record::MOST_RECORDS) |
//! | bytes of a record | 8,192 | [`LONGEST_LINE`](crate::record::LONGEST_LINE): follows from 4,096 |
//! | so, bytes of a group's records | 819,200,000 | the two above |
//! | errors of the socket in a row | 100 | [`Server::run`] |
//! | bytes of a key file, and of the secret | 65,536 | [`MOST_FILE_BYTES`](crate::start::MOST_FILE_BYTES) |
//! | bytes of `groups.json` (which bounds the groups) | 1 MiB | the tools: `faults/groups_json.rs` |
//! | members of a group | 255 | its type, `u8` |
//! | characters of a group's name | 32 | the tools: `faults/groups_json.rs` |
//! | unknown groups that the start names | 100 | [`MOST_UNKNOWN`](crate::restart::MOST_UNKNOWN) |
//! | `requests.jsonl`, `trial.jsonl`, and the older one of each | 64 MiB each | `lab/log.rs` |
//! | bytes of a datagram in its log line | 2,048 | `lab/journal.rs` |
//! | lines that wait for the terminal | 1 MiB | `print.rs` |
//! | time for explanations | a tenth of the time, and 50 ms at once | `lab/explain.rs` |
//! | messages that the exam remembers of a group | 4,096 | `lab/exam/mod.rs` |
//! | replies that the exam sends later | 1,024 | `lab/trial.rs` |
//!
//! (So `received.jsonl` has at most 819,200,000 bytes for each group that has been in the table.)
//!
//! The whole server, without the tools:
//!
//! ```
//! use udpsocket_jwt_server::{groups::Table, start};
//!
//! fn serve(settings: &start::Settings) -> Result<std::io::Error, start::Fault> {
//!     let mut started = start::start(settings, Table::compiled_in())?;
//!     Ok(started.server.run(&started.socket, &mut ())) // until the socket fails for good
//! }
//! ```

use crate::claims::{self, Otp, Request};
use crate::groups::{Group, Table};
use crate::keys::{PublicKey, without_newline};
use crate::received::Records;
use crate::record::{self, Progress};
use crate::refusal::{NotRecorded, Refusal};
use crate::{fsm, jws, time};
use ring::hmac;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

/// A request's datagram has at most this many bytes, its newline included.
pub const MOST_BYTES: usize = 4_096;
/// At most this many datagrams are handled together.
pub const MOST_TOGETHER: usize = 16;
/// After this many failures of the socket in a row, the server ends.
const MOST_FAILURES: u64 = 100;
/// With these errors a wait ends without a datagram. The socket has not failed.
const WAIT_ENDED: [ErrorKind; 3] = [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted];

/// The class, as it was read at the start. Nothing in it changes while the server runs.
#[derive(Debug)]
pub struct Class {
    /// The groups that may speak.
    pub table: Table,
    /// The groups' public keys, in the table's order.
    pub keys: Vec<Option<PublicKey>>,
    /// The HMAC key of the replies. The whole class has it, so a classmate can forge replies.
    pub secret: hmac::Key,
}

// The stages of a datagram. Each stage is made from the stage before it.

/// A datagram, as it was received.
#[derive(Debug)]
pub struct Datagram {
    /// When it was received: time since 1970-01-01 UTC.
    pub time: Duration,
    /// The sender's address. The reply goes there.
    pub sender: SocketAddr,
    /// The bytes in it.
    pub bytes: Vec<u8>,
}

impl Datagram {
    /// The sender's address for people. It has no zone. An IPv4 address in IPv6 form, `::ffff:1.2.3.4`,
    /// is written as 1.2.3.4.
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.sender.ip().to_canonical(), self.sender.port())
    }
}

/// What a datagram says: a message that a group has signed, or a datagram that nobody has verifiably
/// signed.
pub type Reading<'a> = Result<Message<'a>, Unverified>;

/// A message of a group: its signature has verified.
#[derive(Debug)]
pub struct Message<'a> {
    /// The group, by its place in the table.
    pub group: usize,
    /// The token, without the newline behind it.
    pub token: &'a [u8],
    /// The `id_request` of its payload ([`claims::id_request`]).
    pub id_request: String,
    /// The member's number. It is here even if the other claims are refused. Only the tools read it.
    pub seq_number: Option<u64>,
    /// What the group asks for, or why its claims are refused.
    pub request: Result<Request, Refusal>,
}

/// A datagram without a signature that verifies. Anybody may have sent it.
#[derive(Debug)]
pub struct Unverified {
    /// The group that it claims, by its place in the table. Only the tools read it.
    pub claimed_group: Option<usize>,
    /// The first check that failed.
    pub refusal: Refusal,
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self { claimed_group: None, refusal }
    }
}

/// What became of a datagram: it is acknowledged, or refused. An acknowledgment becomes a refusal in
/// three cases. The commit of its batch fails, and its group has a new message in this batch. Or its
/// reply cannot be sent. Or the [`Lab`] says so.
pub type Outcome = Result<Acknowledgment, Refusal>;

/// What an acknowledgment says.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgment {
    /// The number that the group must send next. 0 means that everyone is in.
    pub next_number: u64,
    /// The random number and the time of this reply.
    pub otp: Otp,
    /// Whether the message said something new, so that a record was needed. Only the tools read it.
    pub is_new: bool,
}

/// A datagram, what it says, and what became of it.
#[derive(Debug)]
pub struct Handled<'a> {
    /// The datagram.
    pub datagram: &'a Datagram,
    /// What it says.
    pub reading: Reading<'a>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Finds out what a datagram says, by the checks in their order. One newline at the end is taken off, so
/// that `echo` can send a token. A datagram of 5,000 bytes is received whole, and refused as
/// [`Refusal::TooLarge`] before anything in it is read.
pub fn read<'a>(class: &Class, bytes: &'a [u8], now: Duration) -> Reading<'a> {
    if bytes.len() > MOST_BYTES {
        return Err(Refusal::TooLarge(bytes.len()).into());
    }
    let text = without_newline(bytes);
    let token = jws::parse(text)?;
    let name = token.claimed_group()?;
    let group = class.table.find(name).ok_or_else(|| Refusal::UnknownGroup(Some(name.into())))?;
    let unverified = |refusal| Unverified { claimed_group: Some(group), refusal };
    let key = class.keys[group].as_ref().ok_or_else(|| unverified(Refusal::NoKey))?;
    let verified = token.verify(key).map_err(unverified)?;
    Ok(Message {
        group,
        token: text,
        id_request: claims::id_request(verified.payload()),
        seq_number: verified.claims().get("seq_number").and_then(Value::as_u64),
        request: Request::of(&verified, now),
    })
}

/// The server: the class, and what is recorded of it.
pub struct Server {
    /// Groups, keys and secret.
    pub class: Class,
    /// What is recorded of each group, in the table's order.
    pub progress: Vec<Progress>,
    /// Where messages are recorded.
    pub records: Records,
    /// Whether each group has an [allowance](crate::allowance) of records.
    pub has_limit: bool,
    /// Draws the [`Otp`] for a message that was received at this time. Tests put a function of theirs here.
    pub otp: fn(Duration) -> io::Result<Otp>,
}

impl Server {
    /// Serves until the socket fails for good. [The chapter](self) lists what can block this loop.
    pub fn run(&mut self, socket: &UdpSocket, lab: &mut dyn Lab) -> io::Error {
        let mut buffer = vec![0; 1 << 16]; // holds any datagram
        let mut failures = 0;
        loop {
            let Err(error) = self.serve(socket, &mut buffer, lab) else {
                failures = 0;
                continue;
            };
            lab.saw_error(&error);
            if error.kind() == ErrorKind::ConnectionReset {
                continue; // Windows: an earlier reply was turned back, and the socket is not broken
            }
            // An error can go away by itself: for example, the system has no memory for a moment. Only
            // a broken socket fails each time.
            failures += 1;
            if failures == MOST_FAILURES {
                return error;
            }
            thread::sleep(Duration::from_millis(failures)); // 99 pauses: 4.95 s
        }
    }

    /// Waits for a datagram, handles it and those that wait behind it, and sends the acknowledgments.
    /// After all acknowledgments are sent, the lab explains and logs. So no acknowledgment of this
    /// batch waits for the lab's sentences.
    pub fn serve(&mut self, socket: &UdpSocket, buffer: &mut [u8], lab: &mut dyn Lab) -> io::Result<()> {
        lab.waits(socket);
        let datagrams = receive(socket, buffer, lab.most_together())?;
        let mut batch = self.handle(&datagrams, lab);
        for handled in &mut batch {
            let Some(reply) = self.reply(handled) else { continue };
            let sender = handled.datagram.sender;
            let send = |text: &str| socket.send_to(text.as_bytes(), sender);
            if let Some(instead) = lab.leaves(&self.class, handled, &reply) {
                instead.replies.iter().for_each(|text| _ = send(text));
                handled.outcome = instead.outcome;
            } else if let Err(error) = send(&reply) {
                handled.outcome = Err(Refusal::NotSent(error.to_string()));
            }
        }
        lab.sent(&self.class, &batch, socket);
        Ok(())
    }

    /// Reads each datagram and decides what it means. What is new is recorded with one write and one
    /// sync. When this returns, each acknowledgment in the result can be sent.
    pub fn handle<'a>(&mut self, datagrams: &'a [Datagram], lab: &mut dyn Lab) -> Vec<Handled<'a>> {
        let mut batch = Vec::new();
        let mut before = BTreeMap::new();
        for datagram in datagrams {
            let reading = read(&self.class, &datagram.bytes, datagram.time);
            let outcome = match lab.arrives(&self.class, datagram, &reading) {
                Some(loss) => Err(loss),
                None => self.decide(datagram, &reading, &mut before),
            };
            batch.push(Handled { datagram, reading, outcome });
        }
        if let Err(why) = self.records.commit() {
            self.undo(before, &mut batch, &why);
        }
        batch
    }

    /// Decides what a datagram means. If it says something new, its record waits for the commit, and its
    /// group's progress changes as if the commit had succeeded. `before` keeps the progress of each
    /// changed group as it was before this batch.
    fn decide(
        &mut self,
        datagram: &Datagram,
        reading: &Reading,
        before: &mut BTreeMap<usize, Progress>,
    ) -> Outcome {
        let message = reading.as_ref().map_err(|unverified| unverified.refusal.clone())?;
        let request = message.request.clone()?;
        let Group { name, members, .. } = &self.class.table[message.group];
        let progress = self.progress[message.group];
        let next_number = fsm::next((*members).into(), progress.state, request.seq_number)
            .ok_or(Refusal::OutOfOrder(*members, progress.state, request.seq_number))?;
        let is_new = !progress.knows(&request);
        if is_new {
            progress.admits(datagram.time, self.has_limit).map_err(Refusal::NotRecorded)?;
            let line = record::line(datagram.time, datagram.peer(), name, &request, message.token);
            self.records.add(&line);
            before.entry(message.group).or_insert(progress);
            self.progress[message.group].add(request.seq_number, request.matricula, datagram.time);
        }
        // If there is no random number, the record is kept all the same. Only the reply is missing.
        let otp = (self.otp)(datagram.time).map_err(|error| Refusal::NotSent(error.to_string()))?;
        Ok(Acknowledgment { next_number, otp, is_new })
    }

    /// Corrects the decisions of a batch whose commit failed. Suppose that the disk is full. If a group
    /// had a new message in this batch, its later messages were decided as if the new one was recorded. So
    /// the group's progress is put back, and no message of the group in this batch is answered, not even a
    /// repeat. The messages of the other groups are answered. The next commit tries the disk anew.
    fn undo(&mut self, before: BTreeMap<usize, Progress>, batch: &mut [Handled], why: &NotRecorded) {
        for Handled { reading, outcome, .. } in batch {
            let is_of_group = reading.as_ref().is_ok_and(|message| before.contains_key(&message.group));
            // `Ok` and `NotSent` say that the message is recorded: perhaps by a record that has failed
            // now. `OutOfOrder` was decided on a state that is put back.
            let is_decided_on_it =
                matches!(outcome, Ok(_) | Err(Refusal::OutOfOrder(..) | Refusal::NotSent(_)));
            if is_of_group && is_decided_on_it {
                *outcome = Err(Refusal::NotRecorded(why.clone()));
            }
        }
        for (group, progress) in before {
            self.progress[group] = progress;
        }
    }

    /// The reply to a message that is acknowledged. `None` means that it is refused.
    pub fn reply(&self, handled: &Handled) -> Option<String> {
        let (Ok(message), Ok(acknowledgment)) = (&handled.reading, &handled.outcome) else { return None };
        let payload = claims::reply(&message.id_request, acknowledgment.next_number, acknowledgment.otp);
        Some(jws::sign(claims::REPLY_HEADER, &payload, &self.class.secret))
    }
}

/// Waits for a datagram, and takes those that wait behind it. If the lab's timeout ends the wait, the
/// result is empty. After the wait the socket is non-blocking, until the next wait. So sends do not
/// block either: if the system has no room for a reply, its send fails at once, and the other replies
/// do not wait.
fn receive(socket: &UdpSocket, buffer: &mut [u8], most_together: usize) -> io::Result<Vec<Datagram>> {
    socket.set_nonblocking(false)?;
    let first = receive_one(socket, buffer);
    socket.set_nonblocking(true)?;
    let first = match first {
        Ok(datagram) => datagram,
        // The timeout is over, or the program was stopped (Ctrl-Z) and goes on.
        Err(error) if WAIT_ENDED.contains(&error.kind()) => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut datagrams = vec![first];
    while datagrams.len() < most_together {
        // Mostly, the error means that no datagram waits. If the error lasts, the next call reports it.
        let Ok(datagram) = receive_one(socket, buffer) else { break };
        datagrams.push(datagram);
    }
    Ok(datagrams)
}

fn receive_one(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Datagram> {
    let (length, sender) = socket.recv_from(buffer)?;
    Ok(Datagram { time: time::now(), sender, bytes: buffer[..length].into() })
}

/// The lab stands between the network and the server. While the server runs, the tools watch and
/// interfere only through this trait. `()` is a lab that does nothing.
///
/// The calls come in this order. First comes `waits`. Then comes `arrives` for each datagram, just
/// before it is decided. After the commit, `leaves` comes for each acknowledgment. Last comes `sent`,
/// once. If the receive fails, `saw_error` comes after `waits`, and none of the others.
pub trait Lab {
    /// At most this many datagrams are handled together. It is 1 if each datagram must be answered before
    /// the next one is taken from the socket.
    fn most_together(&self) -> usize {
        MOST_TOGETHER
    }
    /// The server is about to wait for a datagram. If the lab has something to send later, it sets a read
    /// timeout of the socket here. When the timeout is over, the server calls this again.
    fn waits(&mut self, _: &UdpSocket) {}
    /// A datagram arrives. If the lab returns a refusal, the datagram is lost, and nothing is decided.
    fn arrives(&mut self, _: &Class, _: &Datagram, _: &Reading) -> Option<Refusal> {
        None
    }
    /// A message is decided and recorded. Its reply is about to leave. The lab may return something else
    /// in its place.
    fn leaves(&mut self, _: &Class, _: &Handled, _reply: &str) -> Option<Instead> {
        None
    }
    /// Every acknowledgment is sent. Now the lab may explain, log, print, and send more.
    fn sent(&mut self, _: &Class, _: &[Handled], _: &UdpSocket) {}
    /// The socket has failed to receive.
    fn saw_error(&mut self, _: &io::Error) {}
}

impl Lab for () {}

/// What a lab puts in the place of a reply.
#[derive(Debug)]
pub struct Instead {
    /// What is sent. It is empty if the reply is lost or leaves later.
    pub replies: Vec<String>,
    /// The outcome of the datagram, in place of the acknowledgment.
    pub outcome: Outcome,
}
