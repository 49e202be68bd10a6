//! The loop, and the way of a datagram: from the socket through each step and back.
//!
//! Each step is a call made here, and no step calls another. [`read`] finds out what a datagram
//! says; it needs no socket, no clock and no disk. [`Server::handle`] acts on it, in the order that
//! makes an acknowledgment a promise: decide, record, only then reply. [`Server::run`] is the loop.
//! The page has it in one line,
//!
//! ```text,page
//! if let Some(reply) = answer(&buffer[..length], &keys, &mut states, &secret) {
//! ```
//!
//! with a buffer that cuts a longer datagram, and nobody learns what became of it. Were it to write to
//! a disk, each datagram would wait for that alone: at 5 ms each, the 300 new messages that a group may
//! send at once would hold up everyone for 1.5 s. But a disk takes as long to sync one record as to sync
//! ten. So what came meanwhile shares one write and one sync: up to [`MOST_TOGETHER`], since the first
//! of them waits until the last is verified.
//!
//! A lost datagram, whether request or reply, loses nothing but time: the client hears nothing and
//! sends the same bytes again, and the state machine answers a repeat like the first.
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
use crate::received::{self, MOST_RECORDS, Progress, Records};
use crate::refusal::{NotRecorded, Refusal};
use crate::{fsm, jws, time};
use ring::hmac;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
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

/// A datagram, and what became of it.
#[derive(Debug)]
pub struct Event {
    /// When it was received: time since 1970-01-01 UTC.
    pub time: Duration,
    /// Who sent it, and where the reply goes.
    pub sender: SocketAddr,
    /// The datagram as received.
    pub datagram: Vec<u8>,
    /// What makes its reply different.
    pub otp: Otp,
    /// The group, by its place in the table: until the signature has verified, a mere claim.
    pub group: Option<usize>,
    /// Which payload it is ([`claims::id_request`]), once the signature has verified.
    pub id_request: Option<String>,
    /// The member's number, once the signature has verified.
    pub seq_number: Option<u64>,
    /// Whether it says something new, which had to be recorded.
    pub is_new: bool,
    /// The `next_number` that it is answered with, or why it is not; none: nothing yet.
    pub outcome: Option<Result<u64, Refusal>>,
    /// What is sent back.
    pub reply: Option<String>,
}

impl Event {
    /// A datagram that nothing has become of yet.
    pub fn new(time: Duration, sender: SocketAddr, datagram: &[u8], otp: Otp) -> Self {
        let (datagram, group, id_request, seq_number) = (datagram.into(), None, None, None);
        let (is_new, outcome, reply) = (false, None, None);
        Self { time, sender, datagram, otp, group, id_request, seq_number, is_new, outcome, reply }
    }

    /// Who sent it, for people: `::ffff:1.2.3.4` is 1.2.3.4.
    pub fn peer(&self) -> SocketAddr {
        SocketAddr::new(self.sender.ip().to_canonical(), self.sender.port())
    }
}

/// Finds out what a datagram says, by the checks in their order: its group, by the place in the table,
/// and its request. The event is left saying how far that got. One newline at the end is taken off, so
/// that `echo` can send a token; a datagram of 5,000 bytes is received whole, and refused unread.
pub fn read(class: &Class, event: &mut Event) -> Result<(usize, Request), Refusal> {
    if event.datagram.len() > MOST_BYTES {
        return Err(Refusal::TooLarge(event.datagram.len()));
    }
    let token = jws::parse(without_newline(&event.datagram))?;
    let name = token.claimed_group()?;
    let group = class.table.find(name).ok_or_else(|| Refusal::UnknownGroup(Some(name.into())))?;
    event.group = Some(group);
    let key = class.keys[group].as_ref().ok_or_else(|| Refusal::NoKey(class.table[group].name.clone()))?;
    let verified = token.verify(key)?;
    event.id_request = Some(claims::id_request(verified.payload()));
    event.seq_number = verified.claims().get("seq_number").and_then(Value::as_u64);
    Ok((group, Request::of(&verified, event.time)?))
}

/// The lab between the network and the server: the one seam through which the tools look on and
/// interfere. A lab that does nothing is `()`.
pub trait Lab {
    /// Most datagrams that are handled together: 1 if it must see each answered before the next.
    fn most_together(&self) -> usize {
        MOST_TOGETHER
    }
    /// A datagram arrives. Given an outcome here, it is not handled.
    fn arrives(&mut self, _: &Class, _: &mut Event) {}
    /// It leaves, with its reply if it has one: the lab may change that, and makes the outcome say so.
    fn leaves(&mut self, _: &Class, _: &mut Event) {}
    /// What became of the datagrams that were handled together.
    fn saw(&mut self, _: &Class, _: &[Event]) {}
    /// An error of the socket that concerns no datagram.
    fn saw_error(&mut self, _: &io::Error) {}
}

impl Lab for () {}

/// The server: the class, and what is recorded of it.
pub struct Server {
    /// Groups, keys and secret.
    pub class: Class,
    /// What is recorded of each group, in the table's order.
    pub progress: Vec<Progress>,
    /// Where messages are recorded.
    pub records: Records,
    /// Whether each group has an allowance of records ([`Progress::ahead`]).
    pub has_limit: bool,
}

impl Server {
    /// Serves until the socket fails for good. What can hold the loop up: `recv_from`, while nothing is
    /// to be done; a batch's verifications, its write and its sync; and the write of the tools' log.
    /// Sending never waits for a client, nor does a line for a terminal that nobody reads.
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

    /// Waits for a datagram, handles it and what waits behind it, and sends the replies.
    pub fn serve(&mut self, socket: &UdpSocket, buffer: &mut [u8], lab: &mut dyn Lab) -> io::Result<()> {
        let mut events = receive(socket, buffer, lab.most_together())?;
        for event in &mut events {
            lab.arrives(&self.class, event);
        }
        self.handle(&mut events);
        for event in &mut events {
            lab.leaves(&self.class, event);
            if let Some(reply) = &event.reply
                && let Err(error) = socket.send_to(reply.as_bytes(), event.sender)
                && matches!(event.outcome, Some(Ok(_)))
            {
                event.outcome = Some(Err(Refusal::NotSent(error.to_string())));
            }
        }
        lab.saw(&self.class, &events);
        Ok(())
    }

    /// Decides what each datagram means, records what is new with one write and one sync, and makes
    /// the replies. Where the disk takes nothing (it is full, say), every state is put back as it was,
    /// and a group that had something new in the batch is not answered: what was decided of it is not
    /// true. The other groups are. Later messages try the disk anew.
    pub fn handle(&mut self, events: &mut [Event]) {
        let mut before = BTreeMap::new(); // the progress of each group that has a new line
        for event in events.iter_mut().filter(|event| event.outcome.is_none()) {
            event.outcome = Some(self.decide(event, &mut before));
        }
        if let Err(why) = self.records.commit() {
            let is_undone = |event: &Event| {
                event.group.is_some_and(|group| before.contains_key(&group))
                    && matches!(event.outcome, Some(Ok(_) | Err(Refusal::OutOfOrder(..))))
            };
            for event in events.iter_mut().filter(|event| is_undone(event)) {
                event.outcome = Some(Err(Refusal::NotRecorded(why.clone())));
            }
            for (group, progress) in before {
                self.progress[group] = progress;
            }
        }
        for event in events {
            if let (Some(Ok(next_number)), Some(id_request)) = (&event.outcome, &event.id_request) {
                let payload = claims::reply(id_request, *next_number, event.otp);
                event.reply = Some(jws::sign(claims::REPLY_HEADER, &payload, &self.class.secret));
            }
        }
    }

    /// The `next_number` that a datagram is answered with. What it says that is new waits for the
    /// commit, and its group's progress moves as if that were done already.
    fn decide(&mut self, event: &mut Event, before: &mut BTreeMap<usize, Progress>) -> Result<u64, Refusal> {
        let (group, request) = read(&self.class, event)?;
        let Group { name, members, .. } = &self.class.table[group];
        let progress = self.progress[group];
        let next_number = fsm::next((*members).into(), progress.state, request.seq_number)
            .ok_or(Refusal::OutOfOrder(*members, progress.state, request.seq_number))?;
        if !progress.knows(&request) {
            if progress.records >= MOST_RECORDS {
                return Err(Refusal::NotRecorded(NotRecorded::TooMany(name.clone())));
            }
            if self.has_limit && progress.ahead(event.time).is_none() {
                return Err(Refusal::NotRecorded(NotRecorded::TooFast(name.clone())));
            }
            let token = without_newline(&event.datagram);
            self.records.waiting.extend(received::line(event.time, event.peer(), name, &request, token));
            before.entry(group).or_insert(progress);
            self.progress[group].record(request.seq_number, request.matricula, event.time);
            event.is_new = true;
        }
        Ok(next_number)
    }
}

/// Waits for a datagram, and takes what waits behind it. The socket waits for nothing else: a reply for
/// which the system has no room must not hold up the others.
fn receive(socket: &UdpSocket, buffer: &mut [u8], most_together: usize) -> io::Result<Vec<Event>> {
    socket.set_nonblocking(false)?;
    let mut events = vec![receive_one(socket, buffer)?];
    socket.set_nonblocking(true)?;
    while events.len() < most_together {
        // Mostly, nothing waits. An error that lasts fails the next call too.
        let Ok(event) = receive_one(socket, buffer) else { break };
        events.push(event);
    }
    Ok(events)
}

fn receive_one(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Event> {
    let (length, sender) = socket.recv_from(buffer)?;
    let now = time::now();
    let otp = Otp { number: claims::random_number()?, timestamp: now.as_secs() };
    Ok(Event::new(now, sender, &buffer[..length], otp))
}
