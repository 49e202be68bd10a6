//! What a message says: the claims of a request, and of a reply (RFC 7519; sections 2 and 4 of
//! [the protocol](crate::protocol)).
//!
//! Before the signature verifies, `group` alone may be read, to choose the key. Everything else
//! takes the proof that [`Token::verify`](crate::jws::Token::verify) gives. This is a whole reply:
//!
//! ```
//! use udpsocket_jwt_server::claims::{Otp, id_request, reply};
//!
//! let sent = br#"{"group":"HEARTBEAT","seq_number":1,"seq_max":1,"matricula":20240001}"#;
//! let id_request = id_request(sent);
//! assert_eq!(id_request, "2c1bf3eb9e900546a52748ea83ac4fbd0fdc2669381dd0af70455abea55a2fc9");
//!
//! let otp = Otp { number: 1_234, timestamp: 1_700_000_000 };
//! assert_eq!(
//!     reply(&id_request, 0, otp),
//!     format!(r#"{{"id_request":"{id_request}","next_number":0,"otp_number":1234,"otp_timestamp":1700000000}}"#),
//! );
//! ```

use crate::jws::{Verified, json_object};
use crate::refusal::{Reason, Refusal, describe};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value};
use std::io;
use std::time::Duration;

/// The protected header of every reply.
pub const REPLY_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// A request's payload: what somebody claims.
#[derive(Debug)]
pub struct Claims(Map<String, Value>);

/// A request whose signature has verified and whose claims are all well-formed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Number of the member that the message is about; 0 starts over.
    pub seq_number: u64,
    /// That member's student number.
    pub matricula: u64,
    /// What the client believes the number of members to be: recorded, not used.
    pub seq_max: Option<u64>,
    /// When the message expires, a `NumericDate`.
    pub exp: Option<f64>,
}

/// What makes each reply different.
#[derive(Clone, Copy, Debug)]
pub struct Otp {
    /// Uniform in 0..=20000, unpredictable.
    pub number: u16,
    /// When the reply was made, in seconds since 1970-01-01 UTC.
    pub timestamp: u64,
}

impl Otp {
    /// What makes a reply made `now` (time since 1970-01-01 UTC) different.
    pub fn draw(now: Duration) -> io::Result<Self> {
        Ok(Self { number: random_number()?, timestamp: now.as_secs() })
    }
}

/// Uniform in 0..=20000, from the operating system's secure generator. Two bytes are uniform in
/// 0..=65535: of those, three whole ranges are kept and the rest is drawn again.
pub fn random_number() -> io::Result<u16> {
    const NUMBERS: u16 = 20_001;
    let mut bytes = [0; 2];
    loop {
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gave no random number"))?;
        let drawn = u16::from_ne_bytes(bytes);
        if drawn < 3 * NUMBERS {
            return Ok(drawn % NUMBERS);
        }
    }
}

impl Claims {
    /// Parses a payload. Of members with the same name the last counts (RFC 7519 section 4).
    pub fn parse(payload: &[u8]) -> Result<Self, Refusal> {
        json_object(payload)
            .map(Self)
            .map_err(|found| Reason::BadPayload.because(format!("the payload {found}")))
    }

    /// The group that the message claims to come from: enough to choose a key, no more.
    pub fn group(&self) -> Result<&str, Refusal> {
        self.0.get("group").and_then(Value::as_str).ok_or_else(|| {
            let found = describe(self.0.get("group"));
            Reason::UnknownGroup
                .because(format!("claim group is {found}; it must be the group's name, a string"))
        })
    }

    /// The sequence number of a message that has verified.
    pub fn seq_number(&self, _: &Verified) -> Result<u64, Refusal> {
        self.integer("seq_number")
    }

    /// The request of a message that has verified. `now` is the time since 1970-01-01 UTC.
    pub fn request(&self, verified: &Verified, now: Duration) -> Result<Request, Refusal> {
        let request = Request {
            seq_number: self.seq_number(verified)?,
            matricula: self.integer("matricula")?,
            seq_max: self.0.get("seq_max").map(|_| self.integer("seq_max")).transpose()?,
            exp: self.numeric_date("exp")?,
        };
        let nbf = self.numeric_date("nbf")?.unwrap_or(f64::NEG_INFINITY);
        let exp = request.exp.unwrap_or(f64::INFINITY);
        let now = now.as_secs_f64();
        if now >= exp {
            let detail = format!("exp passed {} ago: sign anew, with an exp to come", span(now - exp));
            return Err(Reason::Expired.because(detail));
        }
        if now < nbf {
            let ahead = span(nbf - now);
            let detail = format!("nbf is {ahead} ahead of this machine's clock: wait, or set yours");
            return Err(Reason::NotYetValid.because(detail));
        }
        if let Some(aud) = self.0.get("aud") {
            let detail = format!(
                "claim aud is {}; this server is nobody's audience: leave aud out",
                describe(Some(aud))
            );
            return Err(Reason::WrongAudience.because(detail));
        }
        Ok(request)
    }

    fn integer(&self, claim: &str) -> Result<u64, Refusal> {
        self.0.get(claim).and_then(Value::as_u64).ok_or_else(|| {
            let found = describe(self.0.get(claim));
            Reason::BadClaim
                .because(format!("claim {claim} is {found}; it must be an integer, 0 or more, like 1"))
        })
    }

    /// A `NumericDate`: seconds since 1970-01-01 UTC, fractions allowed (RFC 7519 section 2).
    fn numeric_date(&self, claim: &str) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| {
            let found = describe(Some(value));
            Reason::BadClaim
                .because(format!("claim {claim} is {found}; it must be a number of seconds since 1970"))
        })
    }
}

/// A span of time as a student reads it.
fn span(seconds: f64) -> String {
    match seconds {
        ..172_800.0 => format!("{seconds:.1} s"),
        ..1e9 => format!("{:.0} days", seconds / 86_400.0),
        _ => "many years".into(),
    }
}

/// Tells which payload a reply answers: SHA-256, in lower-case hexadecimal, of the payload's JSON
/// text as the client sent it. Two programs print the same JSON differently, so what was sent is
/// hashed, never JSON that was printed again.
#[must_use]
pub fn id_request(payload: &[u8]) -> String {
    let digit = |number: u8| char::from(b"0123456789abcdef"[usize::from(number)]);
    let hash = digest::digest(&digest::SHA256, payload);
    hash.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The payload of an acknowledgment. `next_number` is what it says; the rest makes it an answer
/// to this request alone.
#[must_use]
pub fn reply(id_request: &str, next_number: u8, otp: Otp) -> String {
    let Otp { number, timestamp } = otp;
    format!(
        r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
    )
}

/// The payload of a refusal (`--explain`). The detail is cut so that the signed reply stays
/// smaller than the request of `request_length` bytes: a forged address gains nothing by it.
#[must_use]
pub fn explanation(id_request: &str, refusal: &Refusal, otp: Otp, request_length: usize) -> String {
    let Otp { number, timestamp } = otp;
    let error = refusal.reason.name();
    let mut detail = refusal.detail.clone();
    loop {
        let quoted = Value::from(detail.as_str());
        let payload = format!(
            r#"{{"id_request":"{id_request}","error":"{error}","detail":{quoted},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
        );
        let base64url_length = |bytes: usize| (bytes * 4).div_ceil(3);
        let reply_length = base64url_length(REPLY_HEADER.len())
            + 1
            + base64url_length(payload.len())
            + 1
            + base64url_length(32);
        if reply_length < request_length || detail.pop().is_none() {
            return payload;
        }
    }
}
