//! What a trial says of a client: the verdicts, their lines in `trial.jsonl`, and which of them stand.

use crate::time::{parse_rfc3339, rfc3339};
use crate::tools::print::json_string;
use serde_json::Value;
use std::time::Duration;

/// How long another copy of the last message may still show that its right reply was not taken.
pub const WAIT: Duration = Duration::from_secs(10);

/// What a client has shown. In `trial.jsonl` and in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The right reply to the last member's message went, and nothing had shown a fault.
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
    /// It started over before the eighth copy.
    GaveUp,
    /// It has got the right reply more than once, and not taken it.
    Disbelieved,
    /// So far it has sent a message once, and not again.
    SentOnce,
    /// So far it has sent a message again, and the last copy got nothing.
    Unfinished,
    /// The last that it got is a reply whose HMAC does not verify.
    AtDamagedHmac,
    /// The last that it got is a reply with the `id_request` of another message.
    AtOtherIdRequest,
    /// The last that it got is the reply to its message before.
    AtPreviousReply,
    /// The last that it got is the right reply, and it has not gone on.
    AtRightReply,
    /// It has sent a message once more after its right reply: the network may have lost that.
    DisbelievedOnce,
    /// A message from before the exam has moved the group's state.
    Disturbed,
    /// It sends again after so short a time that no reply can have come.
    ShortTimer,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 17] = [
        Self::Passed,
        Self::NoReply,
        Self::DamagedHmac,
        Self::OtherIdRequest,
        Self::PreviousReply,
        Self::ChangedMessage,
        Self::GaveUp,
        Self::Disbelieved,
        Self::SentOnce,
        Self::Unfinished,
        Self::AtDamagedHmac,
        Self::AtOtherIdRequest,
        Self::AtPreviousReply,
        Self::AtRightReply,
        Self::DisbelievedOnce,
        Self::Disturbed,
        Self::ShortTimer,
    ];

    /// The name in `trial.jsonl`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NoReply => "no_reply",
            Self::DamagedHmac => "damaged_hmac",
            Self::OtherIdRequest => "other_id_request",
            Self::PreviousReply => "previous_reply",
            Self::ChangedMessage => "changed_message",
            Self::GaveUp => "gave_up",
            Self::Disbelieved => "disbelieved",
            Self::SentOnce => "sent_once",
            Self::Unfinished => "unfinished",
            Self::AtDamagedHmac => "stopped_at_damaged_hmac",
            Self::AtOtherIdRequest => "stopped_at_other_id_request",
            Self::AtPreviousReply => "stopped_at_previous_reply",
            Self::AtRightReply => "stopped_at_right_reply",
            Self::DisbelievedOnce => "disbelieved_once",
            Self::Disturbed => "disturbed",
            Self::ShortTimer => "short_timer",
        }
    }

    /// Whether it is a fault that stands. What isn't says how far an exam has come, is the last word
    /// on a client that sends nothing more, or is advice.
    pub fn is_fault(self) -> bool {
        matches!(
            self,
            Self::NoReply
                | Self::DamagedHmac
                | Self::OtherIdRequest
                | Self::PreviousReply
                | Self::ChangedMessage
                | Self::GaveUp
                | Self::Disbelieved
        )
    }

    /// What the client did, and what to mend.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Passed => {
                "the right reply to the last member went; it stands after 10 s without another copy"
            }
            Self::NoReply => "went on though no reply had come: wait for one, and send again",
            Self::DamagedHmac => "believed a reply whose HMAC does not verify: check it with the secret",
            Self::OtherIdRequest => {
                "believed a reply with another id_request: compare it with the payload's hash"
            }
            Self::PreviousReply => "took the reply to its message before for this one's: compare id_request",
            Self::ChangedMessage => "sent a new message when no right reply came: send the same bytes again",
            Self::GaveUp => "started over too soon: send the same bytes again, 8 times",
            Self::Disbelieved => {
                "did not take the right reply: did it arrive (on the socket that sent), and how are its HMAC \
                 and id_request computed?"
            }
            Self::SentOnce => "sent once so far: send the same bytes again until the right reply comes",
            Self::Unfinished => "still at it, or stopped too soon: send the same bytes again, 8 times",
            Self::AtDamagedHmac => {
                "the last reply had a damaged HMAC: if the client has stopped, it believed it, or gave up"
            }
            Self::AtOtherIdRequest => {
                "the last reply had another id_request: if the client has stopped, it believed it, or gave up"
            }
            Self::AtPreviousReply => {
                "the last reply was to the message before: if the client has stopped, it believed it, or gave up"
            }
            Self::AtRightReply => "the right reply went: if the client has stopped, it has not taken it",
            Self::DisbelievedOnce => {
                "sent again after its right reply: lost on the way, or not taken? begin again with 0"
            }
            Self::Disturbed => {
                "an old message moved the group's state, no fault: begin again with 0, a fresh jti in each payload"
            }
            Self::ShortTimer => "sends again within 50 ms: wait a second, a reply needs time to come",
        }
    }

    fn is_disbelief(self) -> bool {
        matches!(self, Self::DisbelievedOnce | Self::Disbelieved)
    }
}

/// A verdict on a group: a line of `trial.jsonl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was shown.
    pub time: Duration,
    /// The number of the message that shows it.
    pub number: u8,
    /// How many copies of that message had come.
    pub copies: u32,
    /// What was shown.
    pub verdict: Verdict,
    /// Of `passed`: the number in the right reply, which who has read it can name.
    pub otp_number: Option<u16>,
}

impl Line {
    /// The line, its LF included.
    pub fn to_json(&self, group: &str) -> String {
        let Self { number, copies, verdict, otp_number, .. } = self;
        let (time, name, detail) = (rfc3339(self.time), verdict.name(), json_string(verdict.explanation()));
        let otp_number = otp_number.map(|number| format!(",\"otp_number\":{number}")).unwrap_or_default();
        format!(
            "{{\"time\":\"{time}\",\"group\":\"{group}\",\"seq_number\":{number},\"copies\":{copies},\
             \"verdict\":\"{name}\"{otp_number},\"detail\":{detail}}}\n"
        )
    }

    /// Reads a line back: the group's name, and the rest.
    pub fn parse(line: &Value) -> Option<(&str, Self)> {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let integer = |name: &str| line.get(name).and_then(Value::as_u64);
        let parsed = Self {
            time: parse_rfc3339(text("time")?)?,
            number: integer("seq_number")?.try_into().ok()?,
            copies: integer("copies")?.try_into().ok()?,
            verdict: Verdict::ALL.into_iter().find(|verdict| Some(verdict.name()) == text("verdict"))?,
            otp_number: integer("otp_number").and_then(|number| number.try_into().ok()),
        };
        Some((text("group")?, parsed))
    }
}

/// The verdicts on a group that stand, of all that were given in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// It has passed, and the last time that it did so again.
    pub passed: Option<Line>,
    /// See `passed`.
    pub passed_again: Option<Line>,
    /// The last fault.
    pub fault: Option<Line>,
    /// How far the exam after it has come.
    pub under_way: Option<Line>,
    /// What to do better all the same.
    pub advice: Option<Line>,
}

impl Standing {
    /// Adds the next verdict. Who has passed has passed, whatever is tried later.
    pub fn add(&mut self, line: Line) {
        let Line { verdict, number, time, .. } = line;
        let is_withdrawn = |passed: &Line| {
            let is_soon = (passed.time..=passed.time + WAIT).contains(&time);
            verdict.is_disbelief() && number == passed.number && is_soon
        };
        self.passed_again = self.passed_again.filter(|passed| !is_withdrawn(passed));
        self.passed = self.passed.filter(|passed| !is_withdrawn(passed));
        let slot = match verdict {
            Verdict::Passed if self.passed.is_none_or(|passed| passed == line) => &mut self.passed,
            Verdict::Passed => &mut self.passed_again,
            _ if self.passed.is_some() => return,
            Verdict::ShortTimer => &mut self.advice,
            _ if verdict.is_fault() => &mut self.fault,
            _ => &mut self.under_way,
        };
        *slot = Some(line);
        if verdict != Verdict::ShortTimer {
            self.under_way = self.under_way.filter(|under_way| *under_way == line);
        }
        if verdict == Verdict::Passed {
            self.fault = None;
        }
        if verdict == Verdict::SentOnce && number == 1 {
            self.advice = None; // another exam
        }
    }

    /// The lines that, added in this order, make it again.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        [&self.fault, &self.under_way, &self.advice, &self.passed, &self.passed_again].into_iter().flatten()
    }
}
