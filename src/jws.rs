//! JSON Web Signature, compact serialization: parse, verify, sign (RFC 7515, RFC 7518 section 3).
//!
//! A token is `BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)`. What is signed is the
//! *signing input*: the text of the first two parts and their dot, exactly as it was sent. So nobody
//! prints JSON again to verify it, and nobody has to agree on its white space. base64url makes text of
//! any bytes, without a dot, brace or newline; and only its canonical form is taken, since a signature
//! that can be written in two ways can be changed without anyone noticing.
//!
//! The page's lines are
//!
//! ```text,page
//! if header["alg"] != "RS256" {
//! keys[group].as_ref()?.verify(signing_input.as_bytes(), &BASE64URL.decode(signature).ok()?).ok()?;
//! ```
//!
//! The first stops an attack: were the algorithm the token's choice, `"none"` would need no signature,
//! and `"HS256"` would take the group's *public* key, which everybody has, for the secret of an HMAC.
//! The second forgets what it has verified: after it, `claims` is of the same type as before. Did it
//! stand further down, an unsigned claim would move the state. Here the proof carries what it proves: a
//! [`Token`] gives nothing but its group; its claims a [`Verified`] one, which [`Token::verify`] alone
//! makes, and which borrows that token: no proof opens another.
//!
//! Four names come from later chapters. A [`PublicKey`] is a group's RSA key, *n* and *e*, which the start
//! has checked; its `bits` are those of *n*, mostly [`FEWEST_BITS`] or more; its `components` are *n* and
//! *e* as ring takes them. A [`Refusal`] is the reason why a datagram is not answered, with what was found,
//! as data. [`NotAnObject`] is a part of one: what stands where a JSON object should.
//!
//! ```
//! use udpsocket_jwt_server::jws;
//!
//! let token = jws::parse(b"eyJhbGciOiJSUzI1NiJ9.eyJncm91cCI6IkpBVkFMSSJ9.c2lnbmF0dXJl").unwrap();
//! assert_eq!(token.claimed_group(), Ok("JAVALI"));
//! assert!(jws::parse(b"eyJhbGciOiJub25lIn0.eyJncm91cCI6IkpBVkFMSSJ9.").is_err()); // {"alg":"none"}
//! ```

use crate::keys::{FEWEST_BITS, PublicKey};
use crate::refusal::{NotAnObject, Refusal};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::{hmac, signature};
use serde_json::{Map, Value};

/// The three parts of a compact JWS, each decoded.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What is signed: the text of the first two parts and their dot, as received.
    pub signing_input: &'a [u8],
    /// The protected header's JSON text.
    pub header: Vec<u8>,
    /// The payload's JSON text.
    pub payload: Vec<u8>,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

/// A token that may be verified. All that may be read of it before is which group it claims to be of.
#[derive(Debug)]
pub struct Token<'a> {
    parts: Parts<'a>,
    claims: Map<String, Value>,
}

/// A token whose signature has verified.
#[derive(Debug)]
pub struct Verified<'a>(&'a Token<'a>);

/// Takes a token apart: its header names the one algorithm of requests, and its payload is a JSON
/// object. Other members of the header but `crit` (`kid`, `jwk`, `jku`, `x5u`, ...) are ignored: a token
/// does not choose the key that it is verified with (RFC 8725 section 3.10).
pub fn parse(text: &[u8]) -> Result<Token<'_>, Refusal> {
    let parts = split(text)?;
    let header = json_object(&parts.header).map_err(Refusal::BadHeader)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(Refusal::WrongAlg(header.get("alg").cloned()));
    }
    if header.contains_key("crit") {
        return Err(Refusal::UnsupportedCrit);
    }
    let claims = json_object(&parts.payload).map_err(Refusal::BadPayload)?;
    Ok(Token { parts, claims })
}

/// Splits a compact JWS at its two dots, and decodes its parts (RFC 7515 section 7.1): no proof yet.
pub fn split(text: &[u8]) -> Result<Parts<'_>, Refusal> {
    let mut parts = text.split(|&byte| byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::NotAJws(text.split(|&byte| byte == b'.').count()));
    };
    let decode = |part: &'static str, text: &[u8]| {
        BASE64URL.decode(text).map_err(|error| Refusal::BadBase64(part, text.len(), error))
    };
    Ok(Parts {
        signing_input: &text[..header.len() + 1 + payload.len()],
        header: decode("header", header)?,
        payload: decode("payload", payload)?,
        signature: decode("signature", signature)?,
    })
}

impl Parts<'_> {
    /// Whether the signature is this key's: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    pub fn verifies(&self, key: &PublicKey) -> bool {
        let parameters = match key.bits() {
            ..FEWEST_BITS => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            _ => &signature::RSA_PKCS1_2048_8192_SHA256,
        };
        key.components().verify(parameters, self.signing_input, &self.signature).is_ok()
    }
}

impl Token<'_> {
    /// The group that the token claims to be of: enough to choose the key, no more.
    pub fn claimed_group(&self) -> Result<&str, Refusal> {
        let group = self.claims.get("group");
        group.and_then(Value::as_str).ok_or_else(|| Refusal::UnknownGroup(group.cloned()))
    }

    /// Verifies the signature. Another algorithm, ES256 say, is another kind of [`PublicKey`]: this call
    /// would choose by the kind of the *key*, and [`parse`] take the other `alg` too.
    pub fn verify(&self, key: &PublicKey) -> Result<Verified<'_>, Refusal> {
        match self.parts.verifies(key) {
            true => Ok(Verified(self)),
            false => Err(Refusal::BadSignature(self.parts.signature.len(), key.bits())),
        }
    }
}

impl Verified<'_> {
    /// The payload's claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.0.claims
    }

    /// The payload's JSON text, as it was sent.
    pub fn payload(&self) -> &[u8] {
        &self.0.parts.payload
    }
}

/// Signs with HMAC-SHA-256 (RFC 7518 section 3.2): the compact JWS of `header` and `payload`.
pub fn sign(header: &str, payload: &str, secret: &hmac::Key) -> String {
    let signing_input = BASE64URL.encode(header) + "." + &BASE64URL.encode(payload);
    let tag = hmac::sign(secret, signing_input.as_bytes());
    signing_input + "." + &BASE64URL.encode(tag)
}

/// The members of a JSON object. Of members with one name the last counts (RFC 7515 section 4).
pub(crate) fn json_object(text: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(NotAnObject::Json(other)),
        Err(error) => Err(NotAnObject::Text(text.into(), error.to_string())),
    }
}
