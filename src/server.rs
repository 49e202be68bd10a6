//! The loop, and the way of a datagram: from the socket through each step and back.
//!
//! Each step is a call made here, and no step calls another. [`read`] finds out what a datagram
//! says; it needs no socket, no clock and no disk. [`Server::handle`] acts on it, in the order that
//! makes an acknowledgment a promise: decide, record, only then move the state and reply.
//! [`Server::run`] is the loop.
//!
//! A disk takes as long to sync one record as to sync ten. So the datagrams that came while it was
//! busy are handled together: each is decided, what is new is recorded by one write and one sync,
//! and then each is answered. Databases call that group commit.
//!
//! A whole exchange without a socket: the README's worked example, on a disk in memory.
//!
//! ```
//! use std::io::Cursor;
//! use std::time::Duration;
//! use udpsocket_jwt_server::claims::Otp;
//! use udpsocket_jwt_server::groups::Table;
//! use udpsocket_jwt_server::keys::{self, PublicKey};
//! use udpsocket_jwt_server::received::{Replayed, replay};
//! use udpsocket_jwt_server::server::{Class, Event, Server};
//! # let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/worked_example.json"));
//! # let example: serde_json::Value = serde_json::from_str(vectors).unwrap();
//! # let text = |name: &str| example[name].as_str().unwrap();
//! # let (public_pem, secret, token) = (text("public_pem"), text("secret"), text("token"));
//!
//! let table = Table::from_json(br#"{"HEARTBEAT": 1}"#).unwrap();
//! let keys = vec![Some(PublicKey::from_pem(public_pem.as_bytes(), 2_048).unwrap())];
//! let secret = keys::secret(secret.as_bytes(), 32).unwrap();
//! let Replayed { received, progress, .. } = replay(Cursor::new(Vec::new()), &table, true).unwrap();
//! let mut server =
//!     Server { class: Class { table, keys, secret }, progress, received, explains: false, lab: () };
//!
//! let peer = "192.0.2.7:50000".parse().unwrap();
//! let otp = Otp { number: 1_234, timestamp: 1_700_000_000 };
//! let mut event = Event::new(Duration::from_secs(otp.timestamp), peer, token.as_bytes(), otp);
//! let replies = server.handle(&mut [&mut event]);
//! assert_eq!(replies, [Some(text("reply").to_string())]);
//! assert_eq!(event.outcome, Ok(0), "everyone is in");
//! assert_eq!(server.progress[0].state, 1);
//! ```

use crate::claims::{self, Claims, Otp, Request};
use crate::fsm::{self, Step};
use crate::groups::{Group, Table};
use crate::keys::{PublicKey, without_newline};
use crate::received::{self, Disk, MOST_RECORDS, Progress, Received};
use crate::refusal::{Reason, Refusal, quote};
use crate::{jws, time};
use ring::hmac;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Most bytes of a request's datagram, its newline included.
pub const MOST_BYTES: usize = 4_096;
/// Most datagrams that are handled together: the first waits until the last has been verified.
pub const MOST_TOGETHER: usize = 16;

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

impl Class {
    fn group(&self, name: &str) -> Result<usize, Refusal> {
        self.table.find(name).ok_or_else(|| {
            let name = quote(name.as_bytes());
            Reason::UnknownGroup.because(format!("claim group is {name}, which is not in the server's table"))
        })
    }

    fn key(&self, group: usize) -> Result<&PublicKey, Refusal> {
        self.keys[group].as_ref().ok_or_else(|| {
            let name = &self.table[group].name;
            Reason::NoKey
                .because(format!("the server has no usable public key of {name}: its start names the reason"))
        })
    }
}

/// What is known of a datagram, as far as the checks got. Only `group` may be set before the
/// signature has verified, and then it is a mere claim.
#[derive(Debug, Default)]
pub struct Seen {
    /// The group, by its place in the table.
    pub group: Option<usize>,
    /// The member's number.
    pub seq_number: Option<u64>,
    /// Which payload it is: see [`claims::id_request`].
    pub id_request: Option<String>,
}

/// A request that has passed every check but the state machine's.
#[derive(Debug)]
pub struct Message<'a> {
    /// The group whose key verified it, by its place in the table.
    pub group: usize,
    /// What it says.
    pub request: Request,
    /// The compact JWS: the signed evidence.
    pub token: &'a [u8],
}

/// Finds out what a datagram says, by the checks in their order. `now` is the time since
/// 1970-01-01 UTC. `seen` is left saying how far it got.
pub fn read<'a>(
    class: &Class,
    datagram: &'a [u8],
    now: Duration,
    seen: &mut Seen,
) -> Result<Message<'a>, Refusal> {
    let text = text(datagram)?;
    let token = jws::parse(text)?;
    let claims = Claims::parse(token.payload())?;
    let group = class.group(claims.group()?)?;
    seen.group = Some(group);
    let key = class.key(group)?;
    let verified = token.verify(key)?;
    seen.id_request = Some(claims::id_request(token.payload()));
    seen.seq_number = claims.seq_number(&verified).ok();
    let request = claims.request(&verified, now)?;
    Ok(Message { group, request, token: text })
}

/// The token in a datagram: one newline at its end is taken off, so that `echo` can send it.
fn text(datagram: &[u8]) -> Result<&[u8], Refusal> {
    if datagram.len() > MOST_BYTES {
        let found = datagram.len();
        return Err(Reason::TooLarge
            .because(format!("the datagram has {found} bytes; at most {MOST_BYTES}: shorten the claims")));
    }
    Ok(without_newline(datagram))
}

/// A datagram, and what became of it.
#[derive(Debug)]
pub struct Event {
    /// When it was received: time since 1970-01-01 UTC.
    pub time: Duration,
    /// Who sent it, and where the reply goes.
    pub sender: SocketAddr,
    /// The same for people: `::ffff:1.2.3.4` is 1.2.3.4.
    pub peer: SocketAddr,
    /// The JSON members with which its lines of `received.jsonl` and `requests.jsonl` begin.
    pub time_and_peer: String,
    /// The datagram as received.
    pub datagram: Vec<u8>,
    /// What is known of it.
    pub seen: Seen,
    /// The `next_number` that it was answered with, or why it was not.
    pub outcome: Result<u8, Refusal>,
    /// What made its reply different.
    pub otp: Otp,
}

impl Event {
    /// A datagram that nothing has become of yet: lost, and nobody has said how.
    #[must_use]
    pub fn new(time: Duration, sender: SocketAddr, datagram: &[u8], otp: Otp) -> Self {
        let peer = SocketAddr::new(sender.ip().to_canonical(), sender.port());
        let outcome = Err(Reason::LostOnPurpose.because(""));
        let time_and_peer = format!(r#""time":"{}","peer":"{peer}""#, time::rfc3339(time));
        let (datagram, seen) = (datagram.into(), Seen::default());
        Self { time, sender, peer, time_and_peer, datagram, seen, outcome, otp }
    }
}

/// The lab between the network and the server: the one seam through which the tools look on and
/// interfere. A lab that does nothing is `()`.
pub trait Lab {
    /// Most datagrams that are handled together: 1 if it must see each answered before the next.
    fn most_together(&self) -> usize {
        MOST_TOGETHER
    }
    /// Whether this request gets lost before it is handled. The lab makes its outcome say how.
    fn loses(&mut self, _: &Class, _: &mut Event) -> bool {
        false
    }
    /// What reaches the network in place of this reply, if anything. If it is not the reply, the
    /// lab makes the event's outcome say so.
    fn carries(&mut self, _: &Class, _: &mut Event, reply: String) -> Option<String> {
        Some(reply)
    }
    /// Told what became of the datagrams that were handled together.
    fn saw(&mut self, _: &Class, _: &[Event]) {}
    /// Told of an error of the socket that concerns no datagram.
    fn saw_error(&mut self, _: &io::Error) {}
}

impl Lab for () {}

/// The server: the class, what it has recorded, and the lab around it.
#[derive(Debug)]
pub struct Server<D, L> {
    /// Groups, keys and secret.
    pub class: Class,
    /// The state of each group, in the table's order.
    pub progress: Vec<Progress>,
    /// Where messages are recorded.
    pub received: Received<D>,
    /// Whether a signed request that is refused gets a signed explanation.
    pub explains: bool,
    /// The tools' seam.
    pub lab: L,
}

impl<D: Disk, L: Lab> Server<D, L> {
    /// Serves until the socket fails for good.
    pub fn run(&mut self, socket: &UdpSocket) -> io::Error {
        let mut buffer = vec![0; 1 << 16]; // holds any datagram
        let mut failures = 0;
        loop {
            match self.serve(socket, &mut buffer) {
                Ok(()) => failures = 0,
                // A client that has left can make the next call fail; a broken socket fails each.
                Err(error) => {
                    self.lab.saw_error(&error);
                    failures += 1;
                    if failures == 100 {
                        return error;
                    }
                }
            }
        }
    }

    /// Waits for a datagram, handles it and what waits behind it, and sends the replies.
    pub fn serve(&mut self, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<()> {
        let mut events = self.receive(socket, buffer)?;
        // The lab is told of every event in the end; those that it loses are not handled.
        let mut arrived: Vec<&mut Event> = events.iter_mut().collect();
        arrived.retain_mut(|event| !self.lab.loses(&self.class, event));
        let replies = self.handle(&mut arrived);
        for (event, reply) in arrived.into_iter().zip(replies) {
            let carried = reply.and_then(|reply| self.lab.carries(&self.class, event, reply));
            let Some(reply) = carried else { continue };
            if let Err(error) = socket.send_to(reply.as_bytes(), event.sender)
                && event.outcome.is_ok()
            {
                let detail = format!("the system refused to send the reply: {error}");
                event.outcome = Err(Reason::NotSent.because(detail));
            }
        }
        self.lab.saw(&self.class, &events);
        Ok(())
    }

    /// Waits for a datagram, and takes what waits behind it.
    fn receive(&mut self, socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Vec<Event>> {
        let most = self.lab.most_together();
        let mut events = Vec::with_capacity(most);
        events.push(receive_one(socket, buffer)?);
        if socket.set_nonblocking(true).is_ok() {
            while events.len() < most {
                match receive_one(socket, buffer) {
                    Ok(event) => events.push(event),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break, // nothing waits
                    Err(error) => {
                        self.lab.saw_error(&error);
                        break;
                    }
                }
            }
            _ = socket.set_nonblocking(false); // if it can't be, the next call fails and says so
        }
        Ok(events)
    }

    /// Decides what the events' datagrams mean and acts on it. Each event is left saying what became
    /// of it; their replies, where there is one, are returned.
    pub fn handle(&mut self, events: &mut [&mut Event]) -> Vec<Option<String>> {
        let (mut progress, mut lines) = (self.progress.clone(), Vec::new());
        for event in events.iter_mut() {
            event.outcome = self.decide(event, &mut progress, &mut lines);
        }
        match self.received.append(&lines) {
            Ok(()) => self.progress = progress,
            Err(error) => events.iter_mut().for_each(|event| self.decide_without_disk(event, &error)),
        }
        events.iter().map(|event| self.reply(event)).collect()
    }

    /// The `next_number` that a datagram is to be answered with. What it says that is new is added to
    /// `lines`, and `progress` moves as if those were on the disk already.
    fn decide(
        &self,
        event: &mut Event,
        progress: &mut [Progress],
        lines: &mut Vec<u8>,
    ) -> Result<u8, Refusal> {
        let Message { group, request, token } =
            read(&self.class, &event.datagram, event.time, &mut event.seen)?;
        let Group { name, members, .. } = &self.class.table[group];
        let before = progress[group];
        let Step { state, next_number } = fsm::next(*members, before.state, request.seq_number)
            .ok_or_else(|| out_of_order(*members, before.state, request.seq_number))?;
        if !before.knows(&request) {
            if before.records >= MOST_RECORDS {
                return Err(Reason::NotRecorded.because(format!(
                    "{name} has {MOST_RECORDS} records, the most that are kept: \
                     stop the server, set received.jsonl aside, and start again"
                )));
            }
            lines.extend(received::line(&event.time_and_peer, name, &request, token));
            progress[group] = before.after(state, request.matricula);
        }
        Ok(next_number)
    }

    /// Decides once more, from the states as they are since the disk took nothing: what says nothing
    /// new is answered all the same.
    fn decide_without_disk(&self, event: &mut Event, error: &io::Error) {
        let mut lines = Vec::new();
        event.outcome = self.decide(event, &mut self.progress.clone(), &mut lines);
        if !lines.is_empty() {
            let detail = format!("received.jsonl can't be written: {error}; make room or mend the disk");
            event.outcome = Err(Reason::NotRecorded.because(detail));
        }
    }

    /// The reply to an event, if there is one.
    fn reply(&self, event: &Event) -> Option<String> {
        let id_request = event.seen.id_request.as_ref()?;
        let payload = match &event.outcome {
            Ok(next_number) => claims::reply(id_request, *next_number, event.otp),
            Err(refusal) if self.explains => {
                claims::explanation(id_request, refusal, event.otp, event.datagram.len())
            }
            Err(_) => return None,
        };
        Some(jws::sign(claims::REPLY_HEADER, &payload, &self.class.secret))
    }
}

fn receive_one(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Event> {
    let (length, sender) = socket.recv_from(buffer)?;
    let now = time::now();
    Ok(Event::new(now, sender, &buffer[..length], Otp::draw(now)?))
}

fn out_of_order(members: u8, state: u8, seq_number: u64) -> Refusal {
    let way_out = if state > members {
        format!("the table has only {members} members: start over with 0")
    } else if state == members {
        format!("everyone is in: send {state} again, or 0 to start over")
    } else if state == 0 {
        "next_number would have been 1: send that".into()
    } else {
        format!("next_number would have been {}: send that, {state} again, or 0 to start over", state + 1)
    };
    Reason::OutOfOrder.because(format!("seq_number is {seq_number} in state {state}; {way_out}"))
}
