//! The wrong replies, byte for byte: each has one mistake, and all else of it is right.

use super::table::Trick;
use crate::claims::{self, Otp, REPLY_HEADER};
use crate::jws;
use crate::keys::{BIT_STRING, INTEGER, PublicKey, RSA_ENCRYPTION, SEQUENCE};
use crate::tools::to_base64url;
use ring::hmac;

/// How many digits of another `id_request` are right at each end, and how many bytes of another HMAC.
const ENDS: usize = 8;

/// The reply to a message, and what makes it.
#[derive(Debug)]
pub struct Right<'a> {
    /// As it would be sent.
    pub reply: &'a str,
    /// Which payload it answers.
    pub id_request: &'a str,
    /// What it asks for.
    pub next_number: u64,
    /// What makes it different.
    pub otp: Otp,
    /// Signs replies.
    pub secret: &'a hmac::Key,
    /// The group's.
    pub key: &'a PublicKey,
    /// The right reply to another message of the group, if there was one.
    pub earlier: Option<&'a str>,
}

impl Right<'_> {
    /// The right reply but for its `next_number`.
    pub fn asking_for(&self, next_number: u64) -> String {
        jws::sign(REPLY_HEADER, &claims::reply(self.id_request, next_number, self.otp), self.secret)
    }

    /// The reply with one mistake.
    pub fn wrong(&self, trick: Trick) -> String {
        let payload = claims::reply(self.id_request, self.next_number, self.otp);
        let (signing_input, tag) = self.reply.rsplit_once('.').unwrap_or((self.reply, ""));
        match trick {
            Trick::CutHmac => self.with_tag(|tag| tag.truncate(ENDS)),
            Trick::EmptyHmac => format!("{signing_input}."),
            Trick::AlgNone => {
                let header = to_base64url(br#"{"alg":"none","typ":"JWT"}"#);
                format!("{header}.{}.", to_base64url(payload.as_bytes()))
            }
            Trick::PublicKey => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, public_pem(self.key).as_bytes());
                jws::sign(REPLY_HEADER, &payload, &secret)
            }
            Trick::PreviousReply if self.earlier.is_some() => self.earlier.unwrap_or_default().into(),
            Trick::OtherIdRequest | Trick::PreviousReply => {
                let other = claims::id_request(tag.as_bytes());
                let (first, last) =
                    (&self.id_request[..ENDS], &self.id_request[self.id_request.len() - ENDS..]);
                let other = format!("{first}{}{last}", &other[ENDS..other.len() - ENDS]);
                jws::sign(REPLY_HEADER, &claims::reply(&other, self.next_number, self.otp), self.secret)
            }
            Trick::ErrorReply => {
                let Otp { number, timestamp } = self.otp;
                let payload = format!(
                    r#"{{"id_request":"{}","error":"busy","detail":"try again","otp_number":{number},"otp_timestamp":{timestamp}}}"#,
                    self.id_request
                );
                jws::sign(REPLY_HEADER, &payload, self.secret)
            }
            Trick::PlainText => format!("ok: next_number {}\n", self.next_number),
            // Of the others none has a wrong reply.
            _ => self.with_tag(|tag| tag[ENDS..].iter_mut().take(1).for_each(|byte| *byte ^= 1)),
        }
    }

    /// The right reply with another HMAC.
    fn with_tag(&self, change: impl Fn(&mut Vec<u8>)) -> String {
        let (signing_input, _) = self.reply.rsplit_once('.').unwrap_or((self.reply, ""));
        let mut tag = hmac::sign(self.secret, signing_input.as_bytes()).as_ref().to_vec();
        change(&mut tag);
        format!("{signing_input}.{}", to_base64url(&tag))
    }
}

/// A public key as `openssl pkey -pubout` prints it.
fn public_pem(key: &PublicKey) -> String {
    let components = key.components();
    let integer = |number: &[u8]| {
        let sign: &[u8] = if number.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
        der(INTEGER, &[sign, number].concat())
    };
    let numbers = der(SEQUENCE, &[integer(&components.n), integer(&components.e)].concat());
    let bits = der(BIT_STRING, &[&[0], &numbers[..]].concat());
    let block = pem::Pem::new("PUBLIC KEY", der(SEQUENCE, &[RSA_ENCRYPTION, &bits].concat()));
    pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

/// A DER element of less than 64 KiB (X.690 section 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length = match (high, low) {
        (0, ..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &length[..], content].concat()
}
