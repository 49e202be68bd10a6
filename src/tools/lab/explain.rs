//! `--explain`: whoever is refused is told why.
//!
//! A signed request gets a signed reply, with `error` and `detail` in place of `next_number`. One that is
//! not signed gets plain text, without an HMAC: nothing that a client can take for an acknowledgment, and
//! nothing that the secret has touched. Each is smaller than what was sent: a forged address gains
//! nothing by it, and two servers that explain themselves to each other come to an end.

use crate::claims::REPLY_HEADER;
use crate::jws;
use crate::refusal::Refusal;
use crate::server::{Class, Event};
use crate::tools::faults::{Diagnosis, reason, refusal};
use crate::tools::print::json_string;
use std::time::{Duration, Instant};

/// Most explanations in a second of what is not signed; past that, silence.
const MOST_UNSIGNED: u32 = 200;
/// How long it rests from opening a signature, so that others' datagrams are read; till then, the reason
/// is plain.
const EVERY: Duration = Duration::from_millis(50);
/// How long keys of other groups are tried on it.
const OPENING: Duration = Duration::from_millis(20);

/// Explains what was refused.
#[derive(Debug, Default)]
pub struct Explainer {
    /// When it was done with the last signature that it opened.
    opened: Option<Instant>,
    /// A second of the clock, and how many that are not signed were explained in it.
    unsigned: (u64, u32),
}

impl Explainer {
    /// Gives the event of a request that was refused a reply that says why. What the log is to say of
    /// it, if it is explained.
    pub fn explain(&mut self, class: &Class, event: &mut Event) -> Option<String> {
        let Some(Err(refusal)) = &event.outcome else { return None };
        if matches!(refusal, Refusal::LostOnPurpose(..)) {
            return None; // what is lost is lost
        }
        if event.id_request.is_none() && !self.has_room(event.time.as_secs()) {
            return None;
        }
        let mistake = self.mistake(class, event, refusal);
        let is_known = mistake.is_some();
        let diagnosis = mistake.unwrap_or_else(|| refusal::plain(refusal, &event.datagram));
        let (error, detail) = (reason::name(refusal), diagnosis.to_string());
        event.reply = match &event.id_request {
            Some(id_request) => signed(class, event, id_request, error, detail.clone()),
            None if is_known => unsigned(event, error, diagnosis.change()),
            None => unsigned(event, error, &detail).or_else(|| unsigned(event, error, diagnosis.change())),
        };
        Some(detail)
    }

    /// Whether one more may be explained that is not signed, in this second.
    fn has_room(&mut self, second: u64) -> bool {
        if self.unsigned.0 != second {
            self.unsigned = (second, 0);
        }
        self.unsigned.1 += 1;
        self.unsigned.1 <= MOST_UNSIGNED
    }

    fn mistake(&mut self, class: &Class, event: &Event, refusal: &Refusal) -> Option<Diagnosis> {
        let start = Instant::now();
        let is_rested = self.opened.is_none_or(|opened| start.duration_since(opened) >= EVERY);
        let may_open = || is_rested && start.elapsed() < OPENING;
        let now = event.time.as_secs_f64();
        let mistake = refusal::mistake(refusal, &event.datagram, class, event.group, now, may_open);
        if is_rested && matches!(refusal, Refusal::BadSignature(..)) {
            self.opened = Some(Instant::now());
        }
        mistake
    }
}

/// The signed explanation, its detail cut until the reply is smaller than the request, if it can be.
fn signed(class: &Class, event: &Event, id_request: &str, error: &str, mut detail: String) -> Option<String> {
    let (number, timestamp) = (event.otp.number, event.otp.timestamp);
    loop {
        let quoted = json_string(&detail);
        let payload = format!(
            r#"{{"id_request":"{id_request}","error":"{error}","detail":{quoted},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
        );
        let reply = jws::sign(REPLY_HEADER, &payload, &class.secret);
        if reply.len() < event.datagram.len() {
            return Some(reply);
        }
        detail.pop()?;
    }
}

/// The explanation of what is not signed, if it is smaller than that.
fn unsigned(event: &Event, error: &str, detail: &str) -> Option<String> {
    let text = format!("{error}: {detail}\n");
    (text.len() < event.datagram.len()).then_some(text)
}
