//! A key file as students hand it in: why it gives no key, and the way to mend it. The rules are those of
//! [`crate::keys`]; what a file is instead is found out here.
//!
//! ```
//! use udpsocket_jwt_server::tools::terminal::key_file;
//!
//! let error = key_file::from_pem(b"-----BEGIN PRIVATE KEY-----\nMIIE", 2_048).unwrap_err();
//! assert_eq!(error, key_file::PRIVATE);
//! ```

use super::quote;
use crate::keys::{self, KeyFault, MOST_BITS, OBJECT_IDENTIFIER, PublicKey, SEQUENCE, count, element};
use crate::tools::diagnosis;
use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use pem::PemError;
use ring::{digest, rsa::PublicKeyComponents};
use ssh_encoding::{Encode, Mpint};
use std::io::ErrorKind;

/// The key in a PEM file, or what to do.
pub fn from_pem(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    if has_private_key(file) {
        return Err(PRIVATE.into());
    }
    PublicKey::from_pem(file, fewest_bits).map_err(|fault| mend(&fault, file, why_not_pem))
}

/// The key in an OpenSSH file, or what to do.
pub fn from_openssh(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    if has_private_key(file) {
        return Err(PRIVATE.into());
    }
    PublicKey::from_openssh(file, fewest_bits).map_err(|fault| mend(&fault, file, why_not_openssh))
}

/// What is said of a file with a private key in it.
pub const PRIVATE: &str = "it has a PRIVATE key in it, with which whoever has read it can sign: \
                           make a new pair, and hand in the public key alone";

/// Why the file `name` gives no key. `file` is what is in it.
pub fn why(fault: &KeyFault, name: &str, file: &[u8]) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    match fault {
        _ if has_private_key(file) => PRIVATE.into(),
        KeyFault::Name => match extension.to_ascii_lowercase().as_str() {
            "pem" | "ssh" => {
                "its name is that of no group in the table: rename it, or put the group into groups.json"
                    .into()
            }
            "pub" => {
                let stem = stem.escape_debug();
                format!("rename it to {stem}.ssh if it is an OpenSSH line, to {stem}.pem if it is PEM")
            }
            _ => "its name ends in neither .pem nor .ssh: rename it or move it elsewhere".into(),
        },
        _ if extension.eq_ignore_ascii_case("ssh") => mend(fault, file, why_not_openssh),
        _ => mend(fault, file, why_not_pem),
    }
}

/// Whether a private key is anywhere in a file: beside a public one, in UTF-16, or in DER.
pub fn has_private_key(file: &[u8]) -> bool {
    keys::has_private_key(&without_nul(file)) || is_private_der(file)
}

/// DER that begins with a version, as PKCS#1, PKCS#8, SEC 1 and PKCS#12 do and no public key does,
/// or that names an encryption of PKCS#5.
fn is_private_der(file: &[u8]) -> bool {
    const PKCS_5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5];
    let header = match file {
        [0x30, 0x82, ..] => 4,
        [0x30, 0x81, ..] => 3,
        [0x30, ..] => 2,
        _ => return false,
    };
    let content = file.get(header..).unwrap_or_default();
    content.starts_with(&[0x02, 1]) || count(content, PKCS_5) > 0
}

fn mend(fault: &KeyFault, file: &[u8], why_not: fn(&[u8]) -> String) -> String {
    match fault {
        KeyFault::Read(error) if error.kind() == ErrorKind::Other => format!("{error}: move it elsewhere"),
        KeyFault::Read(error) => {
            format!("cannot be read: {error}; let the user that runs the server read it")
        }
        KeyFault::Private => PRIVATE.into(),
        KeyFault::Name => "its name is that of no group in the table: rename it".into(),
        KeyFault::Form => other_form(file).unwrap_or_else(|| {
            let plain = why_not(file);
            let unknown = ["there is no line", "it begins with", "its PEM is damaged"];
            let is_known = !unknown.iter().any(|unknown| plain.starts_with(unknown));
            match diagnosis::key_file::diagnose(file).filter(|_| !is_known) {
                Some(mistake) => format!("{plain} ({}: {})", mistake.found(), mistake.short()),
                None => plain,
            }
        }),
        KeyFault::Bits(bits) if *bits < keys::FEWEST_BITS => {
            let (bound, weak) = match *bits {
                ..keys::FEWEST_BITS_WEAK => (keys::FEWEST_BITS_WEAK, ""),
                _ => (keys::FEWEST_BITS, ", or serve the class with --allow-weak-keys"),
            };
            let new_pair = "make a new pair (openssl genrsa -out my.pem 2048)";
            format!("its modulus has {bits} bits, fewer than {bound}: {new_pair}{weak}")
        }
        KeyFault::Bits(bits) => {
            format!("its modulus has {bits} bits, more than {MOST_BITS}: make a new pair of 2048")
        }
        KeyFault::EvenModulus => {
            "its modulus is even, so it is no product of two large primes: make a new pair".into()
        }
        KeyFault::Exponent(exponent) => {
            let found = exponent.map_or("too large".into(), |exponent| exponent.to_string());
            format!("its exponent is {found}, not an odd number from 3 to 65537: make a new pair")
        }
    }
}

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const OTHER_KEYS: [(&[u8], &str); 5] = [
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10], "an RSASSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], "an elliptic-curve"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "a DSA"),
    (&[0x2b, 0x65, 0x70], "an Ed25519"),
    (&[0x2b, 0x65, 0x6e], "an X25519"),
];

/// The kind of key that a `SubjectPublicKeyInfo` is for, if it is not RSA.
fn other_kind(mut der: &[u8]) -> Option<&'static str> {
    let mut info = element(SEQUENCE, &mut der)?;
    let mut algorithm = element(SEQUENCE, &mut info)?;
    let oid = element(OBJECT_IDENTIFIER, &mut algorithm).filter(|oid| *oid != RSA_ENCRYPTION)?;
    Some(OTHER_KEYS.iter().find(|(other, _)| oid == *other).map_or("another kind of", |(_, kind)| kind))
}

/// What a key file often holds instead of a public key, and the way out.
fn other_form(file: &[u8]) -> Option<String> {
    const CERTIFICATE: &str =
        "it is a certificate: openssl x509 -in FILE -noout -pubkey prints the key in it";
    const OTHER_FORMS: [(&[u8], &str); 6] = [
        (
            b"BEGIN SSH2 PUBLIC KEY",
            "it is PuTTY's form (RFC 4716): ssh-keygen -i -f FILE > GROUP.ssh converts it",
        ),
        (b"BEGIN CERTIFICATE-----", CERTIFICATE),
        (b"BEGIN TRUSTED CERTIFICATE-----", CERTIFICATE),
        (
            b"CERTIFICATE REQUEST-----",
            "it is a certificate request: openssl req -in FILE -noout -pubkey prints the key in it",
        ),
        (
            b"-cert-v01@openssh.com",
            "it is an OpenSSH certificate: copy the line of the .pub file without -cert",
        ),
        (b"\"kty\"", "it is a JSON Web Key: export the key as PEM"),
    ];
    let text = without_nul(file);
    if text.trim_ascii().is_empty() {
        return Some("it is empty: copy the public key into it".into());
    }
    if matches!(file, [0x30, 0x81 | 0x82, ..]) {
        return Some("it is DER, not PEM: openssl rsa -pubin -inform DER -in FILE -out GROUP.pem".into());
    }
    let form = OTHER_FORMS.iter().find(|(marker, _)| count(&text, marker) > 0);
    let form = form.map(|(_, message)| (*message).into());
    form.or_else(|| {
        is_utf_16(file, &text).then(|| "it is UTF-16, as PowerShell's > writes it: save it as UTF-8".into())
    })
}

/// Why a file is not one PEM block of an RSA public key, without a word of what is in the block: that
/// is not fit for a terminal.
fn why_not_pem(file: &[u8]) -> String {
    match count(file, b"-----BEGIN ") {
        0 if file.starts_with(b"ssh-") => return "it is an OpenSSH line: name the file GROUP.ssh".into(),
        0 => return "there is no line -----BEGIN PUBLIC KEY----- in it: export the key as PEM".into(),
        1 => {}
        blocks => return format!("it has {blocks} PEM blocks: leave only the public key's"),
    }
    if count(file, b"-----END ") == 0 {
        return "it is cut: the line -----END ...----- is missing; copy it again, whole".into();
    }
    let why = match pem::parse(file) {
        Ok(block) if ["PUBLIC KEY", "RSA PUBLIC KEY"].contains(&block.tag()) => {
            return match other_kind(block.contents()).filter(|_| block.tag() == "PUBLIC KEY") {
                Some(kind) => format!(
                    "it is {kind} key, not RSA (rsaEncryption): make an RSA key (openssl genrsa -out my.pem 2048)"
                ),
                None => "its DER is cut or damaged: copy the file again, whole, or export it again".into(),
            };
        }
        Ok(block) => {
            let tag = quote(block.tag().as_bytes());
            return format!("it is a PEM block {tag}, not PUBLIC KEY: export the public key");
        }
        Err(PemError::MismatchedTags(..)) => "its BEGIN and END lines differ".into(),
        Err(PemError::InvalidHeader(_)) => "there is an empty line in it".into(),
        Err(error) => error.to_string(),
    };
    format!("its PEM is damaged ({why}): copy it again, whole")
}

/// Why a file is not one OpenSSH line of an RSA public key.
fn why_not_openssh(file: &[u8]) -> String {
    if count(file, b"-----BEGIN ") > 0 {
        return "it is PEM: name the file GROUP.pem".into();
    }
    let line = file.trim_ascii();
    if line.contains(&b'\n') {
        return "it has more than one line: leave only ssh-rsa AAAA... comment".into();
    }
    match line.split(u8::is_ascii_whitespace).next().unwrap_or_default() {
        b"ssh-rsa" => "its base64 is cut or damaged: copy the line again, whole".into(),
        kind if is_openssh_kind(kind) => {
            let kind = kind[..kind.len().min(64)].escape_ascii();
            format!("it is an {kind} key: make an RSA key (ssh-keygen -t rsa -b 2048)")
        }
        other => {
            let other = quote(other);
            format!("it begins with {other}, not with ssh-rsa: copy the line of the .pub file")
        }
    }
}

fn is_openssh_kind(word: &[u8]) -> bool {
    [&b"ssh-"[..], b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"].iter().any(|prefix| word.starts_with(prefix))
}

/// Whether a file is UTF-16, by its byte order mark or by a NUL in every pair.
fn is_utf_16(file: &[u8], text: &[u8]) -> bool {
    file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) || text.len() * 2 <= file.len()
}

/// UTF-16 as far as it is ASCII, which has a NUL in every pair, as ASCII.
fn without_nul(file: &[u8]) -> Vec<u8> {
    file.iter().copied().filter(|&byte| byte != 0).collect()
}

/// The fingerprint that `ssh-keygen -lf` prints for the same key: `SHA256:` and the base64 of the hash
/// of its OpenSSH form.
pub fn fingerprint(key: &PublicKey) -> String {
    let PublicKeyComponents { n, e } = key.components();
    let mut blob = Vec::new();
    let encoded = "ssh-rsa"
        .encode(&mut blob)
        .and_then(|()| Mpint::from_positive_bytes(e).encode(&mut blob))
        .and_then(|()| Mpint::from_positive_bytes(n).encode(&mut blob));
    debug_assert_eq!(encoded, Ok(()), "a Vec takes any number of bytes");
    format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest::digest(&digest::SHA256, &blob)))
}
