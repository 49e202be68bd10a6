//! Key files: what is accepted is a key that ring can use, and every form of it is the same key.
//!
//! An input is a letter and bytes: `F` a file as it is; `S`, `R` and `O` the bytes inside a PEM block
//! `PUBLIC KEY`, a PEM block `RSA PUBLIC KEY` and an OpenSSH line, because what is behind the base64
//! is too hard to find through it; `N` two numbers as they are, with all the lengths around them, some
//! of them longer than they need be.
#![no_main]

mod common;

use base64::prelude::{BASE64_STANDARD, Engine};
use common::assert_printable;
use libfuzzer_sys::fuzz_target;
use ring::rsa::PublicKeyComponents;
use udpsocket_jwt_server::keys::{self, KeyFault, PublicKey};
use udpsocket_jwt_server::tools::commands::key::fingerprint;
use udpsocket_jwt_server::tools::faults::key_file;

fuzz_target!(|input: &[u8]| {
    let Some((form, bytes)) = input.split_first() else { return };
    match form {
        b'S' => inside(bytes, from_pem(&pem("PUBLIC KEY", bytes), 2_048), spki),
        b'R' => inside(bytes, from_pem(&pem("RSA PUBLIC KEY", bytes), 2_048), rsa),
        b'O' => inside(bytes, from_openssh(&line(bytes), 2_048), ssh),
        b'N' => numbers(bytes),
        _ => file(bytes),
    }
});

/// An input is how the five lengths are written, two bits each; the length of *e*; *e*; and *n*.
fn numbers(bytes: &[u8]) {
    let [high, low, length, rest @ ..] = bytes else { return };
    let Some((e, n)) = rest.split_at_checked((*length).into()).filter(|_| rest.len() < 2_000) else { return };
    let mut writings = u16::from_be_bytes([*high, *low]);
    let mut writing = || {
        writings = writings.rotate_left(2);
        writings & 3
    };
    let numbers = [element(writing(), 0x02, n), element(writing(), 0x02, e)].concat();
    let rsa_key = element(writing(), 0x30, &numbers);
    let bits = element(writing(), 0x03, &[&[0], &rsa_key[..]].concat());
    let info = element(writing(), 0x30, &[ALGORITHM, &bits].concat());
    let blob = [string(b"ssh-rsa"), string(e), string(n)].concat();
    inside(&rsa_key, from_pem(&pem("RSA PUBLIC KEY", &rsa_key), 2_048), rsa);
    inside(&info, from_pem(&pem("PUBLIC KEY", &info), 2_048), spki);
    inside(&blob, from_openssh(&line(&blob), 2_048), ssh);
}

/// DER and the OpenSSH form are canonical: of the forms of a key, only one is accepted.
fn inside(bytes: &[u8], key: Result<PublicKey, String>, form: fn(&PublicKey) -> Vec<u8>) {
    if let Some(key) = check(key, 2_048) {
        assert_eq!(bytes, form(&key), "a form that is not the canonical one");
    }
}

/// The key in a file, as the start reads it, or what is said.
fn key(file: &[u8], name: &str, key: Result<PublicKey, KeyFault>) -> Result<PublicKey, String> {
    let key = if keys::has_private_key(file) { Err(KeyFault::Private) } else { key };
    key.map_err(|fault| key_file::diagnose(&fault, name, file).sentence())
}

fn from_pem(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    key(file, "GROUP.pem", PublicKey::from_pem(file, fewest_bits))
}

fn from_openssh(file: &[u8], fewest_bits: usize) -> Result<PublicKey, String> {
    key(file, "GROUP.ssh", PublicKey::from_openssh(file, fewest_bits))
}

fn file(bytes: &[u8]) {
    let from_pem = check(from_pem(bytes, 1_024), 1_024);
    let from_openssh = check(from_openssh(bytes, 1_024), 1_024);
    assert!(from_pem.is_none() || from_openssh.is_none(), "a file that is both");
    if keys::has_private_key(bytes) {
        assert!(from_pem.is_none() && from_openssh.is_none(), "a private key is accepted");
    }
    if let Some(key) = from_pem.or(from_openssh) {
        let PublicKeyComponents { n, e } = key.components().clone();
        assert_eq!(PublicKey::new(n, e, 2_048).is_ok(), key.bits() >= 2_048);
    }
    match keys::secret(bytes, 32) {
        Ok(_) => assert!(bytes.len() >= 32),
        Err(found) => assert!(found < 32 && bytes.len() < 32 + 2, "32 bytes and a newline"),
    }
}

/// A key that was accepted is one that ring can use, in every form.
fn check(key: Result<PublicKey, String>, fewest: usize) -> Option<PublicKey> {
    let key = key.map_err(|error| assert_printable(&error)).ok()?;
    let PublicKeyComponents { n, e } = key.components();
    assert!((fewest..=4_096).contains(&key.bits()));
    assert_eq!(key.bits(), n.len() * 8 - n[0].leading_zeros() as usize);
    assert!(n[0] != 0 && n.last().unwrap() % 2 == 1, "n, without zeros in front, is odd");
    let e = e.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    assert!((3..=65_537).contains(&e) && e % 2 == 1, "e is {e}");

    assert!(
        fingerprint(&key).starts_with("SHA256:") && fingerprint(&key).len() == 7 + 43
    );
    let forms = [
        from_pem(&pem("PUBLIC KEY", &spki(&key)), fewest),
        from_pem(&pem("RSA PUBLIC KEY", &rsa(&key)), fewest),
        from_openssh(&line(&ssh(&key)), fewest),
    ];
    for form in forms {
        assert_eq!(
            fingerprint(&form.expect("its own forms are accepted")),
            fingerprint(&key)
        );
    }
    Some(key)
}

/// The OpenSSH form (RFC 4253 section 6.6).
fn ssh(key: &PublicKey) -> Vec<u8> {
    let PublicKeyComponents { n, e } = key.components();
    [string(b"ssh-rsa"), string(&signed(e)), string(&signed(n))].concat()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// `RSAPublicKey` (RFC 8017 appendix A.1.1).
fn rsa(key: &PublicKey) -> Vec<u8> {
    let PublicKeyComponents { n, e } = key.components();
    der(0x30, &[der(0x02, &signed(n)), der(0x02, &signed(e))].concat())
}

const ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";

/// `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
fn spki(key: &PublicKey) -> Vec<u8> {
    der(0x30, &[ALGORITHM, &der(0x03, &[&[0], &rsa(key)[..]].concat())].concat())
}

/// A positive number with room for its sign.
fn signed(number: &[u8]) -> Vec<u8> {
    [if number[0] < 0x80 { &[][..] } else { &[0] }, number].concat()
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    element(0, tag, content)
}

/// A DER element with its length in the shortest form, or at least as many bytes more.
fn element(writing: u16, tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match (writing, content.len()) {
        (0, ..=0x7f) => vec![tag, low],
        (0 | 1, ..=0xff) => vec![tag, 0x81, low],
        (0..=2, _) => vec![tag, 0x82, high, low],
        _ => vec![tag, 0x83, 0, high, low],
    };
    [&head, content].concat()
}

fn pem(tag: &str, bytes: &[u8]) -> Vec<u8> {
    let base64 = BASE64_STANDARD.encode(bytes);
    format!("-----BEGIN {tag}-----\n{base64}\n-----END {tag}-----\n").into()
}

fn line(bytes: &[u8]) -> Vec<u8> {
    format!("ssh-rsa {} key@example\n", BASE64_STANDARD.encode(bytes)).into()
}
