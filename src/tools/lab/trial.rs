//! `--trial`: the server examines the client (section 8 of [the protocol](crate::protocol)), the same
//! for everyone.
//!
//! Of each message from number 1 on, copy by copy: the first is discarded; the second is handled
//! and its reply discarded; the third gets the right reply with a damaged HMAC; the fourth a
//! well-signed reply with another `id_request`; the fifth the reply to the message before; the
//! sixth the right reply. A client that goes on before the sixth has believed what it was told
//! last; one that starts over has no patience. An exam begins with a message number 1.

use super::log::Log;
use super::lost;
use crate::claims::{self, Request};
use crate::jws;
use crate::server::{Class, Event, read};
use crate::time::rfc3339;
use crate::tools::terminal::{json_string, say_soon};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The copy that gets the right reply.
const LAST_COPY: u32 = 6;

/// What a client has shown. In `trial.jsonl` and in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every message was sent until its right reply came.
    Passed,
    /// It went on though no reply had come.
    NoReply,
    /// It believed a reply whose HMAC does not verify.
    DamagedHmac,
    /// It believed a reply with the `id_request` of another message.
    OtherIdRequest,
    /// It took the reply to its message before for one to this.
    PreviousReply,
    /// It sent another message in place of the same bytes again.
    ChangedMessage,
    /// It started over before the sixth copy.
    GaveUp,
    /// So far it has sent a message once, and not again.
    SentOnce,
    /// So far it has sent a message again, but not until its right reply.
    Unfinished,
    /// It has got the right reply twice, and not taken it.
    Disbelieved,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 10] = [
        Self::Passed,
        Self::NoReply,
        Self::DamagedHmac,
        Self::OtherIdRequest,
        Self::PreviousReply,
        Self::ChangedMessage,
        Self::GaveUp,
        Self::SentOnce,
        Self::Unfinished,
        Self::Disbelieved,
    ];

    /// The name in `trial.jsonl`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NoReply => "no_reply",
            Self::DamagedHmac => "damaged_hmac",
            Self::OtherIdRequest => "other_id_request",
            Self::PreviousReply => "previous_reply",
            Self::ChangedMessage => "changed_message",
            Self::GaveUp => "gave_up",
            Self::SentOnce => "sent_once",
            Self::Unfinished => "unfinished",
            Self::Disbelieved => "disbelieved",
        }
    }

    /// Whether it stands. One that doesn't says how far an exam has come, and is the last word on a
    /// client that sends nothing more.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::SentOnce | Self::Unfinished | Self::Disbelieved)
    }

    /// What the client did, and what to mend.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Passed => "sent every message until its right reply came",
            Self::NoReply => "went on though no reply had come: wait for one, and send again",
            Self::DamagedHmac => "believed a reply whose HMAC does not verify: check it with the secret",
            Self::OtherIdRequest => {
                "believed a reply with another id_request: compare it with the payload's hash"
            }
            Self::PreviousReply => "took the reply to its message before for this one's: compare id_request",
            Self::ChangedMessage => "sent a new message when no right reply came: send the same bytes again",
            Self::GaveUp => "started over too soon: send the same bytes again, 8 times",
            Self::SentOnce => "sent once so far: send the same bytes again until the right reply comes",
            Self::Unfinished => "still at it, or stopped too soon: send the same bytes again, 8 times",
            Self::Disbelieved => "did not take the right reply: how are its HMAC and id_request computed?",
        }
    }
}

/// A message as the examiner tells one from another.
#[derive(Clone, Debug)]
struct Examined {
    /// The member's number; 0 starts over.
    number: u8,
    id_request: String,
    exp: Option<f64>,
    peer: SocketAddr,
}

/// One group's examination.
#[derive(Clone, Debug, Default)]
struct Exam {
    /// The `id_request` of the 0 and of the 1 that it began with, to know late copies of them.
    began_with: [String; 2],
    message: Option<Examined>,
    /// How many copies of the message have come.
    copies: u32,
    /// The right reply to it, once there is one, and the one to the message before.
    reply: Option<String>,
    previous_reply: Option<String>,
    /// Numbers got through, from 1 on.
    passed: u8,
    has_failed: bool,
}

impl Exam {
    /// The number of the message that is examined; 0 before the first.
    fn number(&self) -> u8 {
        self.message.as_ref().map_or(0, |message| message.number)
    }

    /// Whether a message is part of the exam, or begins another; else it is out of order, or a late
    /// copy, and shows nothing.
    fn concerns(&self, message: &Examined) -> bool {
        let number = self.number();
        match message.number {
            0 => true, // a late copy takes the group back as well
            1 if self.began_with[1] != message.id_request => true,
            _ => message.number == number || message.number - 1 == number,
        }
    }

    /// Counts a copy of a message that concerns the exam; the verdict, if that shows its first fault.
    fn take(&mut self, message: Examined, now: Duration) -> Option<Verdict> {
        let fault = self.fault(&message, now).filter(|_| !self.has_failed);
        self.has_failed |= fault.is_some();
        if message.number == 0 {
            *self = Self { began_with: [message.id_request, String::new()], ..Self::default() };
            return fault;
        }
        if self.begins_with(&message) {
            let [zero, _] = std::mem::take(&mut self.began_with);
            *self = Self { began_with: [zero, String::new()], ..Self::default() };
        } else if message.number != self.number() {
            (self.copies, self.previous_reply) = (0, self.reply.take());
        }
        if message.number == 1 {
            self.began_with[1].clone_from(&message.id_request);
        }
        self.copies += 1;
        self.message = Some(message);
        fault
    }

    /// Whether the message's right reply is still to come.
    fn is_open(&self) -> bool {
        (1..LAST_COPY).contains(&self.copies)
    }

    /// Whether a message begins an exam: a 1, unless it is this exam's, or was changed in the middle.
    /// Another socket is a client that was started again, perhaps mended: it is examined from the start.
    fn begins_with(&self, message: &Examined) -> bool {
        message.number == 1
            && self.message.as_ref().is_none_or(|current| {
                let is_changed = message.id_request != current.id_request;
                current.number != 1 || is_changed && (!self.is_open() || message.peer != current.peer)
            })
    }

    fn fault(&self, message: &Examined, now: Duration) -> Option<Verdict> {
        let current = self.message.as_ref().filter(|_| self.is_open())?;
        let has_expired = current.exp.is_some_and(|exp| exp <= now.as_secs_f64());
        let is_late = message.number == 0 && self.began_with[0] == message.id_request;
        if is_late || self.begins_with(message) && message.peer != current.peer {
            None
        } else if message.number < current.number {
            Some(Verdict::GaveUp)
        } else if message.number == current.number {
            match self.copies {
                _ if message.id_request == current.id_request || has_expired => None,
                5 => Some(Verdict::PreviousReply), // that reply asked for this number
                _ => Some(Verdict::ChangedMessage),
            }
        } else {
            Some(match self.copies {
                0..=2 => Verdict::NoReply,
                3 => Verdict::DamagedHmac,
                4 => Verdict::OtherIdRequest,
                _ => Verdict::PreviousReply,
            })
        }
    }

    /// How far an exam without fault has come, if that is to be written down.
    fn standing(&self) -> Option<Verdict> {
        match self.copies {
            1 if !self.has_failed => Some(Verdict::SentOnce),
            2 if !self.has_failed => Some(Verdict::Unfinished),
            8 if !self.has_failed => Some(Verdict::Disbelieved),
            _ => None,
        }
    }
}

/// The examiner of all groups.
#[derive(Debug)]
pub struct Trial {
    exams: Vec<Exam>,
    log: Log,
}

impl Trial {
    /// An examiner of so many groups, who writes verdicts to `trial.jsonl` in `directory`.
    #[must_use]
    pub fn new(directory: &Path, groups: usize) -> Self {
        Self { exams: vec![Exam::default(); groups], log: Log::open(directory, "trial.jsonl") }
    }

    /// A datagram arrives: the first copy of a message is lost.
    pub fn arrives(&mut self, class: &Class, event: &mut Event) {
        let Ok((group, Request { seq_number, exp, .. })) = read(class, event) else { return };
        let Ok(number) = u8::try_from(seq_number) else { return };
        let Some(id_request) = event.id_request.clone() else { return };
        let examined = Examined { number, id_request, exp, peer: event.peer() };
        let exam = &mut self.exams[group];
        if !exam.concerns(&examined) {
            return;
        }
        let (shown_by, copies) = (exam.number(), exam.copies);
        let fault = exam.take(examined, event.time);
        let (standing, copies_now) = (exam.standing(), exam.copies);
        if let Some(fault) = fault {
            self.write(class, group, event.time, shown_by, copies, fault);
        }
        if let Some(standing) = standing {
            self.write(class, group, event.time, number, copies_now, standing);
        }
        if copies_now == 1 {
            event.outcome = Some(lost("request", "trial, copy 1 of 6: discarded"));
        }
    }

    /// A reply leaves: before the sixth copy another takes its place, or none.
    pub fn leaves(&mut self, class: &Class, event: &mut Event) {
        let (Some(group), Some(Ok(next_number)), Some(reply)) = (event.group, &event.outcome, &event.reply)
        else {
            return;
        };
        let exam = &mut self.exams[group];
        let number = exam.number();
        if number == 0 || event.seq_number != Some(number.into()) {
            return;
        }
        exam.reply = Some(reply.clone());
        let other = || {
            let other = claims::reply(&claims::id_request(reply.as_bytes()), *next_number, event.otp);
            jws::sign(claims::REPLY_HEADER, &other, &class.secret)
        };
        let (sent, what) = match exam.copies {
            ..=2 => (None, "its reply is discarded"),
            3 => (Some(damaged(reply)), "its reply's HMAC is damaged"),
            4 => (Some(other()), "a reply with another id_request"),
            5 => (Some(exam.previous_reply.clone().unwrap_or_else(other)), "the reply to another message"),
            _ => {
                if exam.passed == number - 1 {
                    let copies = exam.copies;
                    exam.passed = number;
                    if number == class.table[group].members && !exam.has_failed {
                        self.write(class, group, event.time, number, copies, Verdict::Passed);
                    }
                }
                return;
            }
        };
        let loss = if sent.is_some() { "reply_replaced" } else { "reply" };
        event.outcome = Some(lost(loss, format!("trial, copy {} of {LAST_COPY}: {what}", exam.copies)));
        event.reply = sent;
    }

    fn write(
        &mut self,
        class: &Class,
        group: usize,
        time: Duration,
        number: u8,
        copies: u32,
        verdict: Verdict,
    ) {
        let (time, group, name) = (rfc3339(time), &class.table[group].name, verdict.name());
        if verdict.is_final() {
            say_soon(format!("{} trial: {group} number {number}: {name}", &time[11..19]));
        }
        let detail = json_string(verdict.explanation());
        self.log.append(&format!(
            "{{\"time\":\"{time}\",\"group\":\"{group}\",\"seq_number\":{number},\"copies\":{copies},\
             \"verdict\":\"{name}\",\"detail\":{detail}}}\n"
        ));
    }
}

/// A reply whose HMAC does not verify: the first character of it is another.
fn damaged(reply: &str) -> String {
    let (signing_input, tag) = reply.rsplit_once('.').unwrap_or((reply, ""));
    let first = if tag.starts_with('A') { "B" } else { "A" };
    format!("{signing_input}.{first}{}", tag.get(1..).unwrap_or_default())
}
