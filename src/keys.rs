//! The keys: a group's RSA public key, from PEM or OpenSSH down to modulus and exponent, and the
//! class's HMAC secret (section 6 of [the protocol](crate::protocol)).
//!
//! An RSA public key is two numbers, *n* and *e*. The three forms that students bring wrap them
//! differently:
//!
//! ```text
//! PKCS#1 (RFC 8017 A.1.1)    SEQUENCE { INTEGER n, INTEGER e }                       in DER, in PEM
//! SubjectPublicKeyInfo       SEQUENCE { SEQUENCE { OID, NULL }, BIT STRING PKCS#1 }  in DER, in PEM
//! OpenSSH (RFC 4253 6.6)     string "ssh-rsa", mpint e, mpint n                      in base64
//! ```
//!
//! Everything is checked here, once: a key that ring refuses later would look like a signature
//! that does not verify.
//!
//! ```
//! use udpsocket_jwt_server::keys::PublicKey;
//! # let n = vec![0xff; 256];
//!
//! let key = PublicKey::new(n, vec![1, 0, 1], 2_048).unwrap();
//! assert_eq!(key.bits(), 2_048);
//!
//! let error = PublicKey::from_openssh(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 key", 2_048).unwrap_err();
//! assert_eq!(error, "it is an ssh-ed25519 key: make an RSA key (ssh-keygen -t rsa -b 2048)");
//! ```

use crate::refusal::quote;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, Engine};
use pem::PemError;
use ring::{digest, hmac, rsa::PublicKeyComponents};
use ssh_encoding::{Decode, Encode, Mpint};

/// Fewest bits of a modulus (RFC 7518 section 3.3).
pub const FEWEST_BITS: usize = 2_048;
/// Fewest bits of a modulus with `--allow-weak-keys`: what ring still verifies.
pub const FEWEST_BITS_WEAK: usize = 1_024;
/// Most bits of a modulus. The work of a verification grows with their square.
pub const MOST_BITS: usize = 4_096;
/// Fewest bytes of the secret (RFC 7518 section 3.2).
pub const FEWEST_SECRET_BYTES: usize = 32;

/// An RSA public key that the server can use.
#[derive(Clone, Debug)]
pub struct PublicKey {
    components: PublicKeyComponents<Vec<u8>>,
    bits: usize,
}

impl PublicKey {
    /// A key from its modulus and exponent, big-endian. The modulus must be odd and of
    /// `fewest_bits` to 4,096 bits, the exponent odd and of 3 to 65,537.
    pub fn new(n: Vec<u8>, e: Vec<u8>, fewest_bits: usize) -> Result<Self, String> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if bits < fewest_bits {
            return Err(format!(
                "its modulus has {bits} bits, fewer than {fewest_bits}: make a new pair (openssl genrsa -out my.pem 2048)"
            ));
        }
        if bits > MOST_BITS {
            return Err(format!(
                "its modulus has {bits} bits, more than {MOST_BITS}: make a new pair of 2048"
            ));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !is_odd(&n) {
            return Err(
                "its modulus is even, so it is no product of two large primes: make a new pair".into()
            );
        }
        let exponent = e.iter().try_fold(0_u32, |sum, &byte| sum.checked_mul(256)?.checked_add(byte.into()));
        if !is_odd(&e) || !exponent.is_some_and(|exponent| (3..=65_537).contains(&exponent)) {
            let found = exponent.map_or("too large".into(), |exponent| exponent.to_string());
            return Err(format!(
                "its exponent is {found}, not an odd number from 3 to 65537: make a new pair"
            ));
        }
        Ok(Self { components: PublicKeyComponents { n, e }, bits })
    }

    /// A key from a file with one PEM block (RFC 7468), perhaps with text around it.
    pub fn from_pem(file: &[u8], fewest_bits: usize) -> Result<Self, String> {
        match count(file, b"-----BEGIN ") {
            0 if file.starts_with(b"ssh-") => {
                return Err("it is an OpenSSH line: name the file GROUP.ssh".into());
            }
            0 => {
                return Err("there is no line -----BEGIN PUBLIC KEY----- in it: export the key as PEM".into());
            }
            1 => {}
            blocks => return Err(format!("it has {blocks} PEM blocks: leave only the public key's")),
        }
        if count(file, b"-----END ") == 0 {
            return Err("it is cut: the line -----END ...----- is missing; copy it again, whole".into());
        }
        let block = pem::parse(file)
            .map_err(|error| format!("its PEM is damaged ({}): copy it again, whole", why_not_pem(&error)))?;
        let key = match block.tag() {
            "PUBLIC KEY" => subject_public_key_info(block.contents())?,
            "RSA PUBLIC KEY" => rsa_public_key(block.contents()),
            tag => {
                return Err(format!(
                    "it is a PEM block {}, not PUBLIC KEY: export the public key",
                    quote(tag.as_bytes())
                ));
            }
        };
        let (n, e) =
            key.ok_or("its DER is cut or damaged: copy the file again, whole, or export it again")?;
        Self::new(n, e, fewest_bits)
    }

    /// A key from a file with one OpenSSH line, `ssh-rsa AAAA... comment` (RFC 4253 section 6.6).
    pub fn from_openssh(file: &[u8], fewest_bits: usize) -> Result<Self, String> {
        if count(file, b"-----BEGIN ") > 0 {
            return Err("it is PEM: name the file GROUP.pem".into());
        }
        let mut lines =
            file.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        let line = lines.next().unwrap_or_default();
        if lines.next().is_some() {
            return Err("it has more than one line: leave only ssh-rsa AAAA... comment".into());
        }
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        match words.next().unwrap_or_default() {
            b"ssh-rsa" => {}
            kind if is_openssh_kind(kind) => {
                let kind = kind[..kind.len().min(64)].escape_ascii();
                return Err(format!("it is an {kind} key: make an RSA key (ssh-keygen -t rsa -b 2048)"));
            }
            other => {
                return Err(format!(
                    "it begins with {}, not with ssh-rsa: copy the line of the .pub file",
                    quote(other)
                ));
            }
        }
        let damaged = "its base64 is cut or damaged: copy the line again, whole";
        let blob = BASE64_STANDARD.decode(words.next().unwrap_or_default()).map_err(|_| damaged)?;
        let (n, e) = ssh_rsa(&blob).ok_or(damaged)?;
        Self::new(n, e, fewest_bits)
    }

    /// Modulus and exponent, as ring takes them.
    #[must_use]
    pub fn components(&self) -> &PublicKeyComponents<Vec<u8>> {
        &self.components
    }

    /// Bits of the modulus, counted exactly.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// The fingerprint that `ssh-keygen -lf` prints for the same key: `SHA256:` and the base64 of
    /// the hash of its OpenSSH form.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let PublicKeyComponents { n, e } = &self.components;
        let mut blob = Vec::new();
        let encoded = "ssh-rsa"
            .encode(&mut blob)
            .and_then(|()| Mpint::from_positive_bytes(e).encode(&mut blob))
            .and_then(|()| Mpint::from_positive_bytes(n).encode(&mut blob));
        debug_assert_eq!(encoded, Ok(()), "a Vec takes any number of bytes");
        format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest::digest(&digest::SHA256, &blob)))
    }
}

/// The HMAC key of a secret file: its bytes without one final newline (LF or CRLF), as they stand.
pub fn secret(file: &[u8], fewest_bytes: usize) -> Result<hmac::Key, String> {
    let secret = without_newline(file);
    if secret.len() < fewest_bytes {
        return Err(format!("it has {} bytes, fewer than {fewest_bytes}", secret.len()));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

/// Text without one newline (LF or CRLF) at its end.
#[must_use]
pub fn without_newline(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"\r\n").or(text.strip_suffix(b"\n")).unwrap_or(text)
}

/// Modulus and exponent, big-endian.
type Numbers = (Vec<u8>, Vec<u8>);

/// Why a file is not PEM, without a word of the file: what is in it is not fit for a terminal.
fn why_not_pem(error: &PemError) -> String {
    match error {
        PemError::MismatchedTags(..) => "its BEGIN and END lines differ".into(),
        PemError::InvalidHeader(_) => "there is an empty line in it".into(),
        error => error.to_string(),
    }
}

/// `SubjectPublicKeyInfo` (RFC 5280 section 4.1) of an RSA key. An error: a key of another kind.
fn subject_public_key_info(der: &[u8]) -> Result<Option<Numbers>, String> {
    let parts = || {
        let mut info = only_element(SEQUENCE, der)?;
        let mut algorithm = element(SEQUENCE, &mut info)?;
        let oid = element(OBJECT_IDENTIFIER, &mut algorithm)?;
        let key = only_element(BIT_STRING, info)?.strip_prefix(&[0])?; // no unused bits
        Some((oid, algorithm, key))
    };
    match parts() {
        Some((RSA_ENCRYPTION, NULL, key)) => Ok(rsa_public_key(key)),
        Some((oid, _, _)) if oid != RSA_ENCRYPTION => {
            let kind = OTHER_KEYS
                .iter()
                .find(|(other, _)| oid == *other)
                .map_or("another kind of", |(_, kind)| kind);
            Err(format!(
                "it is {kind} key, not RSA (rsaEncryption): make an RSA key (openssl genrsa -out my.pem 2048)"
            ))
        }
        _ => Ok(None),
    }
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa_public_key(der: &[u8]) -> Option<Numbers> {
    let mut numbers = only_element(SEQUENCE, der)?;
    let n = element(INTEGER, &mut numbers)?;
    let e = only_element(INTEGER, numbers)?;
    Some((positive(n)?, positive(e)?))
}

/// The key blob of an OpenSSH line.
fn ssh_rsa(mut blob: &[u8]) -> Option<Numbers> {
    let kind = String::decode(&mut blob).ok()?;
    let e = Mpint::decode(&mut blob).ok()?;
    let n = Mpint::decode(&mut blob).ok()?;
    let is_whole = kind == "ssh-rsa" && blob.is_empty();
    is_whole.then_some((n.as_positive_bytes()?.into(), e.as_positive_bytes()?.into()))
}

pub(crate) const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;
const NULL: &[u8] = &[0x05, 0x00];

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const OTHER_KEYS: [(&[u8], &str); 5] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "an RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "an elliptic-curve"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "a DSA"),
    (&[0x2b, 0x65, 0x70], "an Ed25519"),
    (&[0x2b, 0x65, 0x6e], "an X25519"),
];

/// Takes the next DER element (X.690 section 8.1) off `der`: its content, if its tag is `tag`.
fn element<'a>(tag: u8, der: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = match **der {
        [first, length @ (..=0x7f), ref rest @ ..] if first == tag => (usize::from(length), rest),
        [first, 0x81, length @ (0x80..), ref rest @ ..] if first == tag => (usize::from(length), rest),
        [first, 0x82, high @ (1..), low, ref rest @ ..] if first == tag => {
            (usize::from(high) * 256 + usize::from(low), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *der = rest;
    Some(content)
}

/// The content of the one DER element that `der` is.
fn only_element(tag: u8, mut der: &[u8]) -> Option<&[u8]> {
    element(tag, &mut der).filter(|_| der.is_empty())
}

/// A positive DER INTEGER in its shortest form: the first bit is the sign.
fn positive(integer: &[u8]) -> Option<Vec<u8>> {
    match integer {
        [0, second, ..] if *second < 0x80 => None,
        [first, ..] if *first < 0x80 => Some(integer.into()),
        _ => None,
    }
}

fn without_leading_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.drain(..zeros);
    number
}

/// How often some bytes stand in others.
pub(crate) fn count(text: &[u8], wanted: &[u8]) -> usize {
    text.windows(wanted.len()).filter(|window| *window == wanted).count()
}

fn is_openssh_kind(word: &[u8]) -> bool {
    [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}
