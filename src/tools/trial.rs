//! `--trial`: the server examines the client (the protocol's section 8), the same for everyone.
//!
//! Of each message from number 1 on, copy by copy: the first is discarded; the second is handled
//! and its reply discarded; the third gets the right reply with a damaged HMAC; the fourth a
//! well-signed reply with another `id_request`; the fifth the reply to the message before; the
//! sixth the right reply. A client that goes on before the sixth has believed what it was told
//! last; one that starts over has no patience.

use super::log::Log;
use crate::claims;
use crate::jws;
use crate::refusal::Reason;
use crate::server::{Class, Event, Seen, read};
use crate::time::rfc3339;
use serde_json::Value;
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
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 7] = [
        Self::Passed,
        Self::NoReply,
        Self::DamagedHmac,
        Self::OtherIdRequest,
        Self::PreviousReply,
        Self::ChangedMessage,
        Self::GaveUp,
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
        }
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
        }
    }
}

/// A message as the examiner tells one from another.
#[derive(Clone, Debug, Default)]
struct Examined {
    /// The member's number; 0 starts over.
    number: u8,
    id_request: String,
    exp: Option<f64>,
}

/// One group's examination.
#[derive(Clone, Debug, Default)]
struct Exam {
    message: Examined,
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
    /// Counts a copy of a message; the verdict, if that shows the run's first fault.
    fn take(&mut self, message: Examined, now: Duration) -> Option<Verdict> {
        let fault = self.fault(&message, now).filter(|_| !self.has_failed);
        self.has_failed |= fault.is_some();
        if message.number == 0 {
            *self = Self::default();
            return fault;
        }
        let is_next = message.number != self.message.number;
        let is_anew = message.id_request != self.message.id_request && !self.is_open();
        if message.number == 1 && (is_next || is_anew) {
            *self = Self::default();
        } else if is_next {
            (self.copies, self.previous_reply) = (0, self.reply.take());
        }
        self.copies += 1;
        self.message = message;
        fault
    }

    /// Whether the message's right reply is still to come.
    fn is_open(&self) -> bool {
        (1..LAST_COPY).contains(&self.copies)
    }

    fn fault(&self, message: &Examined, now: Duration) -> Option<Verdict> {
        let has_expired = self.message.exp.is_some_and(|exp| exp <= now.as_secs_f64());
        if !self.is_open() {
            None
        } else if message.number == 0 {
            Some(Verdict::GaveUp)
        } else if message.number == self.message.number {
            match self.copies {
                _ if message.id_request == self.message.id_request || has_expired => None,
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

    /// Whether the network loses this datagram: it is the first copy of a message.
    pub fn loses(&mut self, class: &Class, event: &mut Event) -> bool {
        let Ok(message) = read(class, event.datagram, event.time, &mut Seen::default()) else { return false };
        let Ok(number) = u8::try_from(message.request.seq_number) else { return false };
        let exam = &mut self.exams[message.group];
        let current = exam.message.number;
        if current != 0 && ![0, current, current.saturating_add(1)].contains(&number) {
            return false; // out of order, or a late copy
        }
        let examined = Examined { number, id_request: message.id_request, exp: message.request.exp };
        let (shown_by, copies) = (current, exam.copies);
        if let Some(verdict) = exam.take(examined, event.time) {
            self.write(class, message.group, event.time, shown_by, copies, verdict);
        }
        let is_lost = number > 0 && self.exams[message.group].copies == 1;
        if is_lost {
            event.seen.group = Some(message.group);
            event.seen.seq_number = Some(message.request.seq_number);
            event.outcome = Err(Reason::LostOnPurpose.because("trial, copy 1 of 6: discarded"));
        }
        is_lost
    }

    /// What reaches the client in place of this reply.
    pub fn carries(&mut self, class: &Class, event: &mut Event, reply: String) -> Option<String> {
        let (Some(group), Ok(next_number)) = (event.seen.group, &event.outcome) else { return Some(reply) };
        let exam = &mut self.exams[group];
        if event.seen.seq_number != Some(exam.message.number.into()) || exam.message.number == 0 {
            return Some(reply);
        }
        exam.reply = Some(reply.clone());
        let other = || {
            let other = claims::reply(&claims::id_request(reply.as_bytes()), *next_number, event.otp);
            jws::sign(claims::REPLY_HEADER, &other, &class.secret)
        };
        let (sent, what) = match exam.copies {
            ..=2 => (None, "its reply is discarded"),
            3 => (Some(damaged(&reply)), "its reply's HMAC is damaged"),
            4 => (Some(other()), "a reply with another id_request"),
            5 => (Some(exam.previous_reply.clone().unwrap_or_else(other)), "the reply to another message"),
            _ => {
                let (number, copies) = (exam.message.number, exam.copies);
                if copies == LAST_COPY && exam.passed + 1 == number {
                    exam.passed = number;
                    if number == class.table[group].members && !exam.has_failed {
                        self.write(class, group, event.time, number, copies, Verdict::Passed);
                    }
                }
                return Some(reply);
            }
        };
        let copies = exam.copies;
        event.outcome =
            Err(Reason::LostOnPurpose.because(format!("trial, copy {copies} of {LAST_COPY}: {what}")));
        sent
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
        let detail = Value::from(verdict.explanation());
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
