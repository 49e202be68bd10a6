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
use crate::tools::faults::{Diagnosis, mistake, refusal};
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
    /// it, if a mistake was found.
    pub fn explain(&mut self, class: &Class, event: &mut Event) -> Option<String> {
        let Some(Err(refusal)) = &event.outcome else { return None };
        if matches!(refusal, Refusal::LostOnPurpose(..)) {
            return None; // what is lost is lost
        }
        if event.id_request.is_none() && !self.has_room(event.time.as_secs()) {
            return None;
        }
        let diagnosis = self.diagnose(class, event, refusal);
        let said = diagnosis.as_ref().map(ToString::to_string);
        event.reply = match &event.id_request {
            Some(id_request) => {
                let detail = said.clone().unwrap_or_else(|| refusal::detail(refusal));
                signed(class, event, id_request, refusal::name(refusal), detail)
            }
            None => unsigned(event, refusal, diagnosis.as_ref()),
        };
        said
    }

    /// Whether one more may be explained that is not signed, in this second.
    fn has_room(&mut self, second: u64) -> bool {
        if self.unsigned.0 != second {
            self.unsigned = (second, 0);
        }
        self.unsigned.1 += 1;
        self.unsigned.1 <= MOST_UNSIGNED
    }

    fn diagnose(&mut self, class: &Class, event: &Event, refusal: &Refusal) -> Option<Diagnosis> {
        let start = Instant::now();
        let is_rested = self.opened.is_none_or(|opened| start.duration_since(opened) >= EVERY);
        let now = event.time.as_secs_f64();
        let diagnosis = mistake::diagnose(
            refusal,
            &event.datagram,
            class,
            event.group,
            now,
            crate::tools::faults::signature::Effort::BOUNDED,
        );
        if is_rested && matches!(refusal, Refusal::BadSignature(..)) {
            self.opened = Some(Instant::now());
        }
        diagnosis
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
fn unsigned(event: &Event, refusal: &Refusal, diagnosis: Option<&Diagnosis>) -> Option<String> {
    let detail = match diagnosis {
        Some(diagnosis) => diagnosis.change().into(),
        None => refusal::detail_of(refusal, &event.datagram),
    };
    let text = format!("{}: {detail}\n", refusal::name(refusal));
    (text.len() < event.datagram.len()).then_some(text)
}
