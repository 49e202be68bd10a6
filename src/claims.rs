//! What a message says: the claims of a request, and of a reply (RFC 7519; sections 2 and 4 of
//! [the protocol](crate::protocol)).
//!
//! Before the signature verifies, `group` alone may be read, to choose the key ([`jws`](crate::jws));
//! [`Request::of`] takes a [`Verified`] token. The page's line
//!
//! ```text,page
//! let seq_number = claims["seq_number"].as_u64()?;
//! ```
//!
//! knows one claim. Without the others, a captured token is good for ever (`exp`) or before its day
//! (`nbf`), another service's is taken (`aud`), and nobody is graded (`matricula`). A claim that must be
//! recorded is a field of [`Request`], read in [`Request::of`], and a member of the line that
//! [`record::line`](crate::record::line) writes and [`Record`](crate::record::Record) reads back.
//!
//! ```
//! # let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/worked_example.json"));
//! # let example: serde_json::Value = serde_json::from_str(text).unwrap();
//! use std::time::Duration;
//! use udpsocket_jwt_server::{claims::Request, jws, keys::PublicKey};
//!
//! let key = PublicKey::from_pem(example["public_pem"].as_str().unwrap().as_bytes(), 2_048).unwrap();
//! let token = jws::parse(example["token"].as_str().unwrap().as_bytes()).unwrap();
//! let request = |token: jws::Verified| Request::of(&token, Duration::ZERO).unwrap();
//! assert_eq!(request(token.verify(&key).unwrap()).matricula, 20240001);
//! ```
//!
//! With one word changed it does not compile: a token says nothing before its proof.
//!
//! ```compile_fail,E0308
//! use std::time::Duration;
//! use udpsocket_jwt_server::{claims::Request, jws};
//!
//! let request = |token: jws::Token| Request::of(&token, Duration::ZERO).unwrap();
//! ```

use crate::jws::Verified;
use crate::refusal::Refusal;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use std::io;
use std::time::Duration;

/// The protected header of every reply.
pub const REPLY_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// The claims of a verified request, each well-formed, at a time when it is valid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Number of the member that the message is about; 0 starts over.
    pub seq_number: u64,
    /// That member's student number.
    pub matricula: u64,
    /// What the client believes the number of members to be. It is recorded, and only the tools read it.
    pub seq_max: Option<u64>,
    /// When the message expires, a `NumericDate`.
    pub exp: Option<f64>,
}

impl Request {
    /// The request of a verified token. `now` is the time since 1970-01-01 UTC.
    pub fn of(verified: &Verified, now: Duration) -> Result<Self, Refusal> {
        let claims = verified.claims();
        let refused = |claim| Refusal::BadClaim(claim, claims.get(claim).cloned());
        // An integer is a JSON number without sign, fraction or exponent, in 64 bits.
        let integer = |claim| claims.get(claim).and_then(Value::as_u64).ok_or_else(|| refused(claim));
        // A NumericDate counts seconds since 1970-01-01 UTC, fractions allowed (RFC 7519 section 2).
        let date =
            |claim| claims.get(claim).map(|date| date.as_f64().ok_or_else(|| refused(claim))).transpose();
        let request = Self {
            seq_number: integer("seq_number")?,
            matricula: integer("matricula")?,
            seq_max: claims.get("seq_max").map(|_| integer("seq_max")).transpose()?,
            exp: date("exp")?,
        };
        let nbf = date("nbf")?;
        let now = now.as_secs_f64();
        if let Some(exp) = request.exp.filter(|exp| *exp <= now) {
            return Err(Refusal::Expired(now - exp));
        }
        if let Some(nbf) = nbf.filter(|nbf| *nbf > now) {
            return Err(Refusal::NotYetValid(nbf - now));
        }
        match claims.get("aud") {
            Some(aud) => Err(Refusal::WrongAudience(aud.clone())),
            None => Ok(request),
        }
    }
}

/// Tells which payload a reply answers: SHA-256, in lower-case hexadecimal, of the payload's JSON
/// text as the client sent it. Two programs print the same JSON differently, so what was sent is
/// hashed, never JSON that was printed again.
pub fn id_request(payload: &[u8]) -> String {
    let digit = |number: u8| char::from(b"0123456789abcdef"[usize::from(number)]);
    let hash = digest::digest(&digest::SHA256, payload);
    hash.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What makes each reply different.
#[derive(Clone, Copy, Debug)]
pub struct Otp {
    /// Uniform in 0..=20000, unpredictable.
    pub number: u16,
    /// When the request was received, in seconds since 1970-01-01 UTC.
    pub timestamp: u64,
}

impl Otp {
    /// Draws the one for a request that was received at this time.
    pub fn draw(time: Duration) -> io::Result<Self> {
        Ok(Self { number: random_number()?, timestamp: time.as_secs() })
    }
}

/// Uniform in 0..=20000, from the operating system's secure generator.
pub fn random_number() -> io::Result<u16> {
    let mut bytes = [0; 2];
    loop {
        let filled = SystemRandom::new().fill(&mut bytes);
        filled.map_err(|_| io::Error::other("the system gave no random number"))?;
        if let Some(number) = number_of(u16::from_ne_bytes(bytes)) {
            return Ok(number);
        }
    }
}

/// The number that two random bytes give, if any. They are uniform in 0..=65535; their remainder alone,
/// as on the page, favours the first 5,533 numbers: four ways lead there, and three to the others. So
/// three whole ranges are kept, and the rest is drawn again.
pub fn number_of(drawn: u16) -> Option<u16> {
    const NUMBERS: u16 = 20_001;
    (drawn < 3 * NUMBERS).then_some(drawn % NUMBERS)
}

/// The payload of an acknowledgment. `next_number` is what it says; the rest makes it an answer
/// to this payload alone.
pub fn reply(id_request: &str, next_number: u64, otp: Otp) -> String {
    let Otp { number, timestamp } = otp;
    format!(
        r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
    )
}
