//! The loop, and the way of a datagram: from the socket through each step and back.
//!
//! Each step is a call made here, and no step calls another. Each stage has a type of its own:
//!
//! ```text
//! received   Datagram
//! read       Message, or Unverified        read: needs no socket, no clock and no disk
//! decided    Acknowledgment, or Refusal    Server::handle: decide, record, commit
//! sent       Handled                       Server::serve: every acknowledgment; then explain, log, print
//! ```
//!
//! That order makes an acknowledgment a promise: decide, record, only then reply. [`Server::run`] is the
//! loop.
//!
//! The page has it in one line,
//!
//! ```text,page
//! if let Some(reply) = answer(&buffer[..length], &keys, &mut states, &secret) {
//! ```
//!
//! with a buffer that cuts a longer datagram, and nobody learns what became of it. If it wrote to a
//! disk, it would write and sync for each datagram alone. At 5 ms each, the 300 new messages that a group
//! may send at once would hold up everyone for 1.5 s. But a disk syncs ten records in the time that it
//! takes for one. So the datagrams that wait together share one write and one sync. They are at most
//! [`MOST_TOGETHER`], since the first of them waits until the last is verified.
//!
//! If a datagram is lost, whether request or reply, nothing is lost but time. The client hears nothing
//! and sends the same bytes again. The state machine answers a repeat like the first.
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

/// Most bytes of a request's datagram, its newline included.
pub const MOST_BYTES: usize = 4_096;
/// Most datagrams that are handled together.
pub const MOST_TOGETHER: usize = 16;
/// So many failures of the socket in a row end the server.
const MOST_FAILURES: u64 = 100;

/// The class, as it was read at the start: nothing in it changes while the server runs.
#[derive(Debug)]
pub struct Class {
    /// Who may speak.
    pub table: Table,
    /// The groups' public keys, in the table's order.
    pub keys: Vec<Option<PublicKey>>,
    /// The HMAC key of the replies, shared by the whole class.
    pub secret: hmac::Key,
}

// The stages of a datagram. Each is a value of its own, made once, from the one before.

/// A datagram, as it was received.
#[derive(Debug)]
pub struct Datagram {
    /// When it was received: time since 1970-01-01 UTC.
    pub time: Duration,
    /// Who sent it. The reply goes there.
    pub sender: SocketAddr,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl Datagram {
    /// Who sent it, for people: `::ffff:1.2.3.4` is 1.2.3.4.
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.sender.ip().to_canonical(), self.sender.port())
    }
}

/// What a datagram says: a group's message, or nothing that anyone has signed.
pub type Reading<'a> = Result<Message<'a>, Unverified>;

/// A message of a group: its signature has verified.
#[derive(Debug)]
pub struct Message<'a> {
    /// The group, by its place in the table.
    pub group: usize,
    /// The token, without the newline behind it.
    pub token: &'a [u8],
    /// Which payload it is ([`claims::id_request`]).
    pub id_request: String,
    /// The member's number, even where the other claims are refused. Only the tools read it.
    pub seq_number: Option<u64>,
    /// What the group asks for, or the mistake in its claims.
    pub request: Result<Request, Refusal>,
}

/// A datagram without a signature that verifies. Anybody may have sent it.
#[derive(Debug)]
pub struct Unverified {
    /// The group that it claims to be of, by its place in the table. Only the tools read it.
    pub claimed_group: Option<usize>,
    /// The check that failed.
    pub refusal: Refusal,
}

impl From<Refusal> for Unverified {
    fn from(refusal: Refusal) -> Self {
        Self { claimed_group: None, refusal }
    }
}

/// What became of a datagram: it is acknowledged, or refused. An acknowledgment becomes a refusal where
/// the record cannot be written, or the reply cannot be sent.
pub type Outcome = Result<Acknowledgment, Refusal>;

/// What an acknowledgment says.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgment {
    /// The number that the group shall send next.
    pub next_number: u64,
    /// What makes this reply different from any other.
    pub otp: Otp,
    /// Whether the message said something new, which had to be recorded. Only the tools read it.
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
/// that `echo` can send a token. A datagram of 5,000 bytes is received whole, and refused unread.
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
    /// Serves until the socket fails for good. These can hold the loop up: `recv_from`, while there is
    /// nothing to do; a batch's verifications, its write and its sync; and, when its acknowledgments are
    /// sent, the tools' explanations and the write of their log. Sending never waits for a client, and no
    /// line waits for a terminal that nobody reads.
    pub fn run(&mut self, socket: &UdpSocket, lab: &mut dyn Lab) -> io::Error {
        let mut buffer = vec![0; 1 << 16]; // holds any datagram
        let mut failures = 0;
        loop {
            let Err(error) = self.serve(socket, &mut buffer, lab) else {
                failures = 0;
                continue;
            };
            lab.saw_error(&error);
            failures += 1; // a client that has left can make the next call fail; a broken socket fails each
            if failures == MOST_FAILURES {
                return error;
            }
            thread::sleep(Duration::from_millis(failures)); // five seconds in all: the trouble may pass
        }
    }

    /// Waits for a datagram, handles it and those that wait behind it, and sends the acknowledgments. None
    /// of them waits for an explanation or a log: that is for the lab, when all are sent.
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

    /// Reads each datagram and decides what it means, and records what is new with one write and one sync.
    /// An acknowledgment that comes back may be sent.
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

    /// Decides what a datagram means. If it says something new, a record waits for the commit, and its
    /// group's progress moves as if the commit had succeeded. `before` keeps the progress as it was.
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
        let otp = (self.otp)(datagram.time).map_err(|error| Refusal::NotSent(error.to_string()))?;
        Ok(Acknowledgment { next_number, otp, is_new })
    }

    /// The commit has failed: the disk is full, say. So what was decided of a group that had something new
    /// is not true. Its progress is put back, and none of its messages is answered, not even a repeat. The
    /// other groups are answered. Later messages try the disk anew.
    fn undo(&mut self, before: BTreeMap<usize, Progress>, batch: &mut [Handled], why: &NotRecorded) {
        for Handled { reading, outcome, .. } in batch {
            let is_of_group = reading.as_ref().is_ok_and(|message| before.contains_key(&message.group));
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

    /// The reply to a message that is acknowledged.
    pub fn reply(&self, handled: &Handled) -> Option<String> {
        let (Ok(message), Ok(acknowledgment)) = (&handled.reading, &handled.outcome) else { return None };
        let payload = claims::reply(&message.id_request, acknowledgment.next_number, acknowledgment.otp);
        Some(jws::sign(claims::REPLY_HEADER, &payload, &self.class.secret))
    }
}

/// Waits for a datagram, and takes those that wait behind it; or none, if a timeout of the lab is over
/// first. Sending never waits: a reply for which the system has no room must not hold up the others.
fn receive(socket: &UdpSocket, buffer: &mut [u8], most_together: usize) -> io::Result<Vec<Datagram>> {
    socket.set_nonblocking(false)?;
    let first = match receive_one(socket, buffer) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            return Ok(vec![]);
        }
        first => first?,
    };
    socket.set_nonblocking(true)?;
    let mut datagrams = vec![first];
    while datagrams.len() < most_together {
        // Mostly, nothing waits. An error that lasts fails the next call too.
        let Ok(datagram) = receive_one(socket, buffer) else { break };
        datagrams.push(datagram);
    }
    Ok(datagrams)
}

fn receive_one(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Datagram> {
    let (length, sender) = socket.recv_from(buffer)?;
    Ok(Datagram { time: time::now(), sender, bytes: buffer[..length].into() })
}

/// The lab between the network and the server: the one seam through which the tools look on and
/// interfere. To read the book, take it for `()`, a lab that does nothing.
///
/// The calls come in this order: the server waits; each datagram arrives; when all of them are decided and
/// recorded, each acknowledgment leaves; all are sent.
pub trait Lab {
    /// Most datagrams that are handled together: 1 if the lab must see each answered before the next.
    fn most_together(&self) -> usize {
        MOST_TOGETHER
    }
    /// The server is about to wait for a datagram. A lab that has something to send later, whether a
    /// datagram comes or not, sets a read timeout of the socket. When that is over, the call comes again.
    fn waits(&mut self, _: &UdpSocket) {}
    /// A datagram arrives. If the lab gives a refusal, the datagram is lost: nothing is decided of it.
    fn arrives(&mut self, _: &Class, _: &Datagram, _: &Reading) -> Option<Refusal> {
        None
    }
    /// A message is decided and recorded, and its reply is about to leave. The lab may put something in
    /// the place of the reply.
    fn leaves(&mut self, _: &Class, _: &Handled, _reply: &str) -> Option<Instead> {
        None
    }
    /// Every acknowledgment is sent. Now there is time to explain, to log, to print, and to send more.
    fn sent(&mut self, _: &Class, _: &[Handled], _: &UdpSocket) {}
    /// The socket has failed to receive.
    fn saw_error(&mut self, _: &io::Error) {}
}

impl Lab for () {}

/// What a lab puts in the place of a reply.
#[derive(Debug)]
pub struct Instead {
    /// What is sent: nothing, if the reply is lost or leaves later; the reply and more; or others.
    pub replies: Vec<String>,
    /// What is then said of the datagram.
    pub outcome: Outcome,
}
