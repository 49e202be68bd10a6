//! What a message says: the claims of a request, and of a reply (RFC 7519; sections 2 and 4 of
//! [the protocol](crate::protocol)).
//!
//! Before the signature verifies, `group` is the only claim that may be read. It chooses the key
//! ([`jws`](crate::jws)). The types say so: [`Request::of`] takes a [`Verified`] token. The page reads
//! one claim after that:
//!
//! ```text,page
//! let seq_number = claims["seq_number"].as_u64()?;
//! ```
//!
//! The server of the book reads more. If it did not check `exp`, a captured token with an `exp` would
//! be good for ever, like one without. If it did not check `nbf`, it would accept a token too early. If
//! it did not check `aud`, it would accept a token for another service. Without the `matricula`, no
//! student can be graded. A `seq_max` is recorded, so it must be an integer.
//!
//! To add a claim that must be recorded, for example an integer, change five places. Make it a field of
//! [`Request`] and of [`Record`](crate::record::Record). Read it in [`Request::of`]. Write it in
//! [`record::line`](crate::record::line). Read it back in
//! [`Record::parse`](crate::record::Record::parse). Records that were written before the change do not
//! have this claim. So in `Record` it must be an `Option`. A message with the number and the
//! `matricula` of its group's last record is not recorded, even if the new claim has another value. If
//! such a message must be recorded, keep the new claim in [`Progress`](crate::record::Progress) too:
//! give the claim to `add`, and compare the claim in `knows`.
//!
//! ```
//! # let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/worked_example.json"));
//! # let example: serde_json::Value = serde_json::from_str(text).unwrap();
//! use std::time::Duration;
//! use udpsocket_jwt_server::{claims::Request, jws, keys::PublicKey};
//!
//! let public_pem = example["public_pem"].as_str().unwrap();
//! let key = PublicKey::from_pem(public_pem.as_bytes(), 2_048).unwrap();
//! let token = jws::parse(example["token"].as_str().unwrap().as_bytes()).unwrap();
//! let request = |token: jws::Verified| Request::of(&token, Duration::ZERO).unwrap();
//! assert_eq!(request(token.verify(&key).unwrap()).matricula, 20240001);
//! ```
//!
//! If `Verified` is replaced by `Token`, the example does not compile. Before a token is verified, it
//! gives no claim but `group`.
//!
//! ```compile_fail,E0308
//! use std::time::Duration;
//! use udpsocket_jwt_server::{claims::Request, jws};
//!
//! let request = |token: jws::Token| Request::of(&token, Duration::ZERO).unwrap();
//! ```
//!
//! # A reply is smaller than its request
//!
//! The sender's address of a datagram can be forged. An attacker who holds a token can send it with the
//! address of a victim, and the server sends its reply to the victim. If replies were larger than
//! requests, the attacker could use the server to send a victim more bytes than the attacker sends. So a
//! reply must be smaller than its request.
//!
//! The running server does not compare the lengths. For keys of 2,048 bits or more it follows from the
//! numbers. The longest reply has 277 characters, until the year 9999. A signature of such a key alone
//! has 342 characters or more.
//!
//! ```
//! use udpsocket_jwt_server::claims::{Otp, REPLY_HEADER, reply};
//! use udpsocket_jwt_server::jws;
//!
//! let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[0; 32]);
//! let otp = Otp { number: 20_000, timestamp: 253_402_300_799 }; // the end of the year 9999
//! let payload = reply(&"0".repeat(64), 255, otp);
//! let longest = jws::sign(REPLY_HEADER, &payload, &secret);
//! assert_eq!(longest.len(), 277);
//!
//! let characters = |bytes: usize| (bytes * 4).div_ceil(3); // the length in base64url
//! assert_eq!(characters(2_048 / 8), 342);
//!
//! let header = r#"{"alg":"RS256"}"#;
//! let payload = r#"{"group":"A","seq_number":0,"matricula":0}"#;
//! let shortest = |signature: usize| {
//!     characters(header.len()) + 1 + characters(payload.len()) + 1 + characters(signature)
//! };
//! assert_eq!(shortest(2_048 / 8), 420);
//! assert_eq!(shortest(1_024 / 8), 249, "--allow-weak-keys");
//! assert_eq!((characters(64), shortest(64)), (86, 164), "ES256");
//! ```
//!
//! Two things break this rule. The server has one of them: `--allow-weak-keys`. The shortest request
//! that a key of 1,024 bits signs has 249 characters. The server does not compare the lengths, so with
//! this option a reply can be larger than its request. The other would be ES256, which the server does
//! not have: its signature has 86 characters, and the shortest request has 164. To accept such requests
//! safely, a server must compare the lengths, and stay silent if the reply is not smaller. (`--explain`
//! does this for each explanation.)

use crate::jws::Verified;
use crate::refusal::Refusal;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use std::io;
use std::time::Duration;

/// The protected header of every reply.
pub const REPLY_HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// The claims of a verified request. Each claim has the right type. The request was valid when it was
/// received.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Number of the member that the message is about. 0 starts over.
    pub seq_number: u64,
    /// That member's student number.
    pub matricula: u64,
    /// The number of members that the client has in its list. It is recorded, and only the tools read
    /// it.
    pub seq_max: Option<u64>,
    /// When the message expires, a `NumericDate`. The server has checked it, and after that only the tools
    /// read it. (`nbf` and `aud` are checked too, and nobody needs them later.)
    pub exp: Option<f64>,
}

impl Request {
    /// The request of a verified token. `now` is the time since 1970-01-01 UTC.
    pub fn of(verified: &Verified, now: Duration) -> Result<Self, Refusal> {
        let claims = verified.claims();
        let refused = |claim| Refusal::BadClaim(claim, claims.get(claim).cloned());
        // An integer is a JSON number without sign, fraction or exponent. It fits in 64 bits.
        let integer = |claim| claims.get(claim).and_then(Value::as_u64).ok_or_else(|| refused(claim));
        // A NumericDate counts seconds since 1970-01-01 UTC. It may have a fraction (RFC 7519 section 2).
        let date = |claim| match claims.get(claim) {
            None => Ok(None),
            Some(date) => date.as_f64().map(Some).ok_or_else(|| refused(claim)),
        };
        let request = Self {
            seq_number: integer("seq_number")?,
            matricula: integer("matricula")?,
            seq_max: if claims.contains_key("seq_max") { Some(integer("seq_max")?) } else { None },
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

/// The `id_request` tells which payload a reply answers. It is the SHA-256, in lower-case hexadecimal, of
/// the payload's JSON text as the client sent it. Two programs may print the same JSON differently. So the
/// server hashes the text that was sent, and never prints the JSON again.
pub fn id_request(payload: &[u8]) -> String {
    let digit = |number: u8| char::from(b"0123456789abcdef"[usize::from(number)]);
    let hash = digest::digest(&digest::SHA256, payload);
    hash.as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A random number and a time, which stand in each reply. They make almost all replies to the same
/// payload differ. (Two replies in the same second are the same once in 20,001 times.)
#[derive(Clone, Copy, Debug)]
pub struct Otp {
    /// Uniform in 0..=20000. Nobody can predict it.
    pub number: u16,
    /// When the request was received, not when the reply was made. In seconds since 1970-01-01 UTC.
    pub timestamp: u64,
}

impl Otp {
    /// Draws the number of the reply to a request that was received at this time.
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

/// The number that two random bytes give. The bytes are uniform in 0..=65535, which are 65,536 values.
/// The page takes their remainder modulo 20,001. But 65,536 is 3 * 20,001 + 5,533. So four values lead
/// to each number below 5,533, and only three to each number from 5,533 on. The small numbers would
/// come more often. So the server keeps only the values below 60,003, which is 3 * 20,001. `None` means
/// that the value is 60,003 or more. Then a new value is drawn.
pub fn number_of(drawn: u16) -> Option<u16> {
    const NUMBERS: u16 = 20_001;
    (drawn < 3 * NUMBERS).then_some(drawn % NUMBERS)
}

/// The payload of an acknowledgment. `id_request` says which payload it answers. `next_number` says
/// that this message is acknowledged, and which number comes next. The [`Otp`] makes it differ from
/// almost all other replies to the same payload.
pub fn reply(id_request: &str, next_number: u64, otp: Otp) -> String {
    let Otp { number, timestamp } = otp;
    format!(
        r#"{{"id_request":"{id_request}","next_number":{next_number},"otp_number":{number},"otp_timestamp":{timestamp}}}"#
    )
}
