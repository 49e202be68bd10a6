//! `--explain`: whoever is refused is told why.
//!
//! A signed request gets a signed reply, with `error` and `detail` in place of `next_number`. One that is
//! not signed gets plain text, without an HMAC: nothing that a client can take for an acknowledgment, and
//! nothing that the secret has touched. Each is smaller than what was sent: a forged address gains
//! nothing by it, and two servers that explain themselves to each other come to an end.

use super::group_of;
use crate::claims::{Otp, REPLY_HEADER};
use crate::jws;
use crate::refusal::Refusal;
use crate::server::{Class, Handled};
use crate::tools::diagnosis::{Diagnosis, refused};
use crate::tools::terminal::{json_string, refusals};
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

/// What a client and the log are told of a refusal.
#[derive(Debug, Default)]
pub struct Explanation {
    /// What is sent to the client, if it is smaller than what the client sent.
    pub reply: Option<String>,
    /// What the log is to say, if a mistake was found.
    pub found: Option<String>,
}

impl Explainer {
    /// Explains a refusal. None: it is not explained.
    pub fn explain(&mut self, class: &Class, handled: &Handled) -> Option<Explanation> {
        let refusal = handled.outcome.as_ref().err()?;
        if matches!(refusal, Refusal::LostOnPurpose(..)) {
            return None; // what is lost is lost
        }
        if handled.reading.is_err() && !self.has_room(handled.datagram.time.as_secs()) {
            return None;
        }
        let diagnosis = self.diagnose(class, handled, refusal);
        let found = diagnosis.as_ref().map(ToString::to_string);
        let reply = match &handled.reading {
            Ok(message) => {
                let detail = found.clone().unwrap_or_else(|| refusals::detail(refusal));
                signed(class, handled, &message.id_request, refusals::name(refusal), detail)
            }
            Err(_) => unsigned(&handled.datagram.bytes, refusal, diagnosis.as_ref()),
        };
        Some(Explanation { reply, found })
    }

    /// Whether one more may be explained that is not signed, in this second.
    fn has_room(&mut self, second: u64) -> bool {
        if self.unsigned.0 != second {
            self.unsigned = (second, 0);
        }
        self.unsigned.1 += 1;
        self.unsigned.1 <= MOST_UNSIGNED
    }

    fn diagnose(&mut self, class: &Class, handled: &Handled, refusal: &Refusal) -> Option<Diagnosis> {
        let start = Instant::now();
        let is_rested = self.opened.is_none_or(|opened| start.duration_since(opened) >= EVERY);
        let may_open = || is_rested && start.elapsed() < OPENING;
        let (datagram, group) = (handled.datagram, group_of(&handled.reading));
        let now = datagram.time.as_secs_f64();
        let diagnosis = refused::diagnose(refusal, &datagram.bytes, class, group, now, may_open);
        if is_rested && matches!(refusal, Refusal::BadSignature(..)) {
            self.opened = Some(Instant::now());
        }
        diagnosis
    }
}

/// The signed explanation, its detail cut until the reply is smaller than the request, if it can be.
fn signed(
    class: &Class,
    handled: &Handled,
    id_request: &str,
    error: &str,
    mut detail: String,
) -> Option<String> {
    let Otp { number, timestamp } = Otp::draw(handled.datagram.time).ok()?;
    loop {
        let quoted = json_string(&detail);
        let payload = format!(
            r#"{{"id_request":"{id_request}","error":"{error}","detail":{quoted},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
        );
        let reply = jws::sign(REPLY_HEADER, &payload, &class.secret);
        if reply.len() < handled.datagram.bytes.len() {
            return Some(reply);
        }
        detail.pop()?;
    }
}

/// The explanation of what is not signed, if it is smaller than that.
fn unsigned(datagram: &[u8], refusal: &Refusal, diagnosis: Option<&Diagnosis>) -> Option<String> {
    let detail = match diagnosis {
        Some(diagnosis) => diagnosis.short().into(),
        None => refusals::detail_of(refusal, datagram),
    };
    let text = format!("{}: {detail}\n", refusals::name(refusal));
    (text.len() < datagram.len()).then_some(text)
}
