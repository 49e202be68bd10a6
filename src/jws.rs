//! JSON Web Signature, compact serialization: parse, verify, sign (RFC 7515, RFC 7518 section 3).
//!
//! A token is `BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)`. What is signed is the
//! *signing input*: the text of the first two parts and the dot between them, exactly as they were
//! sent. So no program has to make the JSON text again to verify a token. Two programs may write the
//! same JSON with different white space, and that does no harm.
//!
//! A dot separates the parts. base64url writes any bytes as text that has no dot. So no byte of a part
//! can be taken for the separator. (Plain base64 has no dot either. But it has `+`, `/` and `=`, which
//! mean something else in a URL, and a token may be a part of a URL.)
//!
//! A character of base64url has 6 bits, and a byte has 8. So the last character may have bits that
//! belong to no byte. If these bits may have any value, the same bytes have several encodings. The
//! server accepts only the encoding in which these bits are 0. It is called *canonical*. (The engine
//! `BASE64_URL_SAFE_NO_PAD` refuses any other.) Suppose that the server accepted the others too. Then
//! an attacker could change the text of a captured token's signature, and the signature would still
//! verify. One signed message would have several tokens. A program that compares tokens by their text
//! would think that a changed copy is a new token. And the record, which is the evidence, could hold a
//! token that the group never sent.
//!
//! The page's lines are
//!
//! ```text,page
//! if header["alg"] != "RS256" {
//! let signature = BASE64URL.decode(signature).ok()?;
//! keys[group].as_ref()?.verify(signing_input.as_bytes(), &signature).ok()?;
//! ```
//!
//! Suppose that the token could choose the algorithm. Then two attacks would be possible. With `"none"`
//! the token would need no signature. With `"HS256"` the server would compute an HMAC. As the secret of
//! this HMAC it would use the key that it has for the group: the *public* key. Everybody has the public
//! key, so everybody could make this HMAC. So the server fixes `alg`: it verifies each token with
//! RS256. The first line refuses a token that names another algorithm, before any cryptography is done.
//!
//! On the page `claims` has the same type before and after the line with `verify`. So the type does not
//! say whether the claims were verified. If this line stood further down, an unsigned claim could change
//! the state, and the program would still compile. Here the type is the proof. A [`Token`] gives only the
//! group that it claims. A [`Verified`] token gives the claims. Only [`Token::verify`] makes a
//! [`Verified`]. A [`Verified`] holds a reference to its token, so it gives the claims of this token and
//! of no other. (The tools look into a token that does not verify, to explain why. They use [`split`], and
//! decide nothing by what they see.)
//!
//! # Why an unverified claim may choose the key
//!
//! The key is needed to verify the signature, and `group` says which key. So the server must read
//! `group` before anything is verified. An attacker may write any group there. The server then takes
//! the public key of that group. The attacker does not have the private key of this group, so no
//! signature of the attacker verifies. Nor can an attacker change the group of a captured token: the
//! signature covers the payload, and the payload has the group. So a false claim leads to one
//! verification and a refusal. (The tools write the claimed group into the log, as a claim.)
//!
//! # Why `crit`, and why `b64`
//!
//! `crit` in a header lists extensions. A server that does not understand one of them must refuse the
//! token (RFC 7515 section 4.1.11). The extension `b64` shows why (RFC 7797). With `"b64": false` the
//! signing input has the payload itself after the dot, not its base64url text. So `b64` changes *what
//! is signed*. Suppose that somebody signs a text with `b64` false, and that this text looks like
//! claims in base64url: `eyJncm91cCI6...`. The signing input is then `header.eyJncm91cCI6...`. A server
//! that ignores `crit` takes this text for base64url. So the signing input of this server is, byte for
//! byte, the one that the signer has signed, and the signature verifies. The server decodes the text,
//! and finds claims. But the signer has signed a text, and no claims. This server understands no
//! extension, so it refuses every token with `crit`. The page does not look at `crit`.
//!
//! # Names from later chapters
//!
//! [`keys`](crate::keys) explains RSA and its numbers *n* and *e*. A [`PublicKey`] is a group's *n* and
//! *e*, which the start has checked. Its `components` are *n* and *e* as ring takes them. Its `bits`
//! are those of *n*. They are [`FEWEST_BITS`] or more. With `--allow-weak-keys` they may be fewer. For
//! a key with fewer bits, ring needs other parameters to verify a signature. A [`Refusal`] is the
//! reason why a datagram is not answered, and what was found. [`NotAnObject`] says what was found in
//! place of a JSON object.
//!
//! ```
//! use udpsocket_jwt_server::jws;
//!
//! let token = b"eyJhbGciOiJSUzI1NiJ9.eyJncm91cCI6IkpBVkFMSSJ9.c2lnbmF0dXJl";
//! assert_eq!(jws::parse(token).unwrap().claimed_group(), Ok("JAVALI"));
//! let unsigned = b"eyJhbGciOiJub25lIn0.eyJncm91cCI6IkpBVkFMSSJ9."; // {"alg":"none"}
//! assert!(jws::parse(unsigned).is_err());
//! ```

use crate::keys::{FEWEST_BITS, PublicKey};
use crate::refusal::{NotAnObject, Refusal};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::{hmac, signature};
use serde_json::{Map, Value};

/// What is signed in a compact JWS, and its three parts, each decoded.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What is signed: the text of the first two parts and the dot between them, as received.
    pub signing_input: &'a [u8],
    /// The protected header: JSON, if [`parse`] accepts it.
    pub header: Vec<u8>,
    /// The payload: JSON, if [`parse`] accepts it.
    pub payload: Vec<u8>,
    /// The signature's bytes.
    pub signature: Vec<u8>,
}

/// A token that is not verified yet. Only the group that it claims may be read.
#[derive(Debug)]
pub struct Token<'a> {
    parts: Parts<'a>,
    claims: Map<String, Value>,
}

/// A token whose signature has verified. The field is private: only this module can make such a value, and
/// only [`Token::verify`] does.
#[derive(Debug)]
pub struct Verified<'a>(&'a Token<'a>);

/// Takes a token apart. The `alg` in its header must be RS256, and the header must have no `crit`. The
/// payload must be a JSON object. The server ignores all else in the header (`kid`, `jwk`, `jku`, `x5u`,
/// ...). If the server used these, a token could choose the key for its own verification (RFC 8725 section
/// 3.10).
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

/// Splits a compact JWS at its two dots, and decodes its parts (RFC 7515 section 7.1). This proves
/// nothing.
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
    /// Whether the signature verifies with this key: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section
    /// 3.3).
    pub fn verifies(&self, key: &PublicKey) -> bool {
        let parameters = if key.bits() < FEWEST_BITS {
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        } else {
            &signature::RSA_PKCS1_2048_8192_SHA256
        };
        key.components().verify(parameters, self.signing_input, &self.signature).is_ok()
    }
}

impl Token<'_> {
    /// The group that the token claims. Until the signature has verified, the server uses it only to
    /// choose the key. After that it is the message's group.
    pub fn claimed_group(&self) -> Result<&str, Refusal> {
        let group = self.claims.get("group");
        group.and_then(Value::as_str).ok_or_else(|| Refusal::UnknownGroup(group.cloned()))
    }

    /// Verifies the signature. To add ES256, make [`PublicKey`] an enum of two kinds of key. This
    /// function must then choose the algorithm by the kind of the *key*, never by the token's `alg`.
    /// [`parse`] must accept both values of `alg`, and this function must refuse an `alg` that is not
    /// the key's. ES256 would break two promises. The reply would no longer be [smaller than its
    /// request](crate::claims). And a changed copy of a captured token could verify. ECDSA has a fixed
    /// number *q*, the order of its curve. From each signature (*r*, *s*), anybody can compute a second
    /// one that verifies: (*r*, *q* - *s*).
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

    /// The payload's JSON text, as the client sent it.
    pub fn payload(&self) -> &[u8] {
        &self.0.parts.payload
    }
}

/// The compact JWS of `header` and `payload`, signed with HMAC-SHA-256 (RFC 7518 section 3.2).
pub fn sign(header: &str, payload: &str, secret: &hmac::Key) -> String {
    let signing_input = BASE64URL.encode(header) + "." + &BASE64URL.encode(payload);
    let tag = hmac::sign(secret, signing_input.as_bytes());
    signing_input + "." + &BASE64URL.encode(tag)
}

/// The members of a JSON object: its names with their values. If a name comes twice, the last counts (RFC
/// 7515 section 4).
pub(crate) fn json_object(text: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(NotAnObject::Json(other)),
        Err(error) => Err(NotAnObject::Text(text.into(), error.to_string())),
    }
}
