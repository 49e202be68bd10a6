//! `--trial`: the server examines the clients (section 8 of [the protocol](crate::protocol)).
//!
//! What becomes of each copy, and what it shows, is the [`exam`]'s to say. Here it is carried out
//! and written down: requests and replies are lost, wrong replies take their place, some leave later; and
//! what a box of the sheet shows is a line of `trial.jsonl`.

use super::exam::sheet::{Line, Sheet, Verdict};
use super::exam::table::Trick;
use super::exam::wrong::Right;
use super::exam::{self, Exam, Fate, Id};
use super::log::{Log, MOST_LOG_BYTES, read_tail};
use super::lost;
use crate::claims;
use crate::groups::Table;
use crate::record::Progress;
use crate::refusal::Refusal;
use crate::server::{Class, Datagram, Handled, Instead, Message};
use crate::time::{now, rfc3339};
use crate::tools::base64url;
use crate::tools::faults::reason;
use crate::tools::print::say_soon;
use ring::hmac;
use ring::rand::SystemRandom;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// Most replies that wait until it is their time to leave.
const MOST_WAITING: usize = 1_024;

/// A group, as the examiner knows it.
#[derive(Debug)]
struct Examinee {
    name: String,
    members: u8,
    exam: Exam,
    /// What becomes of the copy that is being handled.
    fate: Fate,
    /// The last right reply, and the last one to another message before that, each with its `id_request`.
    replies: [(String, String); 2],
    /// The right reply that waits for the next copy.
    held: Option<String>,
}

impl Examinee {
    /// Keeps the right reply to a message; the last one to another message, if there was one.
    fn replied(&mut self, id_request: &str, reply: &str) -> Option<String> {
        let [last, earlier] = &mut self.replies;
        if last.0 != id_request {
            *earlier = std::mem::take(last);
        }
        *last = (id_request.into(), reply.into());
        (!earlier.1.is_empty() && earlier.0 != id_request).then(|| earlier.1.clone())
    }
}

/// A reply that leaves later.
#[derive(Debug)]
struct Waiting {
    due: Duration,
    client: SocketAddr,
    reply: String,
}

/// The examiner of all groups.
#[derive(Debug)]
pub struct Trial {
    examinees: Vec<Examinee>,
    waiting: Vec<Waiting>,
    log: Log,
    /// What makes the tricks of a message unforeseeable.
    key: hmac::Key,
}

impl Trial {
    /// An examiner of the groups of a table, which have got so far. What is shown is written to
    /// `trial.jsonl` in `directory`. The sheets that an earlier start has left there are read back, and so
    /// are the messages that it has seen.
    pub fn new(directory: &Path, table: &Table, progress: &[Progress]) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "--trial: the system gave no random bytes: start the server again")?;
        let sheets = read_sheets(directory, table);
        let now = now();
        let examinee = |((group, progress), sheet): ((&crate::groups::Group, &Progress), Sheet)| {
            let mut exam = Exam::new(group.members);
            exam.restore(progress.state, sheet, progress.records > 0, now);
            Examinee {
                name: group.name.clone(),
                members: group.members,
                exam,
                fate: Fate::AsEver,
                replies: Default::default(),
                held: None,
            }
        };
        let mut examinees: Vec<_> = table.iter().zip(progress).zip(sheets).map(examinee).collect();
        remember(directory, table, &mut examinees);
        let mut trial =
            Self { examinees, waiting: Vec::new(), log: Log::open(directory, "trial.jsonl"), key };
        trial.append(&format!("{{\"time\":\"{}\",\"verdict\":\"{BEGAN}\"}}\n", rfc3339(now)));
        Ok(trial)
    }

    /// A message arrives: its request may be lost.
    pub fn arrives(&mut self, datagram: &Datagram, message: &Message) -> Option<Refusal> {
        let examinee = &mut self.examinees[message.group];
        examinee.fate = Fate::AsEver;
        let (id, jti) = known_by(message.token)?;
        let Ok(request) = &message.request else {
            examinee.exam.remember(id, jti);
            return None;
        };
        let tag = hmac::sign(&self.key, format!("{} {}", examinee.name, message.id_request).as_bytes());
        let seed = tag.as_ref().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte));
        let message = exam::Message {
            number: request.seq_number,
            id,
            jti,
            exp: request.exp,
            matricula: request.matricula,
            peer: datagram.peer(),
            seed,
        };
        examinee.fate = examinee.exam.take(&message, datagram.time);
        let copies = examinee.exam.copies();
        let how = || format!("trial, copy {copies}: the request was discarded");
        (examinee.fate == Fate::RequestLost).then(|| lost("request", how()))
    }

    /// A reply leaves: another may take its place, or none. `is_lost`: whatever it is, it is lost on its way.
    pub fn leaves(
        &mut self,
        class: &Class,
        handled: &Handled,
        reply: &str,
        is_lost: bool,
    ) -> Option<Instead> {
        let Handled { datagram, reading: Ok(message), outcome: Ok(acknowledgment) } = handled else {
            return None;
        };
        let examinee = &mut self.examinees[message.group];
        if is_lost && examinee.fate != Fate::AsEver {
            examinee.exam.loses_reply();
        }
        examinee.exam.handled(datagram.time, acknowledgment.otp.number);
        let earlier = examinee.replied(&message.id_request, reply);
        let right = Right {
            reply,
            id_request: &message.id_request,
            next_number: acknowledgment.next_number,
            otp: acknowledgment.otp,
            secret: &class.secret,
            key: class.keys[message.group].as_ref()?,
            earlier: earlier.as_deref(),
        };
        let fate = examinee.fate;
        let held = if fate == Fate::AsEver { None } else { examinee.held.take() };
        let (sent, word, what) = match fate {
            Fate::AsEver | Fate::Right => return None,
            Fate::RequestLost | Fate::ReplyLost => (None, "reply", "its reply was discarded"),
            Fate::Wrong(trick) => (Some(right.wrong(trick)), trick.entry().name, trick.entry().done),
            Fate::HalfAPauseLater(trick) => {
                let due = datagram.time + examinee.exam.pause() / 2;
                let waiting = Waiting { due, client: datagram.sender, reply: right.wrong(trick) };
                if !is_lost && self.waiting.len() < MOST_WAITING {
                    self.waiting.push(waiting);
                }
                (None, Trick::Timer.entry().name, "half a pause later a wrong reply came")
            }
            Fate::WaitsForNext => {
                examinee.held = Some(reply.into());
                (held, Trick::Late.entry().name, "its reply waits for the next copy")
            }
            Fate::OtherNumber => {
                let next_number = match acknowledgment.next_number {
                    0 => u64::from(examinee.members) + 1,
                    next_number => next_number + 1,
                };
                let what = "its reply asked for another number than the next";
                (Some(right.asking_for(next_number)), Trick::NextNumber.entry().name, what)
            }
        };
        let copies = examinee.exam.copies();
        let outcome = Err(lost(word, format!("trial, copy {copies}: {what}")));
        Some(Instead { replies: sent.into_iter().collect(), outcome })
    }

    /// The replies whose time to leave has come, each with its client.
    pub fn due(&mut self) -> Vec<(SocketAddr, String)> {
        let now = now();
        let due = self.waiting.extract_if(.., |waiting| waiting.due <= now);
        due.map(|waiting| (waiting.client, waiting.reply)).collect()
    }

    /// How long it is until something has to be done even if no datagram comes.
    pub fn pause(&mut self) -> Option<Duration> {
        let now = now();
        self.examinees.iter_mut().for_each(|examinee| examinee.exam.tick(now));
        self.write();
        let over = self.examinees.iter().filter_map(|examinee| examinee.exam.over());
        let next = over.chain(self.waiting.iter().map(|waiting| waiting.due)).min()?;
        // A socket takes no timeout of zero.
        Some(next.saturating_sub(now).max(Duration::from_millis(1)))
    }

    /// Writes down what has been shown, and says what the professor should know of it.
    pub fn write(&mut self) {
        for group in 0..self.examinees.len() {
            for line in self.examinees[group].exam.lines() {
                let Examinee { name, exam, .. } = &self.examinees[group];
                let time = &rfc3339(line.time)[11..19];
                let (shown, of) = (exam.sheet().shown(), exam::table::TABLE.len());
                match line.verdict {
                    Verdict::Broken => {
                        let rule = line.trick.map_or(0, |trick| trick.entry().rule);
                        let number = line.number;
                        say_soon(format!(
                            "{time} trial: {name} number {number}, rule {rule}: {}",
                            line.detail()
                        ));
                    }
                    Verdict::Passed => say_soon(format!("{time} trial: {name} has passed: {shown} of {of}")),
                    Verdict::Shown | Verdict::Question => {}
                }
                let line = line.to_json(name);
                self.append(&line);
            }
        }
    }

    /// Appends to the log. When it turns over, the sheets are written first into the next.
    fn append(&mut self, line: &str) {
        let mut lines = String::new();
        if self.log.turns_over(line) {
            for Examinee { name, exam, .. } in &self.examinees {
                lines.extend(exam.sheet().lines().iter().map(|line| line.to_json(name)));
            }
        }
        self.log.append(&(lines + line));
    }
}

/// The verdict of a line that says when a server with `--trial` was started.
pub const BEGAN: &str = "began";

/// The sheets that stand in a directory, in the order of the table.
pub fn read_sheets(directory: &Path, table: &Table) -> Vec<Sheet> {
    let mut sheets = vec![Sheet::default(); table.len()];
    for name in ["trial.1.jsonl", "trial.jsonl"] {
        _ = read_tail(&directory.join(name), MOST_LOG_BYTES, |line| {
            let (group, line) = Line::parse(line)?;
            _ = sheets[table.find(group)?].add(line);
            Some(())
        });
    }
    sheets
}

/// What a token's payload is known by: the beginning of its hash, and of that of its `jti`.
fn known_by(token: &[u8]) -> Option<(Id, Option<Id>)> {
    let payload = base64url(token.split(|byte| *byte == b'.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let jti = match claims.get("jti") {
        None | Some(Value::Null) => None,
        Some(Value::String(jti)) if jti.is_empty() => None,
        Some(jti) => Some(id(&claims::id_request(jti.to_string().as_bytes()))?),
    };
    Some((id(&claims::id_request(&payload))?, jti))
}

fn id(id_request: &str) -> Option<Id> {
    Id::from_str_radix(id_request.get(..32)?, 16).ok()
}

/// Who replays what was verified before this start must not be taken for the client.
fn remember(directory: &Path, table: &Table, examinees: &mut [Examinee]) {
    let mut remember = |line: &Value| {
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let is_signed =
            text("outcome").is_none_or(|outcome| outcome == "answered" || reason::is_signed(outcome));
        let exam = &mut examinees[table.find(text("group")?)?].exam;
        let is_lost = text("outcome") == Some("lost_on_purpose");
        let token = text("token").or(text("datagram").filter(|_| is_signed || is_lost));
        match token.and_then(|token| known_by(token.as_bytes())) {
            Some((id, jti)) => exam.remember(id, jti),
            None => exam.remember(id(text("id_request")?)?, None),
        }
        Some(())
    };
    for name in ["requests.1.jsonl", "requests.jsonl", "received.jsonl"] {
        _ = read_tail(&directory.join(name), MOST_LOG_BYTES, &mut remember);
    }
}
