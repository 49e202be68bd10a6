//! JSON Web Signature, compact serialization: parse, verify, sign (RFC 7515, RFC 7518 section 3).
//!
//! A compact JWS is `BASE64URL(header) . BASE64URL(payload) . BASE64URL(signature)`. What is
//! signed is the *signing input*: the text of the first two parts and their dot, exactly as
//! received. So a verifier never prints the JSON again, and nobody has to agree on its white space.
//!
//! base64url is base64 with `-` and `_` for `+` and `/`, and no `=`: text that can stand in a URL,
//! a header or a datagram, where a dot can't be mistaken for data.
//!
//! The signature of RFC 7515's example A.2 verifies, and the `alg` is settled before that: this
//! server knows one algorithm for requests, so a token has no say in how it is verified.
//!
//! ```
//! use udpsocket_jwt_server::{jws, keys::PublicKey};
//! # let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/jws_rs256.json"));
//! # let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
//! # let a2 = &vectors["groups"][0];
//! # let compact = a2["tests"][0]["jws"].as_str().unwrap();
//! # let n = jws::base64url(a2["n"].as_str().unwrap().as_bytes()).unwrap();
//! # let e = jws::base64url(a2["e"].as_str().unwrap().as_bytes()).unwrap();
//!
//! // compact: eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6...
//! let token = jws::parse(compact.as_bytes()).unwrap();
//! assert_eq!(token.payload(), b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
//! token.verify(&PublicKey::new(n, e, 2_048).unwrap()).unwrap();
//!
//! let unsecured = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ."; // {"alg":"none"}
//! assert_eq!(jws::parse(unsecured.as_bytes()).unwrap_err().reason.name(), "wrong_alg");
//! ```
//!
//! [`sign`] makes RFC 7515's example A.1, and the client's half of HS256 is to make the same
//! HMAC again and compare it in constant time:
//!
//! ```
//! use ring::hmac;
//! use udpsocket_jwt_server::jws;
//! # let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/jws_hs256.json"));
//! # let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
//! # let a1 = &vectors["vectors"][0];
//! # let k = jws::base64url(a1["k"].as_str().unwrap().as_bytes()).unwrap();
//!
//! let secret = hmac::Key::new(hmac::HMAC_SHA256, &k);
//! let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
//! let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
//! let token = jws::sign(header, payload, &secret);
//! assert_eq!(token, a1["jws"].as_str().unwrap());
//!
//! // The client's half: verify a reply.
//! let (signing_input, signature) = token.rsplit_once('.').unwrap();
//! let tag = jws::base64url(signature.as_bytes()).unwrap();
//! assert!(hmac::verify(&secret, signing_input.as_bytes(), &tag).is_ok());
//! ```
//!
//! And the client's half of RS256, with the private key of RFC 7515's example A.2: the signature
//! is a function of the key and the signing input alone, so it comes out as the RFC prints it.
//!
//! ```
//! use ring::{rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};
//! use udpsocket_jwt_server::jws;
//! # let vectors = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/jws_rs256.json"));
//! # let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
//! # let a2 = vectors["groups"][0]["tests"][0]["jws"].as_str().unwrap();
//! # let private = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/rfc7515_a2_private.json"));
//! # let private: serde_json::Value = serde_json::from_str(private).unwrap();
//! # let part = |name: &str| jws::base64url(private[name].as_str().unwrap().as_bytes()).unwrap();
//! # let public_key = rsa::PublicKeyComponents { n: part("n"), e: part("e") };
//! # let (d, p, q) = (part("d"), part("p"), part("q"));
//! # let (dP, dQ, qInv) = (part("dp"), part("dq"), part("qi"));
//!
//! let components = rsa::KeyPairComponents { public_key, d, p, q, dP, dQ, qInv };
//! let private_key = rsa::KeyPair::from_components(&components).unwrap();
//! let signing_input = concat!(
//!     "eyJhbGciOiJSUzI1NiJ9.", // {"alg":"RS256"}
//!     "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
//! );
//! let mut signature = vec![0; private_key.public().modulus_len()];
//! private_key
//!     .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signing_input.as_bytes(), &mut signature)
//!     .unwrap();
//! assert_eq!(format!("{signing_input}.{}", jws::to_base64url(&signature)), a2);
//! ```

use crate::keys::PublicKey;
use crate::refusal::{Reason, Refusal, describe, quote};
use base64::{DecodeError, Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{hmac, signature};
use serde_json::{Map, Value};

/// A token that has been taken apart. Nothing in it is verified yet.
#[derive(Debug)]
pub struct Token<'a> {
    signing_input: &'a [u8],
    protected_header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The proof that a token's signature verified. Only [`Token::verify`] makes one.
#[derive(Debug)]
pub struct Verified(());

/// Takes a compact JWS apart and checks its header: `alg` RS256, no `crit`. Every other header
/// parameter (`kid`, `jwk`, `jku`, `x5u`, ...) is ignored: a token does not choose the key that it
/// is verified with (RFC 8725 section 3.10).
pub fn parse(text: &[u8]) -> Result<Token<'_>, Refusal> {
    let token = split(text)?;
    check(&token.protected_header)?;
    Ok(token)
}

/// Takes a compact JWS apart: three parts, each canonical base64url (RFC 7515 section 7.1).
pub fn split(text: &[u8]) -> Result<Token<'_>, Refusal> {
    let mut parts = text.split(|&byte| byte == b'.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Reason::NotAJws.because(why_not_a_jws(text)));
    };
    let decode = |name, part| {
        base64url(part).map_err(|error| Reason::BadBase64.because(why_not_base64url(name, part, &error)))
    };
    Ok(Token {
        signing_input: &text[..header.len() + 1 + payload.len()],
        protected_header: decode("header", header)?,
        payload: decode("payload", payload)?,
        signature: decode("signature", signature)?,
    })
}

/// The protected header's checks (RFC 7515 section 4.1).
fn check(protected_header: &[u8]) -> Result<(), Refusal> {
    let header = json_object(protected_header)
        .map_err(|found| Reason::BadHeader.because(format!("the header {found}")))?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        let found = describe(header.get("alg"));
        return Err(
            Reason::WrongAlg.because(format!("header: alg is {found}; this server takes \"RS256\" alone"))
        );
    }
    if header.contains_key("crit") {
        let detail =
            "header: crit lists extensions that must be understood, and this server has none; leave crit out";
        return Err(Reason::UnsupportedCrit.because(detail));
    }
    Ok(())
}

impl Token<'_> {
    /// The protected header's JSON text.
    #[must_use]
    pub fn protected_header(&self) -> &[u8] {
        &self.protected_header
    }

    /// The payload as the client sent it. Until [`Token::verify`], only what somebody claims.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The text that is signed: the first two parts and their dot, as received.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input
    }

    /// The signature, decoded.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Verifies the signature: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    pub fn verify(&self, key: &PublicKey) -> Result<Verified, Refusal> {
        let parameters = if key.bits() < 2_048 {
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        } else {
            &signature::RSA_PKCS1_2048_8192_SHA256
        };
        key.components()
            .verify(parameters, self.signing_input, &self.signature)
            .map(|()| Verified(()))
            .map_err(|_| Reason::BadSignature.because(why_not_verified(self.signature.len(), key)))
    }
}

/// Signs with HMAC-SHA-256 (RFC 7518 section 3.2): the compact JWS of `header` and `payload`.
#[must_use]
pub fn sign(header: &str, payload: &str, secret: &hmac::Key) -> String {
    let signing_input = to_base64url(header.as_bytes()) + "." + &to_base64url(payload.as_bytes());
    let tag = hmac::sign(secret, signing_input.as_bytes());
    signing_input + "." + &to_base64url(tag.as_ref())
}

/// Bytes as base64url without padding (RFC 7515 section 2).
#[must_use]
pub fn to_base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Canonical base64url without padding, decoded. Anything else is refused: bytes that could be
/// written in two ways could be changed without anyone noticing.
pub fn base64url(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    BASE64_URL_SAFE_NO_PAD.decode(text)
}

/// Bytes as a JSON object, or what they are instead.
pub(crate) fn json_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(other) => Err(format!("is {}, not a JSON object", describe(Some(&other)))),
        Err(error) => Err(format!("{} is not JSON: {error}", quote(bytes))),
    }
}

fn why_not_a_jws(text: &[u8]) -> String {
    let dots = text.iter().filter(|&&byte| byte == b'.').count();
    let found = match dots + 1 {
        _ if text.is_empty() => "an empty datagram".into(),
        _ if text.starts_with(b"{") => "JSON (perhaps a JWS in JSON serialization)".into(),
        5 => "5 parts: that is a JWE, encrypted".into(),
        1 => format!("{} without a dot", quote(text)),
        parts => format!("{parts} parts"),
    };
    format!("found {found}; a compact JWS is header.payload.signature")
}

fn why_not_base64url(name: &str, part: &[u8], error: &DecodeError) -> String {
    let found = match error {
        DecodeError::InvalidByte(at, byte) => {
            let hint = match byte {
                b'=' => "base64url in a JWS has no padding: take the = off",
                b'+' | b'/' => "that is base64; base64url has - for + and _ for /",
                byte if byte.is_ascii_whitespace() => "white space has no place in a token",
                _ => "not of the base64url alphabet",
            };
            format!("byte {at} is {}: {hint}", quote(&[*byte]))
        }
        DecodeError::InvalidLength(length) => format!("{length} characters can't be whole bytes: it is cut"),
        DecodeError::InvalidLastSymbol { .. } => {
            "the last character has bits set that no byte needs: it is cut or changed".into()
        }
        DecodeError::InvalidPadding => "base64url in a JWS has no padding: take the = off".into(),
    };
    let length = part.len();
    format!("{name} ({length} characters): {found}")
}

fn why_not_verified(length: usize, key: &PublicKey) -> String {
    let bits = key.bits();
    let wanted = bits.div_ceil(8);
    if length == wanted {
        "does not verify with the group's key: sign the first two parts and their dot, \
         RSASSA-PKCS1-v1_5 with SHA-256, the group's private key"
            .into()
    } else {
        format!("the signature has {length} bytes; one by the group's {bits}-bit key has {wanted}")
    }
}
