//! One group's exam: what becomes of each copy of a message, and what that shows of the client
//! (section 8 of [the protocol](crate::protocol)).
//!
//! It needs no socket, no file and no clock: [`Exam::take`] is told of each signed message,
//! [`Exam::handled`] of those that the state machine accepted, and nothing else.
//!
//! ```
//! use std::time::Duration;
//! use udpsocket_jwt_server::tools::lab::exam::{Exam, Fate, Message};
//!
//! let mut exam = Exam::new(1, 0); // of a group with one member, in state 0
//! let message = Message {
//!     number: 1,
//!     id_request: "2c1b...",
//!     exp: None,
//!     peer: "192.0.2.7:50000".parse().unwrap(),
//!     right_copy: 7,
//! };
//! let fates = (0..7).map(|second| {
//!     let now = Duration::from_secs(second);
//!     let (fate, _) = exam.take(&message, now);
//!     if fate != Fate::RequestLost {
//!         exam.handled(1, now);
//!     }
//!     fate
//! });
//! use Fate::*;
//! let expected =
//!     [RequestLost, ReplyLost, DamagedHmac, OtherIdRequest, PreviousReply, ReplyLost, Right];
//! assert_eq!(fates.collect::<Vec<_>>(), expected);
//! ```

use super::verdict::{Verdict, WAIT};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// The first copy that may get the right reply; the last is the eighth, a client's last try.
pub const FIRST_RIGHT_COPY: u32 = 6;
/// How many copies may be the one that gets it.
pub const RIGHT_COPIES: u32 = 3;
/// From so many copies on, a client may start over: one more may have been lost on the way.
const ENOUGH_COPIES: u32 = 7;
/// How many messages of a group are remembered, to know old ones.
const MOST_SEEN: usize = 1_000;
/// A timer below this is far too short.
const SHORT_TIMER: Duration = Duration::from_millis(50);

/// A signed message, as the examiner tells one from another.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The member's number; 0 starts over.
    pub number: u8,
    /// Which payload it is.
    pub id_request: &'a str,
    /// When it expires.
    pub exp: Option<f64>,
    /// Who sent this copy.
    pub peer: SocketAddr,
    /// Which copy gets the right reply: the client can't know.
    pub right_copy: u32,
}

/// What becomes of a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It is no part of an exam: as without one.
    #[default]
    AsEver,
    /// It is lost.
    RequestLost,
    /// It is handled, and its reply lost.
    ReplyLost,
    /// Its reply's HMAC is damaged.
    DamagedHmac,
    /// It gets a reply with another `id_request`.
    OtherIdRequest,
    /// It gets the right reply to the message before; to a first message, one with another
    /// `id_request`.
    PreviousReply,
    /// It gets the right reply.
    Right,
}

/// What a copy shows: the verdict, the number of the message that it is on, and that one's copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was shown.
    pub verdict: Verdict,
    /// The number of the message that shows it.
    pub number: u8,
    /// How many copies of it had come.
    pub copies: u32,
}

/// The message that is examined.
#[derive(Clone, Debug)]
struct Current {
    number: u8,
    id_request: String,
    exp: Option<f64>,
    right_copy: u32,
    copies: u32,
    /// Who sent the first copy, and whether that socket has sent another: then copies from any other
    /// are somebody else's. A client may also use a new socket for each try.
    peer: SocketAddr,
    comes_again: bool,
    last_peer: SocketAddr,
    /// When the last copy came, how long after the one before, and how long that had been before.
    last: Duration,
    pause: Duration,
    pause_before: Duration,
    /// The trap that the client fell into if it goes on now: what it was last sent.
    trap: Fate,
    /// When the right reply went, and when it went to the socket of the first copy; how long after
    /// that a copy may still have been on its way; and how many came later.
    answered: Option<Duration>,
    answered_first: Option<Duration>,
    on_its_way: Duration,
    late_copies: u32,
}

impl Current {
    fn new(message: &Message, now: Duration) -> Self {
        Self {
            number: message.number,
            id_request: message.id_request.into(),
            exp: message.exp,
            right_copy: message.right_copy,
            copies: 1,
            peer: message.peer,
            comes_again: false,
            last_peer: message.peer,
            last: now,
            pause: Duration::ZERO,
            pause_before: Duration::ZERO,
            trap: Fate::ReplyLost,
            answered: None,
            answered_first: None,
            on_its_way: Duration::ZERO,
            late_copies: 0,
        }
    }

    /// One more copy, perhaps signed anew.
    fn add(&mut self, message: &Message, now: Duration) {
        self.id_request = message.id_request.into();
        (self.exp, self.right_copy) = (message.exp, message.right_copy);
        self.copies += 1;
        self.comes_again |= message.peer == self.peer;
        self.last_peer = message.peer;
        self.pause_before = self.pause;
        self.pause = now.saturating_sub(self.last);
        self.last = now;
    }

    fn fate(&self) -> Fate {
        match self.copies {
            1 => Fate::RequestLost,
            copies if copies >= self.right_copy || !self.is_open() => Fate::Right,
            3 => Fate::DamagedHmac,
            4 => Fate::OtherIdRequest,
            5 => Fate::PreviousReply,
            _ => Fate::ReplyLost,
        }
    }

    /// Whether its right reply is still to come.
    fn is_open(&self) -> bool {
        self.answered.is_none()
    }

    fn has_expired(&self, now: Duration) -> bool {
        self.exp.is_some_and(|exp| exp <= now.as_secs_f64())
    }

    /// Whether this may be the client that sent the copies, and not another program of its group.
    fn is_of_client(&self, peer: SocketAddr) -> bool {
        !self.comes_again || peer == self.peer
    }

    /// Whether the program that sent the last copy sends this too: it does so from the same socket, or
    /// when its timer has run out. One that was started again takes longer.
    fn goes_on(&self, peer: SocketAddr, now: Duration) -> bool {
        peer == self.last_peer || now.saturating_sub(self.last) <= self.pause * 2
    }
}

/// One group's examination.
#[derive(Clone, Debug)]
pub struct Exam {
    members: u8,
    /// The state of the group's state machine.
    state: u8,
    /// Whether the group is in the middle of a run that was not examined.
    is_waiting: bool,
    /// The last messages, to know old ones.
    seen: VecDeque<String>,
    current: Option<Current>,
    /// What the exam has shown that makes it impossible to pass.
    shown: Option<Verdict>,
    has_short_timer: bool,
    /// The copy that is being handled: its message, what becomes of it, and whether it is old.
    handling: (String, Fate, bool),
}

impl Exam {
    /// The exam of a group with so many members, in this state. Only a run that begins is examined:
    /// in another state than 0 that takes a 0.
    pub fn new(members: u8, state: u8) -> Self {
        Self {
            members,
            state,
            is_waiting: state != 0,
            seen: VecDeque::new(),
            current: None,
            shown: None,
            has_short_timer: false,
            handling: (String::new(), Fate::AsEver, false),
        }
    }

    /// Remembers a message, by its `id_request`.
    pub fn remember(&mut self, id_request: &str) {
        if !self.has_seen(id_request) {
            if self.seen.len() == MOST_SEEN {
                self.seen.pop_front();
            }
            self.seen.push_back(id_request.into());
        }
    }

    /// How many copies of the message that is examined have come.
    pub fn copies(&self) -> u32 {
        self.current.as_ref().map_or(0, |current| current.copies)
    }

    fn has_seen(&self, id_request: &str) -> bool {
        self.seen.iter().any(|seen| seen == id_request)
    }

    /// Takes a message before it is handled: what becomes of it, and what it shows.
    pub fn take(&mut self, message: &Message, now: Duration) -> (Fate, Vec<Finding>) {
        let is_current =
            self.current.as_ref().is_some_and(|current| current.id_request == message.id_request);
        let is_old = !is_current && self.has_seen(message.id_request);
        let (fate, findings) = match self.current.take() {
            current if self.is_waiting || is_old => {
                self.current = current;
                (Fate::AsEver, Vec::new())
            }
            Some(current) if is_current => self.copy(current, message, now),
            current => self.new_message(current, message, now),
        };
        self.handling = (message.id_request.into(), fate, is_old);
        (fate, findings)
    }

    /// A copy of the message that is examined.
    fn copy(&mut self, mut current: Current, message: &Message, now: Duration) -> (Fate, Vec<Finding>) {
        current.add(message, now);
        let mut findings = Vec::new();
        if current.is_of_client(message.peer) && self.is_late(&current, now) {
            findings.extend(self.disbelieved(&mut current));
        }
        let is_short = current.copies >= 3 && current.pause.max(current.pause_before) < SHORT_TIMER;
        if is_short && !self.has_short_timer {
            self.has_short_timer = true;
            findings.push(finding(Verdict::ShortTimer, &current));
        }
        let fate = current.fate();
        self.current = Some(current);
        (fate, findings)
    }

    /// Whether what the client sends now shows that it has not taken the right reply: it was not on its
    /// way already, and, where that was the last reply, it comes soon enough to tell.
    fn is_late(&self, current: &Current, now: Duration) -> bool {
        let answered = if current.comes_again { current.answered_first } else { current.answered };
        let Some(answered) = answered else { return false };
        let after = now.saturating_sub(answered);
        after > current.on_its_way && (current.number < self.members || after <= WAIT)
    }

    /// The network may have lost one right reply, not two.
    fn disbelieved(&mut self, current: &mut Current) -> Option<Finding> {
        current.late_copies += 1;
        let verdict = match self.shown {
            None => Verdict::DisbelievedOnce,
            Some(Verdict::DisbelievedOnce) if current.late_copies >= 2 => Verdict::Disbelieved,
            _ => return None,
        };
        self.shown = Some(verdict);
        Some(finding(verdict, current))
    }

    /// A message that is not the one that is examined, and no old one.
    fn new_message(
        &mut self,
        current: Option<Current>,
        message: &Message,
        now: Duration,
    ) -> (Fate, Vec<Finding>) {
        let Message { number, .. } = *message;
        let Some(mut current) = current else {
            let begins = number == 1 && self.state <= 1;
            return if begins { self.begin(message, now, Vec::new()) } else { (Fate::AsEver, Vec::new()) };
        };
        let (goes_on, is_open) = (current.goes_on(message.peer, now), current.is_open());
        let mut findings = Vec::new();
        if number == 0 {
            let gave_up = is_open && goes_on && current.copies < ENOUGH_COPIES;
            findings.extend(self.fault(gave_up, Verdict::GaveUp, &current));
            // Who starts over when its timer has run out has not taken the reply.
            if now.saturating_sub(current.last) <= current.pause * 2 && self.is_late(&current, now) {
                findings.extend(self.disbelieved(&mut current));
            }
            self.end();
            self.remember(message.id_request);
            return (Fate::AsEver, findings);
        }
        // Another socket is a client that was started again, perhaps mended.
        let is_another_client = message.peer != current.last_peer;
        if number == 1 && (current.number > 1 || !is_open || is_another_client) {
            let gave_up = is_open && current.number > 1 && !is_another_client;
            findings.extend(self.fault(gave_up, Verdict::GaveUp, &current));
            if self.state <= 1 {
                return self.begin(message, now, findings);
            }
            self.current = Some(current); // out of order
            return (Fate::AsEver, findings);
        }
        if number == current.number {
            if is_open {
                let verdict = match current.trap {
                    Fate::PreviousReply if number > 1 => Verdict::PreviousReply, // it asked for this number
                    _ => Verdict::ChangedMessage,
                };
                findings.extend(self.fault(!current.has_expired(now), verdict, &current));
            }
            self.remember(message.id_request);
            let (fate, more) = self.copy(current, message, now);
            findings.extend(more);
            return (fate, findings);
        }
        if current.number < self.members && number == current.number + 1 {
            findings.extend(self.fault(is_open, current.believed(), &current));
            return self.go_on(message, now, findings);
        }
        self.current = Some(current); // out of order: it shows nothing
        (Fate::AsEver, findings)
    }

    /// The first fault of an exam is told, no other.
    fn fault(&mut self, is_shown: bool, verdict: Verdict, current: &Current) -> Option<Finding> {
        let is_first = matches!(self.shown, None | Some(Verdict::DisbelievedOnce));
        (is_shown && is_first).then(|| {
            self.shown = Some(verdict);
            finding(verdict, current)
        })
    }

    /// An exam is over: the next begins with another 1.
    fn end(&mut self) {
        (self.current, self.shown, self.has_short_timer) = (None, None, false);
    }

    fn begin(&mut self, message: &Message, now: Duration, findings: Vec<Finding>) -> (Fate, Vec<Finding>) {
        self.end();
        self.go_on(message, now, findings)
    }

    fn go_on(
        &mut self,
        message: &Message,
        now: Duration,
        mut findings: Vec<Finding>,
    ) -> (Fate, Vec<Finding>) {
        self.remember(message.id_request);
        let current = Current::new(message, now);
        if self.shown.is_none() {
            findings.push(finding(Verdict::SentOnce, &current));
        }
        let fate = current.fate();
        self.current = Some(current);
        (fate, findings)
    }

    /// Told that the state machine has accepted the message that was taken last, so that its reply
    /// goes, or what becomes of it: what that shows.
    pub fn handled(&mut self, number: u8, now: Duration) -> Option<Finding> {
        let (id_request, fate, is_old) = std::mem::take(&mut self.handling);
        let has_moved = number != self.state;
        self.state = number;
        self.is_waiting &= number != 0;
        if fate == Fate::AsEver {
            self.remember(&id_request);
            return if is_old && has_moved { self.disturbed(number) } else { None };
        }
        let current = self.current.as_mut()?;
        if fate == Fate::Right {
            let is_to_first = current.last_peer == current.peer;
            let is_news = current.is_open() || is_to_first && current.answered_first.is_none();
            if !is_news {
                return None;
            }
            current.answered.get_or_insert(now);
            current.answered_first = current.answered_first.or(is_to_first.then_some(now));
            current.on_its_way = current.pause / 2;
        } else {
            current.trap = fate;
        }
        let verdict = match fate {
            Fate::DamagedHmac => Verdict::AtDamagedHmac,
            Fate::OtherIdRequest => Verdict::AtOtherIdRequest,
            Fate::PreviousReply if number == 1 => Verdict::AtOtherIdRequest,
            Fate::PreviousReply => Verdict::AtPreviousReply,
            Fate::Right if number == self.members => Verdict::Passed,
            Fate::Right => Verdict::AtRightReply,
            _ => Verdict::Unfinished,
        };
        self.shown.is_none().then(|| finding(verdict, current))
    }

    /// An old message has moved the state. That is nobody's fault, and an exam can go on only if its
    /// next message is still in order.
    fn disturbed(&mut self, number: u8) -> Option<Finding> {
        let accepts = |number: u8| number == self.state || number.checked_sub(1) == Some(self.state);
        let (can_go_on, has_passed, copies) = match &self.current {
            None => (false, false, 1),
            Some(current) if current.is_open() => (accepts(current.number), false, current.copies),
            Some(current) if current.number < self.members => {
                (accepts(current.number + 1), false, current.copies)
            }
            Some(current) => (false, self.shown.is_none(), current.copies),
        };
        if can_go_on {
            return None;
        }
        self.end();
        (!has_passed).then_some(Finding { verdict: Verdict::Disturbed, number, copies })
    }
}

impl Current {
    /// What a client has believed that goes on before its right reply.
    fn believed(&self) -> Verdict {
        match self.trap {
            Fate::DamagedHmac => Verdict::DamagedHmac,
            Fate::OtherIdRequest => Verdict::OtherIdRequest,
            Fate::PreviousReply if self.number == 1 => Verdict::OtherIdRequest,
            Fate::PreviousReply => Verdict::PreviousReply,
            _ => Verdict::NoReply,
        }
    }
}

fn finding(verdict: Verdict, current: &Current) -> Finding {
    Finding { verdict, number: current.number, copies: current.copies }
}
