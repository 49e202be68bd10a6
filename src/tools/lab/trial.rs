//! `--trial`: the server examines the client (section 8 of [the protocol](crate::protocol)), the same
//! for everyone.
//!
//! Of each message from number 1 on, copy by copy: the first is discarded; the second is handled
//! and its reply discarded; the third gets the right reply with a damaged HMAC; the fourth a
//! well-signed reply with another `id_request`; the fifth the reply to the message before; and the
//! sixth, seventh or eighth the right reply, of which those before it get none. What that shows of a
//! client is the [`exam`]'s to say; here it is carried out and written down.

use super::exam::{self, Exam, FIRST_RIGHT_COPY, Fate, Finding, RIGHT_COPIES};
use super::log::{Log, MOST_LOG_BYTES, read_tail};
use super::lost;
use super::verdict::{Line, Standing, Verdict};
use crate::claims;
use crate::groups::Table;
use crate::jws;
use crate::record::Progress;
use crate::refusal::Refusal;
use crate::server::{Class, Datagram, Handled, Instead, Message};
use crate::time::rfc3339;
use crate::tools::base64url;
use crate::tools::print::say_soon;
use ring::hmac;
use ring::rand::SystemRandom;
use serde_json::Value;
use std::path::Path;

/// A group, as the examiner knows it.
#[derive(Debug)]
struct Examinee {
    exam: Exam,
    /// What becomes of the copy that is being handled.
    fate: Fate,
    /// The last right reply to the message, and to the message before, each with its number.
    replies: [(u8, String); 2],
    standing: Standing,
}

impl Examinee {
    /// Keeps the right reply to a message of this number; the one to the message before, if there is
    /// one.
    fn reply_to(&mut self, number: u8, reply: &str) -> Option<String> {
        let [current, previous] = &mut self.replies;
        if current.0 != number {
            *previous = std::mem::take(current);
        }
        *current = (number, reply.into());
        (number > 1 && previous.0 == number - 1).then(|| previous.1.clone())
    }
}

/// The examiner of all groups.
#[derive(Debug)]
pub struct Trial {
    examinees: Vec<Examinee>,
    /// Verdicts that are still to be written down, each with its group.
    verdicts: Vec<(usize, Line)>,
    log: Log,
    /// What makes the copy that gets the right reply unforeseeable.
    key: hmac::Key,
}

impl Trial {
    /// An examiner of the groups of a table, which have got so far. Verdicts are written to
    /// `trial.jsonl` in `directory`, in which those of an earlier start stand.
    pub fn new(directory: &Path, table: &Table, progress: &[Progress]) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "--trial: the system gave no random bytes: start the server again")?;
        let examinee = |(group, progress): (&crate::groups::Group, &Progress)| Examinee {
            exam: Exam::new(group.members, u8::try_from(progress.state).unwrap_or(u8::MAX)),
            fate: Fate::AsEver,
            replies: Default::default(),
            standing: Standing::default(),
        };
        let mut examinees: Vec<_> = table.iter().zip(progress).map(examinee).collect();
        remember_records(&directory.join("received.jsonl"), table, &mut examinees);
        for name in ["trial.1.jsonl", "trial.jsonl"] {
            _ = read_tail(&directory.join(name), MOST_LOG_BYTES, |line| {
                let (group, line) = Line::parse(line)?;
                examinees[table.find(group)?].standing.add(line);
                Some(())
            });
        }
        Ok(Self { examinees, verdicts: Vec::new(), log: Log::open(directory, "trial.jsonl"), key })
    }

    /// A message arrives: its first copy is lost.
    pub fn arrives(&mut self, datagram: &Datagram, message: &Message) -> Option<Refusal> {
        let request = message.request.as_ref().ok()?;
        let message_of_exam = exam::Message {
            number: u8::try_from(request.seq_number).ok()?,
            id_request: &message.id_request,
            exp: request.exp,
            peer: datagram.peer(),
            right_copy: self.right_copy(&message.id_request),
        };
        let examinee = &mut self.examinees[message.group];
        let (fate, findings) = examinee.exam.take(&message_of_exam, datagram.time);
        examinee.fate = fate;
        for finding in findings {
            self.note(message.group, datagram, finding, None);
        }
        (fate == Fate::RequestLost).then(|| lost("request", "trial, copy 1: the request was discarded"))
    }

    /// The copy of a message that gets the right reply: always the same, and not to be known
    /// beforehand.
    fn right_copy(&self, id_request: &str) -> u32 {
        let tag = hmac::sign(&self.key, id_request.as_bytes());
        FIRST_RIGHT_COPY + u32::from(tag.as_ref()[0]) % RIGHT_COPIES
    }

    /// A reply leaves: before the right copy another takes its place, or none.
    pub fn leaves(&mut self, class: &Class, handled: &Handled, reply: &str) -> Option<Instead> {
        let Handled { datagram, reading: Ok(message), outcome: Ok(acknowledgment) } = handled else {
            return None;
        };
        let number = message.seq_number?.try_into().ok()?;
        let examinee = &mut self.examinees[message.group];
        let fate = examinee.fate;
        if let Some(finding) = examinee.exam.handled(number, datagram.time) {
            self.note(message.group, datagram, finding, Some(acknowledgment.otp.number));
        }
        if fate == Fate::AsEver {
            return None;
        }
        let other = || {
            let other = claims::id_request(reply.as_bytes());
            let other = claims::reply(&other, acknowledgment.next_number, acknowledgment.otp);
            jws::sign(claims::REPLY_HEADER, &other, &class.secret)
        };
        let examinee = &mut self.examinees[message.group];
        let previous = examinee.reply_to(number, reply);
        let (sent, word, what) = match (fate, previous) {
            (Fate::ReplyLost, _) => (None, "reply", "its reply was discarded"),
            (Fate::DamagedHmac, _) => {
                (Some(damaged(reply)), "reply_damaged", "the HMAC of its reply was damaged")
            }
            (Fate::PreviousReply, Some(previous)) => {
                (Some(previous), "reply_previous", "it got the reply to the message before")
            }
            (Fate::OtherIdRequest | Fate::PreviousReply, _) => {
                (Some(other()), "reply_other_id_request", "it got a reply with another id_request")
            }
            _ => return None,
        };
        let copies = examinee.exam.copies();
        let outcome = Err(lost(word, format!("trial, copy {copies}: {what}")));
        Some(Instead { replies: sent.into_iter().collect(), outcome })
    }

    /// Notes a verdict, which is written down once everything is sent. `otp_number` is the one of the
    /// right reply, if that is what leaves.
    fn note(&mut self, group: usize, datagram: &Datagram, finding: Finding, otp_number: Option<u16>) {
        let Finding { verdict, number, copies } = finding;
        let otp_number = otp_number.filter(|_| verdict == Verdict::Passed);
        self.verdicts.push((group, Line { time: datagram.time, number, copies, verdict, otp_number }));
    }

    /// Writes down what has been shown, and says what the professor should know of it.
    pub fn write(&mut self, class: &Class) {
        for (group, line) in std::mem::take(&mut self.verdicts) {
            let Line { time, number, verdict, .. } = line;
            let name = &class.table[group].name;
            if verdict.is_fault() || verdict == Verdict::Passed {
                let time = &rfc3339(time)[11..19];
                say_soon(format!(
                    "{time} trial: {name} number {number}: {}: {}",
                    verdict.name(),
                    verdict.explanation()
                ));
            }
            let mut lines = line.to_json(name);
            if self.log.turns_over(&lines) {
                lines = self.standing(&class.table) + &lines;
            }
            self.log.append(&lines);
            self.examinees[group].standing.add(line);
        }
    }

    /// The verdicts that stand, of every group: a log that turns over must not take them with it.
    fn standing(&self, table: &Table) -> String {
        let of_group = |(group, examinee): (&crate::groups::Group, &Examinee)| {
            examinee.standing.lines().map(|line| line.to_json(&group.name)).collect::<String>()
        };
        table.iter().zip(&self.examinees).map(of_group).collect()
    }
}

/// Who replays what was recorded before this start must not be taken for the client.
fn remember_records(path: &Path, table: &Table, examinees: &mut [Examinee]) {
    _ = read_tail(path, u64::MAX, |record| {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let payload = text("token").and_then(|token| base64url(token.split('.').nth(1)?.as_bytes()).ok());
        examinees[table.find(text("group")?)?].exam.remember(&claims::id_request(&payload?));
        Some(())
    });
}

/// A reply whose HMAC does not verify: the first character of it is another.
fn damaged(reply: &str) -> String {
    let (signing_input, tag) = reply.rsplit_once('.').unwrap_or((reply, ""));
    let first = if tag.starts_with('A') { "B" } else { "A" };
    format!("{signing_input}.{first}{}", tag.get(1..).unwrap_or_default())
}
