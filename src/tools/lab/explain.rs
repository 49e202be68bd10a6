//! `--explain`: whoever is refused is told why.
//!
//! A signed request gets a signed reply, with `error` and `detail` in place of `next_number`. One that is
//! not signed gets plain text, without an HMAC: nothing that a client can take for an acknowledgment, and
//! nothing that the secret has touched. Each is smaller than what was sent: a forged address gains
//! nothing by it, and two servers that explain themselves to each other come to an end.
//!
//! Explanations together take at most a tenth of the time, so a stranger's datagrams cannot take the time of
//! the others. Where that is used up there is silence, and the log says what was found at once.

use super::budget::Budget;
use super::group_of;
use crate::claims::{Otp, REPLY_HEADER};
use crate::jws;
use crate::refusal::Refusal;
use crate::server::{Class, Handled};
use crate::tools::faults::signature::Effort;
use crate::tools::faults::{Diagnosis, reason, refusal};
use crate::tools::print::json_string;

/// Explains what was refused.
#[derive(Debug, Default)]
pub struct Explainer {
    /// The time that may be spent.
    pub(super) budget: Budget,
}

/// What a client and the log are told of a refusal.
#[derive(Debug, Default)]
pub struct Explanation {
    /// What is sent to the client, if it is smaller than what the client sent.
    pub reply: Option<String>,
    /// What the log is to say.
    pub found: Option<Diagnosis>,
}

impl Explainer {
    /// Explains a refusal. None: it is not explained.
    pub fn explain(&mut self, class: &Class, handled: &Handled) -> Option<Explanation> {
        let refusal = handled.outcome.as_ref().err()?;
        // What is lost is lost. And no explanation is as short as this datagram.
        if matches!(refusal, Refusal::LostOnPurpose(..))
            || reason::name(refusal).len() + ": \n".len() >= handled.datagram.bytes.len()
        {
            return None;
        }
        self.budget.spend(|| explained(class, handled, refusal))
    }
}

fn explained(class: &Class, handled: &Handled, refusal: &Refusal) -> Explanation {
    let (datagram, group) = (handled.datagram, group_of(&handled.reading));
    let now = datagram.time.as_secs_f64();
    let mistake = refusal::mistake(refusal, &datagram.bytes, class, group, now, Effort::BOUNDED);
    let is_known = mistake.is_some();
    let diagnosis = mistake.unwrap_or_else(|| refusal::plain(refusal, &datagram.bytes));
    let (error, whole, change) = (reason::name(refusal), diagnosis.to_string(), diagnosis.change());
    let unsigned = |detail| unsigned(&datagram.bytes, error, detail);
    let reply = match &handled.reading {
        Ok(message) => signed(class, handled, &message.id_request, error, &diagnosis),
        Err(_) if is_known => unsigned(change),
        Err(_) => unsigned(&whole).or_else(|| unsigned(change)),
    };
    Explanation { reply, found: Some(diagnosis) }
}

/// The signed explanation: as much of it, in whole clauses, as makes it smaller than the request.
fn signed(
    class: &Class,
    handled: &Handled,
    id_request: &str,
    error: &str,
    diagnosis: &Diagnosis,
) -> Option<String> {
    let Otp { number, timestamp } = Otp::draw(handled.datagram.time).ok()?;
    let whole = diagnosis.to_string();
    let otp = format!(r#","otp_number":{number},"otp_timestamp":{timestamp}"#);
    let ways = [(&*whole, &*otp), (diagnosis.change(), &*otp), (diagnosis.change(), ""), ("", "")];
    let payload = |(detail, otp): (&str, &str)| {
        let detail =
            if detail.is_empty() { String::new() } else { format!(r#","detail":{}"#, json_string(detail)) };
        format!(r#"{{"id_request":"{id_request}","error":"{error}"{detail}{otp}}}"#)
    };
    let mut payloads = ways.into_iter().map(payload);
    let payload = payloads.find(|payload| length(payload) < handled.datagram.bytes.len())?;
    Some(jws::sign(REPLY_HEADER, &payload, &class.secret))
}

/// How long the reply of this payload is: base64url makes four characters of three bytes.
fn length(payload: &str) -> usize {
    let encoded = |bytes: usize| (4 * bytes).div_ceil(3);
    encoded(REPLY_HEADER.len()) + 1 + encoded(payload.len()) + 1 + encoded(32)
}

/// The explanation of what is not signed, if it is smaller than that.
fn unsigned(datagram: &[u8], error: &str, detail: &str) -> Option<String> {
    let text = format!("{error}: {detail}\n");
    (text.len() < datagram.len()).then_some(text)
}
